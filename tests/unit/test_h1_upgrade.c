/* Upgrades over HTTP/1.1 in both roles: what is granted, refused or ignored, and the bytes behind it. */
#include "tests/unit/net_fake.h"
#include "tests/unit/net_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/mem.h"

#define UPGRADE(method, target, name) \
	method " " target " HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: " name "\r\n\r\n"
#define GRANTED(name) \
	"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: " name "\r\nx-test: yes\r\n\r\n"

/* Bytes behind the head wait for the 101; then both directions are raw, and each ends for itself. */
static void test_server_upgrade(void **state)
{
	static const struct {
		const char *request, *answer;
	} rows[] = {
		{ UPGRADE("GET", "/upgrade", "websocket"), GRANTED("websocket") },
		{ UPGRADE("GET", "/upgrade", "WebSocket"), GRANTED("websocket") },
		{ UPGRADE("POST", "/upgrade", "SPDY/3.1"), GRANTED("SPDY/3.1") },
		{ "POST /upgrade HTTP/1.1\r\n" H
		  "Upgrade: spdy/3.1\r\nConnection: keep-alive, upgrade\r\nContent-Length: 0\r\n\r\n",
		  GRANTED("SPDY/3.1") },
	};
	struct stage s = { .loop = NULL };

	(void)state;
	stage_start(&s);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_FREE char *early = mem_printf("%sGET /early HTTP/1.1\r\n\r\n", rows[i].request);
		AUTO_FREE char *all = mem_printf("%sGET /early HTTP/1.1\r\n\r\nmore", rows[i].answer);
		int fd = raw_connect(test_server_port(&s.server));

		assert_int_equal(
			strncmp(talk(&s, fd, early, "/early HTTP/1.1\r\n\r\n"), rows[i].answer, strlen(rows[i].answer)), 0);
		raw_send(fd, SPAN("more"));
		raw_read(s.loop, fd, "more", 3000, &s.got);
		assert_int_equal(s.server.ends, i);
		(void)shutdown(fd, SHUT_WR);
		raw_read(s.loop, fd, NULL, 3000, &s.got);
		assert_string_equal(buf_str(&s.got), all);
		assert_int_equal(s.server.ends, i + 1);
		WAIT_FOR(s.loop, s.server.closes == i + 1);
		assert_int_equal(s.server.last_close.code, ERR_NONE);
		close(fd);
	}
	assert_int_equal(s.server.requests, COUNT_OF(rows));
	stage_stop(&s);
}

/*
 * An Upgrade that is not exactly one of ours is ignored: the request is an ordinary one, and so is
 * what is behind it.
 */
static void test_server_upgrade_ignored(void **state)
{
	static const char *const rows[] = {
		"GET /upgrade HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
		"GET /upgrade HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
		"GET /upgrade HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: SPDY/3\r\n\r\n",
		"GET /upgrade HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket/13\r\n\r\n",
		"GET /upgrade HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket, SPDY/3.1\r\n\r\n",
		"GET /upgrade HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n\r\n",
		"GET /upgrade HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: \r\n\r\n",
		"GET /upgrade HTTP/1.1\r\n" H "Connection: Upgrade\r\n\r\n",
		"GET /upgrade HTTP/1.1\r\n" H "Upgrade: websocket\r\n\r\n",
		"GET /upgrade HTTP/1.1\r\n" H "Connection: keep-alive\r\nUpgrade: websocket\r\n\r\n",
		"GET /upgrade HTTP/1.1\r\n" H "Connection: upgrade, Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"GET /upgrade HTTP/1.1\r\n" H
		"Connection: upgrade\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
		"GET /upgrade HTTP/1.1\r\n" H "Connection: upgrades\r\nUpgrade: websocket\r\n\r\n",
		"POST /upgrade HTTP/1.1\r\n" H
		"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc",
		"POST /upgrade HTTP/1.1\r\n" H
		"Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	};
	struct stage s = { .loop = NULL };

	(void)state;
	stage_start(&s);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int fd = raw_connect(test_server_port(&s.server));

		raw_send(fd, span_of(rows[i]));
		talk(&s, fd, "GET /second HTTP/1.1\r\n" H "\r\n", "target=/second");
		if (strncmp(buf_str(&s.got), "HTTP/1.1 200 ", 13) != 0 || strstr(buf_str(&s.got), " 101 "))
			fail_msg("row %zu: %s", i, buf_str(&s.got));
		assert_non_null(strstr(buf_str(&s.got), "target=/upgrade"));
		close(fd);
	}
	assert_int_equal(s.server.requests, 2 * COUNT_OF(rows));
	/* HTTP/1.0 knows no upgrade */
	int fd = raw_connect(test_server_port(&s.server));

	talk(&s, fd, "GET /upgrade HTTP/1.0\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", NULL);
	assert_non_null(strstr(buf_str(&s.got), "target=/upgrade"));
	close(fd);
	stage_stop(&s);
}

/* Who is refused has no second request on that connection, whatever the answer (CVE-2018-1002105). */
static void test_server_upgrade_refused(void **state)
{
	static const char *const statuses[] = { "200", "202", "302", "307", "401", "403", "404", "502" };
	struct stage s = { .loop = NULL };

	(void)state;
	stage_start(&s);
	for (size_t i = 0; i < COUNT_OF(statuses); i++) {
		AUTO_FREE char *request =
			mem_printf("GET /refuse/%s HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
					   "GET /second HTTP/1.1\r\n" H "\r\n",
					   statuses[i]);
		int fd = raw_connect(test_server_port(&s.server));

		talk(&s, fd, request, NULL);
		assert_memory_equal(buf_str(&s.got) + 9, statuses[i], 3);
		assert_non_null(strstr(buf_str(&s.got), "connection: close\r\n"));
		assert_non_null(strstr(buf_str(&s.got), "\r\n2\r\nno\r\n0\r\n\r\n"));
		assert_null(strstr(buf_str(&s.got), "second"));
		assert_int_equal(s.server.requests, i + 1);
		assert_int_equal(s.server.last_close.code, ERR_NONE);
		close(fd);
	}
	stage_stop(&s);
}

static void test_server_upgrade_ends(void **state)
{
	struct stage s = { .loop = NULL };
	struct linger now = { 1, 0 };
	int fd;

	(void)state;
	s.server.h1_limits = (struct h1_limits){ 4096, 20, 200, 200, 200, 200, 0 };
	stage_start(&s);
	/* the server ends: what the client would still say is not waited for */
	fd = raw_connect(test_server_port(&s.server));
	assert_string_equal(talk(&s, fd, UPGRADE("GET", "/grant-end", "websocket") "lost", NULL),
						GRANTED("websocket") "bye");
	WAIT_FOR(s.loop, s.server.closes == 1);
	assert_int_equal(s.server.last_close.code, ERR_NONE);
	close(fd);
	/* no deadline holds, the idle one included; then the client is cut */
	fd = raw_connect(test_server_port(&s.server));
	talk(&s, fd, UPGRADE("GET", "/upgrade", "websocket"), "\r\n\r\n");
	raw_read(s.loop, fd, NULL, 1000, &s.got);
	assert_int_equal(s.server.closes, 1);
	assert_string_equal(talk(&s, fd, "late", "late"), "late");
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	WAIT_FOR(s.loop, s.server.closes == 2);
	assert_int_equal(s.server.last_close.code, ERR_UNREACHABLE);
	stage_stop(&s);
}

/* What a peer sends faster than it reads stops it, and nothing is lost. */
static void test_server_upgrade_back_pressure(void **state)
{
	static char block[64 * 1024];
	struct stage s = { .loop = NULL };
	size_t sent = 0, got = 0;
	int fd;

	(void)state;
	stage_start(&s);
	fd = raw_connect(test_server_port(&s.server));
	talk(&s, fd, UPGRADE("POST", "/upgrade", "SPDY/3.1"), "\r\n\r\n");
	for (int idle = 0; idle < 50;) {
		ssize_t n = send(fd, block, sizeof(block), MSG_DONTWAIT);

		sent += n > 0 ? (size_t)n : 0;
		idle = n > 0 ? 0 : idle + 1;
		net_turn(s.loop);
		assert_true(sent < 64u * 1024 * 1024);
	}
	assert_true(s.server.body_bytes < sent);
	(void)shutdown(fd, SHUT_WR);
	for (unsigned turns = 0; got < sent; turns++) {
		ssize_t n;

		assert_true(turns < 10000);
		net_turn(s.loop);
		while ((n = recv(fd, block, sizeof(block), MSG_DONTWAIT)) > 0)
			got += (size_t)n;
		assert_true(n != 0 || got == sent);
	}
	assert_int_equal(got, sent);
	WAIT_FOR(s.loop, s.server.closes == 1);
	assert_int_equal(s.server.last_close.code, ERR_NONE);
	close(fd);
	stage_stop(&s);
}

static void ask_upgrade(struct fake *f, struct test_ask *a, const char *method, const char *protocol)
{
	struct http_head head = test_head(method, "/up");

	head.protocol = span_of(protocol);
	test_ask_init(a);
	a->in_call = true;
	a->s = h1_pool_request(f->pool, &head, false, &test_ask_events, a);
	a->in_call = false;
}

#define SWITCH "HTTP/1.1 101 Switching Protocols\r\n"

/* Anything but a 101 to the very protocol is an ordinary answer or none; what was sent early never goes out then. */
static void test_pool_upgrade_refused(void **state)
{
	static const struct {
		const char *bytes;
		int status;
		const char *body;
		enum err_code code;
	} rows[] = {
		{ SWITCH "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n", 0, "", ERR_PROTOCOL },
		{ SWITCH "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 0, "", ERR_PROTOCOL },
		{ SWITCH "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n", 0, "", ERR_PROTOCOL },
		{ SWITCH "Connection: Upgrade\r\n\r\n", 0, "", ERR_PROTOCOL },
		{ SWITCH "Upgrade: websocket\r\n\r\n", 0, "", ERR_PROTOCOL },
		{ SWITCH "Connection: close\r\nUpgrade: websocket\r\n\r\n", 0, "", ERR_PROTOCOL },
		{ SWITCH "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc", 0, "",
		  ERR_PROTOCOL },
		{ SWITCH "Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n", 0, "",
		  ERR_PROTOCOL },
		{ "HTTP/1.0 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 0, "",
		  ERR_PROTOCOL },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", ERR_NONE },
		{ "HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nok", 200,
		  "ok", ERR_NONE },
		{ "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", 302, "",
		  ERR_NONE },
		{ "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nnoHTTP/1.1 200 OK\r\n\r\n", 403, "no", ERR_NONE },
		{ "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 403, "no",
		  ERR_NONE },
		{ "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, "",
		  ERR_NONE },
	};
	struct fake f;

	(void)state;
	fake_start(&f, 1);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t conns = f.door->count;
		struct test_ask a;
		struct peer *p;
		struct err e;

		ask_upgrade(&f, &a, "GET", "websocket");
		assert_int_equal(http_stream_send(a.s, SPAN("GET /early HTTP/1.1\r\n\r\n"), &e), 0);
		WAIT_FOR(f.loop, f.door->count > conns && f.door->peers[conns].reads);
		p = &f.door->peers[conns];
		conn_write(p->c, span_of(rows[i].bytes));
		WAIT_FOR(f.loop, a.closes);
		if (a.why.code != rows[i].code || a.status != rows[i].status ||
		    strcmp(buf_str(&a.body), rows[i].body) != 0)
			fail_msg("row %zu: code %d (%s), status %d, body %s", i, a.why.code, a.why.text, a.status,
				 buf_str(&a.body));
		WAIT_FOR(f.loop, p->ends || p->closes); /* it is not used again */
		assert_string_equal(buf_str(&p->got), "GET /up HTTP/1.1\r\nhost: test.example\r\nconnection: Upgrade\r\n"
						      "upgrade: websocket\r\n\r\n");
		test_ask_free(&a);
		if (p->c)
			conn_close(p->c);
		WAIT_FOR(f.loop, p->closes);
	}
	fake_stop(&f);
}

/*
 * On a connection of its own; what was sent early goes out behind the 101, what came behind it is
 * the first of the body.
 */
static void test_pool_upgrade(void **state)
{
	struct fake f;
	struct test_ask first, a;
	struct peer *p;
	struct err e;

	(void)state;
	for (int ends_first = 0; ends_first < 2; ends_first++) {
		fake_start(&f, 4);
		fake_ask(&f, &first, "GET", "/1", true);
		fake_answer(&f, 0, 1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		WAIT_FOR(f.loop, first.closes);
		test_ask_free(&first);
		ask_upgrade(&f, &a, "POST", "spdy/3.1");
		WAIT_FOR(f.loop, f.door->count == 2 && f.door->peers[1].reads);
		p = &f.door->peers[1];
		assert_int_equal(http_stream_send(a.s, SPAN("early"), &e), 0);
		for (int i = 0; i < 10; i++)
			net_turn(f.loop);
		assert_null(strstr(buf_str(&p->got), "early"));
		conn_write(p->c, SPAN("HTTP/1.1 103 Early Hints\r\n\r\n" SWITCH
				      "Connection: upgrade\r\nUpgrade: spdy/3.1\r\nX-Stream-Protocol-Version: v4\r\n\r\nhello"));
		WAIT_FOR(f.loop, strstr(buf_str(&p->got),
								"content-length: 0\r\nconnection: Upgrade\r\nupgrade: SPDY/3.1\r\n\r\nearly"));
		WAIT_FOR(f.loop, a.body_len == 5);
		assert_int_equal(a.status, 101);
		assert_true(http_stream_is_raw(a.s));
		assert_non_null(strstr(buf_str(&a.fields), "x-stream-protocol-version=v4\n"));
		assert_int_equal(a.ends, 0);
		if (ends_first) {
			assert_int_equal(http_stream_end(a.s, NULL, 0, &e), 0);
			WAIT_FOR(f.loop, p->ends);
			conn_write(p->c, SPAN(" still"));
			conn_end(p->c);
		} else {
			conn_end(p->c);
			WAIT_FOR(f.loop, a.ends);
			assert_int_equal(http_stream_send(a.s, SPAN(" still"), &e), 0);
			assert_int_equal(http_stream_end(a.s, NULL, 0, &e), 0);
		}
		WAIT_FOR(f.loop, a.closes && p->closes);
		assert_int_equal(a.ends, 1);
		assert_int_equal(a.why.code, ERR_NONE);
		assert_non_null(strstr(ends_first ? buf_str(&a.body) : buf_str(&p->got), " still"));
		test_ask_free(&a);
		fake_stop(&f);
	}
}

/* A cut, a reset of ours, and an idle time above every limit. */
static void test_pool_upgrade_cut(void **state)
{
	struct fake f;
	struct test_ask a;
	struct peer *p;

	(void)state;
	fake_start(&f, 2);
	ask_upgrade(&f, &a, "GET", "websocket");
	fake_answer(&f, 0, 1, SWITCH "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n");
	WAIT_FOR(f.loop, a.heads);
	for (uint64_t until_ms = clock_mono_ms() + 1000; clock_mono_ms() < until_ms;)
		net_turn(f.loop);
	assert_int_equal(a.closes, 0);
	p = &f.door->peers[0];
	conn_close(p->c);
	WAIT_FOR(f.loop, a.ends || a.closes); /* without TLS a close looks like an end */
	if (!a.closes)
		http_stream_reset(a.s, HTTP_RESET_CANCEL);
	WAIT_FOR(f.loop, a.closes);
	test_ask_free(&a);
	ask_upgrade(&f, &a, "GET", "websocket");
	fake_answer(&f, 1, 1, SWITCH "Connection: upgrade\r\nUpgrade: websocket\r\n\r\nabc");
	WAIT_FOR(f.loop, a.body_len == 3);
	http_stream_reset(a.s, HTTP_RESET_CANCEL);
	WAIT_FOR(f.loop, a.closes && f.door->peers[1].closes + f.door->peers[1].ends);
	assert_int_equal(a.why.code, ERR_NONE);
	test_ask_free(&a);
	/* not one of the two */
	ask_upgrade(&f, &a, "GET", "h2c");
	WAIT_FOR(f.loop, a.closes);
	assert_int_equal(a.why.code, ERR_INPUT);
	test_ask_free(&a);
	fake_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server_upgrade),
		cmocka_unit_test(test_server_upgrade_ignored),
		cmocka_unit_test(test_server_upgrade_refused),
		cmocka_unit_test(test_server_upgrade_ends),
		cmocka_unit_test(test_server_upgrade_back_pressure),
		cmocka_unit_test(test_pool_upgrade_refused),
		cmocka_unit_test(test_pool_upgrade),
		cmocka_unit_test(test_pool_upgrade_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
