/* HTTP/2 in both roles against each other: bodies, back-pressure, resets, limits, the end. */
#include "tests/unit/net_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/mem.h"

static void test_simple(void **state)
{
	struct pair p = { .h2 = NULL };
	struct test_ask a;

	(void)state;
	pair_start(&p);
	assert_true(h2_may_request(p.h2));
	pair_ask(&p, &a, "GET", "/x?y", true);
	assert_int_equal(h2_stream_count(p.h2), 1);
	assert_null(http_stream_request(a.s));
	assert_string_equal(http_stream_peer_ip(a.s), "127.0.0.1");
	WAIT_FOR(p.stage.loop, a.closes);
	assert_int_equal(h2_stream_count(p.h2), 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.ends, 1);
	assert_int_equal(a.why.code, ERR_NONE);
	assert_string_equal(buf_str(&a.body), "method=GET\ntarget=/x?y\nauthority=test.example\nended=1\n");
	assert_non_null(strstr(buf_str(&a.fields), "x-test=yes\n"));
	assert_int_equal(p.stage.server.last_close.code, ERR_NONE);
	test_ask_free(&a);
	pair_stop(&p);
	assert_int_equal(p.why.code, ERR_NONE);
	assert_int_equal(p.closes, 1);
}

static void test_bodies(void **state)
{
	struct pair p = { .h2 = NULL };
	struct http_field trailers[] = { { SPAN("x-t"), SPAN("u") }, { SPAN("content-length"), SPAN("5") } };
	struct test_ask a, b;
	struct err e;

	(void)state;
	pair_start(&p);
	pair_ask(&p, &a, "POST", "/echo", false);
	test_ask_pump(&a, 20 * 1000 * 1000);
	pair_ask(&p, &b, "PUT", "/echo", false);
	assert_int_equal(http_stream_send(b.s, SPAN("hello"), &e), 0);
	assert_int_equal(http_stream_end(b.s, trailers, 2, &e), 0);
	assert_int_equal(http_stream_end(b.s, NULL, 0, &e), -1);
	assert_int_equal(http_stream_send(b.s, SPAN("more"), &e), -1);
	WAIT_FOR(p.stage.loop, b.closes && a.closes);
	assert_int_equal(b.why.code, ERR_NONE);
	assert_string_equal(buf_str(&b.body), "hello");
	assert_string_equal(buf_str(&b.trailers), "x-t=u\n");
	assert_int_equal(a.why.code, ERR_NONE);
	assert_int_equal(a.body_len, 20 * 1000 * 1000);
	assert_true(a.drains > 0);
	test_ask_free(&a);
	test_ask_free(&b);
	/* trailers without a body */
	pair_ask(&p, &b, "PUT", "/echo", false);
	assert_int_equal(http_stream_end(b.s, trailers, 1, &e), 0);
	WAIT_FOR(p.stage.loop, b.closes);
	assert_string_equal(buf_str(&b.trailers), "x-t=u\n");
	test_ask_free(&b);
	pair_stop(&p);
}

static void test_no_bodies(void **state)
{
	static const struct {
		const char *method, *target;
		int status;
	} rows[] = {
		{ "HEAD", "/x", 200 },
		{ "HEAD", "/stream/100000", 200 },
		{ "GET", "/204", 204 },
		{ "GET", "/early", 413 },
	};
	struct pair p = { .h2 = NULL };
	struct test_ask a;

	(void)state;
	pair_start(&p);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		pair_ask(&p, &a, rows[i].method, rows[i].target, true);
		WAIT_FOR(p.stage.loop, a.closes);
		assert_int_equal(a.status, rows[i].status);
		assert_int_equal(a.ends, 1);
		assert_int_equal(a.body_len, 0);
		assert_int_equal(a.why.code, ERR_NONE);
		test_ask_free(&a);
	}
	/* answered before the body: the rest of it is stopped, in order */
	pair_ask(&p, &a, "POST", "/early", false);
	test_ask_pump(&a, 10 * 1000 * 1000);
	WAIT_FOR(p.stage.loop, a.closes);
	assert_int_equal(a.status, 413);
	assert_int_equal(a.why.code, ERR_NONE);
	assert_int_equal(p.stage.server.last_close.code, ERR_NONE);
	test_ask_free(&a);
	pair_ask(&p, &a, "POST", "/stop", false);
	test_ask_pump(&a, 10 * 1000 * 1000);
	WAIT_FOR(p.stage.loop, a.closes);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.why.code, ERR_NONE);
	test_ask_free(&a);
	pair_stop(&p);
}

/* A reader that stalls holds one window, and nobody else. */
static void test_stalled_stream(void **state)
{
	struct pair p = { .h2 = NULL };
	struct test_ask stalled[8], a;

	(void)state;
	pair_start(&p);
	for (size_t i = 0; i < COUNT_OF(stalled); i++) {
		pair_ask(&p, &stalled[i], "GET", "/bytes/10000000", true);
		stalled[i].consumes_none = true;
	}
	for (size_t i = 0; i < COUNT_OF(stalled); i++)
		WAIT_FOR(p.stage.loop, stalled[i].body_len >= 250 * 1024);
	for (int i = 0; i < 5; i++) {
		pair_ask(&p, &a, "GET", "/bytes/5000000", true);
		WAIT_FOR(p.stage.loop, a.closes);
		assert_int_equal(a.body_len, 5000000);
		test_ask_free(&a);
	}
	for (size_t i = 0; i < COUNT_OF(stalled); i++) {
		assert_true(stalled[i].body_len <= 256 * 1024);
		stalled[i].consumes_none = false;
		http_stream_consume(stalled[i].s, SIZE_MAX);
	}
	for (size_t i = 0; i < COUNT_OF(stalled); i++) {
		WAIT_FOR(p.stage.loop, stalled[i].closes);
		assert_int_equal(stalled[i].body_len, 10000000);
		test_ask_free(&stalled[i]);
	}
	/* the same the other way */
	pair_ask(&p, &stalled[0], "POST", "/deaf", false);
	test_ask_pump(&stalled[0], 10 * 1000 * 1000);
	pair_ask(&p, &a, "POST", "/echo", false);
	test_ask_pump(&a, 3 * 1000 * 1000);
	WAIT_FOR(p.stage.loop, a.closes);
	assert_int_equal(a.body_len, 3 * 1000 * 1000);
	assert_true(http_stream_queued(stalled[0].s) > 0);
	http_stream_reset(stalled[0].s, HTTP_RESET_CANCEL);
	WAIT_FOR(p.stage.loop, stalled[0].closes && !p.stage.server.deaf);
	assert_int_equal(p.stage.server.last_close.code, ERR_UNREACHABLE);
	test_ask_free(&stalled[0]);
	test_ask_free(&a);
	pair_stop(&p);
}

static void test_resets(void **state)
{
	struct pair p = { .h2 = NULL };
	struct test_ask a, b;
	struct err e;

	(void)state;
	pair_start(&p);
	pair_ask(&p, &a, "GET", "/reset", true);
	WAIT_FOR(p.stage.loop, a.closes);
	assert_int_equal(a.why.code, ERR_UNREACHABLE);
	assert_int_equal(a.ends + a.heads, 0);
	test_ask_free(&a);
	pair_ask(&p, &a, "GET", "/hold", true);
	WAIT_FOR(p.stage.loop, p.stage.server.held);
	a.in_call = true;
	http_stream_reset(a.s, HTTP_RESET_CANCEL);
	http_stream_reset(a.s, HTTP_RESET_CANCEL);
	a.in_call = false;
	assert_int_equal(http_stream_send(a.s, SPAN("x"), &e), -1);
	WAIT_FOR(p.stage.loop, a.closes && !p.stage.server.held);
	assert_int_equal(a.why.code, ERR_NONE);
	assert_int_equal(p.stage.server.last_close.code, ERR_UNREACHABLE);
	test_ask_free(&a);
	/* at once, before a frame went */
	pair_ask(&p, &a, "GET", "/x", true);
	pair_ask(&p, &b, "GET", "/x", true);
	http_stream_reset(a.s, HTTP_RESET_CANCEL);
	WAIT_FOR(p.stage.loop, a.closes && b.closes);
	assert_int_equal(a.heads, 0);
	assert_int_equal(b.status, 200);
	test_ask_free(&a);
	test_ask_free(&b);
	pair_stop(&p);
}

static void test_bad_requests(void **state)
{
	static const struct {
		const char *method, *target;
		struct http_field field;
	} rows[] = {
		{ "GET", "x", { SPAN("a"), SPAN("b") } },      { "GET", "/a b", { SPAN("a"), SPAN("b") } },
		{ "G T", "/", { SPAN("a"), SPAN("b") } },      { "CONNECT", "/", { SPAN("a"), SPAN("b") } },
		{ "GET", "/", { SPAN("A"), SPAN("b") } },      { "GET", "/", { SPAN("a"), SPAN("b\r\nc: d") } },
		{ "GET", "/", { SPAN(":path"), SPAN("/y") } }, { "GET", "/", { SPAN("a b"), SPAN("c") } },
	};
	struct pair p = { .h2 = NULL };

	(void)state;
	pair_start(&p);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct http_head head = test_head(rows[i].method, rows[i].target);
		struct test_ask a;

		head.fields = &rows[i].field;
		head.field_count = 1;
		test_ask_init(&a);
		a.in_call = true;
		a.s = h2_request(p.h2, &head, true, &test_ask_events, &a);
		a.in_call = false;
		WAIT_FOR(p.stage.loop, a.closes);
		if (a.why.code != ERR_INPUT)
			fail_msg("row %zu: %d %s", i, a.why.code, a.why.text);
		test_ask_free(&a);
	}
	assert_int_equal(p.stage.server.requests, 0);
	pair_stop(&p);
}

static void test_expect_is_passed_over(void **state)
{
	struct pair p = { .h2 = NULL };
	struct http_field field = { SPAN("expect"), SPAN("100-continue") };
	struct http_head head = test_head("POST", "/hold");
	struct test_ask a;

	(void)state;
	pair_start(&p);
	head.fields = &field;
	head.field_count = 1;
	test_ask_init(&a);
	a.s = h2_request(p.h2, &head, false, &test_ask_events, &a);
	test_ask_pump(&a, 5);
	WAIT_FOR(p.stage.loop, p.stage.server.ends == 1);
	assert_int_equal(a.heads, 0);
	test_server_release(&p.stage.server);
	WAIT_FOR(p.stage.loop, a.closes);
	assert_int_equal(a.status, 200);
	assert_string_equal(buf_str(&a.body), "released");
	test_ask_free(&a);
	pair_stop(&p);
}

static void test_stream_limit(void **state)
{
	struct pair p = { .h2 = NULL };
	struct test_ask a[6];

	(void)state;
	p.stage.server.h2_limits = (struct h2_limits){
		.stream_max = 4, .stream_window = 65536, .conn_window = 65536, .head_max = 8192, .field_count_max = 50,
	};
	pair_start(&p);
	for (size_t i = 0; i < COUNT_OF(a); i++) {
		assert_int_equal(h2_may_request(p.h2), i < 4);
		pair_ask(&p, &a[i], "GET", i < 4 ? "/hold" : "/x", true);
	}
	WAIT_FOR(p.stage.loop, p.stage.server.requests == 4);
	for (int i = 0; i < 5; i++)
		net_turn(p.stage.loop);
	assert_int_equal(p.stage.server.requests, 4); /* the others wait for their turn */
	for (size_t i = 0; i < 4; i++)
		http_stream_reset(a[i].s, HTTP_RESET_CANCEL);
	for (size_t i = 0; i < COUNT_OF(a); i++) {
		WAIT_FOR(p.stage.loop, a[i].closes);
		assert_int_equal(a[i].why.code, ERR_NONE);
		test_ask_free(&a[i]);
	}
	pair_stop(&p);
}

static void test_drain(void **state)
{
	struct pair p = { .h2 = NULL };
	struct test_ask a, b;

	(void)state;
	pair_start(&p);
	pair_ask(&p, &a, "GET", "/hold", true);
	WAIT_FOR(p.stage.loop, p.stage.server.held);
	h2_drain(p.stage.server.h2);
	WAIT_FOR(p.stage.loop, p.goaways == 1);
	assert_false(h2_may_request(p.h2));
	pair_ask(&p, &b, "GET", "/x", true);
	WAIT_FOR(p.stage.loop, b.closes);
	assert_int_equal(b.why.code, ERR_UNREACHABLE);
	for (int i = 0; i < 10; i++)
		net_turn(p.stage.loop);
	assert_int_equal(p.closes, 0);
	test_server_release(&p.stage.server);
	WAIT_FOR(p.stage.loop, a.closes && p.closes);
	assert_int_equal(a.why.code, ERR_NONE);
	assert_int_equal(a.status, 200);
	assert_int_equal(p.why.code, ERR_NONE);
	test_ask_free(&a);
	test_ask_free(&b);
	/* the client's drain */
	pair_dial(&p);
	pair_ask(&p, &a, "GET", "/hold", true);
	WAIT_FOR(p.stage.loop, p.stage.server.held);
	h2_drain(p.h2);
	assert_false(h2_may_request(p.h2));
	for (int i = 0; i < 10; i++)
		net_turn(p.stage.loop);
	test_server_release(&p.stage.server);
	WAIT_FOR(p.stage.loop, a.closes && !p.h2);
	assert_int_equal(a.why.code, ERR_NONE);
	test_ask_free(&a);
	pair_stop(&p);
}

static void test_close(void **state)
{
	struct pair p = { .h2 = NULL };
	struct test_ask a, b;

	(void)state;
	pair_start(&p);
	pair_ask(&p, &a, "GET", "/hold", true);
	WAIT_FOR(p.stage.loop, p.stage.server.held);
	a.in_call = true;
	h2_close(p.h2);
	h2_close(p.h2);
	a.in_call = false;
	pair_ask(&p, &b, "GET", "/x", true);
	WAIT_FOR(p.stage.loop, p.closes);
	assert_int_equal(a.closes, 1);
	assert_int_equal(a.why.code, ERR_UNREACHABLE);
	assert_int_equal(b.closes, 1);
	assert_int_equal(b.why.code, ERR_UNREACHABLE);
	WAIT_FOR(p.stage.loop, p.stage.server.closes == 1);
	test_ask_free(&a);
	test_ask_free(&b);
	/* the server's, in the middle of bodies */
	pair_dial(&p);
	pair_ask(&p, &a, "GET", "/bytes/90000000", true);
	WAIT_FOR(p.stage.loop, a.body_len > 1000000);
	h2_close(p.stage.server.h2);
	WAIT_FOR(p.stage.loop, !p.h2);
	assert_int_equal(a.closes, 1);
	assert_int_equal(a.ends, 0);
	assert_int_equal(a.why.code, ERR_UNREACHABLE);
	test_ask_free(&a);
	pair_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simple),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_no_bodies),
		cmocka_unit_test(test_stalled_stream),
		cmocka_unit_test(test_resets),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_expect_is_passed_over),
		cmocka_unit_test(test_stream_limit),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
