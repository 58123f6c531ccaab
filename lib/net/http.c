/* The vocabulary of HTTP messages, and what all carriers of streams have in common. */
#include "lib/net/http.h"

#include <assert.h>

#include "lib/base/clock.h"
#include "lib/net/http_head.h"
#include "lib/net/http_stream.h"

const struct span *http_field_find(const struct http_head *head, const char *name)
{
	struct span wanted = span_of(name);

	for (size_t i = 0; i < head->field_count; i++)
		if (span_equal(head->fields[i].name, wanted))
			return &head->fields[i].value;
	return NULL;
}

size_t http_field_count(const struct http_head *head, const char *name)
{
	struct span wanted = span_of(name);
	size_t count = 0;

	for (size_t i = 0; i < head->field_count; i++)
		count += span_equal(head->fields[i].name, wanted);
	return count;
}

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 100, "Continue" },
	{ 101, "Switching Protocols" },
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 206, "Partial Content" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 416, "Range Not Satisfiable" },
	{ 417, "Expectation Failed" },
	{ 421, "Misdirected Request" },
	{ 422, "Unprocessable Content" },
	{ 426, "Upgrade Required" },
	{ 428, "Precondition Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
};

const char *http_reason(int status)
{
	for (size_t i = 0; i < COUNT_OF(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

void http_stream_init(struct http_stream *s, const struct http_stream_ops *ops, struct conn *conn, bool is_server)
{
	s->ops = ops;
	s->conn = conn;
	s->is_server = is_server;
	s->stats.started_us = clock_mono_us();
}

void http_stream_attach(struct http_stream *s, const struct http_events *events, void *owner)
{
	assert(events->on_close);
	s->events = events;
	s->owner = owner;
}

const struct http_head *http_stream_request(const struct http_stream *s)
{
	return s->is_server ? &s->request : NULL;
}

bool http_stream_ended(const struct http_stream *s)
{
	return s->peer_ended && s->stats.bytes_in == 0;
}

void http_stream_await_upgrade(struct http_stream *s)
{
	if (!s->is_server || s->answered || s->raw_status || !s->request.protocol.len)
		return;
	s->raw_status = 101;
	s->peer_ended = false;
}

bool http_stream_is_raw(const struct http_stream *s)
{
	return s->raw;
}

void http_stream_unwant(struct http_stream *s)
{
	if (!s->raw || !s->ended || s->unwanted || s->is_reset || s->peer_ended)
		return;
	s->unwanted = true;
	s->ops->unwant(s);
}

int http_stream_answer(struct http_stream *s, const struct http_head *head, bool end, struct err *e)
{
	bool raw = s->raw_status && head->status == s->raw_status;

	if (!s->is_server || s->answered || s->is_reset)
		return err_set(e, ERR_INPUT, "an answer is given once, on a request that is still open");
	if (raw && end)
		return err_set(e, ERR_INPUT, "a stream that becomes raw does not end with its head");
	if (!raw && (head->status < 200 || head->status > 599))
		return err_set(e, ERR_INPUT, "%d is no final status (200 to 599)", head->status);
	if (http_fields_check(head->fields, head->field_count, e) < 0 ||
	    s->ops->answer(s, head, end, e) < 0)
		return -1;
	s->answered = true;
	s->ended = end;
	s->raw = raw;
	s->stats.status = head->status;
	s->stats.first_byte_us = clock_mono_us();
	return 0;
}

/* Whether our body may go on. */
static int stream_check_open(const struct http_stream *s, struct err *e)
{
	if (s->is_reset)
		return err_set(e, ERR_UNREACHABLE, "the stream was reset");
	if (s->ended)
		return err_set(e, ERR_INPUT, "the message has ended already");
	if (s->is_server && !s->answered)
		return err_set(e, ERR_INPUT, "a body comes after its head");
	return 0;
}

int http_stream_send(struct http_stream *s, struct span bytes, struct err *e)
{
	size_t queued;

	if (stream_check_open(s, e) < 0)
		return -1;
	if (!bytes.len)
		return 0;
	queued = s->ops->queued(s);
	if (queued > HTTP_STREAM_QUEUE_MAX || bytes.len > HTTP_STREAM_QUEUE_MAX - queued)
		return err_set(e, ERR_LIMIT, "more than %d bytes would wait to be sent", HTTP_STREAM_QUEUE_MAX);
	if (s->ops->send(s, bytes, e) < 0)
		return -1;
	s->stats.bytes_out += bytes.len;
	if (!s->was_high)
		s->was_high = s->ops->queued(s) > HTTP_STREAM_LOW_WATER;
	return 0;
}

int http_stream_end(struct http_stream *s, const struct http_field *trailers, size_t count, struct err *e)
{
	if (stream_check_open(s, e) < 0 || http_fields_check(trailers, count, e) < 0 ||
	    s->ops->end(s, trailers, count, e) < 0)
		return -1;
	s->ended = true;
	return 0;
}

size_t http_stream_queued(const struct http_stream *s)
{
	return s->ops->queued(s);
}

void http_stream_allow_stall(struct http_stream *s)
{
	s->may_stall = true;
}

void http_stream_consume(struct http_stream *s, size_t len)
{
	if (len > s->unconsumed)
		len = s->unconsumed;
	if (s->is_reset || !len)
		return;
	s->unconsumed -= len;
	s->ops->consume(s, len);
}

void http_stream_reset(struct http_stream *s, enum http_reset reason)
{
	if (s->is_reset)
		return;
	s->is_reset = true;
	s->ops->reset(s, reason);
}

const char *http_stream_peer_ip(const struct http_stream *s)
{
	return s->conn ? conn_peer_ip(s->conn) : "";
}

struct span http_stream_peer_cert(const struct http_stream *s)
{
	return s->conn ? conn_peer_cert(s->conn) : SPAN_NONE;
}

const struct http_stats *http_stream_stats(const struct http_stream *s)
{
	return &s->stats;
}

void http_stream_observe(struct http_stream *s, void (*fn)(void *arg, const struct http_stream *s), void *arg)
{
	s->observer = fn;
	s->observer_arg = arg;
}

void http_stream_emit_head(struct http_stream *s, const struct http_head *head)
{
	s->stats.status = head->status;
	s->stats.first_byte_us = clock_mono_us();
	if (!s->is_reset && s->events->on_head)
		s->events->on_head(s->owner, s, head);
}

void http_stream_emit_body(struct http_stream *s, struct span bytes)
{
	if (s->is_reset)
		return;
	s->stats.bytes_in += bytes.len;
	s->unconsumed += bytes.len;
	if (s->events->on_body)
		s->events->on_body(s->owner, s, bytes);
	else
		http_stream_consume(s, bytes.len);
}

void http_stream_emit_end(struct http_stream *s, const struct http_field *trailers, size_t count)
{
	s->peer_ended = true;
	if (!s->is_reset && s->events->on_end)
		s->events->on_end(s->owner, s, trailers, count);
}

void http_stream_emit_drain(struct http_stream *s)
{
	if (!s->was_high || s->ops->queued(s) >= HTTP_STREAM_LOW_WATER)
		return;
	s->was_high = false;
	if (!s->is_reset && s->events->on_drain)
		s->events->on_drain(s->owner, s);
}

void http_stream_emit_close(struct http_stream *s, const struct err *why)
{
	static const struct err in_order = { .code = ERR_NONE };

	if (s->observer)
		s->observer(s->observer_arg, s);
	if (s->events)
		s->events->on_close(s->owner, s, s->is_reset ? &in_order : why);
}
