/* A gRPC call with many messages both ways. */
#include "lib/net/grpc_stream.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/net/conn.h"
#include "lib/net/grpc_reader.h"
#include "lib/net/grpc_wire.h"
#include "lib/net/h2.h"

#define STREAM_PIECE_LEN (64 * 1024)
#define STREAM_QUEUE_LEN (256 * 1024) /* in the HTTP stream; the rest waits here */
#define STREAM_SENTENCE_MAX 1300      /* a sentence of struct err, every byte as %XX */

struct grpc_stream {
	struct grpc_stream_options o;
	struct http_stream *stream;
	bool is_server;
	struct grpc_reader reader;
	struct buf out; /* from out_sent on it waits */
	size_t out_sent;
	bool was_high;
	bool hold;
	size_t owed;	  /* bytes of the peer's window that are held back */
	bool finishing;	  /* the server ends behind what waits */
	bool finished;	  /* the server has ended */
	bool cancelled;	  /* by us: no message is given out any more */
	struct grpc_outcome outcome; /* the client's: of head and trailers; the server's: to send */
	bool peer_ended;
	struct err why; /* what we found wrong ourselves */
};

static void send_status(struct grpc_stream *g)
{
	AUTO_BUF struct buf sentence;
	char number[8];
	struct http_field trailers[] = { { SPAN("grpc-status"), SPAN_NONE },
					 { SPAN("grpc-message"), SPAN_NONE } };
	struct err e;

	buf_init(&sentence, STREAM_SENTENCE_MAX);
	g->finished = true;
	(void)snprintf(number, sizeof(number), "%d", (int)g->outcome.status);
	grpc_message_encode(g->outcome.sentence, &sentence);
	trailers[0].value = span_of(number);
	trailers[1].value = buf_span(&sentence);
	/* fails only when it is closing */
	(void)http_stream_end(g->stream, trailers, sentence.len ? 2 : 1, &e);
}

static void stream_pump(struct grpc_stream *g)
{
	struct err e;

	while (!g->finished && g->out_sent < g->out.len &&
	       http_stream_queued(g->stream) < STREAM_QUEUE_LEN) {
		size_t len = g->out.len - g->out_sent;

		if (len > STREAM_PIECE_LEN)
			len = STREAM_PIECE_LEN;
		if (http_stream_send(g->stream, span_from(g->out.at + g->out_sent, len), &e) < 0)
			return; /* the stream is closing; on_close says why */
		g->out_sent += len;
	}
	if (g->out_sent < g->out.len)
		return;
	buf_free(&g->out);
	g->out_sent = 0;
	if (g->finishing && !g->finished)
		send_status(g);
}

static void on_head(void *owner, struct http_stream *s UNUSED, const struct http_head *head)
{
	struct grpc_stream *g = owner;

	grpc_outcome_take_head(&g->outcome, head);
}

static void stream_break(struct grpc_stream *g, const struct err *why)
{
	g->why = *why;
	grpc_stream_cancel(g);
}

static void on_body(void *owner, struct http_stream *s, struct span bytes)
{
	struct grpc_stream *g = owner;
	struct span message;
	struct err e = { 0 };
	int got;

	if (g->hold)
		g->owed += bytes.len;
	else
		http_stream_consume(s, bytes.len);
	if (!g->is_server && !g->outcome.is_grpc)
		return;
	if (grpc_reader_put(&g->reader, bytes, &e) < 0) {
		stream_break(g, &e);
		return;
	}
	while (!g->cancelled && (got = grpc_reader_next(&g->reader, &message, &e)) != 0) {
		if (got < 0)
			stream_break(g, &e);
		else
			g->o.events->on_message(g->o.owner, g, message);
	}
}

static void on_end(void *owner, struct http_stream *s, const struct http_field *trailers,
		   size_t count)
{
	struct grpc_stream *g = owner;
	struct err e;

	g->peer_ended = true;
	if (!grpc_reader_is_empty(&g->reader)) {
		(void)err_set(&e, ERR_PROTOCOL, "the last message was cut short");
		stream_break(g, &e);
		return;
	}
	if (g->is_server) {
		if (g->o.events->on_end)
			g->o.events->on_end(g->o.owner, g);
		return;
	}
	grpc_outcome_take(&g->outcome, trailers, count);
	http_stream_reset(s, HTTP_RESET_CANCEL); /* our side is still open, for no use */
}

static void on_drain(void *owner, struct http_stream *s UNUSED)
{
	struct grpc_stream *g = owner;

	stream_pump(g);
	if (!g->was_high || g->finishing || grpc_stream_queued(g) >= GRPC_STREAM_LOW_WATER)
		return;
	g->was_high = false;
	if (g->o.events->on_drain)
		g->o.events->on_drain(g->o.owner, g);
}

/* How the call ended: what we found wrong, what the server said, or what became of the stream. */
static enum grpc_status close_status(struct grpc_stream *g, const struct err *why, struct err *e)
{
	if (g->why.code != ERR_NONE) {
		*e = g->why;
	} else if (g->cancelled) {
		(void)err_set(e, ERR_UNREACHABLE, "the call was cancelled");
		return GRPC_CANCELLED;
	} else if (g->is_server ? g->finished : g->peer_ended) {
		return g->is_server ? GRPC_OK : grpc_outcome_judge(&g->outcome, e);
	} else if (why->code != ERR_NONE) {
		*e = *why;
	} else {
		(void)err_set(e, ERR_UNREACHABLE, "the call was ended before its answer");
		return GRPC_CANCELLED;
	}
	return grpc_status_of(e->code);
}

static void on_close(void *owner, struct http_stream *s UNUSED, const struct err *why)
{
	struct grpc_stream *g = owner;
	struct err e = { 0 };
	enum grpc_status status = close_status(g, why, &e);

	g->o.events->on_close(g->o.owner, g, &e, status);
	grpc_reader_free(&g->reader);
	buf_free(&g->out);
	free(g);
}

static const struct http_events stream_events = { .on_head = on_head,
						  .on_body = on_body,
						  .on_end = on_end,
						  .on_drain = on_drain,
						  .on_close = on_close };

static struct grpc_stream *stream_new(const struct grpc_stream_options *o, bool is_server)
{
	struct grpc_stream *g = mem_new(sizeof(*g));

	g->o = *o;
	g->is_server = is_server;
	grpc_reader_init(&g->reader, o->message_max);
	buf_init(&g->out, GRPC_STREAM_QUEUE_MAX);
	return g;
}

struct grpc_stream *grpc_stream_call(struct h2 *h, const char *path,
				     const struct grpc_stream_options *o)
{
	struct grpc_stream *g = stream_new(o, false);
	struct http_field fields[] = { { SPAN("content-type"), SPAN("application/grpc") },
				       { SPAN("te"), SPAN("trailers") },
				       { SPAN("user-agent"), SPAN("grpc-c-mk8s/" MK8S_VERSION) } };
	struct http_head head = { .method = SPAN("POST"),
				  .scheme = SPAN("https"),
				  .authority = span_of(conn_peer(h2_conn(h))),
				  .target = span_of(path),
				  .fields = fields,
				  .field_count = COUNT_OF(fields) };

	g->stream = h2_request(h, &head, false, &stream_events, g);
	return g;
}

struct grpc_stream *grpc_stream_serve(struct http_stream *s, const struct grpc_stream_options *o)
{
	const struct http_head *request = http_stream_request(s);
	const struct span *type = http_field_find(request, "content-type");
	const struct span *encoding = http_field_find(request, "grpc-encoding");
	struct http_field fields[] = { { SPAN("content-type"), SPAN("application/grpc") } };
	struct http_head head = { .status = 200, .fields = fields, .field_count = COUNT_OF(fields) };
	struct grpc_stream *g;
	struct err e;

	if (!span_equal_str(request->method, "POST") || !type || !grpc_is_content_type(*type)) {
		grpc_refuse(s, GRPC_INTERNAL, "this is a gRPC method: POST application/grpc");
		return NULL;
	}
	if (encoding && !span_equal_str(*encoding, "identity")) {
		grpc_refuse(s, GRPC_UNIMPLEMENTED, "messages may not be compressed");
		return NULL;
	}
	g = stream_new(o, true);
	g->stream = s;
	http_stream_attach(s, &stream_events, g);
	if (http_stream_answer(s, &head, false, &e) < 0)
		stream_break(g, &e);
	return g;
}

int grpc_stream_send(struct grpc_stream *g, struct span message, struct err *e)
{
	if (g->finishing || g->cancelled)
		return err_set(e, ERR_UNREACHABLE, "the call has ended");
	if (g->out.len + GRPC_FRAME_HEAD + message.len > GRPC_STREAM_QUEUE_MAX)
		return err_set(e, ERR_LIMIT, "more than %d bytes wait on a call",
			       GRPC_STREAM_QUEUE_MAX);
	grpc_frame_put(&g->out, message);
	if (buf_ok(&g->out, "what waits on a call", e) < 0)
		return -1;
	stream_pump(g);
	g->was_high = g->was_high || grpc_stream_queued(g) >= GRPC_STREAM_LOW_WATER;
	return 0;
}

size_t grpc_stream_queued(const struct grpc_stream *g)
{
	return g->out.len - g->out_sent + http_stream_queued(g->stream);
}

void grpc_stream_hold(struct grpc_stream *g, bool hold)
{
	size_t owed = g->owed;

	g->hold = hold;
	if (hold || !owed)
		return;
	g->owed = 0;
	http_stream_consume(g->stream, owed);
}

void grpc_stream_finish(struct grpc_stream *g, enum grpc_status status, const char *sentence)
{
	if (g->finishing)
		return;
	g->outcome.status = status;
	(void)snprintf(g->outcome.sentence, sizeof(g->outcome.sentence), "%s", sentence);
	g->finishing = true;
	stream_pump(g);
}

void grpc_stream_cancel(struct grpc_stream *g)
{
	if (g->cancelled)
		return;
	g->cancelled = true;
	http_stream_reset(g->stream, HTTP_RESET_CANCEL);
}
