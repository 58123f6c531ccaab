/* The audit trail: opening, closing, queueing rows. */
#include "lib/gate/audit.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/gate/audit_inner.h"

enum { RETRY_MS = 1000, SIGN_EVERY_MS = 60 * 1000 };

void audit_queue_init(struct audit_queue *q)
{
	*q = (struct audit_queue){ 0 };
	q->last = &q->first;
}

void audit_queue_put(struct audit_queue *q, struct audit_pending *p)
{
	if (!q->first)
		q->oldest_mono_ms = clock_mono_ms();
	p->next = NULL;
	*q->last = p;
	q->last = &p->next;
	q->count++;
	if (p->done || p->wait)
		q->durable_count++;
}

void audit_queue_free(struct audit_queue *q)
{
	while (q->first) {
		struct audit_pending *next = q->first->next;

		free(q->first);
		q->first = next;
	}
	audit_queue_init(q);
}

/* Deadlines are monotonic. */
static void sync_init(struct audit *a)
{
	pthread_condattr_t attr;

	(void)pthread_mutex_init(&a->lock, NULL); /* none of these can fail on Linux with these attributes */
	(void)pthread_mutex_init(&a->refusals_lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&a->wake, &attr);
	(void)pthread_cond_init(&a->reported, &attr);
	(void)pthread_condattr_destroy(&attr);
}

static void audit_free(struct audit *a)
{
	store_close(a->writer);
	store_close(a->reader);
	audit_queue_free(&a->queue);
	audit_refusals_free(a);
	(void)pthread_cond_destroy(&a->wake);
	(void)pthread_cond_destroy(&a->reported);
	(void)pthread_mutex_destroy(&a->lock);
	(void)pthread_mutex_destroy(&a->refusals_lock);
	free(a->path);
	free(a);
}

static int open_writer(struct audit *a, struct err *e)
{
	struct store_options options = { .migrations = audit_migrations,
					 .migration_count = audit_migration_count };

	if (store_open(a->path, &options, &a->writer, e) < 0 ||
	    audit_chain_load(a->writer, &a->committed, &a->signed_seq, e) < 0)
		return -1;
	a->chain_known = true;
	a->sign_at_ms = clock_mono_ms() + a->options.sign_every_ms;
	return 0;
}

int audit_open(const struct audit_options *o, struct audit **ret_audit, struct err *e)
{
	struct store_options options = { .read_only = true,
					 .migrations = audit_migrations,
					 .migration_count = audit_migration_count };
	struct audit *a = mem_new(sizeof(*a));

	a->options = *o;
	a->path = mem_dup_str(o->path);
	a->options.path = a->path;
	if (a->options.sign_every_ms == 0)
		a->options.sign_every_ms = SIGN_EVERY_MS;
	a->healthy = true;
	a->refusals = map_new();
	audit_queue_init(&a->queue);
	sync_init(a);
	if ((o->loop && open_writer(a, e) < 0) || store_open(a->path, &options, &a->reader, e) < 0) {
		audit_free(a);
		return err_context(e, "the audit trail");
	}
	if (o->loop && pthread_create(&a->thread, NULL, audit_writer_run, a) != 0) {
		audit_free(a);
		return err_set(e, ERR_NOMEM, "the thread of the audit trail could not be started");
	}
	*ret_audit = a;
	return 0;
}

void audit_close(struct audit *a)
{
	if (!a)
		return;
	if (a->writer) {
		pthread_mutex_lock(&a->lock);
		a->stop = true;
		pthread_cond_signal(&a->wake);
		pthread_mutex_unlock(&a->lock);
		(void)pthread_join(a->thread, NULL); /* the thread exists and is joined once */
	}
	audit_free(a);
}

bool audit_is_healthy(const struct audit *a)
{
	return a->healthy;
}

/*
 * Whether a row may come in. Rows that nobody waits for are kept while the disk takes none, as far
 * as the queue reaches; of those that somebody waits for, one a second tries the disk.
 */
static int admit(struct audit *a, const struct audit_pending *p, struct err *e)
{
	uint64_t now_ms;

	if (!a->writer || a->stop)
		return err_set(e, ERR_IO, "the audit trail is not open for writing");
	if (a->queue.count >= a->options.queue_max)
		return err_set(e, ERR_BUSY, "%zu audit rows are waiting to be written already",
			       a->queue.count);
	if (a->healthy || !(p->done || p->wait))
		return 0;
	now_ms = clock_mono_ms();
	if (now_ms < a->retry_at_ms)
		return err_set(e, ERR_IO, "the audit trail cannot be written at present");
	a->retry_at_ms = now_ms + RETRY_MS;
	return 0;
}

/* Takes `p`, on failure too. Called and left with the lock held. */
static int enqueue(struct audit *a, struct audit_pending *p, struct err *e)
{
	if (admit(a, p, e) < 0) {
		free(p);
		return -1;
	}
	audit_queue_put(&a->queue, p);
	if (p->done || p->wait || a->queue.count == 1 || a->queue.count == a->options.queue_max / 2)
		pthread_cond_signal(&a->wake);
	return 0;
}

int audit_append(struct audit *a, const struct audit_row *row, audit_done_fn *done, void *arg,
		 struct err *e)
{
	struct audit_pending *p = audit_pending_new(row);
	int rc;

	p->done = done;
	p->arg = arg;
	pthread_mutex_lock(&a->lock);
	rc = enqueue(a, p, e);
	pthread_mutex_unlock(&a->lock);
	return rc;
}

int audit_append_wait(struct audit *a, const struct audit_row *row, struct err *e)
{
	struct audit_pending *p = audit_pending_new(row);
	struct audit_wait wait = { 0 };
	int rc;

	p->wait = &wait;
	pthread_mutex_lock(&a->lock);
	rc = enqueue(a, p, e);
	while (rc == 0 && !wait.is_over)
		pthread_cond_wait(&a->reported, &a->lock);
	pthread_mutex_unlock(&a->lock);
	if (rc < 0)
		return -1;
	if (wait.why.code == ERR_NONE)
		return 0;
	*e = wait.why;
	return -1;
}
