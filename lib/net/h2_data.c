/* DATA frames out of streams, and how streams end. */
#include "lib/base/mem.h"
#include "lib/net/h2_inner.h"

/* The fields are ours and few; they go behind the DATA frame that is being made. */
static int submit_trailers(struct h2_stream *s)
{
	struct http_collect *trailers = s->trailers;
	AUTO_FREE nghttp2_nv *nv = mem_new_array(trailers->count + 1, sizeof(*nv));

	for (size_t i = 0; i < trailers->count; i++) {
		const struct http_part *p = &trailers->parts[i];
		char *at = trailers->bytes.at;

		nv[i] = (nghttp2_nv){
			.name = (uint8_t *)at + p->name_at,
			.value = (uint8_t *)at + p->value_at,
			.namelen = p->name_len,
			.valuelen = p->value_len,
		};
	}
	return nghttp2_submit_trailer(s->session->session, s->id, nv, trailers->count);
}

nghttp2_ssize h2_data_read(nghttp2_session *session, int32_t id, uint8_t *at UNUSED, size_t len,
			   uint32_t *flags, nghttp2_data_source *source UNUSED, void *owner UNUSED)
{
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);
	size_t queued = s ? http_queue_len(&s->out) : 0;

	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (!queued && !s->base.ended) {
		s->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (queued > len)
		return (nghttp2_ssize)len;
	if (s->base.ended)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (s->base.ended && s->trailers && s->trailers->count) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		if (submit_trailers(s) != 0)
			return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	return (nghttp2_ssize)queued;
}

int h2_data_send(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
		 nghttp2_data_source *source UNUSED, void *owner)
{
	struct h2 *h = owner;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	if (!s || len > http_queue_len(&s->out))
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	buf_put(&h->out, head, 9);
	if (buf_put(&h->out, http_queue_span(&s->out).at, len) < 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	http_queue_drop(&s->out, len);
	s->write_ms = loop_now_ms(h->loop);
	h2_limits_useful(h); /* the peer's WINDOW_UPDATE for it is no waste */
	if (s->base.was_high && http_queue_len(&s->out) < HTTP_STREAM_LOW_WATER)
		h2_stream_due(s);
	/* nghttp2 would go on with all DATA that there is, before it returns. */
	return h2_out_is_full(h) ? NGHTTP2_ERR_PAUSE : 0;
}

/* What RST_STREAM codes mean to the owner of a request. */
static const struct {
	uint32_t code;
	enum err_code means;
	const char *why;
} resets[] = {
	{ NGHTTP2_NO_ERROR, ERR_UNREACHABLE, "the peer ended the stream before it was whole" },
	{ NGHTTP2_CANCEL, ERR_UNREACHABLE, "the peer cancelled the stream" },
	{ NGHTTP2_REFUSED_STREAM, ERR_BUSY, "the peer refused the stream before doing anything" },
	{ NGHTTP2_ENHANCE_YOUR_CALM, ERR_BUSY, "the peer asks to calm down" },
	{ NGHTTP2_INTERNAL_ERROR, ERR_UNREACHABLE, "the peer had an internal error" },
};

static void reset_err(uint32_t code, struct err *ret_why)
{
	for (size_t i = 0; i < COUNT_OF(resets); i++)
		if (resets[i].code == code) {
			err_set(ret_why, resets[i].means, "%s", resets[i].why);
			return;
		}
	err_set(ret_why, ERR_PROTOCOL, "the stream was reset: %s", nghttp2_http2_strerror(code));
}

int h2_on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *owner UNUSED)
{
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);
	struct err why = { .code = ERR_NONE };
	bool in_order;

	if (!s)
		return 0;
	/* A server that has answered may stop the rest of the request; a client has what it wanted. */
	in_order = code == NGHTTP2_NO_ERROR && (s->base.is_server ? s->end_sent : s->base.peer_ended);
	if (s->why.code)
		why = s->why;
	else if (!in_order)
		reset_err(code, &why);
	h2_stream_close(s, &why);
	return 0;
}
