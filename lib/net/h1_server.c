/* HTTP/1.1 on a connection, the server side: reading, writing and the connection's life. */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/net/h1_server_inner.h"

static void on_task(struct loop_task *t)
{
	h1_server_settle(CONTAINER_OF(t, struct h1_server, task));
}

void h1_server_schedule(struct h1_server *h)
{
	if (!h->busy)
		loop_task_queue(h->loop, &h->task);
}

void h1_server_close(struct h1_server *h)
{
	if (h->closing)
		return;
	h->closing = true;
	conn_close(h->conn);
}

/* Passes output to the connection as far as it takes it. */
static void flush(struct h1_server *h)
{
	while (http_queue_len(&h->out) && !h->closing) {
		size_t queued = conn_queued(h->conn);
		struct span piece = http_queue_span(&h->out);

		if (queued >= H1_OUT_MAX)
			return;
		if (!queued)
			h->write_ms = loop_now_ms(h->loop);
		if (piece.len > H1_OUT_MAX - queued)
			piece.len = H1_OUT_MAX - queued;
		conn_write(h->conn, piece);
		h->handed += piece.len;
		http_queue_drop(&h->out, piece.len);
	}
}

void h1_server_balance(struct h1_server *h)
{
	bool want = http_queue_len(&h->pending) > H1_PENDING_MAX ||
		    (h->stream && h->stream->base.unconsumed > H1_IN_MAX);

	if (want == h->paused || h->closing)
		return;
	h->paused = want;
	if (want) {
		conn_pause(h->conn);
		return;
	}
	h->read_ms = loop_now_ms(h->loop);
	conn_resume(h->conn);
	h1_server_rearm(h);
}

/* No request follows: close when the peer has our last byte. */
static void server_finish(struct h1_server *h)
{
	if (h->closing)
		return;
	h->closing = true;
	conn_close_after_flush(h->conn, h->limits.write_timeout_ms ? h->limits.write_timeout_ms :
								     H1_FLUSH_MS);
}

void h1_server_reject(struct h1_server *h, int status, enum err_code code, const char *why)
{
	bool began = h->stream && h->stream->base.answered;
	struct buf b AUTO_BUF;

	buf_init(&b, 1024);
	h1_stream_close(h, code, why);
	if (h->closing)
		return;
	if (began) {
		h1_server_close(h);
		return;
	}
	buf_printf(&b,
		   "HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\nx-content-type-options: nosniff\r\n"
		   "content-length: %zu\r\nconnection: close\r\n\r\n%s\n",
		   status, http_reason(status), span_of(why).len + 1, why);
	(void)http_queue_put(&h->out, buf_span(&b)); /* without memory the peer just sees the end */
	flush(h);
	server_finish(h);
}

static void server_feed(struct h1_server *h, struct span bytes)
{
	size_t taken;

	if (h->parser.state == H1_PARSE_IDLE)
		h->since_ms = loop_now_ms(h->loop);
	taken = h1_parser_feed(&h->parser, bytes);
	if (h->parser.state == H1_PARSE_BAD) {
		h1_server_reject(h, h->parser.bad_status, ERR_PROTOCOL, h->parser.why);
		return;
	}
	if (http_queue_put(&h->pending, span_from(bytes.at + taken, bytes.len - taken)) < 0)
		h1_server_close(h);
}

static void server_feed_pending(struct h1_server *h)
{
	struct http_queue now = h->pending;

	/* What is left goes behind again: the parser borrows the bytes meanwhile. */
	http_queue_init(&h->pending, now.max);
	server_feed(h, http_queue_span(&now));
	http_queue_free(&now);
	if (h->peer_ended && !h->closing && h->parser.state != H1_PARSE_WHOLE) {
		h1_stream_close(h, ERR_UNREACHABLE,
				"the client ended the connection in the middle of its request");
		h1_server_close(h);
	}
}

/* After the stream: the next request, the rest of a body that nobody wants, or the end. */
static bool server_next(struct h1_server *h)
{
	if (h->stream || h->closing)
		return false;
	if (h->close_after || (h->draining && (h->parser.state == H1_PARSE_IDLE ||
					       h->parser.state == H1_PARSE_WHOLE))) {
		server_finish(h);
		return false;
	}
	if (h->parser.state != H1_PARSE_WHOLE)
		return false;
	h1_parser_next(&h->parser);
	h->discarded = 0;
	h->since_ms = loop_now_ms(h->loop);
	if (h->peer_ended && !http_queue_len(&h->pending)) {
		server_finish(h);
		return false;
	}
	if (!http_queue_len(&h->pending)) {
		h1_parser_trim(&h->parser);
		return false;
	}
	server_feed_pending(h);
	return true;
}

void h1_server_settle(struct h1_server *h)
{
	bool outer = !h->busy;
	bool again = true;

	h->busy = true;
	for (int pass = 0; again && pass < H1_PASSES; pass++) {
		if (h->stream && h->stream->base.is_reset) {
			h1_stream_close(h, ERR_NONE, "");
			h1_server_close(h);
		}
		flush(h);
		if (h->stream)
			http_stream_emit_drain(&h->stream->base);
		h1_raw_settle(h);
		if (h->stream && h1_stream_is_over(h))
			h1_stream_close(h, ERR_NONE, "");
		/* Callbacks above may have queued more, or reset. */
		again = server_next(h) || (http_queue_len(&h->out) && conn_queued(h->conn) < H1_OUT_MAX) ||
			(h->stream && (h->stream->base.is_reset || h1_stream_is_over(h)));
		again = again && !h->closing;
	}
	if (again) /* a peer that reads as fast as we write must not keep the loop from the others */
		loop_task_queue(h->loop, &h->task);
	h1_server_balance(h);
	h1_server_rearm(h);
	if (outer)
		h->busy = false;
}

static bool on_head(void *owner, struct h1_parser *p UNUSED)
{
	h1_stream_accept(owner);
	return true;
}

static void on_body(void *owner, struct span bytes)
{
	struct h1_server *h = owner;

	h->read_ms = loop_now_ms(h->loop);
	if (h->stream) {
		h->stream->expects = false; /* it came without being asked for */
		http_stream_emit_body(&h->stream->base, bytes);
		return;
	}
	h->discarded += bytes.len;
	if (h->discarded > H1_DISCARD_MAX)
		h->close_after = true;
}

static void on_end(void *owner, const struct http_field *trailers, size_t count)
{
	struct h1_server *h = owner;

	if (h->stream && !h->stream->base.raw_status) /* raw: the end is still to come */
		http_stream_emit_end(&h->stream->base, trailers, count);
}

static const struct h1_parse_events parse_events = { .on_head = on_head,
						     .on_body = on_body,
						     .on_end = on_end };

static void on_read(void *owner, struct span bytes)
{
	struct h1_server *h = owner;

	if (h->closing)
		return;
	h->busy = true;
	if (h->stream && h->stream->base.raw) {
		h1_raw_read(h, bytes);
	} else if (h->parser.state == H1_PARSE_WHOLE || http_queue_len(&h->pending)) {
		if (http_queue_put(&h->pending, bytes) < 0)
			h1_server_close(h);
	} else {
		server_feed(h, bytes);
	}
	h1_server_settle(h);
	h->busy = false;
}

static void on_drain(void *owner)
{
	h1_server_settle(owner);
}

static void on_peer_end(void *owner)
{
	struct h1_server *h = owner;

	h->peer_ended = true;
	if (h->closing)
		return;
	h->busy = true;
	if (h->stream && h->stream->base.raw) {
		h1_server_settle(h);
	} else if (!h->stream && !http_queue_len(&h->pending)) {
		h1_server_close(h);
	} else if (h->parser.state != H1_PARSE_WHOLE) {
		h1_stream_close(h, ERR_UNREACHABLE,
				"the client ended the connection in the middle of its request");
		h1_server_close(h);
	}
	h->busy = false;
}

static void on_close(void *owner, const struct err *why)
{
	struct h1_server *h = owner;

	h->closing = true;
	h->busy = true;
	if (why->code != ERR_NONE)
		h1_stream_close(h, why->code, why->text);
	else
		h1_stream_close(h, ERR_UNREACHABLE, "the connection ended before the answer was whole");
	if (h->on_closed)
		h->on_closed(h->closed_arg);
	loop_timer_free(h->timer);
	h1_parser_free(&h->parser);
	http_queue_free(&h->pending);
	http_queue_free(&h->out);
	loop_task_cancel(&h->task);
	free(h);
}

static const struct conn_events conn_events = {
	.on_read = on_read,
	.on_drain = on_drain,
	.on_end = on_peer_end,
	.on_close = on_close,
};

struct h1_server *h1_server_new(struct loop *l, struct conn *c, const struct h1_limits *limits,
				const struct http_acceptor *acceptor, void (*on_closed)(void *arg),
				void *closed_arg)
{
	struct h1_server *h = mem_new(sizeof(*h));

	h->loop = l;
	h->conn = c;
	h->limits = *limits;
	h->acceptor = *acceptor;
	h->on_closed = on_closed;
	h->closed_arg = closed_arg;
	h1_parser_init(&h->parser, H1_REQUESTS, limits, &parse_events, h);
	http_queue_init(&h->pending, 4 * H1_PENDING_MAX);
	http_queue_init(&h->out, HTTP_STREAM_QUEUE_MAX + 2 * limits->head_max + 64 * 1024);
	loop_task_init(&h->task, on_task);
	h->timer = loop_timer_new(l, h1_server_on_timer, h);
	h->since_ms = loop_now_ms(l);
	conn_attach(c, &conn_events, h);
	h1_server_rearm(h);
	return h;
}

void h1_server_drain(struct h1_server *h)
{
	h->draining = true;
	h1_server_schedule(h);
}
