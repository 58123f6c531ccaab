/* Whole answers of ours on a stream. */
#include "lib/net/server_answer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/net/server_visit.h"

#define ANSWER_QUEUE_LEN (256 * 1024) /* body bytes that wait in the stream; the rest waits here   \
				       */
#define ANSWER_PIECE_LEN (64 * 1024)

struct answer {
	struct buf body;
	size_t sent;
	size_t dropped; /* of the request's body */
	const struct http_field *trailers;
	size_t trailer_count;
	bool ended;
	void (*gone)(void *owner); /* NULL: nobody wants to know */
	void *owner;
};

static void answer_pump(struct answer *a, struct http_stream *s)
{
	struct err e;

	while (!a->ended && a->sent < a->body.len && http_stream_queued(s) < ANSWER_QUEUE_LEN) {
		size_t len = a->body.len - a->sent;

		if (len > ANSWER_PIECE_LEN)
			len = ANSWER_PIECE_LEN;
		if (http_stream_send(s, span_from(a->body.at + a->sent, len), &e) < 0)
			goto fail;
		a->sent += len;
	}
	if (a->ended || a->sent < a->body.len)
		return;
	a->ended = true;
	buf_free(&a->body);
	if (http_stream_end(s, a->trailers, a->trailer_count, &e) == 0)
		return;
fail:
	a->ended = true;
	http_stream_reset(s, HTTP_RESET_INTERNAL);
}

static void answer_on_body(void *owner, struct http_stream *s, struct span bytes)
{
	struct answer *a = owner;

	/* The carrier ends what is still coming once the answer went out; until then more than this
	 * waits. */
	a->dropped += bytes.len;
	if (a->dropped <= ANSWER_DROP_MAX)
		http_stream_consume(s, bytes.len);
}

static void answer_on_end(void *owner, struct http_stream *s, const struct http_field *trailers,
			  size_t count)
{
	(void)owner;
	(void)s;
	(void)trailers;
	(void)count;
}

static void answer_on_drain(void *owner, struct http_stream *s)
{
	answer_pump(owner, s);
}

static void answer_on_close(void *owner, struct http_stream *s, const struct err *why)
{
	struct answer *a = owner;

	(void)s;
	(void)why;
	buf_free(&a->body);
	if (a->gone)
		a->gone(a->owner);
	free(a);
}

static const struct http_events answer_events = {
	.on_body = answer_on_body,
	.on_end = answer_on_end,
	.on_drain = answer_on_drain,
	.on_close = answer_on_close,
};

static void answer_begin(struct answer *a, struct http_stream *s, const struct http_head *head,
			 struct buf *body)
{
	bool is_head = span_equal_str(http_stream_request(s)->method, "HEAD");
	struct err e;

	if (body && !is_head) {
		a->body = *body;
		*body = (struct buf){ .max = body->max };
	}
	http_stream_attach(s, &answer_events, a);
	a->ended = a->body.len == 0 && a->trailer_count == 0;
	if (http_stream_answer(s, head, a->ended, &e) < 0) {
		a->ended = true;
		http_stream_reset(s, HTTP_RESET_INTERNAL);
		return;
	}
	answer_pump(a, s);
}

void answer_stream(struct http_stream *s, const struct http_head *head, struct buf *body,
		   const struct http_field *trailers, size_t trailer_count)
{
	struct answer *a = mem_new(sizeof(*a));

	a->trailers = trailers;
	a->trailer_count = trailer_count;
	answer_begin(a, s, head, body);
}

void answer_add_field(struct answer_fields *fields, const char *name, struct span value)
{
	if (fields->count < ANSWER_FIELD_MAX)
		fields->at[fields->count++] = (struct http_field){ span_of(name), value };
}

/* RFC 9110 5.6.7 */
static void answer_date(char *into, size_t into_size)
{
	time_t now = time(NULL);
	struct tm date;

	(void)gmtime_r(&now, &date);
	(void)strftime(into, into_size, "%a, %d %b %Y %H:%M:%S GMT", &date);
}

static void answer_with(struct answer *a, struct http_stream *s, int status, const char *content_type,
			struct buf *body, const struct answer_fields *fields)
{
	struct answer_fields all = { 0 };
	const struct server_visit *visit = server_stream_visit(s);
	bool has_body = status != 204 && status != 304;
	char date[40], length[24];

	answer_date(date, sizeof(date));
	(void)snprintf(length, sizeof(length), "%zu", body ? body->len : 0);
	answer_add_field(&all, "date", span_of(date));
	if (has_body) {
		answer_add_field(&all, "content-type", span_of(content_type));
		answer_add_field(&all, "content-length", span_of(length));
	}
	answer_add_field(&all, "cache-control", SPAN("no-store"));
	answer_add_field(&all, "x-content-type-options", SPAN("nosniff"));
	if (visit)
		answer_add_field(&all, "x-request-id", span_of(visit->request_id));
	for (size_t i = 0; fields && i < fields->count && all.count < ANSWER_FIELD_MAX; i++)
		all.at[all.count++] = fields->at[i];
	answer_begin(
		a, s,
		&(struct http_head){ .status = status, .fields = all.at, .field_count = all.count },
		has_body ? body : NULL);
}

void answer_own(struct http_stream *s, int status, const char *content_type, struct buf *body,
		const struct answer_fields *fields)
{
	answer_with(mem_new(sizeof(struct answer)), s, status, content_type, body, fields);
}

void answer_own_then(struct http_stream *s, int status, const char *content_type, struct buf *body,
		     void (*gone)(void *owner), void *owner)
{
	struct answer *a = mem_new(sizeof(*a));

	a->gone = gone;
	a->owner = owner;
	answer_with(a, s, status, content_type, body, NULL);
}

void answer_put_problem(struct buf *into, int status, const char *detail, const char *request_id)
{
	(void)buf_put_str(into, "{\"type\":\"about:blank\",\"title\":");
	json_put_quoted(into, span_of(http_reason(status)));
	(void)buf_printf(into, ",\"status\":%d", status);
	if (*detail) {
		(void)buf_put_str(into, ",\"detail\":");
		json_put_quoted(into, span_of(detail));
	}
	if (*request_id) {
		(void)buf_put_str(into, ",\"instance\":");
		json_put_quoted(into, span_of(request_id));
	}
	(void)buf_put_str(into, "}\n");
}

void answer_problem(struct http_stream *s, int status, const char *detail,
		    const struct answer_fields *fields)
{
	const struct server_visit *visit = server_stream_visit(s);
	AUTO_BUF struct buf body;

	buf_init(&body, 8 * 1024);
	answer_put_problem(&body, status, detail, visit ? visit->request_id : "");
	answer_own(s, status, "application/problem+json", &body, fields);
}

void answer_problem_later(struct http_stream *s, int status, unsigned after_s, const char *detail)
{
	struct answer_fields fields = { 0 };
	char after[16];

	(void)snprintf(after, sizeof(after), "%u", after_s);
	answer_add_field(&fields, "retry-after", span_of(after));
	answer_problem(s, status, detail, &fields);
}

void server_stream_answer(struct http_stream *s, int status, const char *content_type,
			  struct span body)
{
	AUTO_BUF struct buf copy;

	buf_init(&copy, body.len);
	(void)buf_put_span(&copy, body);
	answer_own(s, status, content_type, &copy, NULL);
}
