/* Messages out of a gRPC stream's bytes, however they are cut; what is no message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/net/grpc_reader.h"

#define FRAME(len, bytes) "\0\0\0\0" len bytes

static const struct {
	struct span bytes;
	const char *messages; /* joined by '|' */
	enum err_code code;
	bool cut; /* a part of a message is left */
} rows[] = {
	{ SPAN(""), "", ERR_NONE, false },
	{ SPAN(FRAME("\1", "a")), "a|", ERR_NONE, false },
	{ SPAN(FRAME("\1", "a") FRAME("\2", "bc")), "a|bc|", ERR_NONE, false },
	{ SPAN(FRAME("\0", "") FRAME("\0", "")), "||", ERR_NONE, false },
	{ SPAN(FRAME("\10", "12345678")), "12345678|", ERR_NONE, false },
	{ SPAN("\0"), "", ERR_NONE, true },
	{ SPAN("\0\0\0\0"), "", ERR_NONE, true },
	{ SPAN(FRAME("\2", "a")), "", ERR_NONE, true },
	{ SPAN(FRAME("\1", "a") "\0\0"), "a|", ERR_NONE, true },
	{ SPAN("\1\0\0\0\1a"), "", ERR_PROTOCOL, true },
	{ SPAN("\2\0\0\0\1a"), "", ERR_PROTOCOL, true },
	{ SPAN("\377"), "", ERR_PROTOCOL, true },
	{ SPAN(FRAME("\1", "a") "\1"), "a|", ERR_PROTOCOL, true },
	{ SPAN(FRAME("\11", "")), "", ERR_LIMIT, true },
	{ SPAN("\0\0\0\1\0"), "", ERR_LIMIT, true },
	{ SPAN("\0\377\377\377\377"), "", ERR_LIMIT, true },
};

/* All messages of `bytes` in pieces of that length. */
static void read_in_pieces(size_t row, size_t piece_len)
{
	struct span rest = rows[row].bytes, message;
	struct grpc_reader r;
	struct err e = { 0 };
	AUTO_BUF struct buf all;
	int got = 0;

	buf_init(&all, 1024);
	grpc_reader_init(&r, 8);
	while (rest.len && got >= 0) {
		size_t len = rest.len < piece_len ? rest.len : piece_len;

		assert_int_equal(grpc_reader_put(&r, span_from(rest.at, len), &e), 0);
		rest = span_from(rest.at + len, rest.len - len);
		while ((got = grpc_reader_next(&r, &message, &e)) > 0) {
			(void)buf_put_span(&all, message);
			(void)buf_put_char(&all, '|');
		}
	}
	assert_string_equal(buf_str(&all), rows[row].messages);
	assert_int_equal(e.code, rows[row].code);
	assert_int_equal(got < 0, rows[row].code != ERR_NONE);
	assert_int_equal(grpc_reader_is_empty(&r), !rows[row].cut);
	grpc_reader_free(&r);
}

static void messages_in_pieces(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (size_t len = 1; len <= 16; len++)
			read_in_pieces(i, len);
}

static void more_than_a_put_may_hold_is_refused(void **state UNUSED)
{
	static char bytes[GRPC_READER_PUT_MAX + 64];
	struct grpc_reader r;
	struct err e = { 0 };

	grpc_reader_init(&r, 8);
	assert_int_equal(grpc_reader_put(&r, span_from(bytes, sizeof(bytes)), &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	grpc_reader_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_in_pieces),
		cmocka_unit_test(more_than_a_put_may_hold_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
