/* HTTP/2: the server against raw frames, h2spec, curl and nghttp; both roles against each other. */
#include "tests/unit/net_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/mem.h"

enum frame_type {
	F_DATA, F_HEADERS, F_PRIORITY, F_RST, F_SETTINGS, F_PUSH, F_PING, F_GOAWAY, F_WINDOW, F_CONTINUATION,
};
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };
enum { NO_ERROR = 0, PROTOCOL = 1, STREAM_CLOSED = 5, CANCEL = 8, CALM = 11 };

struct stage {
	struct loop *loop;
	struct test_server server;
	struct buf got; /* frames that were not looked at */
};

static void stage_start(struct stage *s)
{
	struct err e;

	s->loop = loop_new(&e);
	assert_non_null(s->loop);
	s->server.is_h2 = true;
	test_server_start(&s->server, s->loop);
	buf_init(&s->got, 64 * 1024 * 1024);
}

static void stage_stop(struct stage *s)
{
	WAIT_FOR(s->loop, s->server.conns_closed == s->server.conns);
	assert_int_equal(s->server.open, 0);
	assert_int_equal(s->server.requests, s->server.closes);
	assert_int_equal(s->server.requests, s->server.observed);
	test_server_stop(&s->server);
	loop_free(s->loop);
	buf_free(&s->got);
}

static void put_frame(struct buf *b, enum frame_type type, uint8_t flags, uint32_t id, struct span payload)
{
	uint8_t head[9] = {
		(uint8_t)(payload.len >> 16), (uint8_t)(payload.len >> 8), (uint8_t)payload.len,
		(uint8_t)type, flags,
		(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id,
	};

	assert_int_equal(buf_put(b, head, sizeof(head)), 0);
	assert_int_equal(buf_put_span(b, payload), 0);
}

/* Literals without indexing and without Huffman; "name=value\n" lines. */
static void put_block(struct buf *b, const char *lines)
{
	struct span rest = span_of(lines), line;

	while (span_take_part(&rest, '\n', &line)) {
		ptrdiff_t at = line.len > 1 ? span_find(span_from(line.at + 1, line.len - 1), '=') + 1 : 0;
		struct span name = span_from(line.at, (size_t)at);
		struct span value = span_from(line.at + at + 1, line.len - (size_t)at - 1);

		if (!line.len)
			continue;
		assert_true(at > 0 && name.len < 127);
		buf_put_char(b, 0);
		buf_put_char(b, (char)name.len);
		buf_put_span(b, name);
		if (value.len < 127) {
			buf_put_char(b, (char)value.len);
		} else { /* RFC 7541 5.1, two bytes more */
			buf_put_char(b, 127);
			buf_put_char(b, (char)(0x80 | ((value.len - 127) & 0x7f)));
			buf_put_char(b, (char)((value.len - 127) >> 7));
		}
		buf_put_span(b, value);
	}
}

static void put_headers(struct buf *b, uint8_t flags, uint32_t id, const char *lines)
{
	struct buf block AUTO_BUF;

	buf_init(&block, 1024 * 1024);
	put_block(&block, lines);
	put_frame(b, F_HEADERS, flags, id, buf_span(&block));
}

static void put_preface(struct buf *b)
{
	buf_put_str(b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	put_frame(b, F_SETTINGS, 0, 0, SPAN_NONE);
	put_frame(b, F_SETTINGS, ACK, 0, SPAN_NONE);
}

static int open_raw(struct stage *s)
{
	int fd = raw_connect(test_server_port(&s->server));
	struct buf b AUTO_BUF;

	buf_init(&b, 1024);
	put_preface(&b);
	raw_send(fd, buf_span(&b));
	buf_reset(&s->got);
	return fd;
}

struct frame {
	enum frame_type type;
	uint8_t flags;
	uint32_t id;
	struct span payload;
};

static uint32_t u32(struct span bytes)
{
	const uint8_t *at = (const uint8_t *)bytes.at;

	assert_true(bytes.len >= 4);
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The next whole frame at `*at` in what came. */
static bool take_frame(const struct buf *got, size_t *at, struct frame *ret)
{
	const uint8_t *head = (const uint8_t *)got->at + *at;
	size_t len;

	if (got->len - *at < 9)
		return false;
	len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
	if (got->len - *at - 9 < len)
		return false;
	*ret = (struct frame){ (enum frame_type)head[3], head[4], u32(span_from(head + 5, 4)) & 0x7fffffff,
			       span_from(head + 9, len) };
	*at += 9 + len;
	return true;
}

/* Waits for a frame of that type (and stream, when not 0); false when the connection ended before. */
static bool await_frame(struct stage *s, int fd, enum frame_type type, uint32_t id, struct frame *ret)
{
	uint64_t end_ms = clock_mono_ms() + 5000;

	for (;;) {
		size_t at = 0;

		while (take_frame(&s->got, &at, ret))
			if (ret->type == type && (!id || ret->id == id))
				return true;
		if (clock_mono_ms() > end_ms)
			return false;
		raw_read(s->loop, fd, NULL, 20, &s->got);
	}
}

/* What the server makes of one request: 'r' and the code of RST_STREAM, 'g' and GOAWAY's, 'h' and the first byte. */
static void verdict(struct stage *s, int fd, uint32_t id, char *ret_kind, uint32_t *ret_code)
{
	uint64_t end_ms = clock_mono_ms() + 5000;
	struct frame f;

	*ret_kind = '-';
	*ret_code = 0;
	while (clock_mono_ms() < end_ms) {
		size_t at = 0;

		raw_read(s->loop, fd, NULL, 10, &s->got);
		while (take_frame(&s->got, &at, &f)) {
			if (f.type == F_HEADERS && f.id == id) {
				*ret_kind = 'h';
				*ret_code = (uint8_t)f.payload.at[0];
				return;
			}
			if (f.type == F_RST && f.id == id) {
				*ret_kind = 'r';
				*ret_code = u32(f.payload);
				return;
			}
			if (f.type == F_GOAWAY) {
				*ret_kind = 'g';
				*ret_code = u32(span_from(f.payload.at + 4, 4));
				return;
			}
		}
	}
}

#define GET ":method=GET\n:scheme=http\n:authority=a.example\n:path=/x\n"

/* First bytes of the answer's block: HPACK's static table has 200 and 400; others are literals of :status. */
enum { S200 = 0x88, S400 = 0x8c, SOTHER = 0x48 };

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
	stage_start(&s);
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
	stage_start(&s);
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

		stage_start(&s);
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
	stage_start(&s);
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
	stage_start(&s);
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
	stage_start(&s);
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

/* ---- both roles ---- */

struct pair {
	struct stage stage;
	struct conn *conn;
	struct h2 *h2; /* the client; NULL after on_close */
	struct h2_limits limits;
	unsigned readies, goaways, closes;
	struct err why;
};

static void pair_on_ready(void *owner, struct h2 *h UNUSED)
{
	((struct pair *)owner)->readies++;
}

static void pair_on_goaway(void *owner, struct h2 *h UNUSED)
{
	((struct pair *)owner)->goaways++;
}

static void pair_on_close(void *owner, struct h2 *h UNUSED, const struct err *why)
{
	struct pair *p = owner;

	p->closes++;
	p->why = *why;
	p->h2 = NULL;
}

static void pair_on_open(void *owner, struct conn *c)
{
	static const struct h2_events events = { pair_on_ready, pair_on_goaway, pair_on_close };
	struct pair *p = owner;

	p->h2 = h2_client_new(p->stage.loop, c, &p->limits, &events, p);
}

static void pair_on_dial_failed(void *owner, const struct err *why)
{
	(void)owner;
	fail_msg("%s", why->text);
}

static void pair_dial(struct pair *p)
{
	static const struct conn_events events = { .on_open = pair_on_open, .on_close = pair_on_dial_failed };
	struct conn_target target = { .host = "127.0.0.1", .port = test_server_port(&p->stage.server), .timeout_ms = 3000 };

	p->readies = 0;
	p->conn = conn_dial(p->stage.loop, &target, &events, p);
	WAIT_FOR(p->stage.loop, p->readies == 1);
}

static void pair_start(struct pair *p)
{
	if (!p->limits.head_max)
		p->limits = (struct h2_limits){
			.stream_max = 100,
			.stream_window = 256 * 1024,
			.conn_window = 1024 * 1024,
			.head_max = 16 * 1024,
			.field_count_max = 100,
		};
	stage_start(&p->stage);
	pair_dial(p);
}

static void pair_stop(struct pair *p)
{
	if (p->h2)
		h2_close(p->h2);
	WAIT_FOR(p->stage.loop, !p->h2);
	stage_stop(&p->stage);
}

static void ask(struct pair *p, struct test_ask *a, const char *method, const char *target, bool end)
{
	struct http_head head = test_head(method, target);

	test_ask_init(a);
	a->in_call = true;
	a->s = h2_request(p->h2, &head, end, &test_ask_events, a);
	a->in_call = false;
}

static void test_simple(void **state)
{
	struct pair p = { .h2 = NULL };
	struct test_ask a;

	(void)state;
	pair_start(&p);
	assert_true(h2_may_request(p.h2));
	ask(&p, &a, "GET", "/x?y", true);
	assert_int_equal(h2_stream_count(p.h2), 1);
	assert_null(http_stream_request(a.s));
	assert_memory_equal(http_stream_peer(a.s), "127.0.0.1:", 10);
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
	stage_start(&s);
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

static void test_bodies(void **state)
{
	struct pair p = { .h2 = NULL };
	struct http_field trailers[] = { { SPAN("x-t"), SPAN("u") }, { SPAN("content-length"), SPAN("5") } };
	struct test_ask a, b;
	struct err e;

	(void)state;
	pair_start(&p);
	ask(&p, &a, "POST", "/echo", false);
	test_ask_pump(&a, 20 * 1000 * 1000);
	ask(&p, &b, "PUT", "/echo", false);
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
	ask(&p, &b, "PUT", "/echo", false);
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
		ask(&p, &a, rows[i].method, rows[i].target, true);
		WAIT_FOR(p.stage.loop, a.closes);
		assert_int_equal(a.status, rows[i].status);
		assert_int_equal(a.ends, 1);
		assert_int_equal(a.body_len, 0);
		assert_int_equal(a.why.code, ERR_NONE);
		test_ask_free(&a);
	}
	/* answered before the body: the rest of it is stopped, in order */
	ask(&p, &a, "POST", "/early", false);
	test_ask_pump(&a, 10 * 1000 * 1000);
	WAIT_FOR(p.stage.loop, a.closes);
	assert_int_equal(a.status, 413);
	assert_int_equal(a.why.code, ERR_NONE);
	assert_int_equal(p.stage.server.last_close.code, ERR_NONE);
	test_ask_free(&a);
	ask(&p, &a, "POST", "/stop", false);
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
		ask(&p, &stalled[i], "GET", "/bytes/10000000", true);
		stalled[i].consumes_none = true;
	}
	for (size_t i = 0; i < COUNT_OF(stalled); i++)
		WAIT_FOR(p.stage.loop, stalled[i].body_len >= 250 * 1024);
	for (int i = 0; i < 5; i++) {
		ask(&p, &a, "GET", "/bytes/5000000", true);
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
	ask(&p, &stalled[0], "POST", "/deaf", false);
	test_ask_pump(&stalled[0], 10 * 1000 * 1000);
	ask(&p, &a, "POST", "/echo", false);
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
	ask(&p, &a, "GET", "/reset", true);
	WAIT_FOR(p.stage.loop, a.closes);
	assert_int_equal(a.why.code, ERR_UNREACHABLE);
	assert_int_equal(a.ends + a.heads, 0);
	test_ask_free(&a);
	ask(&p, &a, "GET", "/hold", true);
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
	ask(&p, &a, "GET", "/x", true);
	ask(&p, &b, "GET", "/x", true);
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
		ask(&p, &a[i], "GET", i < 4 ? "/hold" : "/x", true);
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
	ask(&p, &a, "GET", "/hold", true);
	WAIT_FOR(p.stage.loop, p.stage.server.held);
	h2_drain(p.stage.server.h2);
	WAIT_FOR(p.stage.loop, p.goaways == 1);
	assert_false(h2_may_request(p.h2));
	ask(&p, &b, "GET", "/x", true);
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
	ask(&p, &a, "GET", "/hold", true);
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
	ask(&p, &a, "GET", "/hold", true);
	WAIT_FOR(p.stage.loop, p.stage.server.held);
	a.in_call = true;
	h2_close(p.h2);
	h2_close(p.h2);
	a.in_call = false;
	ask(&p, &b, "GET", "/x", true);
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
	ask(&p, &a, "GET", "/bytes/90000000", true);
	WAIT_FOR(p.stage.loop, a.body_len > 1000000);
	h2_close(p.stage.server.h2);
	WAIT_FOR(p.stage.loop, !p.h2);
	assert_int_equal(a.closes, 1);
	assert_int_equal(a.ends, 0);
	assert_int_equal(a.why.code, ERR_UNREACHABLE);
	test_ask_free(&a);
	pair_stop(&p);
}

static void test_rtt(void **state)
{
	struct pair p = { .h2 = NULL };

	(void)state;
	p.limits = (struct h2_limits){
		.stream_window = 65536, .conn_window = 65536, .head_max = 4096, .field_count_max = 50, .ping_interval_ms = 50,
	};
	pair_start(&p);
	assert_int_equal(h2_rtt_ms(p.h2), -1);
	WAIT_FOR(p.stage.loop, h2_rtt_ms(p.h2) >= 0);
	assert_true(h2_rtt_ms(p.h2) < 5000);
	pair_stop(&p);
}

/* Peers that stand still, each in its own way. */
static void test_timeouts(void **state)
{
	static const struct {
		const char *name;
		struct h2_limits limits;
		char kind; /* what the peer gets */
		uint32_t code;
		enum err_code why; /* of the connection, or with 's' of the stream */
	} rows[] = {
		{ "no PING answer", { .ping_interval_ms = 50 }, 'c', 0, ERR_TIMEOUT },
		{ "idle", { .idle_timeout_ms = 100 }, 'g', NO_ERROR, ERR_NONE },
		{ "no body", { .body_timeout_ms = 100 }, 'r', CANCEL, ERR_TIMEOUT },
		{ "no window", { .write_timeout_ms = 150 }, 'r', CANCEL, ERR_TIMEOUT },
		{ "no reading", { .write_timeout_ms = 300 }, 'c', 0, ERR_TIMEOUT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct stage s = { .loop = NULL };
		struct buf b AUTO_BUF;
		struct frame f;
		int fd;

		s.server.h2_limits = rows[i].limits;
		s.server.h2_limits.stream_max = 10;
		s.server.h2_limits.stream_window = s.server.h2_limits.conn_window = 65536;
		s.server.h2_limits.head_max = 4096;
		s.server.h2_limits.field_count_max = 50;
		stage_start(&s);
		fd = open_raw(&s);
		buf_init(&b, 4096);
		if (strcmp(rows[i].name, "no body") == 0)
			put_headers(&b, END_HEADERS, 1, ":method=POST\n:scheme=http\n:authority=a\n:path=/hold\n");
		else if (strcmp(rows[i].name, "no window") == 0)
			put_headers(&b, END_HEADERS | END_STREAM, 1,
				    ":method=GET\n:scheme=http\n:authority=a\n:path=/bytes/1000000\n");
		if (strcmp(rows[i].name, "no reading") == 0) {
			put_frame(&b, F_SETTINGS, 0, 0, SPAN("\0\4\x7f\xff\xff\xff"));
			put_frame(&b, F_WINDOW, 0, 0, SPAN("\x7f\0\0\0"));
			put_headers(&b, END_HEADERS | END_STREAM, 1,
				    ":method=GET\n:scheme=http\n:authority=a\n:path=/bytes/90000000\n");
		}
		raw_send(fd, buf_span(&b));
		if (rows[i].kind == 'c' && strcmp(rows[i].name, "no reading") == 0) {
			WAIT_FOR(s.loop, s.server.conns_closed == 1);
		} else if (rows[i].kind == 'c') {
			assert_true(raw_is_closed(s.loop, fd, 5000));
			WAIT_FOR(s.loop, s.server.conns_closed == 1);
		} else if (!await_frame(&s, fd, rows[i].kind == 'g' ? F_GOAWAY : F_RST, 0, &f)) {
			fail_msg("%s: nothing came", rows[i].name);
		} else {
			size_t at = rows[i].kind == 'g' ? 4 : 0;

			assert_int_equal(u32(span_from(f.payload.at + at, 4)), rows[i].code);
		}
		if (rows[i].kind == 'r') {
			assert_int_equal(s.server.last_close.code, rows[i].why);
			assert_int_equal(s.server.conns_closed, 0);
		} else {
			WAIT_FOR(s.loop, s.server.conns_closed == 1);
			assert_int_equal(s.server.last_h2_close.code, rows[i].why);
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
		stage_start(&s);
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
	stage_start(&s);
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
		cmocka_unit_test(test_simple),
		cmocka_unit_test(test_connect_heads),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_connect_refused),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_no_bodies),
		cmocka_unit_test(test_stalled_stream),
		cmocka_unit_test(test_resets),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_expect_is_passed_over),
		cmocka_unit_test(test_stream_limit),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_rtt),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_stall),
		cmocka_unit_test(test_many_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
