/* The writer of the audit trail: group commits, signed heads, reports. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/crypto/key.h"
#include "lib/gate/audit_inner.h"
#include "lib/net/loop.h"

enum {
	BATCH_MAX = 4096,
	GATHER_MS = 100, /* how long rows that nobody waits for may gather */
	RETRY_MS = 1000,
	FLUSH_MS = 60 * 1000,
	ROW_MAX = 512 * 1024, /* a row's canonical form: 16 texts of 3 KiB, escaped */
};

int audit_chain_load(struct store *s, struct audit_chain *ret_chain, int64_t *ret_signed_seq, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 }, heads = { 0 };
	struct audit_chain chain = { 0 };
	int got;

	if (store_select(s, "SELECT seq, hash FROM audit_logs ORDER BY seq DESC LIMIT 1", STORE_NO_ARGS, &rows, e) < 0)
		return -1;
	got = store_next(&rows, e);
	if (got < 0)
		return -1;
	if (got > 0) {
		if (store_bytes(&rows, 1).len != HASH_SIZE)
			return err_set(e, ERR_CORRUPT, "the hash of the last audit row has not %d bytes", HASH_SIZE);
		chain.seq = store_int(&rows, 0);
		memcpy(chain.hash, store_bytes(&rows, 1).at, HASH_SIZE);
	}
	if (store_select(s, "SELECT coalesce(max(seq), 0) FROM audit_heads", STORE_NO_ARGS, &heads, e) < 0 ||
	    store_first(&heads, "the last head", e) < 0)
		return -1;
	*ret_chain = chain;
	*ret_signed_seq = store_int(&heads, 0);
	return 0;
}

struct batch {
	struct audit *audit;
	struct audit_queue *rows;
	struct audit_chain chain; /* behind the last row; set by the transaction */
};

static int insert_row(struct store *s, const struct audit_fields *f, const struct audit_chain *chain, struct err *e)
{
	static const char sql[] = "INSERT INTO audit_logs (" AUDIT_COLUMN_NAMES ") VALUES ($1, $2, $3, $4, $5, $6, $7, "
				  "$8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, "
				  "$25)";
	struct store_value values[AUDIT_COLUMNS];
	size_t at = 0;

	values[at++] = STORE_INT(chain->seq);
	for (size_t i = 0; i < AUDIT_NUMBERS; i++)
		values[at++] = STORE_INT(f->number[i]);
	for (size_t i = 0; i < AUDIT_TEXTS; i++)
		values[at++] = STORE_SPAN(f->text[i]);
	values[at++] = STORE_BLOB(chain->hash, HASH_SIZE);
	return store_exec(s, sql, values, at, NULL, e);
}

/* Begins with the chain as the file has it: a commit that was reported as failed may have reached the disk. */
static int batch_write(struct store *s, void *arg, struct err *e)
{
	struct batch *b = arg;
	struct audit *a = b->audit;
	AUTO_BUF struct buf scratch;
	struct audit_chain chain = a->committed; /* this thread alone changes it */
	int64_t ignored;

	buf_init(&scratch, ROW_MAX);
	if (!a->chain_known && audit_chain_load(s, &chain, &ignored, e) < 0)
		return -1;
	for (const struct audit_pending *p = b->rows->first; p; p = p->next) {
		chain.seq++;
		if (audit_hash(&p->fields, chain.seq, chain.hash, &scratch, chain.hash, e) < 0 ||
		    insert_row(s, &p->fields, &chain, e) < 0)
			return -1;
	}
	b->chain = chain;
	return 0;
}

/* What goes to the loop: rows that were written, or were not, and why. */
struct report {
	struct audit_queue rows;
	struct err why;
};

static void report_run(void *arg)
{
	struct report *r = arg;

	for (struct audit_pending *p = r->rows.first; p; p = p->next)
		p->done(p->arg, &r->why);
	audit_queue_free(&r->rows);
	free(r);
}

/* The lock is held for callers that block only: the loop must never wait for a walk over the batch. */
static void tell_waiting(struct audit *a, struct audit_pending *p, const struct err *why)
{
	pthread_mutex_lock(&a->lock);
	p->wait->why = *why;
	p->wait->is_over = true;
	pthread_cond_broadcast(&a->reported);
	pthread_mutex_unlock(&a->lock);
}

/* Splits the rows of a batch: callbacks, callers that block, and the rest. */
static void batch_report(struct audit *a, struct audit_queue *rows, struct audit_queue *rest, const struct err *why)
{
	struct report *r = mem_new(sizeof(*r));
	struct audit_pending *p, *next;

	r->why = *why;
	audit_queue_init(&r->rows);
	for (p = rows->first; p; p = next) {
		next = p->next;
		if (p->done) {
			audit_queue_put(&r->rows, p);
		} else if (p->wait) {
			tell_waiting(a, p, why);
			free(p);
		} else {
			audit_queue_put(rest, p);
		}
	}
	audit_queue_init(rows);
	if (r->rows.first)
		loop_post(a->options.loop, report_run, r);
	else
		free(r);
}

/* Puts rows that were not written, and that nobody waits for, back in front of the queue. */
static void put_back(struct audit *a, struct audit_queue *rest)
{
	if (!rest->first)
		return;
	pthread_mutex_lock(&a->lock);
	for (struct audit_pending *p = a->queue.first, *next; p; p = next) {
		next = p->next;
		audit_queue_put(rest, p);
	}
	a->queue = *rest;
	a->queue.oldest_mono_ms = clock_mono_ms();
	pthread_mutex_unlock(&a->lock);
	audit_queue_init(rest);
}

static void note_health(struct audit *a, bool is_healthy, const struct err *why)
{
	bool was = a->healthy;

	pthread_mutex_lock(&a->lock);
	if (!is_healthy)
		a->retry_at_ms = clock_mono_ms() + RETRY_MS;
	a->healthy = is_healthy;
	pthread_mutex_unlock(&a->lock);
	if (was && !is_healthy)
		log_event(LOG_ERROR, "the audit trail cannot be written; changes are refused",
			  LOG_STR("error", why->text));
	else if (!was && is_healthy)
		log_event(LOG_INFO, "the audit trail is written again");
}

static void batch_commit(struct audit *a, struct audit_queue *rows)
{
	struct batch b = { .audit = a, .rows = rows };
	struct audit_queue rest;
	struct err why = { 0 };
	int rc = store_transaction(a->writer, batch_write, &b, &why);

	audit_queue_init(&rest);
	if (rc == 0) {
		err_clear(&why);
		pthread_mutex_lock(&a->lock);
		a->committed = b.chain;
		pthread_mutex_unlock(&a->lock);
	}
	a->chain_known = rc == 0;
	note_health(a, rc == 0, &why);
	batch_report(a, rows, &rest, &why);
	if (rc < 0)
		put_back(a, &rest);
	audit_queue_free(&rest);
}

/* When the rows that wait are due: UINT64_MAX when none wait. */
static uint64_t batch_due_ms(const struct audit *a)
{
	const struct audit_queue *q = &a->queue;

	if (!q->first)
		return UINT64_MAX;
	if (q->durable_count > 0)
		return 0;
	if (!a->healthy)
		return a->retry_at_ms;
	return q->count >= a->options.queue_max / 2 ? 0 : q->oldest_mono_ms + GATHER_MS;
}

static void sign_head(struct audit *a)
{
	AUTO_BUF struct buf text;
	uint8_t signature[KEY_SIGNATURE_SIZE];
	int64_t now_us = clock_unix_us();
	struct err e = { 0 };
	size_t len;

	buf_init(&text, 1024);
	a->sign_at_ms = clock_mono_ms() + a->options.sign_every_ms;
	if (!a->chain_known || a->committed.seq <= a->signed_seq)
		return;
	audit_head_print(&a->committed, now_us, &text);
	if (key_sign(a->options.sign_key, buf_span(&text), signature, &len, &e) < 0 ||
	    store_exec(a->writer, "INSERT INTO audit_heads (seq, time_unix_us, hash, signature) VALUES ($1, $2, $3, $4)",
		       STORE_ARGS(STORE_INT(a->committed.seq), STORE_INT(now_us),
				  STORE_BLOB(a->committed.hash, HASH_SIZE), STORE_BLOB(signature, len)),
		       NULL, &e) < 0) {
		log_event(LOG_ERROR, "the head of the audit trail could not be signed", LOG_STR("error", e.text));
		return;
	}
	a->signed_seq = a->committed.seq;
}

static void flush_refusals(struct audit *a)
{
	struct audit_queue rows;

	a->flush_at_ms = clock_mono_ms() + FLUSH_MS;
	audit_queue_init(&rows);
	audit_refusals_take(a, &rows);
	pthread_mutex_lock(&a->lock);
	while (rows.first && a->queue.count < a->options.queue_max) {
		struct audit_pending *next = rows.first->next;

		audit_queue_put(&a->queue, rows.first);
		rows.first = next;
	}
	pthread_mutex_unlock(&a->lock);
	audit_queue_free(&rows);
}

/* The oldest rows, so many that a commit stays short. */
static void take_batch(struct audit_queue *from, struct audit_queue *into)
{
	audit_queue_init(into);
	while (from->first && into->count < BATCH_MAX) {
		struct audit_pending *p = from->first;

		from->first = p->next;
		from->count--;
		if (p->done || p->wait)
			from->durable_count--;
		audit_queue_put(into, p);
	}
	if (!from->first)
		audit_queue_init(from);
}

static void take_and_commit(struct audit *a)
{
	struct audit_queue rows;

	if (!a->queue.first)
		return;
	take_batch(&a->queue, &rows);
	pthread_mutex_unlock(&a->lock);
	batch_commit(a, &rows);
	pthread_mutex_lock(&a->lock);
}

static void wait_until(struct audit *a, uint64_t at_ms)
{
	struct timespec until = { .tv_sec = (time_t)(at_ms / 1000), .tv_nsec = (long)(at_ms % 1000) * 1000000 };

	(void)pthread_cond_timedwait(&a->wake, &a->lock, &until); /* the caller looks again, whatever woke it */
}

/* One round, with the lock held on entry and exit. */
static void writer_round(struct audit *a)
{
	uint64_t now_ms = clock_mono_ms(), due_ms = batch_due_ms(a);

	if (due_ms <= now_ms) {
		take_and_commit(a);
	} else if (a->sign_at_ms <= now_ms || a->flush_at_ms <= now_ms) {
		pthread_mutex_unlock(&a->lock);
		if (a->flush_at_ms <= now_ms)
			flush_refusals(a);
		if (a->sign_at_ms <= now_ms)
			sign_head(a);
		pthread_mutex_lock(&a->lock);
	} else {
		uint64_t tick_ms = a->sign_at_ms < a->flush_at_ms ? a->sign_at_ms : a->flush_at_ms;

		wait_until(a, due_ms < tick_ms ? due_ms : tick_ms);
	}
}

void *audit_writer_run(void *arg)
{
	struct audit *a = arg;

	a->flush_at_ms = clock_mono_ms() + FLUSH_MS;
	pthread_mutex_lock(&a->lock);
	while (!a->stop)
		writer_round(a);
	pthread_mutex_unlock(&a->lock);
	flush_refusals(a);
	pthread_mutex_lock(&a->lock);
	do
		take_and_commit(a);
	while (a->queue.first && a->healthy);
	if (a->queue.count)
		log_event(LOG_ERROR, "audit rows are lost: they could not be written before the end",
			  LOG_INT("rows", a->queue.count));
	pthread_mutex_unlock(&a->lock);
	sign_head(a);
	return NULL;
}
