/* A bounded pool of threads: one queue under one lock, ends reported with loop_post. */
#include "lib/net/pool.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include <uv.h>

#include "lib/base/mem.h"

#define POOL_STACK_LEN (1024 * 1024)

struct pool_job {
	struct pool_job *next;
	struct pool *pool;
	void (*work)(void *arg);
	void (*done)(void *arg);
	void *arg;
};

struct pool {
	struct loop *loop;
	atomic_size_t busy; /* submitted and not yet reported on the loop */
	uv_mutex_t lock;    /* of everything below */
	uv_cond_t wake;
	struct pool_job *first, **end;
	size_t waiting, queue_max;
	bool is_closed; /* threads end when the queue is empty; the last report frees the pool */
	unsigned thread_count;
	uv_thread_t threads[];
};

static void pool_destroy(struct pool *p)
{
	uv_cond_destroy(&p->wake);
	uv_mutex_destroy(&p->lock);
	free(p);
}

/* On the loop. */
static void job_report(void *arg)
{
	struct pool_job *job = arg;
	struct pool *p = job->pool;

	/* is_closed changes on this thread only */
	if (atomic_fetch_sub(&p->busy, 1) == 1 && p->is_closed)
		pool_destroy(p);
	job->done(job->arg);
	free(job);
}

/* The next job, or NULL when the pool is closed and empty. */
static struct pool_job *job_take(struct pool *p)
{
	struct pool_job *job;

	uv_mutex_lock(&p->lock);
	while (!p->first && !p->is_closed)
		uv_cond_wait(&p->wake, &p->lock);
	job = p->first;
	if (job) {
		p->first = job->next;
		if (!p->first)
			p->end = &p->first;
		p->waiting--;
	}
	uv_mutex_unlock(&p->lock);
	return job;
}

static void thread_main(void *arg)
{
	struct pool *p = arg;
	struct loop *l = p->loop; /* p may be freed as soon as the last job is reported */
	struct pool_job *job;

	while ((job = job_take(p))) {
		job->work(job->arg);
		loop_post(l, job_report, job);
	}
}

/* Ends the threads after what waits; `busy` jobs may still be on their way to the loop. */
static void threads_join(struct pool *p)
{
	uv_mutex_lock(&p->lock);
	p->is_closed = true;
	uv_cond_broadcast(&p->wake);
	uv_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->thread_count; i++)
		(void)uv_thread_join(&p->threads[i]); /* fails only for a thread that is none */
}

struct pool *pool_new(struct loop *l, unsigned thread_count, size_t queue_max, struct err *e)
{
	const uv_thread_options_t options = { .flags = UV_THREAD_HAS_STACK_SIZE,
					      .stack_size = POOL_STACK_LEN };
	struct pool *p = mem_new(sizeof(*p) + thread_count * sizeof(p->threads[0]));

	p->loop = l;
	p->queue_max = queue_max;
	p->end = &p->first;
	if (uv_mutex_init(&p->lock) != 0 || uv_cond_init(&p->wake) != 0)
		abort(); /* neither allocates nor asks the kernel */
	for (; p->thread_count < thread_count; p->thread_count++) {
		int rc = uv_thread_create_ex(&p->threads[p->thread_count], &options, thread_main,
					     p);

		if (rc < 0) {
			err_set(e, ERR_IO, "cannot start thread %u of %u: %s",
				p->thread_count + 1, thread_count, uv_strerror(rc));
			threads_join(p);
			pool_destroy(p);
			return NULL;
		}
	}
	return p;
}

int pool_submit(struct pool *p, void (*work)(void *arg), void (*done)(void *arg), void *arg,
		struct err *e)
{
	struct pool_job *job = mem_new(sizeof(*job));
	bool is_full;

	*job = (struct pool_job){ .pool = p, .work = work, .done = done, .arg = arg };
	uv_mutex_lock(&p->lock);
	is_full = p->waiting >= p->queue_max;
	if (!is_full) {
		*p->end = job;
		p->end = &job->next;
		p->waiting++;
		atomic_fetch_add(&p->busy, 1);
		uv_cond_signal(&p->wake);
	}
	uv_mutex_unlock(&p->lock);
	if (!is_full)
		return 0;
	free(job);
	return err_set(e, ERR_BUSY, "%zu jobs wait already; try again later", p->queue_max);
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	threads_join(p);
	if (atomic_load(&p->busy) == 0)
		pool_destroy(p);
}

size_t pool_busy(const struct pool *p)
{
	return atomic_load(&p->busy);
}
