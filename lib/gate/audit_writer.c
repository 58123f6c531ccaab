/* The writer of the audit trail: when to commit, signed heads, the end. */
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/crypto/key.h"
#include "lib/gate/audit_inner.h"

enum {
	BATCH_MAX = 4096,
	GATHER_MS = 100, /* how long rows that nobody waits for may gather */
	FLUSH_MS = 60 * 1000,
};

int audit_chain_load(struct store *s, struct audit_chain *ret_chain, int64_t *ret_signed_seq,
		     struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 }, heads = { 0 };
	struct audit_chain chain = { 0 };
	int got;

	if (store_select(s, "SELECT seq, hash FROM audit_logs ORDER BY seq DESC LIMIT 1",
			 STORE_NO_ARGS, &rows, e) < 0)
		return -1;
	got = store_next(&rows, e);
	if (got < 0)
		return -1;
	if (got > 0) {
		if (store_bytes(&rows, 1).len != HASH_SIZE)
			return err_set(e, ERR_CORRUPT,
				       "the hash of the last audit row has not %d bytes",
				       HASH_SIZE);
		chain.seq = store_int(&rows, 0);
		memcpy(chain.hash, store_bytes(&rows, 1).at, HASH_SIZE);
	}
	if (store_select(s, "SELECT coalesce(max(seq), 0) FROM audit_heads", STORE_NO_ARGS, &heads,
			 e) < 0 ||
	    store_first(&heads, "the last head", e) < 0)
		return -1;
	*ret_chain = chain;
	*ret_signed_seq = store_int(&heads, 0);
	return 0;
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
	audit_batch_commit(a, &rows);
	pthread_mutex_lock(&a->lock);
}

static void wait_until(struct audit *a, uint64_t at_ms)
{
	struct timespec until = { .tv_sec = (time_t)(at_ms / 1000),
				  .tv_nsec = (long)(at_ms % 1000) * 1000000 };

	(void)pthread_cond_timedwait(&a->wake, &a->lock, &until); /* the caller looks again, whatever woke it */
}

static void prune(struct audit *a)
{
	bool more = audit_prune(a);

	a->prune_at_ms = clock_mono_ms() + (more ? 0 : audit_prune_every_ms(a->options.retention_ms));
}

/* What is done from time to time, where it is due. */
static void run_chores(struct audit *a, uint64_t now_ms)
{
	if (a->flush_at_ms <= now_ms)
		flush_refusals(a);
	if (a->sign_at_ms <= now_ms)
		sign_head(a);
	if (a->prune_at_ms <= now_ms)
		prune(a);
}

static uint64_t chores_due_ms(const struct audit *a)
{
	uint64_t due_ms = a->sign_at_ms < a->flush_at_ms ? a->sign_at_ms : a->flush_at_ms;

	return a->prune_at_ms < due_ms ? a->prune_at_ms : due_ms;
}

/* One round, with the lock held on entry and exit. */
static void writer_round(struct audit *a)
{
	uint64_t now_ms = clock_mono_ms(), due_ms = batch_due_ms(a), chores_ms = chores_due_ms(a);

	if (due_ms <= now_ms) {
		take_and_commit(a);
	} else if (chores_ms <= now_ms) {
		pthread_mutex_unlock(&a->lock);
		run_chores(a, now_ms);
		pthread_mutex_lock(&a->lock);
	} else {
		wait_until(a, due_ms < chores_ms ? due_ms : chores_ms);
	}
}

void *audit_writer_run(void *arg)
{
	struct audit *a = arg;

	a->flush_at_ms = clock_mono_ms() + FLUSH_MS;
	a->prune_at_ms = a->options.retention_ms ? clock_mono_ms() : UINT64_MAX;
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
