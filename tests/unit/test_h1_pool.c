/* The HTTP/1.1 client pool: against a server that says anything, and against our own. */
#include "tests/unit/net_fake.h"
#include "tests/unit/net_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/mem.h"

static void test_pool_keeps_alive(void **state)
{
	struct fake f;
	struct test_ask a;

	(void)state;
	fake_start(&f, 4);
	for (unsigned i = 1; i <= 3; i++) {
		fake_ask(&f, &a, "GET", "/x?y", true);
		fake_answer(&f, 0, i, i == 2 ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n"
					       "5\r\nhello\r\n0\r\nx-t: u\r\n\r\n" :
					       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello");
		WAIT_FOR(f.loop, a.closes);
		assert_int_equal(a.why.code, ERR_NONE);
		assert_int_equal(a.status, 200);
		assert_int_equal(a.ends, 1);
		assert_non_null(strstr(buf_str(&a.fields), "x-a=b\n"));
		assert_string_equal(buf_str(&a.body), "hello");
		assert_string_equal(buf_str(&a.trailers), i == 2 ? "x-t=u\n" : "");
		test_ask_free(&a);
	}
	assert_int_equal(f.door->count, 1);
	assert_non_null(strstr(buf_str(&f.door->peers[0].got), "GET /x?y HTTP/1.1\r\nhost: test.example\r\n\r\n"));
	WAIT_FOR(f.loop, f.door->peers[0].ends); /* idle for too long */
	fake_stop(&f);
}

static void test_pool_answers(void **state)
{
	static const struct {
		const char *method, *bytes;
		int status;
		const char *body;
		bool closes; /* the server, behind it */
		enum err_code code;
	} rows[] = {
		{ "GET", "HTTP/1.1 200 OK\r\n\r\nuntil", 200, "until", true, ERR_NONE },
		{ "GET", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", 200, "cut", true, ERR_UNREACHABLE },
		{ "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ncut\r\n", 200, "cut", true,
		  ERR_UNREACHABLE },
		{ "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ncut\r\n0\r\n", 200, "cut", true,
		  ERR_UNREACHABLE },
		{ "GET", "HTTP/1.1 200 OK\r\nConte", 0, "", true, ERR_UNREACHABLE },
		{ "GET", "", 0, "", true, ERR_UNREACHABLE },
		{ "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", 200, "", false, ERR_NONE },
		{ "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", false, ERR_NONE },
		{ "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", 304, "", false, ERR_NONE },
		{ "DELETE", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", false, ERR_NONE },
		{ "GET", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false,
		  ERR_NONE },
		{ "GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 0, "", false,
		  ERR_PROTOCOL },
		{ "GET", "garbage\r\n\r\n", 0, "", false, ERR_PROTOCOL },
		{ "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", 0, "", false, ERR_PROTOCOL },
		{ "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 200, "", false, ERR_PROTOCOL },
		{ "GET", "HTTP/1.1 200 OK\r\nSlow", 0, "", false, ERR_TIMEOUT },
		/* bytes behind the answer end the connection, not the answer */
		{ "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n", 200, "ok", false, ERR_NONE },
	};
	struct fake f;

	(void)state;
	fake_start(&f, 1);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t conns = f.door->count;
		struct test_ask a;
		struct peer *p;

		fake_ask(&f, &a, rows[i].method, "/", true);
		WAIT_FOR(f.loop, f.door->count > conns && f.door->peers[conns].reads);
		p = &f.door->peers[conns];
		conn_write(p->c, span_of(rows[i].bytes));
		if (rows[i].closes)
			conn_end(p->c);
		WAIT_FOR(f.loop, a.closes);
		if (a.why.code != rows[i].code || a.status != rows[i].status ||
		    strcmp(buf_str(&a.body), rows[i].body) != 0)
			fail_msg("row %zu: code %d (%s), status %d, body %s", i, a.why.code, a.why.text, a.status,
				 buf_str(&a.body));
		assert_int_equal(a.ends, rows[i].code == ERR_NONE);
		assert_int_equal(a.why.code == ERR_NONE, strlen(a.why.text) == 0);
		test_ask_free(&a);
		if (p->c)
			conn_close(p->c); /* a new one for each row */
		WAIT_FOR(f.loop, p->closes);
		for (int n = 0; n < 3; n++)
			net_turn(f.loop);
	}
	fake_stop(&f);
}

/* A kept connection that died is replaced once; nothing is sent twice that could happen twice. */
static void test_pool_retries(void **state)
{
	static const struct {
		const char *method;
		bool end;
		bool retried;
	} rows[] = {
		{ "GET", true, true }, { "DELETE", true, true }, { "POST", true, false }, { "PATCH", true, false },
		{ "POST", false, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fake f;
		struct test_ask a;

		fake_start(&f, 1);
		fake_ask(&f, &a, "GET", "/", true);
		fake_answer(&f, 0, 1, "HTTP/1.1 204 No Content\r\n\r\n");
		WAIT_FOR(f.loop, a.closes);
		test_ask_free(&a);
		fake_ask(&f, &a, rows[i].method, "/again", rows[i].end);
		WAIT_FOR(f.loop, f.door->peers[0].reads == 2);
		conn_close(f.door->peers[0].c);
		if (rows[i].retried) {
			fake_answer(&f, 1, 1, "HTTP/1.1 204 No Content\r\n\r\n");
			assert_non_null(strstr(buf_str(&f.door->peers[1].got), " /again HTTP/1.1\r\n"));
		}
		WAIT_FOR(f.loop, a.closes);
		assert_int_equal(a.why.code, rows[i].retried ? ERR_NONE : ERR_UNREACHABLE);
		test_ask_free(&a);
		/* the second time it is over */
		if (i == 0) {
			fake_ask(&f, &a, "GET", "/", true);
			WAIT_FOR(f.loop, f.door->peers[1].reads == 2);
			conn_close(f.door->peers[1].c);
			WAIT_FOR(f.loop, f.door->count == 3 && f.door->peers[2].reads == 1);
			conn_close(f.door->peers[2].c);
			WAIT_FOR(f.loop, a.closes);
			assert_int_equal(a.why.code, ERR_UNREACHABLE);
			test_ask_free(&a);
		}
		fake_stop(&f);
	}
}

static void test_pool_queue(void **state)
{
	struct fake f;
	struct test_ask a[4];

	(void)state;
	fake_start(&f, 2);
	for (size_t i = 0; i < COUNT_OF(a); i++)
		fake_ask(&f, &a[i], "GET", "/", true);
	WAIT_FOR(f.loop, f.door->count == 2 && f.door->peers[0].reads && f.door->peers[1].reads);
	conn_write(f.door->peers[0].c, SPAN("HTTP/1.1 204 No Content\r\n\r\n"));
	fake_answer(&f, 0, 2, "HTTP/1.1 204 No Content\r\n\r\n");
	fake_answer(&f, 0, 3, "");
	WAIT_FOR(f.loop, f.door->peers[0].reads == 3);
	conn_write(f.door->peers[0].c, SPAN("HTTP/1.1 204 No Content\r\n\r\n"));
	conn_write(f.door->peers[1].c, SPAN("HTTP/1.1 204 No Content\r\n\r\n"));
	for (size_t i = 0; i < COUNT_OF(a); i++) {
		WAIT_FOR(f.loop, a[i].closes);
		assert_int_equal(a[i].why.code, ERR_NONE);
		test_ask_free(&a[i]);
	}
	assert_int_equal(f.door->count, 2);
	/* nobody answers: the third waits in vain */
	for (size_t i = 0; i < 3; i++)
		fake_ask(&f, &a[i], "GET", "/", true);
	WAIT_FOR(f.loop, a[2].closes);
	assert_int_equal(a[2].why.code, ERR_BUSY);
	test_ask_free(&a[2]);
	http_stream_reset(a[0].s, HTTP_RESET_CANCEL);
	WAIT_FOR(f.loop, a[0].closes);
	assert_int_equal(a[0].why.code, ERR_NONE);
	test_ask_free(&a[0]);
	h1_pool_free(f.pool); /* resets a[1] */
	f.pool = NULL;
	assert_int_equal(a[1].closes, 0);
	WAIT_FOR(f.loop, a[1].closes);
	assert_int_equal(a[1].why.code, ERR_NONE);
	test_ask_free(&a[1]);
	fake_stop(&f);
}

static void test_pool_idle_bytes(void **state)
{
	struct fake f;
	struct test_ask a;

	(void)state;
	fake_start(&f, 1);
	fake_ask(&f, &a, "GET", "/", true);
	fake_answer(&f, 0, 1, "HTTP/1.1 204 No Content\r\n\r\n");
	WAIT_FOR(f.loop, a.closes);
	test_ask_free(&a);
	conn_write(f.door->peers[0].c, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"));
	WAIT_FOR(f.loop, f.door->peers[0].ends || f.door->peers[0].closes);
	fake_ask(&f, &a, "GET", "/", true);
	fake_answer(&f, 1, 1, "HTTP/1.1 204 No Content\r\n\r\n");
	WAIT_FOR(f.loop, a.closes);
	assert_int_equal(a.status, 204);
	test_ask_free(&a);
	fake_stop(&f);
}

static void test_pool_unreachable(void **state)
{
	struct h1_pool_options o = { .limits = { .head_max = 1024, .field_count_max = 10 }, .conn_max = 1 };
	struct test_ask a;
	struct http_head head = test_head("GET", "/");
	struct err e;
	struct loop *l = loop_new(&e);
	struct h1_pool *p;
	struct door *d = door_new(l, &(struct door_options){ 0 });

	(void)state;
	o.target = (struct conn_target){ .host = "127.0.0.1", .port = door_port(d), .timeout_ms = 3000 };
	door_free(d); /* nobody listens any more */
	p = h1_pool_new(l, &o);
	for (int i = 0; i < 2; i++) {
		test_ask_init(&a);
		a.s = h1_pool_request(p, &head, true, &test_ask_events, &a);
		WAIT_FOR(l, a.closes);
		assert_int_equal(a.why.code, ERR_UNREACHABLE);
		test_ask_free(&a);
	}
	head.target = SPAN("no slash");
	test_ask_init(&a);
	a.s = h1_pool_request(p, &head, true, &test_ask_events, &a);
	assert_int_equal(a.closes, 0);
	WAIT_FOR(l, a.closes);
	assert_int_equal(a.why.code, ERR_INPUT);
	test_ask_free(&a);
	h1_pool_free(p);
	for (int i = 0; i < 5; i++)
		net_turn(l);
	loop_free(l);
}

/* Our client against our server: large bodies both ways, with back-pressure. */
static void test_pool_against_server(void **state)
{
	struct stage s = { .loop = NULL };
	struct h1_pool_options o = { .limits = { .head_max = 4096, .field_count_max = 20 }, .conn_max = 2 };
	struct http_head head = test_head("POST", "/echo");
	struct test_ask a, slow;
	struct h1_pool *p;

	(void)state;
	stage_start(&s);
	o.target = (struct conn_target){ .host = "127.0.0.1", .port = test_server_port(&s.server), .timeout_ms = 3000 };
	p = h1_pool_new(s.loop, &o);
	test_ask_init(&a);
	a.s = h1_pool_request(p, &head, false, &test_ask_events, &a);
	test_ask_pump(&a, 20 * 1000 * 1000);
	head = test_head("GET", "/bytes/30000000");
	test_ask_init(&slow);
	slow.consumes_none = true;
	slow.s = h1_pool_request(p, &head, true, &test_ask_events, &slow);
	WAIT_FOR(s.loop, a.closes);
	assert_int_equal(a.why.code, ERR_NONE);
	assert_int_equal(a.body_len, 20 * 1000 * 1000);
	assert_true(a.drains > 0);
	assert_true(slow.body_len > 256 * 1024 && slow.body_len < 512 * 1024);
	slow.consumes_none = false;
	http_stream_consume(slow.s, SIZE_MAX);
	WAIT_FOR(s.loop, slow.closes);
	assert_int_equal(slow.body_len, 30000000);
	test_ask_free(&a);
	test_ask_free(&slow);
	h1_pool_free(p);
	stage_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool_keeps_alive),
		cmocka_unit_test(test_pool_answers),
		cmocka_unit_test(test_pool_retries),
		cmocka_unit_test(test_pool_queue),
		cmocka_unit_test(test_pool_idle_bytes),
		cmocka_unit_test(test_pool_unreachable),
		cmocka_unit_test(test_pool_against_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
