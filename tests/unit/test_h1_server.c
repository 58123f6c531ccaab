/* The HTTP/1.1 server against raw bytes and curl: answers, refusals, pipelining, back-pressure, deadlines. */
#include "tests/unit/h1_bad_requests.h"
#include "tests/unit/net_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/mem.h"

static void test_server_answers(void **state)
{
	static const struct {
		const char *request, *until, *answer;
	} rows[] = {
		{ "GET /x HTTP/1.1\r\n" H "X-A: b\r\n\r\n", "x-a=b\n",
		  "HTTP/1.1 200 OK\r\nx-test: yes\r\ncontent-length: 60\r\n\r\n"
		  "method=GET\ntarget=/x\nauthority=a.example\nended=1\nx-a=b\n" },
		{ "HEAD /x HTTP/1.1\r\n" H "\r\n", "\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nx-test: yes\r\ncontent-length: 55\r\n\r\n" },
		{ "GET /204 HTTP/1.1\r\n" H "\r\n", "\r\n\r\n", "HTTP/1.1 204 No Content\r\nx-test: yes\r\n\r\n" },
		{ "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", "0\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nx-test: yes\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" },
		{ "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: u\r\n\r\n", "u\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nx-test: yes\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: u\r\n\r\n" },
		{ "POST /echo HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", "0\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nx-test: yes\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" },
		{ "GET /early HTTP/1.1\r\n" H "\r\n", "\r\n\r\n",
		  "HTTP/1.1 413 Content Too Large\r\nx-test: yes\r\ncontent-length: 0\r\n\r\n" },
	};
	struct stage s = { .loop = NULL };
	int fd;

	(void)state;
	stage_start(&s);
	fd = raw_connect(test_server_port(&s.server));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct span request = span_of(rows[i].request);

		talk(&s, fd, rows[i].request, rows[i].until);
		if (i == 0) /* the length above is of the text as the test writes it */
			assert_non_null(strstr(buf_str(&s.got), "ended=1\nx-a=b\n"));
		else if (i > 1)
			assert_string_equal(buf_str(&s.got), rows[i].answer);
		/* the same, a byte at a time */
		buf_reset(&s.got);
		for (size_t at = 0; at < request.len; at++) {
			raw_send(fd, span_from(request.at + at, 1));
			if (at % 16 == 0)
				net_turn(s.loop);
		}
		raw_read(s.loop, fd, rows[i].until, 3000, &s.got);
		if (i > 1)
			assert_string_equal(buf_str(&s.got), rows[i].answer);
	}
	assert_int_equal(s.server.conns, 1);
	assert_int_equal(s.server.requests, 2 * COUNT_OF(rows));
	close(fd);
	stage_stop(&s);
}

/* A refused message gets the status as text, and the connection ends; nothing behind it is served. */
static void test_server_refuses(void **state)
{
	struct stage s = { .loop = NULL };
	size_t before = 0;

	(void)state;
	stage_start(&s);
	for (size_t i = 0; i < COUNT_OF(bad_requests); i++) {
		int fd = raw_connect(test_server_port(&s.server));
		char status[32];

		(void)snprintf(status, sizeof(status), "HTTP/1.1 %d ", bad_requests[i].status);
		raw_send(fd, span_of(bad_requests[i].bytes));
		raw_send(fd, SPAN("GET /second HTTP/1.1\r\n" H "\r\n"));
		(void)shutdown(fd, SHUT_WR);
		buf_reset(&s.got);
		raw_read(s.loop, fd, NULL, 5000, &s.got);
		if (strstr(buf_str(&s.got), "second"))
			fail_msg("row %zu: what is behind was served: %s", i, buf_str(&s.got));
		if (s.server.requests == before && s.got.len &&
		    strncmp(buf_str(&s.got), status, strlen(status)) != 0)
			fail_msg("row %zu: %s, not %s", i, buf_str(&s.got), status);
		if (s.server.requests == before && s.got.len)
			assert_non_null(strstr(buf_str(&s.got), "connection: close\r\n"));
		before = s.server.requests;
		close(fd);
	}
	stage_stop(&s);
}

static void test_server_pipelining(void **state)
{
	struct stage s = { .loop = NULL };
	const char *got;
	int fd;

	(void)state;
	stage_start(&s);
	fd = raw_connect(test_server_port(&s.server));
	raw_send(fd, SPAN("GET /hold HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H "\r\nPOST /echo HTTP/1.1\r\n" H
			  "Content-Length: 3\r\n\r\nabcGET /4 HTTP/1.1\r\n" H "Connection: close\r\n\r\nGET /5 HTTP/1.1\r\n"
			  H "\r\n"));
	WAIT_FOR(s.loop, s.server.held);
	net_turn(s.loop);
	assert_int_equal(s.server.requests, 1);
	test_server_release(&s.server);
	raw_read(s.loop, fd, NULL, 5000, &s.got);
	got = buf_str(&s.got);
	assert_non_null(strstr(got, "released"));
	assert_true(strstr(got, "target=/2") > strstr(got, "released"));
	assert_true(strstr(got, "3\r\nabc\r\n0\r\n\r\n") > strstr(got, "target=/2"));
	assert_true(strstr(got, "connection: close") > strstr(got, "3\r\nabc\r\n"));
	assert_true(strstr(got, "target=/4") > strstr(got, "connection: close"));
	assert_null(strstr(got, "target=/5"));
	assert_int_equal(s.server.requests, 4);
	close(fd);
	stage_stop(&s);
}

static void test_server_http_1_0(void **state)
{
	struct stage s = { .loop = NULL };
	int fd;

	(void)state;
	stage_start(&s);
	fd = raw_connect(test_server_port(&s.server));
	assert_string_equal(talk(&s, fd, "GET /stream/5 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", NULL),
			    "HTTP/1.1 200 OK\r\nx-test: yes\r\nconnection: close\r\n\r\n01234");
	assert_true(raw_is_closed(s.loop, fd, 3000));
	close(fd);
	stage_stop(&s);
}

static void test_server_expect(void **state)
{
	struct stage s = { .loop = NULL };
	int fd;

	(void)state;
	stage_start(&s);
	fd = raw_connect(test_server_port(&s.server));
	/* /hold has not answered: the body is asked for */
	talk(&s, fd, "POST /hold HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", "\r\n\r\n");
	assert_string_equal(buf_str(&s.got), "HTTP/1.1 100 Continue\r\n\r\n");
	raw_send(fd, SPAN("abc"));
	WAIT_FOR(s.loop, s.server.ends == 1);
	test_server_release(&s.server);
	buf_reset(&s.got);
	raw_read(s.loop, fd, "released", 3000, &s.got);
	assert_null(strstr(buf_str(&s.got), "connection: close"));
	/* answered at once: no 100, and the connection cannot be trusted with another request */
	talk(&s, fd, "POST /early HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", NULL);
	assert_string_equal(buf_str(&s.got), "HTTP/1.1 413 Content Too Large\r\nx-test: yes\r\ncontent-length: 0\r\n"
					     "connection: close\r\n\r\n");
	close(fd);
	stage_stop(&s);
}

/* The answer ends before the request's body: a small rest is read, the connection lives. */
static void test_server_unwanted_body(void **state)
{
	struct stage s = { .loop = NULL };
	static char rest[1024 * 1024];
	int fd;

	(void)state;
	stage_start(&s);
	fd = raw_connect(test_server_port(&s.server));
	talk(&s, fd, "POST /early HTTP/1.1\r\n" H "Content-Length: 6\r\n\r\nabc", "\r\n\r\n");
	assert_int_equal(s.server.closes, 1);
	assert_int_equal(s.server.last_close.code, ERR_NONE);
	talk(&s, fd, "defGET /next HTTP/1.1\r\n" H "\r\n", "ended=1\n");
	assert_non_null(strstr(buf_str(&s.got), "target=/next"));
	/* a large rest is not */
	talk(&s, fd, "POST /early HTTP/1.1\r\n" H "Content-Length: 9999999\r\n\r\nabc", "\r\n\r\n");
	assert_non_null(strstr(buf_str(&s.got), "HTTP/1.1 413"));
	for (int i = 0; i < 20; i++) {
		raw_send(fd, span_from(rest, sizeof(rest)));
		net_turn(s.loop);
	}
	assert_true(raw_is_closed(s.loop, fd, 5000));
	close(fd);
	stage_stop(&s);
}

static void test_server_half_close(void **state)
{
	struct stage s = { .loop = NULL };
	int fd;

	(void)state;
	stage_start(&s);
	fd = raw_connect(test_server_port(&s.server));
	raw_send(fd, SPAN("GET /hold HTTP/1.1\r\n" H "\r\n"));
	(void)shutdown(fd, SHUT_WR);
	WAIT_FOR(s.loop, s.server.held);
	for (int i = 0; i < 10; i++)
		net_turn(s.loop);
	assert_int_equal(s.server.closes, 0);
	test_server_release(&s.server);
	raw_read(s.loop, fd, NULL, 3000, &s.got);
	assert_non_null(strstr(buf_str(&s.got), "released"));
	close(fd);
	/* but not in the middle of a body */
	fd = raw_connect(test_server_port(&s.server));
	raw_send(fd, SPAN("POST /hold HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nab"));
	(void)shutdown(fd, SHUT_WR);
	WAIT_FOR(s.loop, s.server.closes == 2);
	assert_int_equal(s.server.last_close.code, ERR_UNREACHABLE);
	close(fd);
	stage_stop(&s);
}

static void test_server_disconnect(void **state)
{
	struct stage s = { .loop = NULL };
	struct linger now = { 1, 0 };
	int fd;

	(void)state;
	stage_start(&s);
	fd = raw_connect(test_server_port(&s.server));
	raw_send(fd, SPAN("GET /hold HTTP/1.1\r\n" H "\r\n"));
	WAIT_FOR(s.loop, s.server.held);
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	WAIT_FOR(s.loop, s.server.closes == 1);
	assert_int_equal(s.server.last_close.code, ERR_UNREACHABLE);
	stage_stop(&s);
}

static void test_server_reset(void **state)
{
	struct stage s = { .loop = NULL };
	int fd;

	(void)state;
	stage_start(&s);
	fd = raw_connect(test_server_port(&s.server));
	assert_string_equal(talk(&s, fd, "GET /reset HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H "\r\n", NULL), "");
	assert_int_equal(s.server.closes, 1);
	assert_int_equal(s.server.requests, 1);
	assert_int_equal(s.server.last_close.code, ERR_NONE);
	close(fd);
	stage_stop(&s);
}

/* A body that is not consumed stops the peer; one that is goes through whole. */
static void test_server_back_pressure(void **state)
{
	static char block[256 * 1024];
	struct stage s = { .loop = NULL };
	size_t before;
	int fd;

	(void)state;
	stage_start(&s);
	fd = raw_connect(test_server_port(&s.server));
	raw_send(fd, SPAN("POST /deaf HTTP/1.1\r\n" H "Content-Length: 200000000\r\n\r\n"));
	for (int i = 0; i < 200; i++) {
		raw_send(fd, span_from(block, sizeof(block)));
		net_turn(s.loop);
	}
	assert_true(s.server.body_bytes > 256 * 1024 && s.server.body_bytes < 512 * 1024);
	before = s.server.body_bytes;
	http_stream_consume(s.server.deaf, SIZE_MAX);
	WAIT_FOR(s.loop, s.server.body_bytes > before);
	close(fd);
	WAIT_FOR(s.loop, (s.server.deaf ? http_stream_consume(s.server.deaf, SIZE_MAX) : (void)0, !s.server.deaf));
	assert_int_equal(s.server.last_close.code, ERR_UNREACHABLE);
	stage_stop(&s);
}

/* A peer that does not read: the answer waits, and does not grow. */
static void test_server_slow_reader(void **state)
{
	struct stage s = { .loop = NULL };
	size_t total = 0;
	int fd;

	(void)state;
	stage_start(&s);
	fd = raw_connect(test_server_port(&s.server));
	raw_send(fd, SPAN("GET /stream/50000000 HTTP/1.1\r\n" H "\r\n"));
	for (int i = 0; i < 50; i++)
		net_turn(s.loop);
	assert_int_equal(s.server.closes, 0);
	while (s.server.closes == 0) {
		buf_reset(&s.got);
		raw_read(s.loop, fd, NULL, 20, &s.got);
		total += s.got.len;
	}
	buf_reset(&s.got);
	raw_read(s.loop, fd, "\r\n0\r\n\r\n", 3000, &s.got);
	total += s.got.len;
	assert_true(total > 50000000 && total < 50100000);
	close(fd);
	stage_stop(&s);
}

static void test_server_timeouts(void **state)
{
	static const struct {
		const char *bytes;
		const char *answer;
		enum err_code code;
	} rows[] = {
		{ "", "", ERR_NONE },                                    /* idle */
		{ "GET / HTTP/1.1\r\nHo", "HTTP/1.1 408 ", ERR_NONE },   /* head */
		{ "POST /hold HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nab", "HTTP/1.1 408 ", ERR_TIMEOUT },
		{ "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nab", "HTTP/1.1 200 ", ERR_TIMEOUT },
		{ "GET /stream/99000000 HTTP/1.1\r\n" H "\r\n", NULL, ERR_TIMEOUT }, /* never read */
	};
	struct stage s = { .loop = NULL };

	(void)state;
	s.server.h1_limits = (struct h1_limits){
		.head_max = 4096,
		.field_count_max = 20,
		.head_timeout_ms = 150,
		.idle_timeout_ms = 150,
		.body_timeout_ms = 150,
		.write_timeout_ms = 300,
	};
	stage_start(&s);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int fd = raw_connect(test_server_port(&s.server));
		size_t closes = s.server.closes;

		raw_send(fd, span_of(rows[i].bytes));
		if (!rows[i].answer) {
			WAIT_FOR(s.loop, s.server.closes > closes);
		} else {
			buf_reset(&s.got);
			raw_read(s.loop, fd, NULL, 5000, &s.got);
			if (strncmp(buf_str(&s.got), rows[i].answer, strlen(rows[i].answer)) != 0)
				fail_msg("row %zu: %s", i, buf_str(&s.got));
			assert_int_equal(s.got.len == 0, rows[i].answer[0] == '\0');
			assert_true(raw_is_closed(s.loop, fd, 3000));
		}
		if (s.server.closes > closes)
			assert_int_equal(s.server.last_close.code, rows[i].code);
		close(fd);
	}
	stage_stop(&s);
}

/* A reader of an answer that may stall stands still for longer than others may; it ends, too, or gets all. */
static void test_server_stall(void **state)
{
	enum { WRITE_MS = 100, STALL_MS = 700 };
	static const struct {
		const char *path;
		uint64_t stall_ms, least_ms;
	} rows[] = {
		{ "/stream/", STALL_MS, WRITE_MS },
		{ "/stall/", 0, WRITE_MS },
		{ "/stall/", STALL_MS, STALL_MS },
		{ "/stall/", WRITE_MS / 2, WRITE_MS / 2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct stage s = { .loop = NULL };
		char request[128];
		uint64_t began_ms, took_ms;
		int fd;

		s.server.h1_limits = (struct h1_limits){
			.head_max = 4096,
			.field_count_max = 20,
			.write_timeout_ms = WRITE_MS,
			.stall_timeout_ms = rows[i].stall_ms,
		};
		stage_start(&s);
		fd = raw_connect(test_server_port(&s.server));
		(void)snprintf(request, sizeof(request), "GET %s99000000 HTTP/1.1\r\n" H "\r\n", rows[i].path);
		raw_send(fd, span_of(request));
		WAIT_FOR(s.loop, s.server.requests == 1);
		began_ms = clock_mono_ms();
		WAIT_FOR(s.loop, s.server.closes == 1);
		took_ms = clock_mono_ms() - began_ms + 10;
		if (took_ms < rows[i].least_ms || (rows[i].least_ms < STALL_MS && took_ms >= STALL_MS))
			fail_msg("row %zu: ended after %d ms", i, (int)took_ms);
		assert_int_equal(s.server.last_close.code, ERR_TIMEOUT);
		close(fd);
		stage_stop(&s);
	}
}

static void test_server_drain(void **state)
{
	struct stage s = { .loop = NULL };
	int fd, idle;

	(void)state;
	stage_start(&s);
	idle = raw_connect(test_server_port(&s.server));
	WAIT_FOR(s.loop, s.server.conns == 1);
	h1_server_drain(s.server.h1);
	assert_true(raw_is_closed(s.loop, idle, 3000));
	fd = raw_connect(test_server_port(&s.server));
	raw_send(fd, SPAN("GET /hold HTTP/1.1\r\n" H "\r\n"));
	WAIT_FOR(s.loop, s.server.held);
	h1_server_drain(s.server.h1);
	test_server_release(&s.server);
	raw_read(s.loop, fd, NULL, 3000, &s.got);
	assert_non_null(strstr(buf_str(&s.got), "connection: close\r\n\r\nreleased"));
	close(fd);
	close(idle);
	stage_stop(&s);
}

static void test_server_curl(void **state)
{
	struct stage s = { .loop = NULL };
	char url[128];
	const char *argv[] = { "curl", "-sS", "--http1.1", "-H", "Expect: 100-continue",
			       "--data-binary", "@Makefile", url, NULL };
	const char *big[] = { "curl", "-sS", "--http1.1", "-o", "/dev/null", "-w", "%{size_download}", url, url, NULL };

	(void)state;
	if (!have_program("curl"))
		skip();
	stage_start(&s);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/echo", test_server_port(&s.server));
	assert_int_equal(run_beside(s.loop, argv, 10000, &s.got), 0);
	assert_int_equal(s.got.len, s.server.body_bytes);
	assert_true(s.got.len > 1000);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/stream/3000000", test_server_port(&s.server));
	buf_reset(&s.got);
	assert_int_equal(run_beside(s.loop, big, 10000, &s.got), 0);
	assert_non_null(strstr(buf_str(&s.got), "3000000"));
	stage_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server_answers),
		cmocka_unit_test(test_server_refuses),
		cmocka_unit_test(test_server_pipelining),
		cmocka_unit_test(test_server_http_1_0),
		cmocka_unit_test(test_server_expect),
		cmocka_unit_test(test_server_unwanted_body),
		cmocka_unit_test(test_server_half_close),
		cmocka_unit_test(test_server_disconnect),
		cmocka_unit_test(test_server_reset),
		cmocka_unit_test(test_server_back_pressure),
		cmocka_unit_test(test_server_slow_reader),
		cmocka_unit_test(test_server_timeouts),
		cmocka_unit_test(test_server_stall),
		cmocka_unit_test(test_server_drain),
		cmocka_unit_test(test_server_curl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
