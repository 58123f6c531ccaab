/* gRPC in both roles over a real HTTP/2 connection, and requests that break its rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include "lib/base/attr.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/net/conn.h"
#include "lib/net/grpc_wire.h"
#include "lib/net/h2.h"
#include "lib/net/loop.h"
#include "lib/net/pool.h"

/* Both ends of one connection on one loop. */
struct ends {
	struct loop *loop;
	struct pool *pool;
	struct listener *listener;
	struct grpc_server_options o;
	struct http_acceptor acceptor;
	struct h2 *client;
	size_t open; /* ends of the connection that are not closed */
	size_t held;
	enum grpc_status served; /* what the server says it answered */
};

static const struct h2_limits limits = { .stream_max = 100,
					 .stream_window = 65536,
					 .conn_window = 1024 * 1024,
					 .head_max = 65536,
					 .field_count_max = 100,
					 .write_timeout_ms = 10000 };

static enum grpc_status do_echo(struct grpc_call *call, struct err *e)
{
	(void)e;
	(void)buf_put_span(&call->answer, call->message);
	return GRPC_OK;
}

static enum grpc_status do_fail(struct grpc_call *call, struct err *e)
{
	(void)buf_put_str(&call->answer, "not to be seen");
	(void)err_set(e, ERR_NOT_FOUND, "no such thing: 100%%\n%s", call->peer_ip);
	return GRPC_NOT_FOUND;
}

static enum grpc_status do_slow(struct grpc_call *call, struct err *e)
{
	const struct timespec pause = { .tv_nsec = 400 * 1000000 };

	(void)e;
	(void)nanosleep(&pause, NULL);
	(void)buf_put_str(&call->answer,
			  clock_mono_ms() >= call->deadline_mono_ms ? "late" : "in time");
	return GRPC_OK;
}

static enum grpc_status do_size(struct grpc_call *call, struct err *e)
{
	size_t len = strtoul(call->message.at, NULL, 10);
	char *room = buf_reserve(&call->answer, len);

	(void)e;
	if (room) {
		memset(room, 'z', len);
		buf_commit(&call->answer, len);
	}
	return GRPC_OK;
}

static const struct grpc_method methods[] = {
	{ "/t.S/Echo", false, do_echo }, { "/t.S/Fail", false, do_fail },
	{ "/t.S/Slow", false, do_slow }, { "/t.S/Size", false, do_size },
	{ "/t.S/Cert", true, do_echo },
};

static struct ends *ends_now; /* on_status has no argument of ours */

static void on_status(struct http_stream *s, enum grpc_status status)
{
	(void)s;
	ends_now->served = status;
}

static void on_request(void *owner, struct http_stream *s)
{
	grpc_serve(&((struct ends *)owner)->o, s);
}

static void on_h2_close(void *owner, struct h2 *h, const struct err *why)
{
	struct ends *ends = owner;

	(void)why;
	if (h == ends->client)
		ends->client = NULL;
	if (--ends->open == 0)
		loop_stop(ends->loop);
}

static void on_ready(void *owner, struct h2 *h)
{
	(void)h;
	loop_stop(((struct ends *)owner)->loop);
}

static const struct h2_events server_events = { .on_close = on_h2_close };
static const struct h2_events client_events = { .on_ready = on_ready, .on_close = on_h2_close };

static void on_conn(void *owner, struct conn *c)
{
	struct ends *ends = owner;

	ends->open++;
	(void)h2_server_new(ends->loop, c, &limits, &ends->acceptor, &server_events, ends);
}

static void on_open(void *owner, struct conn *c)
{
	struct ends *ends = owner;

	ends->open++;
	ends->client = h2_client_new(ends->loop, c, &limits, &client_events, ends);
}

static void on_dial_close(void *owner, const struct err *why)
{
	(void)owner;
	fail_msg("%s", why->text);
}

static const struct conn_events dial_events = { .on_open = on_open, .on_close = on_dial_close };

static struct ends *ends_new(void)
{
	struct ends *ends = mem_new(sizeof(*ends));
	struct listener_options o = { .address = "127.0.0.1", .conn_max = 10 };
	struct conn_target target = { .host = "127.0.0.1", .timeout_ms = 5000 };
	struct err e = { 0 };

	ends_now = ends;
	ends->loop = loop_new(&e);
	ends->pool = pool_new(ends->loop, 2, 10, &e);
	ends->acceptor = (struct http_acceptor){ on_request, ends };
	ends->o = (struct grpc_server_options){ .loop = ends->loop,
						.pool = ends->pool,
						.methods = methods,
						.method_count = COUNT_OF(methods),
						.held_bytes = &ends->held,
						.held_max = 8 * 1024 * 1024,
						.on_status = on_status };
	ends->listener = listener_open(ends->loop, &o, on_conn, ends, &e);
	if (!ends->listener)
		fail_msg("%s", e.text);
	target.port = listener_port(ends->listener);
	(void)conn_dial(ends->loop, &target, &dial_events, ends);
	loop_run(ends->loop);
	assert_non_null(ends->client);
	return ends;
}

static void ends_free(struct ends *ends)
{
	listener_close(ends->listener);
	h2_close(ends->client);
	loop_run(ends->loop);
	while (pool_busy(ends->pool)) { /* a job whose call is over */
		const struct timespec pause = { .tv_nsec = 10 * 1000000 };

		loop_post(ends->loop, (void (*)(void *))loop_stop, ends->loop);
		loop_run(ends->loop);
		(void)nanosleep(&pause, NULL);
	}
	assert_int_equal(ends->held, 0);
	pool_free(ends->pool);
	loop_free(ends->loop);
	free(ends);
}

struct outcome {
	struct loop *loop;
	int count;
	enum grpc_status status;
	struct err why;
	char *message;
	size_t len;
};

static void on_done(void *owner, const struct err *why, enum grpc_status status,
		    struct span message)
{
	struct outcome *o = owner;

	o->count++;
	o->why = *why;
	o->status = status;
	o->message = mem_dup(message.at, message.len);
	o->len = message.len;
	loop_stop(o->loop);
}

static struct outcome call(struct ends *ends, const char *path, struct span message,
			   uint64_t timeout_ms)
{
	struct outcome o = { .loop = ends->loop };

	grpc_call_unary(ends->loop, ends->client, path, message, timeout_ms, on_done, &o);
	loop_run(ends->loop);
	assert_int_equal(o.count, 1);
	return o;
}

static const struct {
	const char *path, *message;
	uint64_t timeout_ms;
	enum grpc_status status;
	enum err_code code;
	const char *says; /* the sentence, or the message of GRPC_OK */
} call_rows[] = {
	{ "/t.S/Echo", "hello", 5000, GRPC_OK, ERR_NONE, "hello" },
	{ "/t.S/Echo", "", 5000, GRPC_OK, ERR_NONE, "" },
	{ "/t.S/Fail", "x", 5000, GRPC_NOT_FOUND, ERR_NOT_FOUND, "no such thing: 100% 127.0.0.1" },
	{ "/t.S/None", "x", 5000, GRPC_UNIMPLEMENTED, ERR_PROTOCOL,
	  "this server has no such method" },
	{ "/t.S/Cert", "x", 5000, GRPC_PERMISSION_DENIED, ERR_DENIED,
	  "this method needs a client certificate" },
	{ "/t.S/Slow", "x", 5000, GRPC_OK, ERR_NONE, "in time" },
	{ "/t.S/Slow", "x", 100, GRPC_DEADLINE_EXCEEDED, ERR_TIMEOUT, NULL },
};

static void test_calls(void **state)
{
	struct ends *ends = ends_new();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(call_rows); i++) {
		struct outcome o = call(ends, call_rows[i].path, span_of(call_rows[i].message),
					call_rows[i].timeout_ms);
		const char *said = o.status == GRPC_OK ? o.message : o.why.text;

		if (o.status != call_rows[i].status || o.why.code != call_rows[i].code ||
		    (call_rows[i].says && strcmp(said, call_rows[i].says) != 0))
			fail_msg("row %zu: status %d, code %d, '%s'", i, (int)o.status,
				 (int)o.why.code, said);
		free(o.message);
	}
	ends_free(ends);
}

static void test_sizes(void **state)
{
	struct ends *ends = ends_new();
	char *large = mem_new(GRPC_MESSAGE_MAX + 1);
	struct outcome o = call(ends, "/t.S/Echo", span_from(large, GRPC_MESSAGE_MAX), 10000);

	(void)state;
	assert_int_equal(o.status, GRPC_OK);
	assert_int_equal(o.len, GRPC_MESSAGE_MAX);
	free(o.message);
	o = call(ends, "/t.S/Size", SPAN("4194304"), 10000);
	assert_int_equal(o.status, GRPC_OK);
	assert_int_equal(o.len, GRPC_MESSAGE_MAX);
	free(o.message);
	o = call(ends, "/t.S/Size", SPAN("4194305"), 10000);
	assert_int_equal(o.status, GRPC_RESOURCE_EXHAUSTED);
	free(o.message);
	free(large);
	ends_free(ends);
}

static void test_connection_dies(void **state)
{
	struct ends *ends = ends_new();
	struct outcome o = { .loop = ends->loop };

	(void)state;
	grpc_call_unary(ends->loop, ends->client, "/t.S/Slow", SPAN("x"), 5000, on_done, &o);
	h2_close(ends->client);
	loop_run(ends->loop);
	assert_int_equal(o.count, 1);
	assert_int_not_equal(o.status, GRPC_OK);
	assert_int_not_equal(o.why.code, ERR_NONE);
	free(o.message);
	listener_close(ends->listener);
	if (ends->open)
		loop_run(ends->loop);
	pool_free(ends->pool);
	loop_free(ends->loop);
	free(ends);
}

/* Requests that no proper client sends. */
struct raw {
	struct loop *loop;
	int status;
	char grpc_status[8], grpc_message[200], encodings[40];
	bool in_head; /* grpc-status came with the head: Trailers-Only */
};

static void take(struct raw *r, const struct http_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (span_equal_str(fields[i].name, "grpc-status"))
			(void)span_to_str(fields[i].value, r->grpc_status, sizeof(r->grpc_status));
		if (span_equal_str(fields[i].name, "grpc-message"))
			(void)span_to_str(fields[i].value, r->grpc_message,
					  sizeof(r->grpc_message));
		if (span_equal_str(fields[i].name, "grpc-accept-encoding"))
			(void)span_to_str(fields[i].value, r->encodings, sizeof(r->encodings));
	}
}

static void raw_on_head(void *owner, struct http_stream *s, const struct http_head *head)
{
	struct raw *r = owner;

	(void)s;
	r->status = head->status;
	take(r, head->fields, head->field_count);
	r->in_head = r->grpc_status[0] != '\0';
}

static void raw_on_end(void *owner, struct http_stream *s, const struct http_field *trailers,
		       size_t count)
{
	(void)s;
	take(owner, trailers, count);
}

static void raw_on_close(void *owner, struct http_stream *s, const struct err *why)
{
	(void)s;
	(void)why;
	loop_stop(((struct raw *)owner)->loop);
}

static const struct http_events raw_events = { .on_head = raw_on_head,
					       .on_end = raw_on_end,
					       .on_close = raw_on_close };

#define TYPE                                                                                       \
	{                                                                                          \
		SPAN("content-type"), SPAN("application/grpc")                                     \
	}
#define TE                                                                                         \
	{                                                                                          \
		SPAN("te"), SPAN("trailers")                                                       \
	}
#define HI SPAN("\0\0\0\0\2hi")

static const struct {
	const char *method, *path;
	struct http_field fields[4];
	struct span body;
	int status;
	const char *grpc_status; /* "" when the answer is not gRPC's */
	const char *says;
} raw_rows[] = {
	{ "POST", "/t.S/Echo", { TYPE, TE }, HI, 200, "0", "" },
	{ "POST",
	  "/t.S/Echo",
	  { { SPAN("content-type"), SPAN("application/grpc+proto") }, TE },
	  HI,
	  200,
	  "0",
	  "" },
	{ "POST",
	  "/t.S/Echo",
	  { TYPE, TE, { SPAN("grpc-encoding"), SPAN("identity") } },
	  HI,
	  200,
	  "0",
	  "" },
	{ "POST",
	  "/t.S/Echo",
	  { TYPE, TE, { SPAN("grpc-timeout"), SPAN("9H") } },
	  HI,
	  200,
	  "0",
	  "" },
	{ "POST",
	  "/t.S/Slow",
	  { TYPE, TE, { SPAN("grpc-timeout"), SPAN("50m") } },
	  HI,
	  200,
	  "4",
	  "deadline" },
	{ "POST",
	  "/t.S/Echo",
	  { TYPE, TE, { SPAN("grpc-timeout"), SPAN("9h") } },
	  HI,
	  200,
	  "13",
	  "grpc-timeout" },
	{ "POST",
	  "/t.S/Echo",
	  { TYPE, TE, { SPAN("grpc-encoding"), SPAN("gzip") } },
	  HI,
	  200,
	  "12",
	  "identity" },
	{ "POST", "/t.S/Echo", { TYPE }, HI, 200, "13", "te: trailers" },
	{ "POST", "/t.S/Echo", { TE }, HI, 415, "", "" },
	{ "POST",
	  "/t.S/Echo",
	  { { SPAN("content-type"), SPAN("application/json") }, TE },
	  HI,
	  415,
	  "",
	  "" },
	{ "PUT", "/t.S/Echo", { TYPE, TE }, HI, 405, "", "" },
	{ "POST", "/t.S/Nope", { TYPE, TE }, HI, 200, "12", "no such method" },
	{ "POST", "/t.S/Echo?x", { TYPE, TE }, HI, 200, "12", "no such method" },
	{ "POST", "/t.S/Echo", { TYPE, TE }, SPAN(""), 200, "13", "there is no message" },
	{ "POST", "/t.S/Echo", { TYPE, TE }, SPAN("\0\0\0\0\5hi"), 200, "13", "cut short" },
	{ "POST",
	  "/t.S/Echo",
	  { TYPE, TE },
	  SPAN("\0\0\0\0\1a\0\0\0\0\1b"),
	  200,
	  "13",
	  "exactly one message" },
	{ "POST", "/t.S/Echo", { TYPE, TE }, SPAN("\1\0\0\0\1a"), 200, "13", "compressed" },
	{ "POST", "/t.S/Echo", { TYPE, TE }, SPAN("\7\0\0\0\1a"), 200, "13", "flag" },
	{ "POST", "/t.S/Echo", { TYPE, TE }, SPAN("\0\0\x40\0\1a"), 200, "8", "4 MiB" },
};

static void test_raw(void **state)
{
	struct ends *ends = ends_new();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(raw_rows); i++) {
		struct http_head head = { .method = span_of(raw_rows[i].method),
					  .scheme = SPAN("http"),
					  .authority = SPAN("x"),
					  .target = span_of(raw_rows[i].path),
					  .fields = raw_rows[i].fields };
		struct raw r = { .loop = ends->loop };
		struct http_stream *s;
		struct err e;

		while (head.field_count < 4 && head.fields[head.field_count].name.len)
			head.field_count++;
		s = h2_request(ends->client, &head, false, &raw_events, &r);
		for (size_t at = 0; at < raw_rows[i].body.len; at++) /* byte by byte */
			assert_int_equal(
				http_stream_send(s, span_from(raw_rows[i].body.at + at, 1), &e), 0);
		assert_int_equal(http_stream_end(s, NULL, 0, &e), 0);
		loop_run(ends->loop);
		if (r.status != raw_rows[i].status ||
		    strcmp(r.grpc_status, raw_rows[i].grpc_status) != 0 ||
		    !strstr(r.grpc_message, raw_rows[i].says))
			fail_msg("row %zu: status %d, grpc-status %s, %s", i, r.status,
				 r.grpc_status, r.grpc_message);
		assert_int_equal(r.in_head, r.grpc_status[0] && strcmp(r.grpc_status, "0") != 0);
		if (r.grpc_status[0])
			assert_int_equal(ends->served, atol(r.grpc_status));
		if (head.field_count > 2 && span_equal_str(head.fields[2].value, "gzip"))
			assert_string_equal(r.encodings, "identity");
	}
	ends_free(ends);
}

static int set_up(void **state)
{
	struct err e;

	(void)state;
	log_configure(LOG_ERROR, LOG_TEXT);
	return crypto_init(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_connection_dies),
		cmocka_unit_test(test_raw),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
