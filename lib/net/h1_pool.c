/* A pool of HTTP/1.1 client connections to one origin: who waits, who is idle, who dials. */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/net/h1_pool_inner.h"

enum { TICK_MIN_MS = 10, TICK_MAX_MS = 1000 };

static void client_list_add(struct h1_client_list *list, struct h1_client *c)
{
	c->next = NULL;
	c->prev = list->last;
	if (list->last)
		list->last->next = c;
	else
		list->first = c;
	list->last = c;
	list->count++;
}

static void client_list_remove(struct h1_client_list *list, struct h1_client *c)
{
	*(c->prev ? &c->prev->next : &list->first) = c->next;
	*(c->next ? &c->next->prev : &list->last) = c->prev;
	c->prev = c->next = NULL;
	list->count--;
}

static unsigned pool_open(const struct h1_pool *p)
{
	return p->clients[H1_DIALING].count + p->clients[H1_IDLE].count + p->clients[H1_BUSY].count;
}

static void pool_release(struct h1_pool *p)
{
	if (!p->dead || pool_open(p) || p->clients[H1_CLOSING].count || p->waiting.first ||
	    p->ends.first)
		return;
	loop_task_cancel(&p->task);
	loop_timer_free(p->timer);
	tls_unref(p->target.tls);
	free((char *)(uintptr_t)p->target.host);
	free((char *)(uintptr_t)p->target.server_name);
	free((char *)(uintptr_t)p->target.proxy);
	free(p);
}

static void pool_emit_ends(struct h1_pool *p)
{
	struct h1_ask *a;

	while ((a = p->ends.first)) {
		h1_ask_remove(&p->ends, a);
		http_stream_emit_close(&a->base, &a->why);
		h1_ask_free(a);
	}
}

void h1_pool_schedule(struct h1_pool *p)
{
	loop_task_queue(p->loop, &p->task);
}

void h1_pool_end(struct h1_pool *p, struct h1_ask *a, const struct err *why)
{
	struct h1_client *c = a->client;

	if (c) {
		c->ask = NULL;
		a->client = NULL;
		a->base.conn = NULL;
		h1_client_close(c);
	} else {
		h1_ask_remove(&p->waiting, a);
	}
	a->why = *why;
	a->ending = true;
	h1_ask_append(&p->ends, a);
	h1_pool_schedule(p);
}

static void pool_dial(struct h1_pool *p)
{
	struct h1_client *c = h1_client_dial(p);

	client_list_add(&p->clients[H1_DIALING], c);
	c->since_ms = loop_now_ms(p->loop);
}

/* Who is tried again, or keeps the connection for itself, wants a new one. */
static bool ask_takes(const struct h1_ask *a, const struct h1_client *c)
{
	return !c->served || !(a->retried || a->protocol.len);
}

/* The connection that was used last goes to the first request that takes it. */
static bool pool_place_first(struct h1_pool *p)
{
	struct h1_ask *a = p->waiting.first;
	struct h1_client *c = p->clients[H1_IDLE].last;

	while (a && c && !ask_takes(a, c))
		a = a->next;
	if (!a || !c)
		return false;
	h1_ask_remove(&p->waiting, a);
	h1_client_take(c, a);
	return true;
}

/* Gives waiting requests to idle connections and dials for the others. */
static void pool_place(struct h1_pool *p)
{
	struct h1_client_list *idle = &p->clients[H1_IDLE];
	unsigned wanted = 0;

	while (pool_place_first(p))
		;
	if (p->waiting.first && pool_open(p) >= p->conn_max && idle->first)
		h1_client_close(idle->first); /* only a new one will do, and there is no room for it */
	for (const struct h1_ask *a = p->waiting.first; a && wanted < p->conn_max; a = a->next)
		wanted++;
	while (!p->dead && p->clients[H1_DIALING].count < wanted && pool_open(p) < p->conn_max)
		pool_dial(p);
	if (!p->ticking && (p->waiting.first || pool_open(p))) {
		p->ticking = true;
		loop_timer_start(p->timer, p->tick_ms, p->tick_ms);
	}
}

static void on_task(struct loop_task *t)
{
	struct h1_pool *p = CONTAINER_OF(t, struct h1_pool, task);

	pool_emit_ends(p);
	pool_place(p);
	pool_release(p);
}

void h1_pool_move(struct h1_pool *p, struct h1_client *c, enum h1_client_state state)
{
	if (c->state == state)
		return;
	client_list_remove(&p->clients[c->state], c);
	client_list_add(&p->clients[state], c);
	c->state = state;
	c->since_ms = loop_now_ms(p->loop);
	if (state == H1_IDLE)
		(void)pool_place_first(p);
	else if (state == H1_CLOSING && p->waiting.first)
		h1_pool_schedule(p);
}

void h1_pool_gone(struct h1_pool *p, struct h1_client *c, const struct err *why)
{
	client_list_remove(&p->clients[c->state], c);
	if (why && p->waiting.first)
		h1_pool_end(p, p->waiting.first, why);
	h1_pool_schedule(p);
}

static void pool_tick(void *owner)
{
	struct h1_pool *p = owner;
	uint64_t now_ms = loop_now_ms(p->loop);
	struct h1_client *c, *next;
	struct err e;

	while (p->queue_timeout_ms && p->waiting.first &&
	       now_ms - p->waiting.first->since_ms >= p->queue_timeout_ms) {
		err_set(&e, ERR_BUSY, "%s: no connection became free within %llu ms", p->target.host,
			(unsigned long long)p->queue_timeout_ms);
		h1_pool_end(p, p->waiting.first, &e);
	}
	for (c = p->clients[H1_IDLE].first; c && p->idle_timeout_ms; c = next) {
		next = c->next;
		if (now_ms - c->since_ms < p->idle_timeout_ms)
			break;
		h1_client_close(c);
	}
	for (c = p->clients[H1_BUSY].first; c; c = next) {
		next = c->next;
		h1_client_tick(c, now_ms);
	}
	if (!p->waiting.first && !pool_open(p)) {
		p->ticking = false;
		loop_timer_stop(p->timer);
	}
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return b && b < a ? b : a;
}

struct h1_pool *h1_pool_new(struct loop *l, const struct h1_pool_options *o)
{
	struct h1_pool *p = mem_new(sizeof(*p));

	p->loop = l;
	p->target = o->target;
	p->target.host = mem_dup_str(o->target.host);
	p->target.server_name = mem_dup_str(o->target.server_name);
	p->target.proxy = mem_dup_str(o->target.proxy);
	if (p->target.tls)
		tls_ref(p->target.tls);
	p->limits = o->limits;
	p->conn_max = o->conn_max ? o->conn_max : 1;
	p->queue_timeout_ms = o->queue_timeout_ms;
	p->idle_timeout_ms = o->idle_timeout_ms;
	p->tick_ms = least(least(TICK_MAX_MS * 4, o->queue_timeout_ms), o->idle_timeout_ms);
	p->tick_ms = least(least(p->tick_ms, o->limits.head_timeout_ms), o->limits.write_timeout_ms) / 4;
	if (p->tick_ms < TICK_MIN_MS)
		p->tick_ms = TICK_MIN_MS;
	loop_task_init(&p->task, on_task);
	p->timer = loop_timer_new(l, pool_tick, p);
	return p;
}

struct http_stream *h1_pool_request(struct h1_pool *p, const struct http_head *head, bool end,
				    const struct http_events *events, void *owner)
{
	struct err e = { .code = ERR_NONE };
	struct h1_ask *a = h1_ask_new(p, head, end, events, owner, &e);

	h1_ask_append(&p->waiting, a);
	if (e.code != ERR_NONE)
		h1_pool_end(p, a, &e);
	else
		pool_place(p);
	return &a->base;
}

void h1_pool_free(struct h1_pool *p)
{
	if (!p)
		return;
	p->dead = true;
	while (p->waiting.first)
		http_stream_reset(&p->waiting.first->base, HTTP_RESET_CANCEL);
	while (p->clients[H1_BUSY].first)
		http_stream_reset(&p->clients[H1_BUSY].first->ask->base, HTTP_RESET_CANCEL);
	while (p->clients[H1_IDLE].first)
		h1_client_close(p->clients[H1_IDLE].first);
	while (p->clients[H1_DIALING].first)
		h1_client_close(p->clients[H1_DIALING].first);
	h1_pool_schedule(p);
}
