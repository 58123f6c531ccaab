/* Requests on an HTTP/1.1 server connection, as streams. */
#include <assert.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/net/h1_server_inner.h"
#include "lib/net/http_upgrade.h"

static struct h1_stream *stream_of(struct http_stream *s)
{
	return CONTAINER_OF(s, struct h1_stream, base);
}

static int stream_answer(struct http_stream *base, const struct http_head *head, bool end,
			 struct err *e)
{
	struct h1_stream *s = stream_of(base);
	struct h1_server *h = s->server;
	/*
	 * A body that was never asked for may come or not: the connection cannot be read any
	 * further.
	 */
	bool close = !s->keep || h->draining || (s->expects && !base->peer_ended) || base->raw_status;
	struct h1_answer_form form = { base->request.method, s->is_1_0, end, close,
				       base->request.protocol };

	if (h1_write_answer(&h->out, head, &form, &s->body, e) < 0)
		return -1;
	s->keep = !close && s->body.framing != H1_UNTIL_CLOSE;
	h1_server_schedule(h);
	return 0;
}

static int stream_send(struct http_stream *base, struct span bytes, struct err *e)
{
	struct h1_stream *s = stream_of(base);

	if (h1_write_body(&s->server->out, &s->body, bytes, e) < 0)
		return -1;
	h1_server_schedule(s->server);
	return 0;
}

static int stream_end(struct http_stream *base, const struct http_field *trailers, size_t count,
		      struct err *e)
{
	struct h1_stream *s = stream_of(base);

	if (h1_write_end(&s->server->out, &s->body, trailers, count, e) < 0)
		return -1;
	h1_server_schedule(s->server);
	return 0;
}

static size_t stream_queued(const struct http_stream *base)
{
	return http_queue_len(&CONTAINER_OF(base, const struct h1_stream, base)->server->out);
}

static void stream_consume(struct http_stream *base, size_t len UNUSED)
{
	struct h1_server *h = stream_of(base)->server;

	h1_server_balance(h);
	if (base->raw && http_queue_len(&h->pending))
		h1_server_schedule(h);
}

static void stream_unwant(struct http_stream *base)
{
	h1_server_schedule(stream_of(base)->server);
}

static void stream_reset(struct http_stream *base, enum http_reset reason UNUSED)
{
	h1_server_schedule(stream_of(base)->server); /* settling closes the connection */
}

static const struct http_stream_ops ops = {
	.answer = stream_answer,
	.send = stream_send,
	.end = stream_end,
	.queued = stream_queued,
	.consume = stream_consume,
	.reset = stream_reset,
	.unwant = stream_unwant,
};

void h1_stream_accept(struct h1_server *h)
{
	struct h1_stream *s = mem_new(sizeof(*s) + h1_parser_head_size(&h->parser));
	const struct span *expect;

	http_stream_init(&s->base, &ops, h->conn, true);
	h1_parser_take_head(&h->parser, s->memory, &s->base.request);
	s->server = h;
	s->base.peer_ended = !h->parser.has_body;
	s->is_1_0 = h->parser.is_1_0;
	s->keep = h->parser.keeps_alive && !s->is_1_0;
	if (!h->parser.has_body && !s->is_1_0)
		s->base.request.protocol = http_upgrade_asked(&s->base.request);
	h->stream = s;
	h->read_ms = loop_now_ms(h->loop);
	expect = s->is_1_0 ? NULL : http_field_find(&s->base.request, "expect");
	s->expects = expect && !s->base.peer_ended && span_equal_nocase(*expect, SPAN("100-continue"));
	h->acceptor.on_request(h->acceptor.owner, &s->base);
	assert(s->base.events);
	if (s->expects && !s->base.answered &&
	    http_queue_put(&h->out, SPAN("HTTP/1.1 100 Continue\r\n\r\n")) == 0)
		s->expects = false;
}

void h1_stream_close(struct h1_server *h, enum err_code code, const char *why)
{
	struct h1_stream *s = h->stream;
	struct err e = { .code = ERR_NONE };

	if (!s)
		return;
	if (code != ERR_NONE)
		err_set(&e, code, "%s", why);
	h->stream = NULL;
	h->close_after = h->close_after || !s->keep || (s->expects && !s->base.peer_ended);
	http_stream_emit_close(&s->base, &e);
	free(s);
}
