/* SPDY/3.1 as port-forward's client speaks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/kube/spdy.h"

#define ROW(bytes, wanted) { SPAN(bytes), wanted }

/* What is read, as text: "kind stream fin bytes;" each; "!" where it is refused. */
static const struct {
	struct span bytes;
	const char *wanted;
} rows[] = {
	ROW("\0\0\0\3\0\0\0\2hi", "0 3 0 hi;"),
	ROW("\0\0\0\3\1\0\0\0", "0 3 1 ;"),
	ROW("\0\0\0\3\1\0\0\1x\0\0\0\5\0\0\0\1y", "0 3 1 x;0 5 0 y;"),
	ROW("\x80\3\0\6\0\0\0\4\xff\0\0\1", "2 4278190081 0 ;"),
	ROW("\x80\3\0\3\0\0\0\x8\0\0\0\3\0\0\0\5", "1 3 0 ;"),
	ROW("\x80\3\0\7\0\0\0\x8\0\0\0\3\0\0\0\0", "3 3 0 ;"),
	ROW("\x80\3\0\2\0\0\0\6\0\0\0\3zz\0\0\0\3\0\0\0\1q", "4 0 0 ;0 3 0 q;"),
	ROW("\x80\3\0\4\0\0\0\4\0\0\0\0", "4 0 0 ;"),
	ROW("\x80\2\0\1\0\0\0\0", "!"),
	ROW("\x80\3\0\0\0\0\0\0", "!"),
	ROW("\x80\3\0\5\0\0\0\0", "!"),
	ROW("\x80\3\0\xb\0\0\0\0", "!"),
	ROW("\x80\3\0\2\0\xff\xff\xff", "!"),
	ROW("\x80\3\0\3\0\0\0\4\0\0\0\3", "!"),
	ROW("\x80\3\0\6\0\0\0\0", "!"),
	ROW("\0\0\0\3\0\0", ""),
};

static void read_row(struct span bytes, size_t step, struct buf *out)
{
	struct spdy_reader r = { 0 };
	struct spdy_event event;
	struct err e = { 0 };
	int rc = 0;

	for (size_t at = 0; at < bytes.len && rc >= 0; at += step) {
		struct span part = span_from(bytes.at + at, bytes.len - at < step ? bytes.len - at : step);

		while ((rc = spdy_read(&r, &part, &event, &e)) > 0)
			(void)buf_printf(out, "%d %u %d %.*s;", (int)event.kind, event.stream, event.fin,
					 SPAN_ARG(event.bytes));
	}
	if (rc < 0)
		(void)buf_put_char(out, '!');
}

static void test_rows(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_BUF struct buf out;

		buf_init(&out, 4096);
		read_row(rows[i].bytes, rows[i].bytes.len, &out);
		if (strcmp(buf_str(&out), rows[i].wanted) != 0)
			fail_msg("row %zu: %s", i, buf_str(&out));
	}
}

/* RFC 1950 and 1951: two bytes of zlib once, stored blocks that end at a byte. */
static void test_a_stream_is_opened(void **state UNUSED)
{
	static const char first[] = "\x80\3\0\1\0\0\0\x2b\0\0\0\1\0\0\0\0\0\0"
				    "\x78\x01\0\x15\0\xea\xff\0\0\0\1\0\0\0\4port\0\0\0\5" "65535\0\0\0\xff\xff";
	const struct spdy_header header = { "port", "65535" };
	struct spdy_writer w = { 0 };
	struct buf out;

	buf_init(&out, 4096);
	spdy_put_syn(&out, &w, 1, &header, 1);
	assert_int_equal(out.len, sizeof(first) - 1);
	assert_memory_equal(out.at, first, out.len);
	buf_reset(&out);
	spdy_put_syn(&out, &w, 3, &header, 1);
	assert_int_equal(out.len, sizeof(first) - 1 - 2);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_a_stream_is_opened) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
