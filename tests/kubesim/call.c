/* One request to the simulated API server, from its head to the last byte of its answer. */
#include "tests/kubesim/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/attr.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/kube/status.h"
#include "tests/kubesim/audit.h"
#include "tests/kubesim/serve.h"

#define BODY_MAX ((size_t)16 * 1024 * 1024)
#define OUT_MAX ((size_t)512 * 1024 * 1024)
#define QUEUE_LEN (256 * 1024)
#define PIECE_LEN (64 * 1024)
#define SLOW_TICK_MS 50
#define CUT_DELAY_MS 50

const struct json *call_acting(const struct call *c)
{
	return c->impersonated ? c->impersonated : c->user;
}

void call_query(const struct call *c, const char *name, char *into, size_t into_size)
{
	if (!request_query_value(c->head->target, name, into, into_size))
		into[0] = '\0';
}

/* How much may go now; a test may have asked for a slow or a cut body. */
static size_t allowed_len(const struct call *c)
{
	size_t left = c->out.len - c->sent, len = left < PIECE_LEN ? left : PIECE_LEN;

	if (c->fault.prefix[0] && c->fault.cut_after_bytes >= 0) {
		uint64_t until_cut = (uint64_t)c->fault.cut_after_bytes - c->sent_total;

		len = until_cut < len ? (size_t)until_cut : len;
	}
	return len;
}

static bool is_cut(const struct call *c)
{
	return c->fault.prefix[0] && c->fault.cut_after_bytes >= 0 &&
	       c->sent_total >= (uint64_t)c->fault.cut_after_bytes && (c->out.len > c->sent || c->is_whole);
}

/* False when the stream is gone. */
static bool send_piece(struct call *c, size_t len)
{
	struct err e;

	if (http_stream_send(c->s, span_from(c->out.at + c->sent, len), &e) < 0) {
		c->ended = true;
		http_stream_reset(c->s, HTTP_RESET_INTERNAL);
		return false;
	}
	c->sent += len;
	c->sent_total += len;
	if (c->sent == c->out.len) {
		c->sent = 0;
		buf_reset(&c->out);
	}
	return true;
}

static void end_answer(struct call *c)
{
	struct err e;

	c->ended = true;
	if (http_stream_end(c->s, NULL, 0, &e) < 0)
		http_stream_reset(c->s, HTTP_RESET_INTERNAL);
}

static void on_cut(void *owner)
{
	struct call *c = owner;

	http_stream_reset(c->s, HTTP_RESET_INTERNAL);
}

/* What was sent is given the time to go out. */
static void cut_soon(struct call *c)
{
	c->ended = true;
	loop_timer_free(c->timer);
	c->timer = loop_timer_new(c->sim->loop, on_cut, c);
	loop_timer_start(c->timer, CUT_DELAY_MS, 0);
}

void call_flush(struct call *c)
{
	bool slow = c->fault.prefix[0] && c->fault.slow_bytes_per_s;

	while (c->began && !c->ended) {
		if (is_cut(c)) {
			cut_soon(c);
		} else if (c->out.len > c->sent) {
			if (slow || http_stream_queued(c->s) >= QUEUE_LEN || !send_piece(c, allowed_len(c)))
				return;
		} else if (c->is_whole) {
			end_answer(c);
		} else if (!c->more || !c->more(c)) {
			return;
		}
	}
}

static void on_slow_tick(void *owner)
{
	struct call *c = owner;
	size_t len = allowed_len(c), share = (size_t)c->fault.slow_bytes_per_s * SLOW_TICK_MS / 1000 + 1;

	if (c->ended)
		return;
	if (len)
		(void)send_piece(c, len < share ? len : share);
	call_flush(c);
}

/* RFC 9110 5.6.7 */
static void put_date(char *into, size_t into_size)
{
	time_t now = time(NULL);
	struct tm date;

	(void)gmtime_r(&now, &date);
	(void)strftime(into, into_size, "%a, %d %b %Y %H:%M:%S GMT", &date);
}

static void send_head(struct call *c, const char *content_type, const char *length)
{
	bool is_head = span_equal_str(c->head->method, "HEAD");
	char date[40], after[24];
	struct http_field fields[6] = { { SPAN("audit-id"), span_of(c->audit_id) },
					{ SPAN("cache-control"), SPAN("no-cache, private") },
					{ SPAN("content-type"), span_of(content_type) } };
	struct http_head head = { .status = c->status, .fields = fields, .field_count = 4 };
	struct err e;

	put_date(date, sizeof(date));
	fields[3] = (struct http_field){ SPAN("date"), span_of(date) };
	if (length)
		fields[head.field_count++] = (struct http_field){ SPAN("content-length"), span_of(length) };
	if (c->fault.prefix[0] && c->fault.retry_after_s) {
		(void)snprintf(after, sizeof(after), "%lld", (long long)c->fault.retry_after_s);
		fields[head.field_count++] = (struct http_field){ SPAN("retry-after"), span_of(after) };
	}
	c->began = true;
	c->ended = is_head || (length && !c->out.len);
	http_stream_allow_stall(c->s); /* as the API server, which waits for a reader as long as TCP does */
	if (http_stream_answer(c->s, &head, c->ended, &e) < 0) {
		c->ended = true;
		http_stream_reset(c->s, HTTP_RESET_INTERNAL);
	}
	if (c->fault.prefix[0] && c->fault.slow_bytes_per_s) {
		loop_timer_free(c->timer);
		c->timer = loop_timer_new(c->sim->loop, on_slow_tick, c);
		loop_timer_start(c->timer, SLOW_TICK_MS, SLOW_TICK_MS);
	}
}

void call_answer(struct call *c, int status, const char *content_type)
{
	char length[24];

	c->status = status;
	(void)snprintf(length, sizeof(length), "%zu", c->out.len);
	if (c->user)
		audit_write(c, "ResponseComplete");
	c->is_whole = true;
	send_head(c, content_type, length);
	call_flush(c);
}

void call_stream(struct call *c, const char *content_type)
{
	c->status = 200;
	audit_write(c, "ResponseStarted");
	send_head(c, content_type, NULL);
	call_flush(c);
}

void call_finish(struct call *c)
{
	c->is_whole = true;
	call_flush(c);
}

static void put_details(struct buf *out, const struct failure *f)
{
	const char *comma = "";

	(void)buf_put_str(out, ",\"details\":{");
	if (f->name && f->name[0]) {
		(void)buf_put_str(out, "\"name\":");
		json_put_quoted(out, span_of(f->name));
		comma = ",";
	}
	if (f->resource && f->resource->group[0]) {
		(void)buf_printf(out, "%s\"group\":\"%s\"", comma, f->resource->group);
		comma = ",";
	}
	if (f->resource) {
		(void)buf_printf(out, "%s\"kind\":\"%s\"", comma, f->code == 422 ? f->resource->kind : f->resource->plural);
		comma = ",";
	}
	if (f->causes)
		(void)buf_printf(out, "%s\"causes\":%s", comma, f->causes);
	(void)buf_put_char(out, '}');
}

void failure_put(struct buf *out, const struct failure *f)
{
	bool has_details = f->resource || f->causes || f->code == 403 || f->code == 404 || f->code == 405 ||
			   f->code == 406 || f->code == 415 || f->code == 422;

	(void)buf_put_str(
		out, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":");
	json_put_quoted(out, span_of(f->message));
	(void)buf_printf(out, ",\"reason\":\"%s\"", f->reason ? f->reason : kube_status_reason(f->code));
	if (has_details)
		put_details(out, f);
	(void)buf_printf(out, ",\"code\":%d}\n", f->code);
}

void call_fail(struct call *c, const struct failure *f)
{
	buf_reset(&c->out);
	failure_put(&c->out, f);
	call_answer(c, f->code, "application/json");
}

void call_fail_not_found(struct call *c, const struct resource *r, const char *name)
{
	AUTO_BUF struct buf message;

	buf_init(&message, 4096);
	resource_put_name(&message, r);
	(void)buf_printf(&message, " \"%s\" not found", name);
	call_fail(c, &(struct failure){ .code = 404, .message = buf_str(&message), .name = name, .resource = r });
}

void call_fail_code(struct call *c, int code)
{
	static const struct {
		int code;
		const char *message;
	} rows[] = {
		{ 404, "the server could not find the requested resource" },
		{ 405, "the server does not allow this method on the requested resource" },
		{ 415, "415: Unsupported Media Type" },
		{ 422, "the server rejected our request due to an error in our request" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].code == code)
			call_fail(c, &(struct failure){ .code = code, .message = rows[i].message });
}

static void call_free(struct call *c)
{
	if (c->on_gone)
		c->on_gone(c);
	loop_timer_free(c->timer);
	json_free(c->certificate_user);
	json_free(c->impersonated);
	buf_free(&c->body);
	buf_free(&c->out);
	free(c->audit_id);
	free(c);
}

static void on_body(void *owner, struct http_stream *s, struct span bytes)
{
	struct call *c = owner;

	http_stream_consume(s, bytes.len);
	if (buf_put_span(&c->body, bytes) < 0 && !c->began)
		call_fail(c, &(struct failure){ .code = 413, .message = "Request entity too large: limit is 16777216" });
}

static void start(void *owner)
{
	struct call *c = owner;

	loop_timer_free(c->timer);
	c->timer = NULL;
	serve(c);
}

/* The whole request is there. */
static void arrive(struct call *c)
{
	if (c->began || c->timer)
		return;
	if (c->fault.prefix[0] && c->fault.latency_ms > 0) {
		c->timer = loop_timer_new(c->sim->loop, start, c);
		loop_timer_start(c->timer, (uint64_t)c->fault.latency_ms, 0);
		return;
	}
	serve(c);
}

static void on_end(void *owner, struct http_stream *s, const struct http_field *trailers, size_t count)
{
	(void)s;
	(void)trailers;
	(void)count;
	arrive(owner);
}

static void on_drain(void *owner, struct http_stream *s)
{
	(void)s;
	call_flush(owner);
}

static void on_close(void *owner, struct http_stream *s, const struct err *why)
{
	struct call *c = owner;

	(void)s;
	(void)why;
	if (c->more && c->user)
		audit_write(c, "ResponseComplete");
	call_free(c);
}

static const struct http_events events = {
	.on_body = on_body,
	.on_end = on_end,
	.on_drain = on_drain,
	.on_close = on_close,
};

static void find_fault(struct call *c)
{
	for (size_t i = 0; i < c->sim->fault_count; i++) {
		struct fault *f = &c->sim->faults[i];

		if (!f->times || !span_starts(c->head->target, span_of(f->prefix)) ||
		    (f->method[0] && !span_equal_str(c->head->method, f->method)))
			continue;
		if (f->times > 0)
			f->times--;
		c->fault = *f;
		return;
	}
}

void call_begin(struct sim *sim, struct http_stream *s)
{
	struct call *c = mem_new(sizeof(*c));
	const struct span *audit_id;
	char uuid[RANDOM_UUID_SIZE];

	c->sim = sim;
	c->s = s;
	c->head = http_stream_request(s);
	c->received_unix_us = clock_unix_us();
	audit_id = http_field_find(c->head, "audit-id");
	random_uuid(uuid);
	c->audit_id = audit_id && audit_id->len && audit_id->len <= 64 ? span_dup(*audit_id) : mem_dup_str(uuid);
	buf_init(&c->body, BODY_MAX);
	buf_init(&c->out, OUT_MAX);
	if (sim->fault_count)
		find_fault(c);
	http_stream_attach(s, &events, c);
	if (http_stream_ended(s))
		arrive(c);
}
