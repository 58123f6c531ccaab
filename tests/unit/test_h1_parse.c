/* HTTP/1.1 heads and bodies as bytes: the parser in both roles, and what is written. */
#include "tests/unit/h1_bad_requests.h"
#include "tests/unit/net_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/net/h1_parse.h"
#include "lib/net/h1_write.h"

static const struct h1_limits small_limits = { .head_max = 1024, .field_count_max = 10 };

/* What a parser told, as text. */
struct record {
	struct buf text;
	unsigned ends;
	bool in_body; /* pieces of one body are one line */
};

static bool record_head(void *owner, struct h1_parser *p)
{
	struct record *r = owner;
	AUTO_FREE void *memory = mem_new(h1_parser_head_size(p) + 1);
	struct http_head head;

	h1_parser_take_head(p, memory, &head);
	buf_printf(&r->text, "%.*s %.*s %.*s %d\n", SPAN_ARG(head.method), SPAN_ARG(head.target),
		   SPAN_ARG(head.authority), head.status);
	for (size_t i = 0; i < head.field_count; i++)
		buf_printf(&r->text, "%.*s=%.*s\n", SPAN_ARG(head.fields[i].name), SPAN_ARG(head.fields[i].value));
	return true;
}

static void record_body(void *owner, struct span bytes)
{
	struct record *r = owner;

	if (!r->in_body)
		buf_put_str(&r->text, "body:");
	r->in_body = true;
	buf_put_span(&r->text, bytes);
}

static void record_end(void *owner, const struct http_field *trailers, size_t count)
{
	struct record *r = owner;

	buf_put_str(&r->text, r->in_body ? "\nend\n" : "end\n");
	r->in_body = false;
	r->ends++;
	for (size_t i = 0; i < count; i++)
		buf_printf(&r->text, "trailer %.*s=%.*s\n", SPAN_ARG(trailers[i].name), SPAN_ARG(trailers[i].value));
}

static const struct h1_parse_events record_events = { record_head, record_body, record_end };

/* Parses `input` in pieces of `step` bytes; the events, and the status of what was refused. */
static int parse(enum h1_role role, struct span input, size_t step, struct buf *ret_text)
{
	struct record r = { .ends = 0 };
	struct h1_parser p;
	int status;

	buf_init(&r.text, 1024 * 1024);
	h1_parser_init(&p, role, &small_limits, &record_events, &r);
	for (size_t at = 0; at < input.len && p.state != H1_PARSE_BAD;) {
		size_t len = input.len - at < step ? input.len - at : step;
		size_t taken = h1_parser_feed(&p, span_from(input.at + at, len));

		assert_true(taken <= len);
		assert_true(taken == len || p.state == H1_PARSE_WHOLE || p.state == H1_PARSE_BAD);
		at += taken;
		if (p.state == H1_PARSE_WHOLE)
			h1_parser_next(&p);
	}
	h1_parser_finish(&p);
	status = p.state == H1_PARSE_BAD ? p.bad_status : 0;
	if (status)
		assert_true(strlen(p.why) > 10);
	h1_parser_free(&p);
	*ret_text = r.text;
	return status;
}

static const struct {
	const char *bytes;
	const char *text;
} good_requests[] = {
	{ "GET / HTTP/1.1\r\n" H "\r\n", "GET / a.example 0\nend\n" },
	{ "\r\nGET / HTTP/1.1\r\n" H "\r\n", "GET / a.example 0\nend\n" },
	{ "GET /a?b=c%20d HTTP/1.1\r\n" H "X-A:  b \t\r\nX-B:\r\n\r\n", "GET /a?b=c%20d a.example 0\nx-a=b\nx-b=\nend\n" },
	{ "GET  / HTTP/1.1\r\n" H "\r\n", "GET / a.example 0\nend\n" }, /* RFC 9112 3 lets a server do so */
	{ "GET / HTTP/1.0\r\n\r\n", "GET /  0\nend\n" },
	{ "OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS * a.example 0\nend\n" },
	{ "GET http://A.example/x?y HTTP/1.1\r\n" H "\r\n", "GET /x?y a.example 0\nend\n" },
	{ "GET https://a.example HTTP/1.1\r\n" H "\r\n", "GET / a.example 0\nend\n" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\n" H "\r\n",
	  "POST / a.example 0\ncontent-length=3\nbody:abc\nend\nGET /2 a.example 0\nend\n" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0002;x=y\r\nde\r\n0\r\nT: v\r\n\r\n",
	  "POST / a.example 0\ntransfer-encoding=Chunked\nbody:abcde\nend\ntrailer t=v\n" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: x\r\nHost: y\r\nX-Ok: 1\r\n\r\n",
	  "POST / a.example 0\ntransfer-encoding=chunked\nend\ntrailer x-ok=1\n" },
	{ "GET / HTTP/1.1\r\n" H "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
	  "GET /2 HTTP/1.1\r\n" H "\r\n",
	  "GET / a.example 0\nconnection=Upgrade, HTTP2-Settings\nupgrade=h2c\nhttp2-settings=AAMAAABk\nend\n"
	  "GET /2 a.example 0\nend\n" },
	{ "POST / HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nab"
	  "GET /2 HTTP/1.1\r\n" H "\r\n",
	  "POST / a.example 0\nupgrade=websocket\nconnection=upgrade\ncontent-length=2\nbody:ab\nend\n"
	  "GET /2 a.example 0\nend\n" },
};

static void test_good_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good_requests); i++) {
		struct span input = span_of(good_requests[i].bytes);

		for (size_t step = 1; step <= input.len; step++) {
			struct buf text;
			int status = parse(H1_REQUESTS, input, step, &text);

			if (status || strcmp(buf_str(&text), good_requests[i].text) != 0)
				fail_msg("row %zu in pieces of %zu: status %d, got\n%s", i, step, status, buf_str(&text));
			buf_free(&text);
		}
	}
}

static void test_bad_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_requests); i++) {
		struct span input = span_of(bad_requests[i].bytes);

		for (size_t step = 1; step <= input.len; step++) {
			struct buf text;
			int status = parse(H1_REQUESTS, input, step, &text);

			if (status != bad_requests[i].status)
				fail_msg("row %zu in pieces of %zu: status %d, not %d: %s", i, step, status,
					 bad_requests[i].status, bad_requests[i].bytes);
			buf_free(&text);
		}
	}
}

static void test_nul_bytes(void **state)
{
	static const struct span rows[] = {
		SPAN("GET / HTTP/1.1\r\n" H "A: b\0c\r\n\r\n"),
		SPAN("GET / HTTP/1.1\r\n" H "A\0: b\r\n\r\n"),
		SPAN("GET /\0 HTTP/1.1\r\n" H "\r\n"),
		SPAN("GET / HTTP/1.1\r\nHost: a\0.example\r\n\r\n"),
		SPAN("\0GET / HTTP/1.1\r\n" H "\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf text;

		assert_int_equal(parse(H1_REQUESTS, rows[i], rows[i].len, &text), 400);
		buf_free(&text);
	}
}

static int parse_padded(const char *before, size_t count, const char *after)
{
	struct buf b AUTO_BUF, text;
	int status;

	buf_init(&b, 1024 * 1024);
	buf_put_str(&b, before);
	for (size_t i = 0; i < count; i++)
		buf_put_char(&b, 'x');
	buf_put_str(&b, after);
	status = parse(H1_REQUESTS, buf_span(&b), b.len, &text);
	buf_free(&text);
	text.at = NULL;
	return status;
}

static void test_head_limits(void **state)
{
	struct buf many AUTO_BUF, text;

	(void)state;
	assert_int_equal(parse_padded("GET /", 900, " HTTP/1.1\r\n" H "\r\n"), 0);
	assert_int_equal(parse_padded("GET /", 1100, " HTTP/1.1\r\n" H "\r\n"), 414);
	assert_int_equal(parse_padded("GET / HTTP/1.1\r\n" H "A: ", 950, "\r\n\r\n"), 0);
	assert_int_equal(parse_padded("GET / HTTP/1.1\r\n" H "A: ", 1100, "\r\n\r\n"), 431);
	assert_int_equal(parse_padded("GET / HTTP/1.1\r\n" H "A", 1100, ": b\r\n\r\n"), 431);
	assert_int_equal(parse_padded(CHUNKED "0\r\nA: ", 2100, "\r\n\r\n"), 431);
	assert_int_equal(parse_padded(CHUNKED "1;", 20000, "\r\na\r\n"), 400);
	/* blanks count too */
	buf_init(&many, 64 * 1024);
	buf_put_str(&many, "GET / HTTP/1.1\r\n" H "A:");
	for (size_t i = 0; i < 2000; i++)
		buf_put_char(&many, ' ');
	buf_put_str(&many, "b\r\n\r\n");
	assert_int_equal(parse(H1_REQUESTS, buf_span(&many), 100, &text), 431);
	buf_free(&text);
	/* Host is one of the ten */
	for (int fields = 9; fields <= 10; fields++) {
		buf_reset(&many);
		buf_put_str(&many, "GET / HTTP/1.1\r\n" H);
		for (int i = 0; i < fields; i++)
			buf_put_str(&many, "A: b\r\n");
		buf_put_str(&many, "\r\n");
		assert_int_equal(parse(H1_REQUESTS, buf_span(&many), many.len, &text), fields == 9 ? 0 : 431);
		buf_free(&text);
	}
}

/* Extensions that add up over many chunks. */
static void test_chunk_extensions_add_up(void **state)
{
	struct buf b AUTO_BUF, text;

	(void)state;
	buf_init(&b, 4 * 1024 * 1024);
	buf_put_str(&b, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 1000; i++)
		buf_put_str(&b, "1;0123456789012345678901234567890123456789012345678901234567890123456789\r\na\r\n");
	buf_put_str(&b, "0\r\n\r\n");
	assert_int_equal(parse(H1_REQUESTS, buf_span(&b), b.len, &text), 400);
	buf_free(&text);
	buf_reset(&b);
	buf_put_str(&b, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 10000; i++)
		buf_put_str(&b, "1;a=b\r\na\r\n");
	buf_put_str(&b, "0\r\n\r\n");
	assert_int_equal(parse(H1_REQUESTS, buf_span(&b), b.len, &text), 0);
	buf_free(&text);
}

static const struct {
	int status;
	const char *bytes;
	const char *text;
} answers[] = {
	{ 0, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "   200\ncontent-length=2\nbody:ab\nend\n" },
	{ 0, "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	  "   204\nend\n   200\ncontent-length=0\nend\n" },
	{ 0, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", "   304\ncontent-length=7\nend\n" },
	{ 0, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 \r\n\r\nuntil close",
	  "   200\nbody:until close\nend\n" },
	{ 0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: u\r\n\r\n",
	  "   200\ntransfer-encoding=chunked\nbody:a\nend\ntrailer t=u\n" },
	{ 502, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", NULL },
	{ 502, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc", NULL },
	{ 502, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", NULL },
	{ 502, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", NULL },
	{ 502, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", NULL },
	{ 502, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", NULL },
	{ 502, "HTTP/1.1 101 Switching Protocols\r\n\r\n", NULL },
	{ 502, "HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\nabc", NULL },
	{ 502, "HTTP/1.1 099 Odd\r\n\r\n", NULL },
	{ 502, "HTTP/1.1 600 Odd\r\n\r\n", NULL },
	{ 502, "HTTP/2.0 200 OK\r\n\r\n", NULL },
	{ 502, "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", NULL },
	{ 502, "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", NULL },
	{ 502, "HTTP/1.1 200 OK\r\nA: b\x01\r\n\r\n", NULL },
	{ 502, "SSH-2.0-OpenSSH_9.2\r\n", NULL },
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		struct span input = span_of(answers[i].bytes);

		for (size_t step = 1; step <= input.len; step++) {
			struct buf text;
			int status = parse(H1_ANSWERS, input, step, &text);

			if (status != answers[i].status ||
			    (answers[i].text && strcmp(buf_str(&text), answers[i].text) != 0))
				fail_msg("row %zu in pieces of %zu: status %d, got\n%s", i, step, status, buf_str(&text));
			buf_free(&text);
		}
	}
}

static void test_flood_of_1xx(void **state)
{
	struct buf b AUTO_BUF, text;

	(void)state;
	buf_init(&b, 64 * 1024);
	for (int i = 0; i < 20; i++)
		buf_put_str(&b, "HTTP/1.1 100 Continue\r\n\r\n");
	buf_put_str(&b, "HTTP/1.1 204 No Content\r\n\r\n");
	assert_int_equal(parse(H1_ANSWERS, buf_span(&b), b.len, &text), 502);
	buf_free(&text);
}

/* What is written must be refused when it could be read in another way. */
static void test_write_refuses(void **state)
{
	static const struct {
		struct http_field field;
		bool end;
		int result;
	} rows[] = {
		{ { SPAN("x"), SPAN("y") }, false, 0 },
		{ { SPAN("content-length"), SPAN("5") }, false, 0 },
		{ { SPAN("content-length"), SPAN("0") }, true, 0 },
		{ { SPAN("content-length"), SPAN("5") }, true, -1 },
		{ { SPAN("content-length"), SPAN("+5") }, false, -1 },
		{ { SPAN("x"), SPAN("a\r\nb: c") }, false, -1 },
		{ { SPAN("x"), SPAN("a\nb") }, false, -1 },
		{ { SPAN("x"), SPAN("a\0b") }, false, -1 },
		{ { SPAN("x y"), SPAN("z") }, false, -1 },
		{ { SPAN("X"), SPAN("z") }, false, -1 },
		{ { SPAN(""), SPAN("z") }, false, -1 },
		{ { SPAN("x:"), SPAN("z") }, false, -1 },
		{ { SPAN("transfer-encoding"), SPAN("gzip") }, false, 0 }, /* left out */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct http_head head = test_head("POST", "/");
		struct http_queue q;
		struct h1_body body;
		struct err e = { .code = ERR_NONE };
		int result;

		head.fields = &rows[i].field;
		head.field_count = 1;
		http_queue_init(&q, 4096);
		result = h1_write_request(&q, &head, rows[i].end, &body, &e);
		if (result != rows[i].result)
			fail_msg("row %zu: %d, %s", i, result, e.text);
		assert_int_equal(result != 0, http_queue_len(&q) == 0);
		http_queue_free(&q);
	}
}

static void test_write_targets(void **state)
{
	static const struct {
		const char *method, *target, *authority;
	} rows[] = {
		{ "GET", "", "a" },      { "GET", "a", "a" },      { "GET", "/a b", "a" },   { "GET", "/\r\nX: y", "a" },
		{ "GET", "*", "a" },     { "GET", "http://a/", "a" }, { "GET", "/#", "a" },  { "GET", "/", "" },
		{ "GET", "/", "a\r\nb" }, { "GET", "/", "u@a" },   { "G ET", "/", "a" },     { "", "/", "a" },
		{ "GET\r\n", "/", "a" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct http_head head = test_head(rows[i].method, rows[i].target);
		struct http_queue q;
		struct h1_body body;
		struct err e;

		head.authority = span_of(rows[i].authority);
		http_queue_init(&q, 4096);
		if (h1_write_request(&q, &head, true, &body, &e) == 0)
			fail_msg("row %zu was written", i);
		assert_int_equal(e.code, ERR_INPUT);
		http_queue_free(&q);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_requests),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_head_limits),
		cmocka_unit_test(test_chunk_extensions_add_up),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_flood_of_1xx),
		cmocka_unit_test(test_write_refuses),
		cmocka_unit_test(test_write_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
