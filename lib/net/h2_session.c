/* HTTP/2 on a connection: frames in, frames out, and the connection's life. */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/net/h2_inner.h"

static void on_task(struct loop_task *t)
{
	h2_settle(CONTAINER_OF(t, struct h2, task));
}

void h2_schedule(struct h2 *h)
{
	if (!h->busy)
		loop_task_queue(h->loop, &h->task);
}

static void session_close(struct h2 *h)
{
	if (h->closing)
		return;
	h->closing = true;
	conn_close(h->conn);
}

void h2_fail(struct h2 *h, uint32_t goaway_code, enum err_code code, const char *why)
{
	if (h->failed || h->closing)
		return;
	h->failed = true;
	err_set(&h->why, code, "HTTP/2 with %s: %s", conn_peer(h->conn), why);
	(void)nghttp2_session_terminate_session(h->session, goaway_code); /* the connection ends in any case */
}

bool h2_out_is_full(const struct h2 *h)
{
	size_t queued = conn_queued(h->conn);

	return queued >= H2_OUT_MAX || h->out.len >= H2_OUT_MAX - queued;
}

/* Collects frames until there are none or enough. */
static void session_collect(struct h2 *h)
{
	const uint8_t *at;
	nghttp2_ssize len = 1;

	if (!h->out.at)
		(void)buf_reserve(&h->out, 2048);
	while (len > 0 && !h2_out_is_full(h)) {
		len = nghttp2_session_mem_send2(h->session, &at);
		if (len > 0 && buf_put(&h->out, at, (size_t)len) < 0)
			len = NGHTTP2_ERR_NOMEM;
	}
	if (len < 0) {
		err_set(&h->why, ERR_NOMEM, "HTTP/2 with %s: %s", conn_peer(h->conn),
			nghttp2_strerror((int)len));
		session_close(h);
	}
}

/* The frames that are ready, in one write of at most H2_OUT_MAX bytes; whether there were any. */
static bool session_flush(struct h2 *h)
{
	bool any;

	if (h->closing || h2_out_is_full(h) || !nghttp2_session_want_write(h->session))
		return false;
	session_collect(h);
	if (h->closing)
		return false;
	any = h->out.len > 0;
	if (any && !conn_queued(h->conn))
		h->write_ms = loop_now_ms(h->loop);
	conn_write(h->conn, buf_span(&h->out));
	h->handed += h->out.len;
	if (h->count && h->out.cap <= H2_OUT_KEEP)
		buf_reset(&h->out);
	else
		buf_free(&h->out);
	return any;
}

/* Whether another pass would get something done. */
static bool session_has_work(const struct h2 *h)
{
	return !loop_link_is_alone(&h->due) ||
	       (!h->closing && !h2_out_is_full(h) && nghttp2_session_want_write(h->session));
}

/* Closes when nothing is left to say or to hear. */
static void session_check_end(struct h2 *h)
{
	bool says_more, over;

	if (h->closing)
		return;
	says_more = nghttp2_session_want_write(h->session);
	over = !nghttp2_session_want_read(h->session) || ((h->drained || h->peer_goaway) && !h->count);
	if (!over)
		return;
	if (says_more && h->failed) { /* it does not read either */
		session_close(h);
	} else if (!says_more) {
		h->closing = true;
		conn_close_after_flush(h->conn, H2_CLOSE_MS);
	}
}

void h2_settle(struct h2 *h)
{
	bool outer = !h->busy;
	bool again = true;

	h->busy = true;
	for (int pass = 0; again && pass < H2_PASSES; pass++) {
		h2_streams_tell(h);
		again = session_flush(h);
		again = session_has_work(h) && (again || !loop_link_is_alone(&h->due));
	}
	if (again) /* a peer that reads as fast as we write must not keep the loop from the others */
		loop_task_queue(h->loop, &h->task);
	session_check_end(h);
	if (outer)
		h->busy = false;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags UNUSED, int32_t id,
			 const uint8_t *at, size_t len, void *owner)
{
	struct h2 *h = owner;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);

	if (nghttp2_session_consume_connection(session, len) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	h2_limits_useful(h);
	if (!s)
		return 0;
	s->read_ms = loop_now_ms(h->loop);
	http_stream_emit_body(&s->base, span_from(at, len));
	return 0;
}

static void on_data(struct h2 *h, const nghttp2_frame *frame)
{
	struct h2_stream *s = nghttp2_session_get_stream_user_data(h->session, frame->hd.stream_id);

	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
		if (frame->hd.length <= frame->data.padlen)
			h2_limits_useless(h);
	} else if (s) {
		http_stream_emit_end(&s->base, NULL, 0);
	}
}

static void on_goaway(struct h2 *h, const nghttp2_goaway *goaway)
{
	bool first = !h->peer_goaway;

	h->peer_goaway = true;
	if (goaway->error_code != NGHTTP2_NO_ERROR && !h->why.code)
		err_set(&h->why, goaway->error_code == NGHTTP2_ENHANCE_YOUR_CALM ? ERR_BUSY : ERR_PROTOCOL,
			"HTTP/2 with %s: the peer ended the connection: %s", conn_peer(h->conn),
			nghttp2_http2_strerror(goaway->error_code));
	if (first && h->events->on_goaway)
		h->events->on_goaway(h->owner, h);
}

static void on_settings(struct h2 *h, const nghttp2_frame *frame)
{
	if (frame->hd.flags & NGHTTP2_FLAG_ACK)
		return;
	h2_limits_useless(h);
	if (h->ready)
		return;
	h->ready = true;
	if (h->events->on_ready)
		h->events->on_ready(h->owner, h);
}

static int on_frame(nghttp2_session *session UNUSED, const nghttp2_frame *frame, void *owner)
{
	struct h2 *h = owner;

	if (h->closing)
		return 0;
	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		return h2_on_headers(h, frame);
	case NGHTTP2_DATA:
		on_data(h, frame);
		return 0;
	case NGHTTP2_SETTINGS:
		on_settings(h, frame);
		return 0;
	case NGHTTP2_GOAWAY:
		on_goaway(h, &frame->goaway);
		return 0;
	case NGHTTP2_RST_STREAM:
		h2_limits_reset(h);
		return 0;
	case NGHTTP2_PING:
		if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
			h2_limits_useless(h);
		else if (h->draining)
			h2_say_goaway(h);
		return 0;
	default:
		h2_limits_useless(h);
		return 0;
	}
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *owner)
{
	struct h2 *h = owner;
	uint32_t code;
	struct h2_stream *s;

	switch (frame->hd.type) {
	case NGHTTP2_GOAWAY:
		if (frame->goaway.error_code != NGHTTP2_NO_ERROR && !h->why.code)
			err_set(&h->why, ERR_PROTOCOL, "HTTP/2 with %s: the peer broke the protocol: %s",
				conn_peer(h->conn), nghttp2_http2_strerror(frame->goaway.error_code));
		return 0;
	case NGHTTP2_RST_STREAM:
		code = frame->rst_stream.error_code;
		if (code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
		    code == NGHTTP2_STREAM_CLOSED || code == NGHTTP2_FRAME_SIZE_ERROR)
			h2_limits_broken(h);
		return 0;
	case NGHTTP2_HEADERS:
	case NGHTTP2_DATA:
		break;
	default:
		return 0;
	}
	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (s)
		s->end_sent = true;
	if (s && s->base.raw && !s->base.unwanted) /* half of it has ended */
		return 0;
	/* The answer is whole: the rest of the request is not wanted (RFC 9113 8.1). */
	if (h->is_server && nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0)
		return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
						 NGHTTP2_NO_ERROR);
	return 0;
}

static void on_read(void *owner, struct span bytes)
{
	struct h2 *h = owner;
	nghttp2_ssize taken;

	if (h->closing)
		return;
	h->busy = true;
	h->silent_pings = 0;
	taken = nghttp2_session_mem_recv2(h->session, (const uint8_t *)bytes.at, bytes.len);
	if (taken == NGHTTP2_ERR_FLOODED)
		h2_fail(h, NGHTTP2_ENHANCE_YOUR_CALM, ERR_PROTOCOL, "the peer floods");
	else if (taken < 0)
		h2_fail(h, NGHTTP2_PROTOCOL_ERROR, ERR_PROTOCOL, nghttp2_strerror((int)taken));
	h2_settle(h);
	h->busy = false;
}

static void on_drain(void *owner)
{
	h2_settle(owner);
}

/* HTTP/2 has no use for half a connection. */
static void on_peer_end(void *owner)
{
	session_close(owner);
}

static void on_close(void *owner, const struct err *why)
{
	struct h2 *h = owner;
	struct err stream_why = h->why.code ? h->why : *why;

	h->closing = true;
	h->busy = true;
	if (!stream_why.code)
		err_set(&stream_why, ERR_UNREACHABLE, "the HTTP/2 connection with %s was closed",
			conn_peer(h->conn));
	while (!loop_link_is_alone(&h->streams)) {
		struct h2_stream *s = CONTAINER_OF(h->streams.next, struct h2_stream, all);

		h2_stream_close(s, s->why.code ? &s->why : &stream_why);
	}
	if (h->events->on_close)
		h->events->on_close(h->owner, h, h->why.code ? &h->why : why);
	loop_task_cancel(&h->task);
	loop_timer_free(h->timer);
	nghttp2_session_del(h->session);
	http_collect_free(&h->collect);
	buf_free(&h->out);
	free(h);
}

static const struct conn_events conn_events = {
	.on_read = on_read,
	.on_drain = on_drain,
	.on_end = on_peer_end,
	.on_close = on_close,
};

static int session_start(struct h2 *h)
{
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = h2_options_new(&h->limits);
	int rc = option && nghttp2_session_callbacks_new(&callbacks) == 0 ? 0 : -1;

	if (rc == 0) {
		nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, h2_on_begin_frame);
		nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, h2_on_begin_headers);
		nghttp2_session_callbacks_set_on_header_callback2(callbacks, h2_on_header);
		nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, h2_on_invalid_header);
		nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
		nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
		nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
		nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, h2_on_stream_close);
		nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_data_send);
		rc = h->is_server ? nghttp2_session_server_new2(&h->session, callbacks, h, option) :
				    nghttp2_session_client_new2(&h->session, callbacks, h, option);
	}
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return rc == 0 ? h2_settings_submit(h) : -1;
}

static struct h2 *session_new(struct loop *l, struct conn *c, const struct h2_limits *limits,
			      const struct h2_events *events, void *owner)
{
	struct h2 *h = mem_new(sizeof(*h));

	h->loop = l;
	h->conn = c;
	h->limits = *limits;
	h->events = events;
	h->owner = owner;
	loop_link_init(&h->streams);
	loop_link_init(&h->due);
	loop_task_init(&h->task, on_task);
	buf_init(&h->out, 4 * H2_OUT_MAX);
	http_collect_init(&h->collect, limits->head_max, limits->field_count_max);
	h2_limits_init(h);
	return h;
}

static void session_attach(struct h2 *h)
{
	conn_attach(h->conn, &conn_events, h);
	if (session_start(h) < 0) {
		err_set(&h->why, ERR_NOMEM, "HTTP/2 with %s: no memory", conn_peer(h->conn));
		session_close(h);
	}
	h2_schedule(h);
}

struct h2 *h2_server_new(struct loop *l, struct conn *c, const struct h2_limits *limits,
			 const struct http_acceptor *acceptor, const struct h2_events *events, void *owner)
{
	struct h2 *h = session_new(l, c, limits, events, owner);

	h->is_server = true;
	h->last_id = -1;
	h->acceptor = *acceptor;
	session_attach(h);
	return h;
}

struct h2 *h2_client_new(struct loop *l, struct conn *c, const struct h2_limits *limits,
			 const struct h2_events *events, void *owner)
{
	struct h2 *h = session_new(l, c, limits, events, owner);

	session_attach(h);
	return h;
}

bool h2_may_request(const struct h2 *h)
{
	return !h->is_server && h->ready && !h->peer_goaway && !h->draining && !h->failed && !h->closing &&
	       nghttp2_session_check_request_allowed(h->session) &&
	       h->count < nghttp2_session_get_remote_settings(h->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool h2_may_upgrade(const struct h2 *h)
{
	return h->ready &&
	       nghttp2_session_get_remote_settings(h->session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

size_t h2_stream_count(const struct h2 *h)
{
	return h->count;
}

void h2_say_goaway(struct h2 *h)
{
	if (h->drained || h->closing)
		return;
	h->drained = true;
	/* Without memory for it the connection still closes when its streams have ended. */
	(void)nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
				    nghttp2_session_get_last_proc_stream_id(h->session), NGHTTP2_NO_ERROR, NULL, 0);
}

void h2_drain(struct h2 *h)
{
	uint8_t none[8] = { 0 };

	if (h->draining || h->closing)
		return;
	h->draining = true;
	h->drain_ms = loop_now_ms(h->loop);
	if (h->is_server && h->count) {
		/*
		 * Requests on their way are still served (RFC 9113 6.8); the answer to the PING
		 * says that all are here.
		 */
		(void)nghttp2_submit_shutdown_notice(h->session);
		(void)nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, none);
	} else {
		h2_say_goaway(h);
	}
	h2_schedule(h);
}

void h2_close(struct h2 *h)
{
	session_close(h);
}

struct conn *h2_conn(struct h2 *h)
{
	return h->conn;
}
