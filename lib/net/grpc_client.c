/* Unary gRPC, the client's side: one call on an HTTP/2 connection. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/net/conn.h"
#include "lib/net/grpc_wire.h"
#include "lib/net/h2.h"
#include "lib/net/loop.h"

#define CALL_PIECE_LEN (64 * 1024)
#define CALL_QUEUE_LEN (256 * 1024)

/* Freed by on_close; `done` comes before or there. */
struct grpc_out {
	struct loop_timer *timer;
	struct http_stream *stream;
	struct buf request; /* what is still to be sent begins at `sent` */
	size_t sent;
	bool request_ended;
	struct buf answer; /* frame head and message */
	struct grpc_outcome outcome;
	uint64_t timeout_ms;
	grpc_done_fn *done; /* NULL once called */
	void *owner;
};

static void call_done(struct grpc_out *c, const struct err *why, enum grpc_status status,
		      struct span message)
{
	grpc_done_fn *done = c->done;

	if (!done)
		return;
	c->done = NULL;
	loop_timer_stop(c->timer);
	done(c->owner, why, status, message);
}

static void call_fail(struct grpc_out *c, enum grpc_status status, enum err_code code,
		      const char *sentence)
{
	struct err e;

	(void)err_set(&e, code, "%s", sentence);
	call_done(c, &e, status, SPAN_NONE);
}

static void call_abort(struct grpc_out *c, enum grpc_status status, enum err_code code,
		       const char *sentence)
{
	http_stream_reset(c->stream, HTTP_RESET_CANCEL);
	call_fail(c, status, code, sentence);
}

static void call_pump(struct grpc_out *c, struct http_stream *s)
{
	struct err e;

	while (!c->request_ended && c->sent < c->request.len &&
	       http_stream_queued(s) < CALL_QUEUE_LEN) {
		size_t len = c->request.len - c->sent;

		if (len > CALL_PIECE_LEN)
			len = CALL_PIECE_LEN;
		if (http_stream_send(s, span_from(c->request.at + c->sent, len), &e) < 0)
			return; /* the stream is closing; on_close says why */
		c->sent += len;
	}
	if (c->request_ended || c->sent < c->request.len)
		return;
	c->request_ended = true;
	(void)http_stream_end(s, NULL, 0, &e); /* fails only when the stream is closing */
}

static void on_head(void *owner, struct http_stream *s, const struct http_head *head)
{
	struct grpc_out *c = owner;

	(void)s;
	grpc_outcome_take_head(&c->outcome, head);
}

static void on_body(void *owner, struct http_stream *s, struct span bytes)
{
	struct grpc_out *c = owner;

	http_stream_consume(s, bytes.len);
	if (c->outcome.is_grpc && buf_put_span(&c->answer, bytes) < 0)
		call_abort(c, GRPC_RESOURCE_EXHAUSTED, ERR_LIMIT,
			   "the answer is larger than 4 MiB");
}

static void call_finish(struct grpc_out *c)
{
	struct span message = SPAN_NONE;
	struct err e = { 0 };
	enum grpc_status status = grpc_outcome_judge(&c->outcome, &e);

	if (status == GRPC_OK)
		status = grpc_frame_read(buf_span(&c->answer), true, &message, &e);
	call_done(c, &e, status, message);
}

static void on_end(void *owner, struct http_stream *s, const struct http_field *trailers,
		   size_t count)
{
	struct grpc_out *c = owner;

	grpc_outcome_take(&c->outcome, trailers, count);
	if (!c->request_ended) /* answered without reading the message */
		http_stream_reset(s, HTTP_RESET_CANCEL);
	call_finish(c);
}

static void on_drain(void *owner, struct http_stream *s)
{
	call_pump(owner, s);
}

static void on_close(void *owner, struct http_stream *s, const struct err *why)
{
	struct grpc_out *c = owner;

	(void)s;
	if (why->code)
		call_done(c, why, grpc_status_of(why->code), SPAN_NONE);
	else
		call_fail(c, GRPC_CANCELLED, ERR_UNREACHABLE,
			  "the call was ended before its answer");
	loop_timer_free(c->timer);
	buf_free(&c->request);
	buf_free(&c->answer);
	free(c);
}

static void on_timeout(void *owner)
{
	struct grpc_out *c = owner;
	char sentence[80];

	(void)snprintf(sentence, sizeof(sentence), "no answer within %llu ms",
		       (unsigned long long)c->timeout_ms);
	call_abort(c, GRPC_DEADLINE_EXCEEDED, ERR_TIMEOUT, sentence);
}

static const struct http_events call_events = { .on_head = on_head,
						.on_body = on_body,
						.on_end = on_end,
						.on_drain = on_drain,
						.on_close = on_close };

/* In the finest unit whose number has at most eight digits. */
static void put_timeout(uint64_t timeout_ms, char *into, size_t into_size)
{
	if (timeout_ms <= 99999999)
		(void)snprintf(into, into_size, "%llum", (unsigned long long)timeout_ms);
	else
		(void)snprintf(into, into_size, "99999999m");
}

void grpc_call_unary(struct loop *l, struct h2 *h, const char *path, struct span message,
		     uint64_t timeout_ms, grpc_done_fn *done, void *owner)
{
	struct grpc_out *c = mem_new(sizeof(*c));
	char timeout[16];
	struct http_field fields[] = { { SPAN("content-type"), SPAN("application/grpc") },
				       { SPAN("te"), SPAN("trailers") },
				       { SPAN("grpc-timeout"), SPAN_NONE },
				       { SPAN("user-agent"), SPAN("grpc-c-mk8s/" MK8S_VERSION) } };
	struct http_head head = { .method = SPAN("POST"),
				  .scheme = SPAN("https"),
				  .authority = span_of(conn_peer(h2_conn(h))),
				  .target = span_of(path),
				  .fields = fields,
				  .field_count = COUNT_OF(fields) };

	*c = (struct grpc_out){ .done = done, .owner = owner, .timeout_ms = timeout_ms };
	put_timeout(timeout_ms, timeout, sizeof(timeout));
	fields[2].value = span_of(timeout);
	buf_init(&c->request, GRPC_FRAME_HEAD + GRPC_MESSAGE_MAX);
	buf_init(&c->answer, GRPC_FRAME_HEAD + GRPC_MESSAGE_MAX);
	grpc_frame_put(&c->request, message);
	c->timer = loop_timer_new(l, on_timeout, c);
	loop_timer_start(c->timer, timeout_ms, 0);
	c->stream = h2_request(h, &head, false, &call_events, c);
	call_pump(c, c->stream);
}
