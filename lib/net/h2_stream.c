/* Streams on HTTP/2, in both roles: their life, and their output. */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/net/h2_inner.h"

enum { NV_USUAL = 64 };

static struct h2_stream *stream_of(struct http_stream *s)
{
	return CONTAINER_OF(s, struct h2_stream, base);
}

/* An array for `count` fields: the caller's own `usual`, or memory for AUTO_FREE. */
static nghttp2_nv *nv_array(size_t count, nghttp2_nv *usual, void **memory)
{
	if (count <= NV_USUAL)
		return usual;
	return *memory = mem_new_array(count, sizeof(nghttp2_nv));
}

/* Wakes the data provider when it waits. */
static void stream_resume(struct h2_stream *s)
{
	if (s->deferred && s->in_frames) {
		s->deferred = false;
		(void)nghttp2_session_resume_data(s->session->session, s->id); /* fails when nothing waits */
	}
	h2_schedule(s->session);
}

static int stream_answer(struct http_stream *base, const struct http_head *head, bool end,
			 struct err *e)
{
	static const nghttp2_data_provider2 provider = { .read_callback = h2_data_read };
	struct h2_stream *s = stream_of(base);
	AUTO_FREE void *memory = NULL;
	nghttp2_nv usual[NV_USUAL];
	nghttp2_nv *nv = nv_array(head->field_count + 1, usual, &memory);
	char status[3];
	bool no_body = http_answer_has_no_body(base->request.method, head->status);

	if (s->why.code)
		return err_set(e, ERR_UNREACHABLE, "the stream has failed");
	if (nghttp2_submit_response2(s->session->session, s->id, nv, h2_answer_nv(head, status, nv),
				     end || no_body ? NULL : &provider) != 0)
		return err_set(e, ERR_NOMEM, "no memory for the answer's head");
	s->no_body = no_body;
	s->write_ms = loop_now_ms(s->session->loop);
	h2_schedule(s->session);
	return 0;
}

static int stream_send(struct http_stream *base, struct span bytes, struct err *e)
{
	struct h2_stream *s = stream_of(base);

	if (s->no_body)
		return 0;
	if (!http_queue_len(&s->out))
		s->write_ms = loop_now_ms(s->session->loop);
	if (http_queue_put(&s->out, bytes) < 0)
		return err_set(e, ERR_NOMEM, "no memory for %zu bytes of body", bytes.len);
	stream_resume(s);
	return 0;
}

static int stream_end(struct http_stream *base, const struct http_field *trailers, size_t count,
		      struct err *e UNUSED)
{
	struct h2_stream *s = stream_of(base);

	if (count && !s->no_body) {
		s->trailers = mem_new(sizeof(*s->trailers));
		http_collect_init(s->trailers, SIZE_MAX / 4, SIZE_MAX / 4);
		for (size_t i = 0; i < count; i++)
			if (!http_field_no_trailer(trailers[i].name))
				http_collect_add(s->trailers, trailers[i].name, trailers[i].value);
	}
	base->ended = true; /* the provider looks at it */
	stream_resume(s);
	return 0;
}

static size_t stream_queued(const struct http_stream *base)
{
	return http_queue_len(&CONTAINER_OF(base, const struct h2_stream, base)->out);
}

static void stream_consume(struct http_stream *base, size_t len)
{
	struct h2_stream *s = stream_of(base);
	nghttp2_session *session = s->session->session;

	if (!s->in_frames || base->peer_ended)
		return;
	s->read_ms = loop_now_ms(s->session->loop);
	(void)nghttp2_session_consume_stream(session, s->id, len); /* without memory: a later one does it */
	if (nghttp2_session_want_write(session))
		h2_schedule(s->session);
}

/* Takes the stream from nghttp2; its RST_STREAM goes before any frame of it that waits. */
static void stream_detach(struct h2_stream *s, uint32_t code)
{
	nghttp2_session *session = s->session->session;

	if (s->in_frames) {
		(void)nghttp2_session_set_stream_user_data(session, s->id, NULL);
		(void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id, code);
	}
	s->in_frames = false;
	h2_stream_due(s);
	h2_schedule(s->session);
}

static void stream_reset(struct http_stream *base, enum http_reset reason)
{
	static const uint32_t codes[] = {
		[HTTP_RESET_CANCEL] = NGHTTP2_CANCEL,
		[HTTP_RESET_REFUSED] = NGHTTP2_REFUSED_STREAM,
		[HTTP_RESET_INTERNAL] = NGHTTP2_INTERNAL_ERROR,
	};

	stream_detach(stream_of(base), codes[reason]);
}

/* Our end may have gone out already; else h2_session.c does the same behind it. */
static void stream_unwant(struct http_stream *base)
{
	struct h2_stream *s = stream_of(base);

	if (s->in_frames && s->end_sent)
		(void)nghttp2_submit_rst_stream(s->session->session, NGHTTP2_FLAG_NONE, s->id,
						NGHTTP2_NO_ERROR);
	h2_schedule(s->session);
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

struct h2_stream *h2_stream_new(struct h2 *h, size_t memory_len)
{
	struct h2_stream *s = mem_new(sizeof(*s) + memory_len);

	http_stream_init(&s->base, &ops, h->conn, h->is_server);
	s->session = h;
	loop_link_init(&s->all);
	loop_link_init(&s->due);
	http_queue_init(&s->out, HTTP_STREAM_QUEUE_MAX);
	s->read_ms = s->write_ms = loop_now_ms(h->loop);
	return s;
}

void h2_stream_add(struct h2_stream *s)
{
	loop_link_append(&s->session->streams, &s->all);
	s->session->count++;
}

void h2_stream_due(struct h2_stream *s)
{
	if (loop_link_is_alone(&s->due))
		loop_link_append(&s->session->due, &s->due);
}

void h2_stream_fail(struct h2_stream *s, uint32_t rst_code, enum err_code code, const char *why)
{
	if (s->why.code)
		return;
	err_set(&s->why, code, "%s", why);
	stream_detach(s, rst_code);
}

void h2_stream_close(struct h2_stream *s, const struct err *why)
{
	struct h2 *h = s->session;

	loop_link_remove(&s->all);
	loop_link_remove(&s->due);
	if (--h->count == 0)
		h->idle_ms = loop_now_ms(h->loop);
	if (s->in_frames)
		(void)nghttp2_session_set_stream_user_data(h->session, s->id, NULL); /* gone, when it closes now */
	s->in_frames = false;
	http_stream_emit_close(&s->base, why);
	http_queue_free(&s->out);
	if (s->trailers)
		http_collect_free(s->trailers);
	free(s->trailers);
	free(s->answer);
	free(s);
}

void h2_streams_tell(struct h2 *h)
{
	while (!loop_link_is_alone(&h->due)) {
		struct h2_stream *s = CONTAINER_OF(h->due.next, struct h2_stream, due);

		loop_link_remove(&s->due);
		if (s->base.is_reset || s->why.code)
			h2_stream_close(s, &s->why);
		else
			http_stream_emit_drain(&s->base);
	}
}

struct http_stream *h2_request(struct h2 *h, const struct http_head *head, bool end,
			       const struct http_events *events, void *owner)
{
	static const nghttp2_data_provider2 provider = { .read_callback = h2_data_read };
	struct h2_stream *s = h2_stream_new(h, 0);
	AUTO_FREE void *memory = NULL;
	nghttp2_nv usual[NV_USUAL];
	nghttp2_nv *nv = nv_array(head->field_count + 5, usual, &memory);

	http_stream_attach(&s->base, events, owner);
	h2_stream_add(s);
	end = end && !head->protocol.len;
	s->base.ended = end;
	s->is_connect = head->protocol.len > 0;
	if (h->closing || h->failed || h->draining || h->peer_goaway)
		err_set(&s->why, ERR_UNREACHABLE, "the connection to %s takes no more requests",
			conn_peer(h->conn));
	else if (s->is_connect && !h2_may_upgrade(h))
		err_set(&s->why, ERR_PROTOCOL, "the peer %s takes no upgrades", conn_peer(h->conn));
	else if (h2_request_check(head, &s->why) == 0) {
		s->id = nghttp2_submit_request2(h->session, NULL, nv, h2_request_nv(head, nv),
						end ? NULL : &provider, s);
		s->in_frames = s->id > 0;
		if (!s->in_frames)
			err_set(&s->why, ERR_BUSY, "the connection to %s has no stream left",
				conn_peer(h->conn));
	}
	if (s->why.code)
		h2_stream_due(s);
	h2_schedule(h);
	return &s->base;
}
