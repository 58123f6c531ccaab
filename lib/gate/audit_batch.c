/*
 * A group commit of the audit trail: the transaction, the reports, what happens when the disk
 * takes nothing.
 */
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/gate/audit_inner.h"
#include "lib/net/loop.h"

enum {
	RETRY_MS = 1000,
	ROW_MAX = 512 * 1024, /* a row's canonical form: 16 texts of 3 KiB, escaped */
};

struct batch {
	struct audit *audit;
	struct audit_queue *rows;
	struct audit_chain chain; /* behind the last row; set by the transaction */
};

static int insert_row(struct store *s, const struct audit_fields *f,
		      const struct audit_chain *chain, struct err *e)
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

/*
 * Begins with the chain as the file has it: a commit that was reported as failed may have reached
 * the disk.
 */
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

/*
 * The lock is held for callers that block only: the loop must never wait for a walk over the
 * batch.
 */
static void tell_waiting(struct audit *a, struct audit_pending *p, const struct err *why)
{
	pthread_mutex_lock(&a->lock);
	p->wait->why = *why;
	p->wait->is_over = true;
	pthread_cond_broadcast(&a->reported);
	pthread_mutex_unlock(&a->lock);
}

/* Splits the rows of a batch: callbacks, callers that block, and the rest. */
static void batch_report(struct audit *a, struct audit_queue *rows, struct audit_queue *rest,
			 const struct err *why)
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

void audit_batch_commit(struct audit *a, struct audit_queue *rows)
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
	if (rc < 0)
		why.code = ERR_IO; /* whatever the store says: the caller's request is not at fault */
	a->chain_known = rc == 0;
	note_health(a, rc == 0, &why);
	batch_report(a, rows, &rest, &why);
	if (rc < 0)
		put_back(a, &rest);
	audit_queue_free(&rest);
}
