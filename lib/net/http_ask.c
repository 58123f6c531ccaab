/* One small question on the loop: a request whose whole answer is collected. */
#include "lib/net/http_ask.h"

#include "lib/base/buf.h"
#include "lib/base/mem.h"

struct http_ask {
	http_ask_fn *done;
	void *owner;
	struct http_stream *stream;
	struct loop_timer *deadline;
	uint64_t timeout_ms;
	int status;
	bool whole;
	struct buf body;
	struct err why;
};

static void ask_timeout(void *owner)
{
	struct http_ask *a = owner;

	err_set(&a->why, ERR_TIMEOUT, "no answer within %llu ms", (unsigned long long)a->timeout_ms);
	http_stream_reset(a->stream, HTTP_RESET_CANCEL);
}

struct http_ask *http_ask_new(struct loop *l, uint64_t timeout_ms, size_t answer_max,
			      http_ask_fn *done, void *owner)
{
	struct http_ask *a = mem_new(sizeof(*a));

	a->done = done;
	a->owner = owner;
	a->timeout_ms = timeout_ms;
	buf_init(&a->body, answer_max);
	a->deadline = loop_timer_new(l, ask_timeout, a);
	loop_timer_start(a->deadline, timeout_ms, 0);
	return a;
}

void http_ask_send(struct http_ask *a, struct http_stream *s, struct span body)
{
	struct err e = { 0 };

	a->stream = s;
	if (!body.len)
		return;
	if (http_stream_send(s, body, &e) < 0 || http_stream_end(s, NULL, 0, &e) < 0) {
		a->why = e;
		http_stream_reset(s, HTTP_RESET_CANCEL);
	}
}

static void ask_head(void *owner, struct http_stream *s UNUSED, const struct http_head *head)
{
	struct http_ask *a = owner;

	a->status = head->status;
}

static void ask_body(void *owner, struct http_stream *s, struct span bytes)
{
	struct http_ask *a = owner;

	http_stream_consume(s, bytes.len);
	if (buf_put_span(&a->body, bytes) < 0 && a->why.code == ERR_NONE) {
		err_set(&a->why, ERR_LIMIT, "the answer is larger than %zu bytes", a->body.max);
		http_stream_reset(s, HTTP_RESET_CANCEL);
	}
}

static void ask_end(void *owner, struct http_stream *s UNUSED,
		    const struct http_field *trailers UNUSED, size_t count UNUSED)
{
	struct http_ask *a = owner;

	a->whole = true;
}

static void ask_close(void *owner, struct http_stream *s UNUSED, const struct err *why)
{
	struct http_ask *a = owner;

	if (a->why.code == ERR_NONE && !a->whole) {
		a->why = *why;
		if (why->code == ERR_NONE)
			err_set(&a->why, ERR_PROTOCOL, "the answer was cut");
	}
	a->done(a->owner, &a->why, a->status, buf_span(&a->body));
	loop_timer_free(a->deadline);
	buf_free(&a->body);
	free(a);
}

const struct http_events http_ask_events = {
	.on_head = ask_head,
	.on_body = ask_body,
	.on_end = ask_end,
	.on_close = ask_close,
};
