/* The event loop: posts, timers, signals, tasks, its end. */
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/net/loop_uv.h"
#include "tests/unit/net_peer.h"

#define POSTS_PER_THREAD 2000

struct record {
	struct loop *loop;
	unsigned count, per_thread[2];
	bool out_of_order;
};

struct posted {
	struct record *record;
	unsigned thread, number;
};

static void on_posted(void *arg)
{
	struct posted *p = arg;

	if (p->record->per_thread[p->thread]++ != p->number)
		p->record->out_of_order = true;
	if (++p->record->count == 2 * POSTS_PER_THREAD)
		loop_stop(p->record->loop);
}

static void thread_posts(void *arg)
{
	struct posted *p = arg;

	for (unsigned i = 0; i < POSTS_PER_THREAD; i++)
		loop_post(p[i].record->loop, on_posted, &p[i]);
}

static void test_posts_keep_their_order(void **state)
{
	static struct posted posts[2][POSTS_PER_THREAD];
	struct record r = { .loop = loop_new(&(struct err){ 0 }) };
	uv_thread_t threads[2];

	(void)state;
	for (unsigned t = 0; t < 2; t++) {
		for (unsigned i = 0; i < POSTS_PER_THREAD; i++)
			posts[t][i] = (struct posted){ &r, t, i };
		assert_int_equal(uv_thread_create(&threads[t], thread_posts, posts[t]), 0);
	}
	loop_run(r.loop);
	for (unsigned t = 0; t < 2; t++)
		uv_thread_join(&threads[t]);
	assert_int_equal(r.count, 2 * POSTS_PER_THREAD);
	assert_false(r.out_of_order);
	loop_free(r.loop);
}

static void on_second_post(void *arg)
{
	struct record *r = arg;

	assert_int_equal(r->count, 1); /* the first has returned */
	loop_stop(r->loop);
}

static void on_first_post(void *arg)
{
	struct record *r = arg;

	loop_post(r->loop, on_second_post, r);
	assert_int_equal(r->count, 0);
	r->count++;
}

static void test_post_from_a_callback_does_not_nest(void **state)
{
	struct record r = { .loop = loop_new(&(struct err){ 0 }) };

	(void)state;
	loop_post(r.loop, on_first_post, &r);
	loop_run(r.loop);
	assert_int_equal(r.count, 1);
	loop_post(r.loop, on_first_post, &r); /* never run, not leaked */
	loop_free(r.loop);
	assert_int_equal(r.count, 1);
}

struct ticker {
	struct loop *loop;
	struct loop_timer *timer;
	unsigned ticks, stop_at, free_at;
};

static void on_tick(void *owner)
{
	struct ticker *t = owner;

	t->ticks++;
	if (t->ticks == t->stop_at)
		loop_timer_stop(t->timer);
	if (t->ticks == t->free_at)
		loop_timer_free(t->timer);
}

static void on_end(void *owner)
{
	loop_stop(owner);
}

static void test_timers(void **state)
{
	static const struct {
		uint64_t repeat_ms;
		unsigned stop_at, free_at, want_min, want_max;
	} rows[] = {
		{ 0, 0, 0, 1, 1 }, { 5, 0, 0, 4, 20 }, { 5, 3, 0, 3, 3 }, { 5, 0, 2, 2, 2 },
		{ 0, 0, 1, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct ticker t = { .loop = loop_new(&(struct err){ 0 }),
				    .stop_at = rows[i].stop_at,
				    .free_at = rows[i].free_at };
		struct loop_timer *end = loop_timer_new(t.loop, on_end, t.loop);

		t.timer = loop_timer_new(t.loop, on_tick, &t);
		loop_timer_start(t.timer, 5, rows[i].repeat_ms);
		loop_timer_start(end, 100, 0);
		loop_run(t.loop);
		print_message("row %zu: %u ticks\n", i, t.ticks);
		assert_in_range(t.ticks, rows[i].want_min, rows[i].want_max);
		loop_timer_free(end);
		loop_free(t.loop); /* frees t.timer where the row did not */
	}
}

static void test_timer_counts_from_now_also_before_the_loop_runs(void **state)
{
	struct loop *l = loop_new(&(struct err){ 0 });
	struct loop_timer *end = loop_timer_new(l, on_end, l);
	uint64_t began_ms;

	(void)state;
	usleep(60 * 1000);
	began_ms = clock_mono_ms();
	loop_timer_start(end, 50, 0);
	loop_run(l);
	assert_true(clock_mono_ms() - began_ms >= 49);
	loop_timer_free(end);
	loop_timer_free(NULL);
	loop_free(l);
	loop_free(NULL);
}

static void on_signal(void *owner, int signo)
{
	struct record *r = owner;

	assert_int_equal(signo, SIGUSR1);
	if (++r->count == 2)
		loop_stop(r->loop);
	else
		raise(SIGUSR1);
}

static void test_signals(void **state)
{
	struct record r = { .loop = loop_new(&(struct err){ 0 }) };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(loop_signal(r.loop, SIGUSR1, on_signal, &r, &e), 0);
	assert_int_equal(loop_signal(r.loop, 4711, on_signal, &r, &e), -1);
	assert_non_null(strstr(e.text, "4711"));
	raise(SIGUSR1);
	loop_run(r.loop);
	assert_int_equal(r.count, 2);
	loop_free(r.loop);
}

struct heavy {
	struct loop_task task;
	struct record *record;
	bool is_light;
};

static void on_heavy(struct loop_task *task)
{
	struct heavy *h = (struct heavy *)(void *)((char *)task - offsetof(struct heavy, task));

	h->record->per_thread[h->is_light]++;
	if (h->is_light) /* one a round: it queues itself again for the next */
		assert_in_range(h->record->per_thread[0], 0,
				h->record->per_thread[1] * LOOP_HEAVY_PER_ROUND);
	if (h->is_light && h->record->per_thread[0] < 50)
		loop_task_queue(h->record->loop, &h->task);
	if (!h->is_light && h->record->per_thread[0] == 50)
		loop_stop(h->record->loop);
}

static void test_heavy_tasks_leave_room_in_a_round(void **state)
{
	static struct heavy tasks[51];
	struct record r = { .loop = loop_new(&(struct err){ 0 }) };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(tasks); i++) {
		tasks[i] = (struct heavy){ .record = &r };
		loop_task_init(&tasks[i].task, on_heavy);
		loop_task_queue_heavy(r.loop, &tasks[i].task);
		loop_task_queue_heavy(r.loop, &tasks[i].task); /* once is enough */
	}
	loop_task_cancel(&tasks[50].task);
	loop_task_cancel(&tasks[50].task);
	tasks[50].is_light = true;
	loop_task_queue(r.loop, &tasks[50].task);
	loop_run(r.loop);
	assert_int_equal(r.per_thread[0], 50);
	assert_in_range(r.per_thread[1], 50 / LOOP_HEAVY_PER_ROUND, 50);
	loop_free(r.loop);
}

/* The life of a PID 1 whose grandchild is orphaned: 0 when it was reaped. */
static int live_as_pid_1(void)
{
	struct loop *l = loop_new(&(struct err){ 0 });
	struct loop_timer *end = loop_timer_new(l, on_end, l);
	struct err e;

	if (getpid() != 1 || loop_reap_orphans(l, &e) < 0)
		return 1;
	if (fork() == 0) {
		if (fork() == 0)
			usleep(20 * 1000); /* outlives its parent: ours then */
		_exit(0);
	}
	loop_timer_start(end, 150, 0);
	loop_run(l);
	loop_timer_free(end);
	loop_free(l);
	return waitpid(-1, NULL, WNOHANG) == -1 ? 0 : 2; /* no child is left */
}

static void test_reaps_as_pid_1(void **state)
{
	struct loop *l = loop_new(&(struct err){ 0 });
	int status = -1;
	pid_t pid;

	(void)state;
	assert_int_equal(loop_reap_orphans(l, &(struct err){ 0 }), 0);
	pid = fork(); /* and it leaves the children of another process alone */
	if (pid == 0)
		_exit(7);
	usleep(20 * 1000);
	net_turn(l);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 7);
	loop_free(l);

	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWPID) != 0)
			_exit(100);
		pid = fork();
		if (pid == 0)
			_exit(live_as_pid_1());
		waitpid(pid, &status, 0);
		_exit(WEXITSTATUS(status));
	}
	waitpid(pid, &status, 0);
	if (WEXITSTATUS(status) == 100)
		skip(); /* no right to a PID namespace */
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_posts_keep_their_order),
		cmocka_unit_test(test_post_from_a_callback_does_not_nest),
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_timer_counts_from_now_also_before_the_loop_runs),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_heavy_tasks_leave_room_in_a_round),
		cmocka_unit_test(test_reaps_as_pid_1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
