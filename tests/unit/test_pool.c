/* The pool of threads. */
#include "lib/net/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/net_peer.h"

struct job {
	atomic_uint *worked;
	unsigned *done;
	unsigned done_at; /* 1 for the first that was reported */
	pthread_t loop_thread;
	atomic_bool *gate; /* waits until true */
	size_t stack_len;
};

static void job_work(void *arg)
{
	struct job *j = arg;
	pthread_attr_t attr;

	assert_false(pthread_equal(pthread_self(), j->loop_thread));
	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstacksize(&attr, &j->stack_len);
	pthread_attr_destroy(&attr);
	while (j->gate && !atomic_load(j->gate))
		usleep(500);
	atomic_fetch_add(j->worked, 1);
}

static void job_done(void *arg)
{
	struct job *j = arg;

	assert_true(pthread_equal(pthread_self(), j->loop_thread));
	assert_int_equal(j->done_at, 0);
	j->done_at = ++*j->done;
}

static void test_runs_all(void **state)
{
	struct loop *l = loop_new(&(struct err){ 0 });
	struct pool *p = pool_new(l, 3, 100, &(struct err){ 0 });
	static struct job jobs[100];
	atomic_uint worked = 0;
	unsigned done = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(jobs); i++) {
		jobs[i] = (struct job){ .worked = &worked,
					.done = &done,
					.loop_thread = pthread_self() };
		assert_int_equal(pool_submit(p, job_work, job_done, &jobs[i], &(struct err){ 0 }),
				 0);
	}
	WAIT_FOR(l, done == COUNT_OF(jobs));
	assert_int_equal(worked, COUNT_OF(jobs));
	assert_int_equal(pool_busy(p), 0);
	assert_int_equal(jobs[0].stack_len, 1024 * 1024);
	pool_free(p);
	pool_free(NULL);
	loop_free(l);
}

static void test_bounded_queue(void **state)
{
	struct loop *l = loop_new(&(struct err){ 0 });
	struct pool *p = pool_new(l, 1, 2, &(struct err){ 0 });
	atomic_bool gate = false;
	atomic_uint worked = 0;
	unsigned done = 0;
	struct job jobs[4];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(jobs); i++)
		jobs[i] = (struct job){ .worked = &worked,
					.done = &done,
					.gate = &gate,
					.loop_thread = pthread_self() };
	assert_int_equal(pool_submit(p, job_work, job_done, &jobs[0], &e), 0);
	usleep(50 * 1000); /* it runs */
	assert_int_equal(pool_submit(p, job_work, job_done, &jobs[1], &e), 0);
	assert_int_equal(pool_submit(p, job_work, job_done, &jobs[2], &e), 0);
	assert_int_equal(pool_submit(p, job_work, job_done, &jobs[3], &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	assert_non_null(strstr(e.text, "2 jobs"));
	assert_int_equal(pool_busy(p), 3);
	atomic_store(&gate, true);
	WAIT_FOR(l, done == 3);
	assert_int_equal(jobs[0].done_at, 1); /* one thread: in order */
	assert_int_equal(jobs[1].done_at, 2);
	assert_int_equal(jobs[2].done_at, 3);
	assert_int_equal(jobs[3].done_at, 0);
	assert_int_equal(pool_submit(p, job_work, job_done, &jobs[3], &e), 0);
	WAIT_FOR(l, done == 4);
	pool_free(p);
	loop_free(l);
}

static void test_free_finishes_what_was_taken(void **state)
{
	struct loop *l = loop_new(&(struct err){ 0 });
	struct pool *p = pool_new(l, 2, 50, &(struct err){ 0 });
	static struct job jobs[50];
	atomic_uint worked = 0;
	unsigned done = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(jobs); i++) {
		jobs[i] = (struct job){ .worked = &worked,
					.done = &done,
					.loop_thread = pthread_self() };
		assert_int_equal(pool_submit(p, job_work, job_done, &jobs[i], &(struct err){ 0 }),
				 0);
	}
	pool_free(p);
	assert_int_equal(worked, COUNT_OF(jobs));
	assert_int_equal(done, 0); /* only by the loop */
	WAIT_FOR(l, done == COUNT_OF(jobs));
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_all),
		cmocka_unit_test(test_bounded_queue),
		cmocka_unit_test(test_free_finishes_what_was_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
