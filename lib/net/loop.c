/* The event loop on libuv: posts, tasks, timers, signals. */
#include "lib/net/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/net/loop_uv.h"

struct loop_post {
	struct loop_post *next;
	void (*fn)(void *arg);
	void *arg;
};

struct loop_timer {
	uv_timer_t uv; /* first: the handle's address is the block's */
	struct loop *loop;
	struct loop_item item;
	void (*fn)(void *owner);
	void *owner;
};

struct loop_signal {
	uv_signal_t uv; /* first, as above */
	struct loop_item item;
	void (*fn)(void *owner, int signo);
	void *owner;
};

void loop_link_init(struct loop_link *n)
{
	n->next = n->prev = n;
}

bool loop_link_is_alone(const struct loop_link *n)
{
	return n->next == n;
}

void loop_link_append(struct loop_link *ring, struct loop_link *n)
{
	n->next = ring;
	n->prev = ring->prev;
	n->prev->next = n;
	ring->prev = n;
}

void loop_link_remove(struct loop_link *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	loop_link_init(n);
}

void loop_item_add(struct loop *l, struct loop_item *item, void (*discard)(struct loop_item *item))
{
	item->discard = discard;
	loop_link_append(&l->items, &item->link);
}

void loop_item_remove(struct loop_item *item)
{
	loop_link_remove(&item->link);
}

void loop_task_init(struct loop_task *t, void (*run)(struct loop_task *t))
{
	loop_link_init(&t->link);
	t->run = run;
}

static void run_first(struct loop_link *ring)
{
	struct loop_task *t = CONTAINER_OF(ring->next, struct loop_task, link);

	loop_link_remove(&t->link);
	t->run(t);
}

/* Tasks that are queued meanwhile wait for the next round: sockets get their turn in between. */
static void on_idle(uv_idle_t *idle)
{
	struct loop *l = idle->data;
	struct loop_link now = { .next = l->tasks.next, .prev = l->tasks.prev };

	if (!loop_link_is_alone(&l->tasks)) {
		now.next->prev = now.prev->next = &now;
		loop_link_init(&l->tasks);
		while (!loop_link_is_alone(&now))
			run_first(&now);
	}
	for (unsigned n = 0; n < LOOP_HEAVY_PER_ROUND && !loop_link_is_alone(&l->heavy_tasks); n++)
		run_first(&l->heavy_tasks);
	if (loop_link_is_alone(&l->tasks) && loop_link_is_alone(&l->heavy_tasks))
		(void)uv_idle_stop(idle); /* cannot fail */
}

static void queue(struct loop *l, struct loop_link *ring, struct loop_task *t)
{
	if (!loop_link_is_alone(&t->link))
		return;
	loop_link_append(ring, &t->link);
	(void)uv_idle_start(&l->idle, on_idle); /* fails only without a callback */
}

void loop_task_queue(struct loop *l, struct loop_task *t)
{
	queue(l, &l->tasks, t);
}

void loop_task_queue_heavy(struct loop *l, struct loop_task *t)
{
	queue(l, &l->heavy_tasks, t);
}

void loop_task_cancel(struct loop_task *t)
{
	loop_link_remove(&t->link);
}

static struct loop_post *posts_take(struct loop *l)
{
	struct loop_post *first;

	uv_mutex_lock(&l->lock);
	first = l->posts;
	l->posts = NULL;
	l->posts_end = &l->posts;
	uv_mutex_unlock(&l->lock);
	return first;
}

static void on_wake(uv_async_t *wake)
{
	struct loop_post *p = posts_take(wake->data), *next;

	for (; p; p = next) {
		next = p->next;
		p->fn(p->arg);
		free(p);
	}
}

void loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct loop_post *p = mem_new(sizeof(*p));

	p->fn = fn;
	p->arg = arg;
	uv_mutex_lock(&l->lock);
	*l->posts_end = p;
	l->posts_end = &p->next;
	uv_mutex_unlock(&l->lock);
	(void)uv_async_send(&l->wake); /* only fails on a handle that is none */
}

/* libuv writes with writev, which has no MSG_NOSIGNAL. */
static void ignore_sigpipe(void)
{
	struct sigaction old, ignore = { .sa_handler = SIG_IGN };

	if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		(void)sigaction(SIGPIPE, &ignore, NULL); /* valid number and handler */
}

struct loop *loop_new(struct err *e)
{
	struct loop *l = mem_new(sizeof(*l));
	int rc = uv_loop_init(&l->uv);

	if (rc == 0) {
		rc = uv_async_init(&l->uv, &l->wake, on_wake);
		if (rc < 0)
			(void)uv_loop_close(&l->uv); /* nothing is open on it */
	}
	if (rc < 0) {
		err_set(e, ERR_IO, "cannot make an event loop: %s", uv_strerror(rc));
		free(l);
		return NULL;
	}
	if (uv_mutex_init(&l->lock) != 0 || uv_idle_init(&l->uv, &l->idle) != 0)
		abort(); /* neither allocates nor asks the kernel */
	l->wake.data = l->idle.data = l;
	l->posts_end = &l->posts;
	loop_link_init(&l->items);
	loop_link_init(&l->tasks);
	loop_link_init(&l->heavy_tasks);
	ignore_sigpipe();
	return l;
}

void loop_run(struct loop *l)
{
	l->is_running = true;
	(void)uv_run(&l->uv, UV_RUN_DEFAULT); /* says whether handles are left; `wake` always is */
	l->is_running = false;
}

void loop_stop(struct loop *l)
{
	uv_stop(&l->uv);
}

static void posts_drop(struct loop *l)
{
	struct loop_post *p = posts_take(l), *next;

	for (; p; p = next) {
		next = p->next;
		free(p);
	}
}

void loop_free(struct loop *l)
{
	int rc;

	if (!l)
		return;
	posts_drop(l);
	while (!loop_link_is_alone(&l->items)) {
		struct loop_item *item = CONTAINER_OF(l->items.next, struct loop_item, link);

		loop_item_remove(item);
		item->discard(item);
	}
	uv_close((uv_handle_t *)&l->wake, NULL);
	(void)uv_run(&l->uv, UV_RUN_DEFAULT); /* close callbacks and queued tasks */
	uv_close((uv_handle_t *)&l->idle, NULL);
	(void)uv_run(&l->uv, UV_RUN_DEFAULT);
	rc = uv_loop_close(&l->uv);
	assert(rc == 0); /* else a handle of the loop was left open */
	posts_drop(l);
	uv_mutex_destroy(&l->lock);
	free(l);
}

uint64_t loop_now_ms(const struct loop *l)
{
	return uv_now(&l->uv);
}

static void on_handle_closed(uv_handle_t *handle)
{
	free(handle);
}

static void timer_discard(struct loop_item *item)
{
	loop_timer_free(CONTAINER_OF(item, struct loop_timer, item));
}

static void on_timer(uv_timer_t *uv)
{
	struct loop_timer *t = (struct loop_timer *)(void *)uv;

	t->fn(t->owner);
}

struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *owner), void *owner)
{
	struct loop_timer *t = mem_new(sizeof(*t));

	t->loop = l;
	t->fn = fn;
	t->owner = owner;
	(void)uv_timer_init(&l->uv, &t->uv); /* always 0 */
	loop_item_add(l, &t->item, timer_discard);
	return t;
}

void loop_timer_start(struct loop_timer *t, uint64_t delay_ms, uint64_t repeat_ms)
{
	if (!t->loop->is_running) /* the loop's clock stands still while it does not run */
		uv_update_time(&t->loop->uv);
	(void)uv_timer_start(&t->uv, on_timer, delay_ms, repeat_ms); /* fails only on a closed one */
}

void loop_timer_stop(struct loop_timer *t)
{
	(void)uv_timer_stop(&t->uv); /* always 0 */
}

void loop_timer_free(struct loop_timer *t)
{
	if (!t)
		return;
	loop_item_remove(&t->item);
	uv_close((uv_handle_t *)&t->uv, on_handle_closed);
}

static void signal_discard(struct loop_item *item)
{
	struct loop_signal *s = CONTAINER_OF(item, struct loop_signal, item);

	uv_close((uv_handle_t *)&s->uv, on_handle_closed);
}

static void on_signal(uv_signal_t *uv, int signo)
{
	struct loop_signal *s = (struct loop_signal *)(void *)uv;

	s->fn(s->owner, signo);
}

int loop_signal(struct loop *l, int signo, void (*fn)(void *owner, int signo), void *owner,
		struct err *e)
{
	struct loop_signal *s = mem_new(sizeof(*s));
	int rc;

	s->fn = fn;
	s->owner = owner;
	rc = uv_signal_init(&l->uv, &s->uv);
	if (rc < 0) {
		free(s);
		return err_set(e, ERR_IO, "cannot watch signal %d: %s", signo, uv_strerror(rc));
	}
	rc = uv_signal_start(&s->uv, on_signal, signo);
	if (rc < 0) {
		uv_close((uv_handle_t *)&s->uv, on_handle_closed);
		return err_set(e, ERR_IO, "cannot watch signal %d: %s", signo, uv_strerror(rc));
	}
	loop_item_add(l, &s->item, signal_discard);
	return 0;
}

static void on_child(void *owner, int signo)
{
	(void)owner;
	(void)signo;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

int loop_reap_orphans(struct loop *l, struct err *e)
{
	if (getpid() != 1)
		return 0;
	if (loop_signal(l, SIGCHLD, on_child, NULL, e) < 0)
		return -1;
	on_child(NULL, SIGCHLD); /* those that died before */
	return 0;
}
