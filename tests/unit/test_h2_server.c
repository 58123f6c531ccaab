/* The HTTP/2 server against raw frames, h2spec, curl and nghttp. */
#include "tests/unit/net_frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/mem.h"

static const struct {
	const char *lines;
	char kind;
	uint32_t code;
} heads[] = {
	{ GET, 'h', S200 },
	{ GET "te=trailers\n", 'h', S200 },
	{ GET "host=A.example\n", 'h', S200 },
	{ ":method=GET\n:scheme=https\n:path=/x\nhost=a.example\n", 'h', S200 },
	{ ":method=OPTIONS\n:scheme=http\n:authority=a\n:path=*\n", 'h', S200 },
	{ ":method=BREW\n:scheme=http\n:authority=a\n:path=/x\n", 'h', S200 },
	/* connection-level fields, names, values */
	{ GET "connection=close\n", 'r', PROTOCOL },
	{ GET "connection=impersonate-user\n", 'r', PROTOCOL },
	{ GET "keep-alive=5\n", 'r', PROTOCOL },
	{ GET "proxy-connection=x\n", 'r', PROTOCOL },
	{ GET "transfer-encoding=chunked\n", 'r', PROTOCOL },
	{ GET "upgrade=h2c\n", 'r', PROTOCOL },
	{ GET "te=gzip\n", 'r', PROTOCOL },
	{ GET "X-Upper=1\n", 'r', PROTOCOL },
	{ GET "x y=1\n", 'r', PROTOCOL },
	{ GET "x\x80=1\n", 'r', PROTOCOL },
	{ GET "x=a\rb\n", 'r', PROTOCOL },
	{ GET "x=a\x01" "b\n", 'r', PROTOCOL },
	{ GET "x= a\n", 'r', PROTOCOL },
	{ GET "content-length=1\ncontent-length=1\n", 'r', PROTOCOL },
	{ GET "content-length=+1\n", 'r', PROTOCOL },
	{ GET "content-length=5\n", 'r', PROTOCOL }, /* and the stream ended */
	/* pseudo fields */
	{ ":method=GET\n:scheme=http\n:authority=a\n", 'r', PROTOCOL },
	{ ":method=GET\n:scheme=http\n:path=/x\n", 'r', PROTOCOL },
	{ ":scheme=http\n:authority=a\n:path=/x\n", 'r', PROTOCOL },
	{ ":method=GET\n:authority=a\n:path=/x\n", 'r', PROTOCOL },
	{ GET ":path=/y\n", 'r', PROTOCOL },
	{ GET ":authority=b\n", 'r', PROTOCOL },
	{ GET ":status=200\n", 'r', PROTOCOL },
	{ GET ":odd=1\n", 'r', PROTOCOL },
	{ GET ":protocol=websocket\n", 'r', PROTOCOL },
	{ ":method=GET\n:scheme=http\nx=1\n:authority=a\n:path=/x\n", 'r', PROTOCOL },
	{ ":method=CONNECT\n:scheme=http\n:authority=a\n:path=/x\n:protocol=websocket\n", 'r', PROTOCOL },
	{ ":method=CONNECT\n:authority=a:443\n", 'h', SOTHER },
	{ ":method=\n:scheme=http\n:authority=a\n:path=/x\n", 'r', PROTOCOL },
	{ ":method=G T\n:scheme=http\n:authority=a\n:path=/x\n", 'r', PROTOCOL },
	/* targets and hosts */
	{ ":method=GET\n:scheme=http\n:authority=a\n:path=\n", 'r', PROTOCOL },
	{ ":method=GET\n:scheme=http\n:authority=a\n:path=x\n", 'r', PROTOCOL },
	{ ":method=GET\n:scheme=http\n:authority=a\n:path=*\n", 'r', PROTOCOL },
	{ ":method=GET\n:scheme=http\n:authority=a\n:path=http://a/\n", 'r', PROTOCOL },
	{ ":method=GET\n:scheme=http\n:authority=a\n:path=/a b\n", 'r', PROTOCOL },
	{ ":method=GET\n:scheme=http\n:authority=a\n:path=/a#b\n", 'h', S400 },
	{ ":method=GET\n:scheme=http\n:authority=a\n:path=/\xc3\xa4\n", 'h', S400 },
	{ ":method=GET\n:scheme=http\n:authority=u@a\n:path=/x\n", 'r', PROTOCOL },
	{ ":method=GET\n:scheme=http\n:authority=a/b\n:path=/x\n", 'r', PROTOCOL },
	{ ":method=GET\n:scheme=ftp\n:authority=a\n:path=x\n", 'h', S400 },
	{ ":method=GET\n:scheme=ftp\n:authority=a\n:path=/x\n", 'h', S400 },
	{ GET "host=b.example\n", 'h', S400 },
	{ GET "host=a.example:80\n", 'h', S400 },
	{ GET "host=a.example\nhost=a.example\n", 'r', PROTOCOL },
};

static void test_heads(void **state)
{
	struct stage s = { .loop = NULL };
	int fd;

	(void)state;
	stage_start_h2(&s);
	fd = open_raw(&s);
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		uint32_t id = (uint32_t)(2 * i + 1), code;
		size_t requests = s.server.requests;
		struct buf b AUTO_BUF;
		char kind;

		buf_init(&b, 4096);
		put_headers(&b, END_STREAM | END_HEADERS, id, heads[i].lines);
		raw_send(fd, buf_span(&b));
		verdict(&s, fd, id, &kind, &code);
		if (kind != heads[i].kind || (heads[i].code == SOTHER ? code == S200 || code == S400 : code != heads[i].code))
			fail_msg("row %zu: %c %x, not %c %x: %s", i, kind, code, heads[i].kind, heads[i].code, heads[i].lines);
		assert_int_equal(s.server.requests - requests, kind == 'h' && code == S200);
	}
	close(fd);
	stage_stop(&s);
}

static void test_head_limits(void **state)
{
	static const struct {
		size_t value_len, fields;
		bool served;
	} rows[] = { { 100, 1, true }, { 15000, 1, true }, { 16300, 1, false }, { 1, 96, true }, { 1, 97, false } };
	struct stage s = { .loop = NULL };
	int fd;

	(void)state;
	stage_start_h2(&s);
	fd = open_raw(&s);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf lines AUTO_BUF, b AUTO_BUF;
		uint32_t id = (uint32_t)(2 * i + 1), code;
		char kind;

		buf_init(&lines, 64 * 1024);
		buf_init(&b, 64 * 1024);
		buf_put_str(&lines, GET);
		for (size_t n = 0; n < rows[i].fields; n++) {
			buf_put_str(&lines, "x=");
			for (size_t at = 0; at < rows[i].value_len; at++)
				buf_put_char(&lines, 'v');
			buf_put_char(&lines, '\n');
		}
		put_headers(&b, END_STREAM | END_HEADERS, id, buf_str(&lines));
		raw_send(fd, buf_span(&b));
		verdict(&s, fd, id, &kind, &code);
		assert_int_equal(kind, 'h');
		if ((code == S200) != rows[i].served)
			fail_msg("row %zu: %x", i, code);
	}
	close(fd);
	stage_stop(&s);
}

/* Frames that a peer may repeat without end if nobody counts. */
static void flood_ping(struct buf *b, uint32_t n)
{
	(void)n;
	put_frame(b, F_PING, 0, 0, SPAN("12345678"));
}

static void flood_settings(struct buf *b, uint32_t n)
{
	(void)n;
	put_frame(b, F_SETTINGS, 0, 0, SPAN_NONE);
}

static void flood_priority(struct buf *b, uint32_t n)
{
	put_frame(b, F_PRIORITY, 0, 2 * n + 3, SPAN("\0\0\0\1\7"));
}

static void flood_window(struct buf *b, uint32_t n)
{
	(void)n;
	put_frame(b, F_WINDOW, 0, 0, SPAN("\0\0\0\1"));
}

static void flood_empty_data(struct buf *b, uint32_t n)
{
	if (n == 0)
		put_headers(b, END_HEADERS, 1, ":method=POST\n:scheme=http\n:authority=a\n:path=/hold\n");
	put_frame(b, F_DATA, 0, 1, SPAN_NONE);
}

static void flood_padding(struct buf *b, uint32_t n)
{
	if (n == 0)
		put_headers(b, END_HEADERS, 1, ":method=POST\n:scheme=http\n:authority=a\n:path=/hold\n");
	put_frame(b, F_DATA, 8, 1, SPAN("\3\0\0\0"));
}

static void flood_reset(struct buf *b, uint32_t n)
{
	put_headers(b, END_HEADERS | END_STREAM, 2 * n + 1, ":method=GET\n:scheme=http\n:authority=a\n:path=/hold\n");
	put_frame(b, F_RST, 0, 2 * n + 1, SPAN("\0\0\0\x8"));
}

/* We reset, because the peer breaks its streams: the same work for us. */
static void flood_broken(struct buf *b, uint32_t n)
{
	put_headers(b, END_HEADERS | END_STREAM, 2 * n + 1, ":method=GET\n:scheme=http\n:authority=a\n:path=/hold\n");
	put_frame(b, F_WINDOW, 0, 2 * n + 1, SPAN("\x7f\xff\xff\xff"));
}

static void flood_invalid_head(struct buf *b, uint32_t n)
{
	put_headers(b, END_HEADERS | END_STREAM, 2 * n + 1, GET "Upper=1\n");
}

static void flood_continuation(struct buf *b, uint32_t n)
{
	if (n == 0)
		put_headers(b, 0, 1, GET);
	put_frame(b, F_CONTINUATION, 0, 1, SPAN_NONE);
}

static void test_floods(void **state)
{
	static const struct {
		const char *name;
		void (*put)(struct buf *b, uint32_t n);
		uint32_t count;
	} rows[] = {
		{ "PING", flood_ping, 5000 },
		{ "SETTINGS", flood_settings, 5000 },
		{ "PRIORITY", flood_priority, 5000 },
		{ "WINDOW_UPDATE", flood_window, 5000 },
		{ "empty DATA", flood_empty_data, 5000 },
		{ "padding alone", flood_padding, 5000 },
		{ "rapid reset", flood_reset, 3000 },
		{ "broken streams", flood_broken, 2000 },
		{ "invalid heads", flood_invalid_head, 2000 },
		{ "CONTINUATION", flood_continuation, 100 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct stage s = { .loop = NULL };
		struct buf b AUTO_BUF;
		struct frame f;
		int fd;

		stage_start_h2(&s);
		fd = open_raw(&s);
		buf_init(&b, 1024 * 1024);
		for (uint32_t n = 0; n < rows[i].count && !s.server.conns_closed; n++) {
			rows[i].put(&b, n);
			if (n % 50 && n + 1 < rows[i].count)
				continue;
			raw_send(fd, buf_span(&b));
			buf_reset(&b);
			raw_read(s.loop, fd, NULL, 4, &s.got);
		}
		if (!await_frame(&s, fd, F_GOAWAY, 0, &f))
			fail_msg("%s: no GOAWAY after %u frames", rows[i].name, rows[i].count);
		if (strcmp(rows[i].name, "CONTINUATION") != 0)
			assert_int_equal(u32(span_from(f.payload.at + 4, 4)), CALM);
		WAIT_FOR(s.loop, s.server.conns_closed == 1);
		assert_int_not_equal(s.server.last_h2_close.code, ERR_NONE);
		close(fd);
		stage_stop(&s);
	}
}

/* A connection that works may send as many such frames as its work needs. */
static void test_no_flood(void **state)
{
	struct stage s = { .loop = NULL };
	struct buf b AUTO_BUF;
	int fd;

	(void)state;
	stage_start_h2(&s);
	fd = open_raw(&s);
	buf_init(&b, 1024 * 1024);
	put_frame(&b, F_WINDOW, 0, 0, SPAN("\x7f\0\0\0"));
	for (uint32_t n = 0; n < 6000; n++) {
		put_headers(&b, END_HEADERS | END_STREAM, 2 * n + 1, GET);
		flood_ping(&b, n);
		flood_window(&b, n);
		if (n % 20 != 19)
			continue;
		raw_send(fd, buf_span(&b));
		buf_reset(&b);
		raw_read(s.loop, fd, NULL, 3, &s.got);
	}
	WAIT_FOR(s.loop, s.server.closes == 6000);
	assert_int_equal(s.server.conns_closed, 0);
	close(fd);
	stage_stop(&s);
}

static void test_h2spec(void **state)
{
	struct stage s = { .loop = NULL };
	char port[16];
	const char *argv[] = { "build/kube/h2spec", "http2", "generic", "hpack", "-h", "127.0.0.1", "-p", port,
			       "-P", "/x", "-o", "5", NULL };

	(void)state;
	if (access(argv[0], X_OK) != 0)
		skip();
	stage_start_h2(&s);
	(void)snprintf(port, sizeof(port), "%u", test_server_port(&s.server));
	if (run_beside(s.loop, argv, 120000, &s.got) != 0 ||
	    !strstr(buf_str(&s.got), "145 tests, 145 passed, 0 skipped, 0 failed"))
		fail_msg("%s", strstr(buf_str(&s.got), "Failures:") ? strstr(buf_str(&s.got), "Failures:") : buf_str(&s.got));
	stage_stop(&s);
}

static void test_curl_and_nghttp(void **state)
{
	struct stage s = { .loop = NULL };
	char echo[128], bytes[128];
	const char *curl[] = { "curl", "-sS", "--http2-prior-knowledge", "-H", "Expect: 100-continue",
			       "--data-binary", "@Makefile", echo, NULL };
	const char *nghttp[] = { "nghttp", "-v", "--trailer", "x-t: u", "-d", "Makefile", echo, NULL };
	const char *h2load[] = { "h2load", "-n", "2000", "-c", "10", "-m", "20", bytes, NULL };

	(void)state;
	stage_start_h2(&s);
	(void)snprintf(echo, sizeof(echo), "http://127.0.0.1:%u/echo", test_server_port(&s.server));
	(void)snprintf(bytes, sizeof(bytes), "http://127.0.0.1:%u/bytes/1000", test_server_port(&s.server));
	if (have_program("curl")) {
		assert_int_equal(run_beside(s.loop, curl, 10000, &s.got), 0);
		assert_int_equal(s.got.len, s.server.body_bytes);
		assert_true(s.got.len > 1000);
	}
	buf_reset(&s.got);
	if (have_program("nghttp")) {
		assert_int_equal(run_beside(s.loop, nghttp, 10000, &s.got), 0);
		assert_non_null(strstr(buf_str(&s.got), "x-t: u"));
		assert_non_null(strstr(buf_str(&s.got), "; END_STREAM"));
	}
	buf_reset(&s.got);
	if (have_program("h2load")) {
		assert_int_equal(run_beside(s.loop, h2load, 60000, &s.got), 0);
		assert_non_null(strstr(buf_str(&s.got), "2000 succeeded, 0 failed, 0 errored, 0 timeout"));
	}
	stage_stop(&s);
}

#define TO(method, path) ":method=" method "\n:scheme=http\n:authority=a\n:path=" path "\n"

/* A peer that stands still. */
static const struct stall {
	const char *name;
	struct h2_limits limits;
	uint8_t flags;
	const char *request; /* NULL: none */
	bool opens_windows;  /* and reads nothing */
	char kind;           /* what the peer gets: 'c' the end, 'g' GOAWAY, 'r' RST_STREAM */
	uint32_t code;
	enum err_code why; /* of the connection, or with 'r' of the stream */
} stalls[] = {
	{ "no PING answer", { .ping_interval_ms = 50 }, 0, NULL, false, 'c', 0, ERR_TIMEOUT },
	{ "idle", { .idle_timeout_ms = 100 }, 0, NULL, false, 'g', NO_ERROR, ERR_NONE },
	{ "no body", { .body_timeout_ms = 100 }, END_HEADERS, TO("POST", "/hold"), false, 'r', CANCEL, ERR_TIMEOUT },
	{ "no window", { .write_timeout_ms = 150 }, END_HEADERS | END_STREAM, TO("GET", "/bytes/1000000"), false, 'r',
	  CANCEL, ERR_TIMEOUT },
	{ "no reading", { .write_timeout_ms = 300 }, END_HEADERS | END_STREAM, TO("GET", "/bytes/90000000"), true, 'c', 0,
	  ERR_TIMEOUT },
};

static void send_stall(int fd, const struct stall *row)
{
	struct buf b AUTO_BUF;

	buf_init(&b, 4096);
	if (row->opens_windows) {
		put_frame(&b, F_SETTINGS, 0, 0, SPAN("\0\4\x7f\xff\xff\xff"));
		put_frame(&b, F_WINDOW, 0, 0, SPAN("\x7f\0\0\0"));
	}
	if (row->request)
		put_headers(&b, row->flags, 1, row->request);
	raw_send(fd, buf_span(&b));
}

/* What the peer reads, if it reads. */
static void check_stall_told(struct stage *s, int fd, const struct stall *row)
{
	struct frame f;

	if (row->opens_windows) {
		WAIT_FOR(s->loop, s->server.conns_closed == 1);
	} else if (row->kind == 'c') {
		assert_true(raw_is_closed(s->loop, fd, 5000));
		WAIT_FOR(s->loop, s->server.conns_closed == 1);
	} else if (!await_frame(s, fd, row->kind == 'g' ? F_GOAWAY : F_RST, 0, &f)) {
		fail_msg("%s: nothing came", row->name);
	} else {
		size_t at = row->kind == 'g' ? 4 : 0;

		assert_int_equal(u32(span_from(f.payload.at + at, 4)), row->code);
	}
}

static void test_timeouts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(stalls); i++) {
		const struct stall *row = &stalls[i];
		struct stage s = { .loop = NULL };
		int fd;

		s.server.h2_limits = row->limits;
		s.server.h2_limits.stream_max = 10;
		s.server.h2_limits.stream_window = s.server.h2_limits.conn_window = 65536;
		s.server.h2_limits.head_max = 4096;
		s.server.h2_limits.field_count_max = 50;
		stage_start_h2(&s);
		fd = open_raw(&s);
		send_stall(fd, row);
		check_stall_told(&s, fd, row);
		if (row->kind == 'r') {
			assert_int_equal(s.server.last_close.code, row->why);
			assert_int_equal(s.server.conns_closed, 0);
		} else {
			WAIT_FOR(s.loop, s.server.conns_closed == 1);
			assert_int_equal(s.server.last_h2_close.code, row->why);
		}
		close(fd);
		stage_stop(&s);
	}
}

/* A reader of a stream that may stall stands still for longer than others may; then it ends, too. */
static void test_stall(void **state)
{
	enum { WRITE_MS = 100, STALL_MS = 700 };
	static const struct {
		const char *name;
		struct h2_limits limits;
		const char *path;
		bool takes_all; /* windows are open: it is TCP that is stuck */
		uint64_t least_ms;
		size_t conns_closed;
	} rows[] = {
		{ "may not", { .write_timeout_ms = WRITE_MS, .stall_timeout_ms = STALL_MS }, "/stream/", false, WRITE_MS, 0 },
		{ "no limit", { .write_timeout_ms = WRITE_MS }, "/stall/", false, WRITE_MS, 0 },
		{ "window", { .write_timeout_ms = WRITE_MS, .stall_timeout_ms = STALL_MS }, "/stall/", false, STALL_MS, 0 },
		{ "tunnel", { .write_timeout_ms = WRITE_MS, .stall_timeout_ms = STALL_MS }, "/stall/", true, WRITE_MS, 1 },
		{ "TCP", { .write_timeout_ms = WRITE_MS, .stall_timeout_ms = STALL_MS, .tcp_is_life = true }, "/stall/", true,
		  STALL_MS, 1 },
		{ "TCP, may not", { .write_timeout_ms = WRITE_MS, .stall_timeout_ms = STALL_MS, .tcp_is_life = true },
		  "/stream/", true, WRITE_MS, 1 },
		{ "PING", { .ping_interval_ms = 30, .stall_timeout_ms = STALL_MS, .tcp_is_life = true }, "/stall/", false,
		  STALL_MS, 1 },
		{ "PING of a tunnel", { .ping_interval_ms = 30, .stall_timeout_ms = STALL_MS }, "/stall/", false, 90, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct stage s = { .loop = NULL };
		struct buf b AUTO_BUF;
		char head[128];
		uint64_t began_ms, took_ms;
		int fd;

		s.server.h2_limits = rows[i].limits;
		s.server.h2_limits.stream_max = 10;
		s.server.h2_limits.stream_window = s.server.h2_limits.conn_window = 65536;
		s.server.h2_limits.head_max = 4096;
		s.server.h2_limits.field_count_max = 50;
		stage_start_h2(&s);
		fd = open_raw(&s);
		buf_init(&b, 4096);
		if (rows[i].takes_all) {
			put_frame(&b, F_SETTINGS, 0, 0, SPAN("\0\4\x7f\xff\xff\xff"));
			put_frame(&b, F_WINDOW, 0, 0, SPAN("\x7f\0\0\0"));
		}
		(void)snprintf(head, sizeof(head), ":method=GET\n:scheme=http\n:authority=a\n:path=%s90000000\n",
			       rows[i].path);
		put_headers(&b, END_HEADERS | END_STREAM, 1, head);
		raw_send(fd, buf_span(&b));
		WAIT_FOR(s.loop, s.server.requests == 1);
		began_ms = clock_mono_ms();
		WAIT_FOR(s.loop, s.server.closes == 1);
		took_ms = clock_mono_ms() - began_ms + 10;
		if (took_ms < rows[i].least_ms || (rows[i].least_ms < STALL_MS && took_ms >= STALL_MS))
			fail_msg("%s: ended after %d ms", rows[i].name, (int)took_ms);
		if (rows[i].conns_closed)
			WAIT_FOR(s.loop, s.server.conns_closed == 1);
		assert_int_equal(s.server.conns_closed, rows[i].conns_closed);
		close(fd);
		stage_stop(&s);
	}
}

/* Many connections that do nothing, and then all go. */
static void test_many_idle(void **state)
{
	struct stage s = { .loop = NULL };
	int fds[200];

	(void)state;
	stage_start_h2(&s);
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fds[i] = open_raw(&s);
	WAIT_FOR(s.loop, s.server.conns == COUNT_OF(fds));
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		close(fds[i]);
	stage_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_head_limits),
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_no_flood),
		cmocka_unit_test(test_h2spec),
		cmocka_unit_test(test_curl_and_nghttp),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_stall),
		cmocka_unit_test(test_many_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
