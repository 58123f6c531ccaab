/* Sessions read as they pass by: WebSocket and SPDY frames, whole, in single bytes, and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/buf.h"
#include "lib/gate/exec_stream.h"

/* SYN_STREAMs of error, stdin, stdout (5), stderr (7) and resize (9), a size on 9, a PING; then broken ones. */
#define SPDY_CLIENT \
	"\x80\x03\x00\x01\x00\x00\x00\x28\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x78\xf9\xe3\xc6" \
	"\xa7\xc2\x02\xa6\x23\x46\x70\x3a\x2b\x29\x4a\x4d\xcc\x85\x16\x25\xac\xa9\xa0\x80\x06\x00" \
	"\x00\x00\xff\xff\x80\x03\x00\x01\x00\x00\x00\x17\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00" \
	"\xc2\x2e\x55\x5c\x02\xcc\x2e\x00\x00\x00\x00\xff\xff\x80\x03\x00\x01\x00\x00\x00\x19\x00" \
	"\x00\x00\x05\x00\x00\x00\x00\x00\x00\xc2\x2a\x05\x4c\xe7\x29\xf9\xa5\x25\x00\x00\x00\x00" \
	"\xff\xff\x80\x03\x00\x01\x00\x00\x00\x14\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\xc2\x29" \
	"\x07\x34\x14\x00\x00\x00\xff\xff\x80\x03\x00\x01\x00\x00\x00\x17\x00\x00\x00\x09\x00\x00" \
	"\x00\x00\x00\x00\xc2\x2e\x07\x2c\x9a\x80\x69\x01\x00\x00\x00\xff\xff\x00\x00\x00\x09\x00" \
	"\x00\x00\x1a\x7b\x22\x57\x69\x64\x74\x68\x22\x3a\x31\x32\x30\x2c\x22\x48\x65\x69\x67\x68" \
	"\x74\x22\x3a\x35\x30\x7d\x0a\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x01"
#define SPDY_DUPLICATE \
	"\x80\x03\x00\x01\x00\x00\x00\x30\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x78\xf9\xe3\xc6" \
	"\xa7\xc2\x02\xe5\x0e\x70\x3a\x2b\x29\x4a\x4d\xcc\x85\x16\x25\xc0\x14\x9b\x92\x0f\x2e\x88" \
	"\x51\xc5\x59\x53\x41\x11\x00\x00\x00\x00\xff\xff"
#define SPDY_UPPER \
	"\x80\x03\x00\x01\x00\x00\x00\x2b\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x78\xf9\xe3\xc6" \
	"\xa7\xc2\x02\xa6\x23\x46\x70\x3a\x2b\x29\x4a\x4d\xcc\x0d\x81\x14\x25\xc0\x14\x9b\x92\x5f" \
	"\x5a\x02\x00\x00\x00\xff\xff"
#define SPDY_TRAILING \
	"\x80\x03\x00\x01\x00\x00\x00\x2e\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x78\xf9\xe3\xc6" \
	"\xa7\xc2\x02\xa6\x23\x46\x70\x3a\x2b\x29\x4a\x4d\xcc\x85\x16\x25\xc0\x14\x9b\x92\x5f\x5a" \
	"\x92\x9b\x5f\x94\x0a\x00\x00\x00\xff\xff"
#define SPDY_SHORT \
	"\x80\x03\x00\x01\x00\x00\x00\x29\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x78\xf9\xe3\xc6" \
	"\xa7\xc2\x02\xe5\x0e\x70\x3a\x2b\x29\x4a\x4d\xcc\x85\x16\x25\xc0\x14\x9b\x92\x5f\x5a\x02" \
	"\x00\x00\x00\xff\xff"
#define SPDY_BOMB \
	"\x80\x03\x00\x01\x00\x00\x00\xfe\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x78\xf9\xe3\xc6" \
	"\xa7\xc2\xec\xd4\xb1\x09\x00\x20\x0c\x00\x41\xc4\xda\x9d\x5c\x25\x85\xa5\x4d\x70\x7f\x94" \
	"\x6c\x60\x7f\x37\xc3\xf3\xaf\xa3\x56\x9d\x9d\x5c\xb1\x6b\x25\x7d\xcc\x00\x00\x00\x00\x00" \
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" \
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" \
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" \
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" \
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" \
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" \
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" \
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" \
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xbe\x5d\x00\x00\x00\xff\xff"
#define SPDY_MANY \
	"\x80\x03\x00\x01\x00\x00\x00\x19\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x78\xf9\xe3\xc6" \
	"\xa7\xc2\xfa\x0f\x04\x00\x00\x00\x00\xff\xff"
#define SPDY_TWO_TYPES \
	"\x80\x03\x00\x01\x00\x00\x00\x2f\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x78\xf9\xe3\xc6" \
	"\xa7\xc2\x02\xa6\x23\x46\x70\x3a\x2b\x29\x4a\x4d\xcc\x85\x16\x25\x3c\xc5\x25\x29\xf9\xc0" \
	"\x82\x38\x15\x14\xde\x00\x00\x00\x00\xff\xff"
#define SPDY_TWICE \
	"\x80\x03\x00\x01\x00\x00\x00\x28\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x78\xf9\xe3\xc6" \
	"\xa7\xc2\x02\xa6\x23\x46\x70\x3a\x2b\x29\x4a\x4d\xcc\x85\x16\x25\xac\xa9\xa0\x80\x06\x00" \
	"\x00\x00\xff\xff\x80\x03\x00\x01\x00\x00\x00\x17\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00" \
	"\xc2\x2e\x55\x5c\x02\xcc\x2e\x00\x00\x00\x00\xff\xff"

/* What was seen, as text: "1:out", "2:err", "80x24". */
struct seen {
	struct buf text;
	int last; /* stream of the last output; 0: none */
};

static void saw_output(void *owner, int stream, struct span bytes)
{
	struct seen *s = owner;

	if (!bytes.len)
		return;
	if (s->last != stream)
		(void)buf_printf(&s->text, "%d:", stream);
	(void)buf_put_span(&s->text, bytes);
	s->last = stream;
}

static void saw_resize(void *owner, unsigned width, unsigned height)
{
	struct seen *s = owner;

	(void)buf_printf(&s->text, "%ux%u ", width, height);
	s->last = 0;
}

static const struct exec_events events = { saw_output, saw_resize };

#define BYTES(literal) SPAN(literal)
#define NOTHING { NULL, 0 }

static const struct row {
	const char *protocol, *subprotocol;
	struct span client, server; /* in this order */
	const char *seen;
	bool fails;
} rows[] = {
	/* binary channels */
	{ "websocket", "v5.channel.k8s.io", NOTHING,
	  BYTES("\x82\x04\x01out\x82\x04\x02" "err"), "1:out2:err", false },
	{ "websocket", "v4.channel.k8s.io", NOTHING,
	  BYTES("\x02\x02\x01" "a\x89\x00\x00\x01" "b\x80\x01" "c"), "1:abc", false },
	{ "websocket", NULL, NOTHING, BYTES("\x82\x02\x01" "a\x82\x03\x03{}\x82\x01\x01"), "1:a", false },
	{ "websocket", "v4.channel.k8s.io", NOTHING, BYTES("\x02\x00\x80\x02\x01" "a"), "1:a", false },
	{ "websocket", "v4.channel.k8s.io", NOTHING,
	  BYTES("\x82\x7e\x00\x03\x01hi\x82\x7f\0\0\0\0\0\0\0\x02\x01!"), "1:hi!",
	  false },
	{ "websocket", "v4.channel.k8s.io", NOTHING,
	  BYTES("\x88\x02\x03\xe8\x82\x02\x01" "a"), "", false }, /* closed */
	{ "websocket", "v4.channel.k8s.io", BYTES("\x82\x9a\0\0\0\0\x04{\"Width\":120,\"Height\":50}"), NOTHING, "120x50 ",
	  false },
	{ "websocket", "v4.channel.k8s.io", BYTES("\x82\x85\x01\x02\x03\x04\x01nnw{"), NOTHING, "", false }, /* stdin */
	{ "websocket", "v4.channel.k8s.io", BYTES("\x82\x82\0\0\0\0\x04{\x82\x82\0\0\0\0\x01x"), NOTHING, "", false },
	/* base64 channels */
	{ "websocket", "base64.channel.k8s.io", NOTHING,
	  BYTES("\x81\x09" "1aGVsbG8=\x81\x05" "2ISEh"), "1:hello2:!!!", false },
	{ "websocket", "v4.base64.channel.k8s.io", NOTHING, BYTES("\x01\x03" "1aG\x80\x06VsbG8="), "1:hello", false },
	{ "websocket", "base64.channel.k8s.io", NOTHING, BYTES("\x81\x05" "1a!!="), "", true },
	/* no frames of a WebSocket */
	{ "websocket", "v4.channel.k8s.io", NOTHING, BYTES("\xc2\x02\x01" "a"), "", true },  /* compressed */
	{ "websocket", "v4.channel.k8s.io", NOTHING, BYTES("\x83\x02\x01" "a"), "", true },  /* opcode 3 */
	{ "websocket", "v4.channel.k8s.io", NOTHING, BYTES("\x8b\x00"), "", true },          /* opcode 11 */
	{ "websocket", "v4.channel.k8s.io", NOTHING,
	  BYTES("\x82\x82\0\0\0\0\x01" "a"), "", true }, /* masked server */
	{ "websocket", "v4.channel.k8s.io", BYTES("\x82\x02\x04{"), NOTHING, "", true },     /* unmasked client */
	{ "websocket", "v4.channel.k8s.io", NOTHING, BYTES("\x80\x02\x01" "a"), "", true },  /* continues nothing */
	{ "websocket", "v4.channel.k8s.io", NOTHING, BYTES("\x02\x02\x01" "a\x82\x02\x01" "b"), "1:a", true },
	{ "websocket", "v4.channel.k8s.io", NOTHING, BYTES("\x09\x00"), "", true },          /* a fragmented ping */
	{ "websocket", "v4.channel.k8s.io", NOTHING, BYTES("\x89\x7e\x00\x80"), "", true },  /* a long ping */
	{ "websocket", "v4.channel.k8s.io", NOTHING, BYTES("\x82\x7f\x80\0\0\0\0\0\0\0"), "", true },
	/* SPDY */
	{ "spdy/3.1", NULL, BYTES(SPDY_CLIENT),
	  BYTES("\0\0\0\x05\0\0\0\x03out\0\0\0\x07\0\0\0\x03" "err\0\0\0\x01\0\0\0\x02no\x80\x03\0\x07\0\0\0\x01x"),
	  "120x50 1:out2:err", false },
	{ "spdy/3.1", NULL, NOTHING, BYTES("\0\0\0\x05\0\0\0\x03out"), "", false }, /* not opened */
	{ "spdy/3.1", NULL, BYTES("\x80\x02\x00\x01\0\0\0\x01x"), NOTHING, "", true },
	{ "spdy/3.1", NULL, BYTES("\x81\x03\x00\x01\0\0\0\x01x"), NOTHING, "", true },
	{ "spdy/3.1", NULL, BYTES("\x80\x03\x00\x01\0\0\0\x00"), NOTHING, "", true },
	{ "spdy/3.1", NULL, BYTES("\x80\x03\x00\x01\0\0\0\x04\0\0\0\x01"), NOTHING, "", true },
	{ "spdy/3.1", NULL, BYTES("\x80\x03\x00\x01\0\0\0\x0c\0\0\0\x01\0\0\0\0\0\0xx"), NOTHING, "", true }, /* no zlib */
	{ "spdy/3.1", NULL, BYTES(SPDY_DUPLICATE), NOTHING, "", true },
	{ "spdy/3.1", NULL, BYTES(SPDY_UPPER), NOTHING, "", true },
	{ "spdy/3.1", NULL, BYTES(SPDY_TRAILING), NOTHING, "", true },
	{ "spdy/3.1", NULL, BYTES(SPDY_SHORT), NOTHING, "", true },
	{ "spdy/3.1", NULL, BYTES(SPDY_BOMB), NOTHING, "", true },
	{ "spdy/3.1", NULL, BYTES(SPDY_MANY), NOTHING, "", true },
	{ "spdy/3.1", NULL, BYTES(SPDY_TWO_TYPES), NOTHING, "", true },
	{ "spdy/3.1", NULL, BYTES(SPDY_TWICE), NOTHING, "", true },
};

static struct exec_stream *new_stream(const struct row *r, struct seen *seen, struct err *e)
{
	struct http_field chosen = { SPAN("sec-websocket-protocol"), span_of(r->subprotocol) };
	struct http_head request = { .protocol = span_of(r->protocol) };
	struct http_head answer = { .status = 101, .fields = &chosen, .field_count = r->subprotocol ? 1 : 0 };

	return exec_stream_new(&request, &answer, &events, seen, e);
}

/* In pieces of at most `step` bytes. */
static int feed(struct exec_stream *s, bool from_client, struct span bytes, size_t step, struct err *e)
{
	for (size_t at = 0; at < bytes.len; at += step) {
		size_t len = bytes.len - at < step ? bytes.len - at : step;

		if (exec_stream_feed(s, from_client, span_from(bytes.at + at, len), e) < 0)
			return -1;
	}
	return 0;
}

static void run_row(const struct row *r, size_t step)
{
	struct seen seen = { .last = 0 };
	struct err e = { 0 };
	struct exec_stream *s = new_stream(r, &seen, &e);
	int rc;

	buf_init(&seen.text, 4096);
	assert_non_null(s);
	rc = feed(s, true, r->client, step, &e);
	if (rc == 0)
		rc = feed(s, false, r->server, step, &e);
	if (rc != (r->fails ? -1 : 0) || strcmp(buf_str(&seen.text), r->seen) != 0)
		fail_msg("row %zu in steps of %zu: %d (%s), seen \"%s\"", (size_t)(r - rows), step, rc, e.text,
			 buf_str(&seen.text));
	assert_true(rc == 0 || e.code == ERR_PROTOCOL || e.code == ERR_LIMIT || e.code == ERR_INPUT);
	exec_stream_free(s);
	buf_free(&seen.text);
}

static void test_rows(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (size_t step = 1; step < 10000; step = step * 3)
			run_row(&rows[i], step);
}

static const struct {
	const char *protocol, *offered;
	bool known;
} offers[] = {
	{ "websocket", "v5.channel.k8s.io, v4.channel.k8s.io", true },
	{ "websocket", "base64.channel.k8s.io", true },
	{ "websocket", "v4.channel.k8s.io,base64url.bearer.authorization.k8s.io.eA", true },
	{ "websocket", NULL, true },
	{ "websocket", "v6.channel.k8s.io", false },
	{ "websocket", "v4.channel.k8s.io, v6.channel.k8s.io", false },
	{ "websocket", "SPDY/3.1+portforward.k8s.io", false },
	{ "websocket", "binary.k8s.io", false },
	{ "websocket", "V4.CHANNEL.K8S.IO", false },
	{ "websocket", "", false },
	{ "spdy/3.1", NULL, true },
	{ "h2c", NULL, false },
	{ "", NULL, false },
};

static void test_offers(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(offers); i++) {
		struct http_field field = { SPAN("sec-websocket-protocol"), span_of(offers[i].offered) };
		struct http_head request = { .protocol = span_of(offers[i].protocol), .fields = &field,
					     .field_count = offers[i].offered ? 1 : 0 };

		if (exec_stream_is_known(&request) != offers[i].known)
			fail_msg("offer %zu", i);
	}
}

static void test_unknown_answer(void **state UNUSED)
{
	struct row r = { .protocol = "websocket", .subprotocol = "v6.channel.k8s.io" };
	struct seen seen = { .last = 0 };
	struct err e = { 0 };

	assert_null(new_stream(&r, &seen, &e));
	assert_int_equal(e.code, ERR_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_unknown_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
