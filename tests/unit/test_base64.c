/* Base64, hexadecimal digits and UTF-8: one text for one value, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/format/base64.h"
#include "lib/format/hex.h"
#include "lib/format/utf8.h"

/* RFC 4648 section 10, and bytes that need the last two letters. */
static const struct {
	struct span bytes;
	const char *std, *url;
} good[] = {
	{ SPAN(""), "", "" },
	{ SPAN("f"), "Zg==", "Zg" },
	{ SPAN("fo"), "Zm8=", "Zm8" },
	{ SPAN("foo"), "Zm9v", "Zm9v" },
	{ SPAN("foob"), "Zm9vYg==", "Zm9vYg" },
	{ SPAN("fooba"), "Zm9vYmE=", "Zm9vYmE" },
	{ SPAN("foobar"), "Zm9vYmFy", "Zm9vYmFy" },
	{ SPAN("\0\0\0"), "AAAA", "AAAA" },
	{ SPAN("\xFB\xFF\xBF"), "+/+/", "-_-_" },
	{ SPAN("\xFF"), "/w==", "_w" },
};

static void check_both_ways(struct span bytes, const char *text, enum base64_alphabet alphabet)
{
	struct err e = { 0 };
	struct buf out;

	buf_init(&out, 100);
	base64_encode(bytes, alphabet, &out);
	assert_string_equal(buf_str(&out), text);
	buf_reset(&out);
	assert_int_equal(base64_decode(span_of(text), alphabet, &out, &e), 0);
	assert_true(span_equal(buf_span(&out), bytes));
	buf_free(&out);
}

static void base64_goes_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		check_both_ways(good[i].bytes, good[i].std, BASE64_STD);
		check_both_ways(good[i].bytes, good[i].url, BASE64_URL);
	}
}

static const struct {
	const char *text;
	enum base64_alphabet alphabet;
} bad[] = {
	{ "Z", BASE64_STD },        { "Zg", BASE64_STD },       { "Zg=", BASE64_STD },
	{ "Zg===", BASE64_STD },    { "Z===", BASE64_STD },     { "====", BASE64_STD },
	{ "Zm9v====", BASE64_STD }, { "Zm9vZg=a", BASE64_STD }, { "Zg==Zg==", BASE64_STD },
	{ "Zh==", BASE64_STD },     { "Zm9=", BASE64_STD },     { "-_-_", BASE64_STD },
	{ "Zm9v\n", BASE64_STD },   { "Zm 9", BASE64_STD },     { "Zm9v\r\n==", BASE64_STD },
	{ "Z", BASE64_URL },        { "Zg==", BASE64_URL },     { "Zm8=", BASE64_URL },
	{ "Zh", BASE64_URL },       { "Zm9", BASE64_URL },      { "+/+/", BASE64_URL },
	{ "Zm9v ", BASE64_URL },    { "Zm9vZ", BASE64_URL },    { "Zm.v", BASE64_URL },
	{ "\xC3\xA9Zg", BASE64_URL },
};

static void bad_base64_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct err e = { 0 };
		struct buf out;

		buf_init(&out, 100);
		buf_put_str(&out, "kept");
		if (base64_decode(span_of(bad[i].text), bad[i].alphabet, &out, &e) == 0)
			fail_msg("row %zu: %s was taken", i, bad[i].text);
		assert_int_equal(e.code, ERR_INPUT);
		assert_string_equal(buf_str(&out), "kept");
		buf_free(&out);
	}
}

static void decoding_stops_at_the_ceiling(void **state)
{
	struct err e = { 0 };
	struct buf out;

	(void)state;
	buf_init(&out, 2);
	assert_int_equal(base64_decode(SPAN("Zm9v"), BASE64_STD, &out, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	buf_free(&out);
}

static void hex_goes_both_ways(void **state)
{
	uint8_t bytes[4] = { 0 };
	char text[9];

	(void)state;
	hex_encode("\x00\x7f\xff\x1a", 4, text);
	assert_string_equal(text, "007fff1a");
	assert_int_equal(hex_decode(SPAN("007FfF1a"), bytes, 4), 0);
	assert_memory_equal(bytes, "\x00\x7f\xff\x1a", 4);
}

static void bad_hex_is_refused(void **state)
{
	static const char *const rows[] = { "", "0", "00", "000000", "0000000", "000000000", "0000000000",
					    "0000000g", "0x000000", "-0000000", "0000 000", "000000\xC3\xA9" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t bytes[4] = { 9, 9, 9, 9 };

		if (hex_decode(span_of(rows[i]), bytes, 4) == 0)
			fail_msg("'%s' was taken", rows[i]);
		assert_memory_equal(bytes, "\x09\x09\x09\x09", 4);
	}
}

static void utf8_is_checked_as_the_rfc_says(void **state)
{
	static const struct {
		const char *text;
		size_t bad_at;
	} rows[] = {
		{ "", 0 },
		{ "a\x7F", 2 },
		{ "\xC2\x80\xDF\xBF", 4 },
		{ "\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF", 12 },
		{ "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 8 },
		{ "\x80", 0 },
		{ "ab\xBF", 2 },
		{ "\xC0\x80", 0 },
		{ "\xC1\xBF", 0 },
		{ "a\xC2", 1 },
		{ "\xC2\x41", 0 },
		{ "\xE0\x9F\xBF", 0 },
		{ "\xED\xA0\x80", 0 },
		{ "\xE1\x80", 0 },
		{ "\xE1\x80\xC0", 0 },
		{ "\xF0\x8F\xBF\xBF", 0 },
		{ "\xF4\x90\x80\x80", 0 },
		{ "\xF5\x80\x80\x80", 0 },
		{ "\xF1\x80\x80", 0 },
		{ "\xFE\xFF", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (utf8_find_bad(span_of(rows[i].text)) != rows[i].bad_at)
			fail_msg("row %zu", i);
	assert_true(utf8_valid(SPAN("a\0b")));
	assert_false(utf8_valid(SPAN("\xFF")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_goes_both_ways),
		cmocka_unit_test(bad_base64_is_refused),
		cmocka_unit_test(decoding_stops_at_the_ceiling),
		cmocka_unit_test(hex_goes_both_ways),
		cmocka_unit_test(bad_hex_is_refused),
		cmocka_unit_test(utf8_is_checked_as_the_rfc_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
