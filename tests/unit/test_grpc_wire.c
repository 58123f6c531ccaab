/* What gRPC writes: timeouts, messages, content types, frames and codes, by rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/net/grpc_wire.h"

static const struct {
	const char *text;
	uint64_t ms; /* 0: refused */
} timeout_rows[] = {
	{ "1H", 3600000 },
	{ "2M", 120000 },
	{ "30S", 30000 },
	{ "100m", 100 },
	{ "1500u", 2 },
	{ "1u", 1 },
	{ "1n", 1 },
	{ "0S", 1 },
	{ "99999999H", 359999996400000 },
	{ "00000001S", 1000 },
	{ "99999999n", 100 },
	{ "", 0 },
	{ "S", 0 },
	{ "1", 0 },
	{ "1s", 0 },
	{ "1h", 0 },
	{ "100000000m", 0 },
	{ "-1S", 0 },
	{ "1.5S", 0 },
	{ " 1S", 0 },
	{ "1 S", 0 },
	{ "1SS", 0 },
	{ "0x1S", 0 },
	{ "+1S", 0 },
};

static void test_timeouts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(timeout_rows); i++) {
		uint64_t ms = 0;
		int rc = grpc_timeout_parse(span_of(timeout_rows[i].text), &ms);

		if (rc != (timeout_rows[i].ms ? 0 : -1) || ms != timeout_rows[i].ms)
			fail_msg("'%s': %d, %llu ms", timeout_rows[i].text, rc,
				 (unsigned long long)ms);
	}
}

static const struct {
	const char *sentence, *encoded;
} message_rows[] = {
	{ "", "" },
	{ "plain words, 'quoted' ~", "plain words, 'quoted' ~" },
	{ "100%", "100%25" },
	{ "a\r\nb\tc", "a%0D%0Ab%09c" },
	{ "\xc3\xbc", "%C3%BC" },
	{ "\x7f", "%7F" },
};

static const struct {
	const char *text, *decoded;
} decode_rows[] = {
	{ "%C3%bc%25", "\xc3\xbc%" }, { "%", "%" },     { "%4", "%4" }, { "%zz", "%zz" },
	{ "a%0Ab%00c", "a b c" },     { "%%41", "%A" },
};

static void test_messages(void **state)
{
	char decoded[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(message_rows); i++) {
		AUTO_BUF struct buf encoded;

		buf_init(&encoded, 200);
		grpc_message_encode(message_rows[i].sentence, &encoded);
		assert_string_equal(buf_str(&encoded), message_rows[i].encoded);
	}
	for (size_t i = 0; i < COUNT_OF(decode_rows); i++) {
		grpc_message_decode(span_of(decode_rows[i].text), decoded, sizeof(decoded));
		assert_string_equal(decoded, decode_rows[i].decoded);
	}
	grpc_message_decode(SPAN("abcdef"), decoded, 4);
	assert_string_equal(decoded, "abc");
}

static const struct {
	const char *value;
	bool ok;
} type_rows[] = {
	{ "application/grpc", true },
	{ "application/grpc+proto", true },
	{ "application/grpc;charset=utf-8", true },
	{ "Application/gRPC", true },
	{ "application/grpc ; x", true },
	{ "application/grpc+json", false },
	{ "application/grpcweb", false },
	{ "application/grpc-web+proto", false },
	{ "application/json", false },
	{ "", false },
};

static void test_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(type_rows); i++)
		if (grpc_is_content_type(span_of(type_rows[i].value)) != type_rows[i].ok)
			fail_msg("'%s'", type_rows[i].value);
}

/* Bytes of a message's frame; each also in every shorter part that may still become whole. */
static const struct {
	struct span bytes;
	enum grpc_status status;
	const char *message; /* of GRPC_OK */
} frame_rows[] = {
	{ SPAN("\0\0\0\0\0"), GRPC_OK, "" },
	{ SPAN("\0\0\0\0\2hi"), GRPC_OK, "hi" },
	{ SPAN(""), GRPC_INTERNAL, NULL },
	{ SPAN("\0\0\0\0"), GRPC_INTERNAL, NULL },
	{ SPAN("\0\0\0\0\2h"), GRPC_INTERNAL, NULL },
	{ SPAN("\0\0\0\0\2hi\0\0\0\0\0"), GRPC_INTERNAL, NULL },
	{ SPAN("\0\0\0\0\0\0"), GRPC_INTERNAL, NULL },
	{ SPAN("\1\0\0\0\2hi"), GRPC_INTERNAL, NULL },
	{ SPAN("\2\0\0\0\2hi"), GRPC_INTERNAL, NULL },
	{ SPAN("\0\0\x40\0\1"), GRPC_RESOURCE_EXHAUSTED, NULL },
	{ SPAN("\0\xff\xff\xff\xff"), GRPC_RESOURCE_EXHAUSTED, NULL },
};

static void test_frames(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(frame_rows); i++) {
		struct span bytes = frame_rows[i].bytes, message = SPAN_NONE;
		struct err e = { 0 };

		for (size_t len = 0; len < bytes.len && frame_rows[i].status == GRPC_OK; len++)
			assert_int_equal(
				grpc_frame_read(span_from(bytes.at, len), false, &message, &e),
				GRPC_OK);
		assert_int_equal(grpc_frame_read(bytes, true, &message, &e), frame_rows[i].status);
		if (frame_rows[i].status == GRPC_OK)
			assert_true(span_equal_str(message, frame_rows[i].message));
		else
			assert_int_not_equal(e.code, ERR_NONE);
	}
}

static void test_codes(void **state)
{
	(void)state;
	for (int code = ERR_NONE; code <= ERR_NOMEM; code++)
		assert_int_equal(grpc_status_of((enum err_code)code) == GRPC_OK, code == ERR_NONE);
	for (int status = 0; status <= 20; status++)
		assert_int_equal(grpc_err_code((enum grpc_status)status) == ERR_NONE,
				 status == GRPC_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
