/* Requests of ours on HTTP/1.1, as streams. */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/net/h1_pool_inner.h"
#include "lib/net/http_upgrade.h"

static struct h1_ask *ask_of(struct http_stream *s)
{
	return CONTAINER_OF(s, struct h1_ask, base);
}

void h1_ask_append(struct h1_ask_list *list, struct h1_ask *a)
{
	a->next = NULL;
	a->prev = list->last;
	if (list->last)
		list->last->next = a;
	else
		list->first = a;
	list->last = a;
}

void h1_ask_prepend(struct h1_ask_list *list, struct h1_ask *a)
{
	a->prev = NULL;
	a->next = list->first;
	if (list->first)
		list->first->prev = a;
	else
		list->last = a;
	list->first = a;
}

void h1_ask_remove(struct h1_ask_list *list, struct h1_ask *a)
{
	*(a->prev ? &a->prev->next : &list->first) = a->next;
	*(a->next ? &a->next->prev : &list->last) = a->prev;
	a->prev = a->next = NULL;
}

static int ask_send(struct http_stream *base, struct span bytes, struct err *e)
{
	struct h1_ask *a = ask_of(base);

	if (h1_write_body(&a->out, &a->body, bytes, e) < 0)
		return -1;
	if (a->client)
		h1_client_schedule(a->client);
	return 0;
}

static int ask_end(struct http_stream *base, const struct http_field *trailers, size_t count,
		   struct err *e)
{
	struct h1_ask *a = ask_of(base);

	if (h1_write_end(&a->out, &a->body, trailers, count, e) < 0)
		return -1;
	if (a->client)
		h1_client_schedule(a->client);
	return 0;
}

static size_t ask_queued(const struct http_stream *base)
{
	return http_queue_len(&CONTAINER_OF(base, const struct h1_ask, base)->out);
}

static void ask_consume(struct http_stream *base, size_t len UNUSED)
{
	struct h1_ask *a = ask_of(base);

	if (a->client)
		h1_client_balance(a->client);
}

static void ask_reset(struct http_stream *base, enum http_reset reason UNUSED)
{
	static const struct err in_order = { .code = ERR_NONE };
	struct h1_ask *a = ask_of(base);

	if (!a->ending)
		h1_pool_end(a->pool, a, &in_order);
}

/* answer: http.c asks servers only. */
static const struct http_stream_ops ops = {
	.send = ask_send,
	.end = ask_end,
	.queued = ask_queued,
	.consume = ask_consume,
	.reset = ask_reset,
};

/* Methods that may be repeated when it is unknown whether they were done (RFC 9110 9.2.2). */
static bool method_is_idempotent(struct span method)
{
	static const char *const names[] = { "GET", "HEAD", "OPTIONS", "PUT", "DELETE" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (span_equal_str(method, names[i]))
			return true;
	return false;
}

struct h1_ask *h1_ask_new(struct h1_pool *p, const struct http_head *head, bool end,
			  const struct http_events *events, void *owner, struct err *e)
{
	struct h1_ask *a = mem_new(sizeof(*a));

	http_stream_init(&a->base, &ops, NULL, false);
	http_stream_attach(&a->base, events, owner);
	a->pool = p;
	a->is_head = span_equal(head->method, SPAN("HEAD"));
	a->protocol = http_upgrade_known(head->protocol);
	a->may_retry = !head->protocol.len && (!end || method_is_idempotent(head->method));
	a->since_ms = loop_now_ms(p->loop);
	http_queue_init(&a->head, p->limits.head_max + 1024);
	http_queue_init(&a->out, HTTP_STREAM_QUEUE_MAX + 64 * 1024);
	if (h1_write_request(&a->head, head, end, &a->body, e) < 0)
		return a;
	a->base.ended = end && !a->protocol.len;
	return a;
}

void h1_ask_free(struct h1_ask *a)
{
	http_queue_free(&a->head);
	http_queue_free(&a->out);
	free(a->answer);
	free(a);
}
