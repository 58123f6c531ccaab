/* HTTP/1.1: the parser alone, the server against raw bytes and curl, the client pool against raw bytes. */
#include "tests/unit/net_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

#define H "Host: a.example\r\n"
#define CHUNKED "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"

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

static const struct {
	int status;
	const char *bytes;
} bad_requests[] = {
	/* length and coding */
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: -3\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 3 3\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: \r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length : 3\r\n\r\nabc" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b" "chunked\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" },
	{ 400, "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
	/* chunks */
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n-1\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n 1\r\na\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\na" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\na\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\na\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\na\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n" },
	/* lines and fields */
	{ 400, "GET / HTTP/1.1\n" H "\r\n" },
	{ 400, "GET / HTTP/1.1\r\nHost: a.example\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "\n" },
	{ 400, "GET / HTTP/1.1\r" H "\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n " H "\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A : b\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A\t: b\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H ": b\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A(: b\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A: b\x01\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A: b\x7f\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "\xc3\xa4: b\r\n\r\n" },
	/* Host and target */
	{ 400, "GET / HTTP/1.1\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H H "\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" H "Host: b.example\r\n\r\n" },
	{ 400, "GET / HTTP/1.0\r\n" H H "\r\n" },
	{ 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n" },
	{ 400, "GET http://b.example/ HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET http://a.example:80/ HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET http://u@a.example/ HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET http://a.example?x HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET ftp://a.example/ HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET a HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET * HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET /a#b HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET /a b HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET /a\x01 HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n" },
	{ 400, "GET /\x7f HTTP/1.1\r\n" H "\r\n" },
	{ 501, "GET\t/ HTTP/1.1\r\n" H "\r\n" },
	/* versions and methods */
	{ 505, "GET / HTTP/2.0\r\n" H "\r\n" },
	{ 505, "GET / HTTP/0.9\r\n" H "\r\n" },
	{ 505, "GET / HTTP/1.2\r\n" H "\r\n" },
	{ 505, "GET / HTTP/3.0\r\n" H "\r\n" },
	{ 400, "GET / http/1.1\r\n" H "\r\n" },
	{ 505, "GET /\r\n\r\n" },
	{ 501, "CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n" },
	{ 501, "BREW / HTTP/1.1\r\n" H "\r\n" },
	{ 400, "get / HTTP/1.1\r\n" H "\r\n" },
	{ 400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
	{ 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" },
	/* cut off */
	{ 400, "GET / HTTP/1.1\r\n" H },
	{ 400, "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nab" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n" },
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

/* ---- the server ---- */

struct stage {
	struct loop *loop;
	struct test_server server;
	struct buf got;
};

static void stage_start(struct stage *s)
{
	struct err e;

	s->loop = loop_new(&e);
	assert_non_null(s->loop);
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

/* Sends, and reads until `until` or the end. */
static const char *talk(struct stage *s, int fd, const char *bytes, const char *until)
{
	buf_reset(&s->got);
	raw_send(fd, span_of(bytes));
	raw_read(s->loop, fd, until, 3000, &s->got);
	return buf_str(&s->got);
}

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

/* ---- the client pool ---- */

/* A server that says what the test tells it, on raw sockets. */
struct fake {
	struct loop *loop;
	struct door *door;
	struct h1_pool *pool;
};

static void fake_start(struct fake *f, unsigned conn_max)
{
	struct h1_pool_options o = {
		.limits = { .head_max = 4096, .field_count_max = 20, .head_timeout_ms = 400, .write_timeout_ms = 2000 },
		.conn_max = conn_max,
		.queue_timeout_ms = 300,
		.idle_timeout_ms = 400,
	};
	struct err e;

	f->loop = loop_new(&e);
	f->door = door_new(f->loop, &(struct door_options){ 0 });
	o.target = (struct conn_target){ .host = "127.0.0.1", .port = door_port(f->door), .timeout_ms = 3000 };
	f->pool = h1_pool_new(f->loop, &o);
}

static void fake_stop(struct fake *f)
{
	h1_pool_free(f->pool);
	for (size_t i = 0; i < f->door->count; i++)
		WAIT_FOR(f->loop, !f->door->peers[i].c || (conn_close(f->door->peers[i].c), f->door->peers[i].closes));
	for (int i = 0; i < 20; i++)
		net_turn(f->loop);
	door_free(f->door);
	loop_free(f->loop);
}

static void ask(struct fake *f, struct test_ask *a, const char *method, const char *target, bool end)
{
	struct http_head head = test_head(method, target);

	test_ask_init(a);
	a->in_call = true;
	a->s = h1_pool_request(f->pool, &head, end, &test_ask_events, a);
	a->in_call = false;
}

/* Waits for the nth request on the ith connection and answers. */
static void fake_answer(struct fake *f, size_t i, unsigned reads, const char *bytes)
{
	WAIT_FOR(f->loop, f->door->count > i && f->door->peers[i].reads >= reads);
	conn_write(f->door->peers[i].c, span_of(bytes));
}

static void test_pool_keeps_alive(void **state)
{
	struct fake f;
	struct test_ask a;

	(void)state;
	fake_start(&f, 4);
	for (unsigned i = 1; i <= 3; i++) {
		ask(&f, &a, "GET", "/x?y", true);
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

		ask(&f, &a, rows[i].method, "/", true);
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
		ask(&f, &first, "GET", "/1", true);
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
		ask(&f, &a, "GET", "/", true);
		fake_answer(&f, 0, 1, "HTTP/1.1 204 No Content\r\n\r\n");
		WAIT_FOR(f.loop, a.closes);
		test_ask_free(&a);
		ask(&f, &a, rows[i].method, "/again", rows[i].end);
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
			ask(&f, &a, "GET", "/", true);
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
		ask(&f, &a[i], "GET", "/", true);
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
		ask(&f, &a[i], "GET", "/", true);
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
	ask(&f, &a, "GET", "/", true);
	fake_answer(&f, 0, 1, "HTTP/1.1 204 No Content\r\n\r\n");
	WAIT_FOR(f.loop, a.closes);
	test_ask_free(&a);
	conn_write(f.door->peers[0].c, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"));
	WAIT_FOR(f.loop, f.door->peers[0].ends || f.door->peers[0].closes);
	ask(&f, &a, "GET", "/", true);
	fake_answer(&f, 1, 1, "HTTP/1.1 204 No Content\r\n\r\n");
	WAIT_FOR(f.loop, a.closes);
	assert_int_equal(a.status, 204);
	test_ask_free(&a);
	fake_stop(&f);
}

static void test_pool_unreachable(void **state)
{
	struct h1_pool_options o = { .limits = small_limits, .conn_max = 1 };
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
		cmocka_unit_test(test_good_requests),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_head_limits),
		cmocka_unit_test(test_chunk_extensions_add_up),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_flood_of_1xx),
		cmocka_unit_test(test_write_refuses),
		cmocka_unit_test(test_write_targets),
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
		cmocka_unit_test(test_pool_keeps_alive),
		cmocka_unit_test(test_pool_answers),
		cmocka_unit_test(test_server_upgrade),
		cmocka_unit_test(test_server_upgrade_ignored),
		cmocka_unit_test(test_server_upgrade_refused),
		cmocka_unit_test(test_server_upgrade_ends),
		cmocka_unit_test(test_server_upgrade_back_pressure),
		cmocka_unit_test(test_pool_upgrade_refused),
		cmocka_unit_test(test_pool_upgrade),
		cmocka_unit_test(test_pool_upgrade_cut),
		cmocka_unit_test(test_pool_retries),
		cmocka_unit_test(test_pool_queue),
		cmocka_unit_test(test_pool_idle_bytes),
		cmocka_unit_test(test_pool_unreachable),
		cmocka_unit_test(test_pool_against_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
