/*
 * Heads on HTTP/2: what comes in becomes a request or an answer, what goes out becomes nghttp2's
 * list.
 */
#include <assert.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/net/h2_inner.h"
#include "lib/net/http_upgrade.h"

/*
 * A new id closes all lower ones that were never used (RFC 9113 5.1.1); nghttp2 does not look. We
 * keep the last gap.
 */
int h2_on_begin_frame(nghttp2_session *session UNUSED, const nghttp2_frame_hd *hd, void *owner)
{
	struct h2 *h = owner;
	int32_t id = hd->stream_id;

	if (!h->is_server || hd->type != NGHTTP2_HEADERS || id % 2 == 0)
		return 0;
	if (id > h->last_id) {
		if (id > h->last_id + 2) {
			h->gap_from = h->last_id + 2;
			h->gap_to = id - 2;
		}
		h->last_id = id;
	} else if (id >= h->gap_from && id <= h->gap_to) {
		h2_fail(h, NGHTTP2_PROTOCOL_ERROR, ERR_PROTOCOL,
			"the peer opened a stream below a later one");
	}
	return 0;
}

int h2_on_begin_headers(nghttp2_session *session UNUSED, const nghttp2_frame *frame UNUSED,
			void *owner)
{
	struct h2 *h = owner;

	http_collect_reset(&h->collect);
	return 0;
}

int h2_on_header(nghttp2_session *session UNUSED, const nghttp2_frame *frame UNUSED,
		 nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags UNUSED, void *owner)
{
	struct h2 *h = owner;
	nghttp2_vec n = nghttp2_rcbuf_get_buf(name), v = nghttp2_rcbuf_get_buf(value);

	http_collect_add(&h->collect, span_from(n.base, n.len), span_from(v.base, v.len));
	return 0;
}

/* nghttp2 would leave such a field out; we refuse the message. */
int h2_on_invalid_header(nghttp2_session *session UNUSED, const nghttp2_frame *frame UNUSED,
			 nghttp2_rcbuf *name UNUSED, nghttp2_rcbuf *value UNUSED, uint8_t flags UNUSED,
			 void *owner UNUSED)
{
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* The status to refuse a request with; 0: it may pass. */
static int refusal(const struct h2 *h, const struct http_packed *packed)
{
	const struct http_head *head = &packed->head;

	if (span_equal(head->method, SPAN("CONNECT")) &&
	    (!h->limits.extended_connect || !http_upgrade_name(head->protocol)))
		return 501;
	if (packed->host_count > 1 ||
	    (packed->host_count && !span_equal_nocase(packed->host, head->authority)))
		return 400;
	if (!http_authority_is_valid(head->authority) ||
	    !http_target_is_valid(head->method, head->target))
		return 400;
	if (!span_equal(head->scheme, SPAN("https")) && !span_equal(head->scheme, SPAN("http")))
		return 400;
	return 0;
}

/*
 * An answer without a stream of ours; when the request goes on, nghttp2 is told to stop it
 * (h2_session.c).
 */
static int refuse(struct h2 *h, int32_t id, int status)
{
	struct http_head head = { .status = status };
	nghttp2_nv nv[2];
	char text[3];
	size_t count = h2_answer_nv(&head, text, nv);

	return nghttp2_submit_response2(h->session, id, nv, count, NULL) == NGHTTP2_ERR_NOMEM ?
			       NGHTTP2_ERR_CALLBACK_FAILURE :
			       0;
}

/* Says that the body is wanted, as nobody has said otherwise (RFC 9110 10.1.1). */
static void answer_expectation(struct h2_stream *s)
{
	const struct span *expect = http_field_find(&s->base.request, "expect");
	struct http_head head = { .status = 100 };
	nghttp2_nv nv[2];
	char text[3];

	if (!expect || s->base.peer_ended || s->base.answered || s->base.is_reset ||
	    !span_equal_nocase(*expect, SPAN("100-continue")))
		return;
	/* Without memory for it the client goes on by itself after a while. */
	(void)nghttp2_submit_headers(s->session->session, NGHTTP2_FLAG_NONE, s->id, NULL, nv,
				     h2_answer_nv(&head, text, nv), NULL);
}

static int on_request(struct h2 *h, const nghttp2_frame *frame)
{
	int32_t id = frame->hd.stream_id;
	struct http_packed packed;
	struct h2_stream *s;
	int status;

	if (h->collect.over)
		return refuse(h, id, 431);
	s = h2_stream_new(h, http_collect_size(&h->collect));
	http_collect_pack(&h->collect, s->memory, &packed);
	status = refusal(h, &packed);
	if (status) {
		free(s);
		return refuse(h, id, status);
	}
	s->id = id;
	s->in_frames = true;
	s->base.request = packed.head;
	s->base.raw_status = packed.head.protocol.len ? 200 : 0;
	s->base.peer_ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	(void)nghttp2_session_set_stream_user_data(h->session, id, s); /* it was opened just now */
	h2_stream_add(s);
	h->acceptor.on_request(h->acceptor.owner, &s->base);
	assert(s->base.events);
	answer_expectation(s);
	if (s->base.peer_ended)
		http_stream_emit_end(&s->base, NULL, 0);
	return 0;
}

static void on_trailers(struct h2 *h, struct h2_stream *s)
{
	AUTO_FREE void *memory = mem_new(http_collect_size(&h->collect) + 1);
	struct http_field *fields = memory;
	struct http_packed packed;
	size_t count = 0;

	http_collect_pack(&h->collect, memory, &packed);
	for (size_t i = 0; i < packed.head.field_count; i++)
		if (!http_field_no_trailer(fields[i].name))
			fields[count++] = fields[i];
	http_stream_emit_end(&s->base, fields, count);
}

static void on_answer(struct h2 *h, struct h2_stream *s, bool end)
{
	struct http_packed packed;
	void *memory = mem_new(http_collect_size(&h->collect) + 1);

	http_collect_pack(&h->collect, memory, &packed);
	if (packed.head.status < 200) { /* nghttp2 has refused a 101 and one that ends the stream */
		free(memory);
		if (++s->skipped > H2_SKIPPED_MAX)
			h2_stream_fail(s, NGHTTP2_ENHANCE_YOUR_CALM, ERR_PROTOCOL, "too many 1xx answers");
		return;
	}
	s->got_head = true;
	s->answer = memory;
	s->base.raw = s->is_connect && packed.head.status == 200;
	s->base.peer_ended = end;
	http_stream_emit_head(&s->base, &packed.head);
	if (end)
		http_stream_emit_end(&s->base, NULL, 0);
}

int h2_on_headers(struct h2 *h, const nghttp2_frame *frame)
{
	struct h2_stream *s;
	bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	h2_limits_useful(h);
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		return on_request(h, frame);
	s = nghttp2_session_get_stream_user_data(h->session, frame->hd.stream_id);
	if (!s || s->why.code)
		return 0;
	if (h->collect.over)
		h2_stream_fail(s, NGHTTP2_CANCEL, h->is_server ? ERR_LIMIT : ERR_PROTOCOL,
			       "the peer's header fields are too large or too many");
	else if (!h->is_server && !s->got_head)
		on_answer(h, s, end);
	else
		on_trailers(h, s);
	return 0;
}

static nghttp2_nv nv_of(struct span name, struct span value)
{
	return (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name.at, /* nghttp2 copies; its type only lacks the const */
		.value = (uint8_t *)(uintptr_t)(value.len ? value.at : ""),
		.namelen = name.len,
		.valuelen = value.len,
	};
}

static size_t fields_nv(const struct http_field *fields, size_t count, nghttp2_nv *nv)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		struct span name = fields[i].name;

		if (http_field_is_framing(name) ||
		    (span_equal(name, SPAN("te")) && !span_equal_nocase(fields[i].value, SPAN("trailers"))))
			continue;
		nv[n++] = nv_of(name, fields[i].value);
	}
	return n;
}

size_t h2_request_nv(const struct http_head *head, nghttp2_nv *nv)
{
	size_t n = 4;

	nv[0] = nv_of(SPAN(":method"), head->protocol.len ? SPAN("CONNECT") : head->method);
	nv[1] = nv_of(SPAN(":scheme"), head->scheme.len ? head->scheme : SPAN("https"));
	nv[2] = nv_of(SPAN(":authority"), head->authority);
	nv[3] = nv_of(SPAN(":path"), head->target);
	if (head->protocol.len)
		nv[n++] = nv_of(SPAN(":protocol"), head->protocol);
	return n + fields_nv(head->fields, head->field_count, nv + n);
}

size_t h2_answer_nv(const struct http_head *head, char status[3], nghttp2_nv *nv)
{
	for (int i = 2, rest = head->status; i >= 0; i--, rest /= 10)
		status[i] = (char)('0' + rest % 10);
	nv[0] = nv_of(SPAN(":status"), span_from(status, 3));
	return 1 + fields_nv(head->fields, head->field_count, nv + 1);
}

int h2_request_check(const struct http_head *head, struct err *e)
{
	struct http_field pseudo[] = { { SPAN("x-method"), head->method },
				       { SPAN("x-scheme"), head->scheme } };

	if (!head->method.len || span_find(head->method, ' ') >= 0 ||
	    span_equal(head->method, SPAN("CONNECT")) ||
	    http_fields_check(pseudo, COUNT_OF(pseudo), e) < 0)
		return err_set(e, ERR_INPUT, "the request's method or scheme is no token, or CONNECT");
	if (!http_target_is_valid(head->method, head->target))
		return err_set(e, ERR_INPUT,
			       "the request target must begin with / and hold no blank, # or control byte");
	if (head->protocol.len && !http_upgrade_name(head->protocol))
		return err_set(e, ERR_INPUT, "an upgrade is to websocket or spdy/3.1");
	if (!http_authority_is_valid(head->authority))
		return err_set(e, ERR_INPUT, "the request's authority is not a host with an optional port");
	return http_fields_check(head->fields, head->field_count, e);
}
