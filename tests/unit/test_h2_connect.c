/* Extended CONNECT over HTTP/2 (RFC 8441): heads by rows, and both roles against each other. */
#include "tests/unit/net_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/mem.h"

#define CONNECT ":method=CONNECT\n:scheme=https\n:authority=a\n:path=/upgrade\n"

/* Extended CONNECT (RFC 8441), where it was announced. */
static void test_connect_heads(void **state)
{
	static const struct {
		const char *lines;
		char kind;
		uint32_t code;
	} rows[] = {
		{ CONNECT ":protocol=websocket\nsec-websocket-version=13\n", 'h', S200 },
		{ CONNECT ":protocol=spdy/3.1\n", 'h', S200 },
		{ CONNECT ":protocol=SPDY/3.1\n", 'h', SOTHER },
		{ CONNECT ":protocol=connect-udp\n", 'h', SOTHER },
		{ CONNECT ":protocol=h2c\n", 'h', SOTHER },
		{ ":method=CONNECT\n:authority=a:443\n", 'h', SOTHER },
		{ CONNECT ":protocol=websocket\n:protocol=websocket\n", 'r', PROTOCOL },
		{ CONNECT ":protocol=\n", 'r', PROTOCOL },
		{ GET ":protocol=websocket\n", 'r', PROTOCOL },
		{ ":method=CONNECT\n:scheme=https\n:authority=a\n:protocol=websocket\n", 'r', PROTOCOL },
		{ ":method=CONNECT\n:authority=a\n:path=/x\n:protocol=websocket\n", 'r', PROTOCOL },
		{ ":method=CONNECT\n:scheme=https\n:path=/x\n:protocol=websocket\n", 'r', PROTOCOL },
		{ ":method=CONNECT\n:scheme=https\n:authority=a\n:path=x\n:protocol=websocket\n", 'r', PROTOCOL },
		{ CONNECT ":protocol=websocket\nconnection=upgrade\n", 'r', PROTOCOL },
		{ CONNECT ":protocol=websocket\nupgrade=websocket\n", 'r', PROTOCOL },
	};
	struct stage s = { .loop = NULL };
	int fd;

	(void)state;
	s.server.h2_limits = (struct h2_limits){ .stream_max = 100, .stream_window = 65536, .conn_window = 1024 * 1024,
						 .head_max = 4096, .field_count_max = 20, .extended_connect = true };
	stage_start_h2(&s);
	fd = open_raw(&s);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t id = (uint32_t)(2 * i + 1), code;
		size_t requests = s.server.requests;
		struct buf b AUTO_BUF;
		char kind;

		buf_init(&b, 4096);
		put_headers(&b, END_HEADERS, id, rows[i].lines);
		put_frame(&b, F_DATA, END_STREAM, id, SPAN("raw"));
		raw_send(fd, buf_span(&b));
		verdict(&s, fd, id, &kind, &code);
		if (kind != rows[i].kind || (rows[i].code == SOTHER ? code == S200 || code == S400 : code != rows[i].code))
			fail_msg("row %zu: %c %x, not %c %x: %s", i, kind, code, rows[i].kind, rows[i].code, rows[i].lines);
		assert_int_equal(s.server.requests - requests, kind == 'h' && code == S200);
	}
	assert_int_equal(s.server.body_bytes, 6);
	close(fd);
	stage_stop(&s);
}

static void ask_upgrade(struct pair *p, struct test_ask *a, const char *target, const char *protocol)
{
	struct http_head head = test_head("GET", target);

	head.protocol = span_of(protocol);
	test_ask_init(a);
	a->in_call = true;
	a->s = h2_request(p->h2, &head, false, &test_ask_events, a);
	a->in_call = false;
}

static void upgrade_start(struct pair *p, bool announced)
{
	p->stage.server.h2_limits =
		(struct h2_limits){ .stream_max = 100, .stream_window = 65536, .conn_window = 1024 * 1024, .head_max = 4096,
				    .field_count_max = 20, .extended_connect = announced, .body_timeout_ms = 200,
				    .write_timeout_ms = 200 };
	pair_start(p);
	assert_int_equal(h2_may_upgrade(p->h2), announced);
}

/* Both directions, each ends for itself, and no deadline holds. */
static void test_connect(void **state)
{
	struct pair p = { .h2 = NULL };
	struct test_ask a;
	struct err e;

	(void)state;
	upgrade_start(&p, true);
	ask_upgrade(&p, &a, "/upgrade", "websocket");
	WAIT_FOR(p.stage.loop, a.heads);
	assert_int_equal(a.status, 200);
	assert_true(http_stream_is_raw(a.s));
	for (uint64_t until_ms = clock_mono_ms() + 800; clock_mono_ms() < until_ms;)
		net_turn(p.stage.loop);
	assert_int_equal(a.closes, 0);
	assert_int_equal(http_stream_send(a.s, SPAN("hello"), &e), 0);
	WAIT_FOR(p.stage.loop, a.body_len == 5);
	assert_int_equal(a.ends, 0);
	assert_int_equal(http_stream_end(a.s, NULL, 0, &e), 0);
	WAIT_FOR(p.stage.loop, a.closes);
	assert_int_equal(a.ends, 1);
	assert_int_equal(a.why.code, ERR_NONE);
	assert_int_equal(p.stage.server.last_close.code, ERR_NONE);
	test_ask_free(&a);
	/* the server ends and wants no more: we are not waited for */
	ask_upgrade(&p, &a, "/grant-end", "spdy/3.1");
	WAIT_FOR(p.stage.loop, a.closes);
	assert_string_equal(buf_str(&a.body), "bye");
	assert_int_equal(a.ends, 1);
	assert_int_equal(a.why.code, ERR_NONE);
	test_ask_free(&a);
	/* much of it, both ways at once */
	ask_upgrade(&p, &a, "/upgrade", "spdy/3.1");
	WAIT_FOR(p.stage.loop, a.heads);
	test_ask_pump(&a, 5000000);
	WAIT_FOR(p.stage.loop, a.closes);
	assert_int_equal(a.body_len, 5000000);
	assert_int_equal(a.why.code, ERR_NONE);
	test_ask_free(&a);
	pair_stop(&p);
}

static void test_connect_refused(void **state)
{
	static const char *const targets[] = { "/refuse/204", "/refuse/302", "/refuse/403", "/refuse/502" };
	static const int statuses[] = { 204, 302, 403, 502 };
	struct pair p = { .h2 = NULL };
	struct test_ask a;

	(void)state;
	upgrade_start(&p, true);
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		ask_upgrade(&p, &a, targets[i], "websocket");
		WAIT_FOR(p.stage.loop, a.closes);
		assert_int_equal(a.status, statuses[i]);
		assert_string_equal(buf_str(&a.body), i ? "no" : "");
		assert_int_equal(a.why.code, ERR_NONE);
		test_ask_free(&a);
	}
	ask_upgrade(&p, &a, "/upgrade", "h2c");
	WAIT_FOR(p.stage.loop, a.closes);
	assert_int_equal(a.why.code, ERR_INPUT);
	test_ask_free(&a);
	pair_stop(&p);
	/* a peer that announced nothing is asked nothing */
	p = (struct pair){ .h2 = NULL };
	upgrade_start(&p, false);
	ask_upgrade(&p, &a, "/upgrade", "websocket");
	WAIT_FOR(p.stage.loop, a.closes);
	assert_int_equal(a.why.code, ERR_PROTOCOL);
	assert_int_equal(p.stage.server.requests, 0);
	test_ask_free(&a);
	pair_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect_heads),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_connect_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
