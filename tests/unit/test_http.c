/* The vocabulary of HTTP: fields, hop-by-hop names, targets, authorities, queues, collectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/net/http_head.h"
#include "lib/net/http_queue.h"

static void test_find(void **state)
{
	const struct http_field fields[] = { { SPAN("a"), SPAN("1") }, { SPAN("b"), SPAN("2") }, { SPAN("a"), SPAN("3") } };
	const struct http_head head = { .fields = fields, .field_count = COUNT_OF(fields) };

	(void)state;
	assert_true(span_equal_str(*http_field_find(&head, "a"), "1"));
	assert_true(span_equal_str(*http_field_find(&head, "b"), "2"));
	assert_null(http_field_find(&head, "c"));
	assert_null(http_field_find(&head, ""));
	assert_int_equal(http_field_count(&head, "a"), 2);
	assert_int_equal(http_field_count(&head, "c"), 0);
	assert_string_equal(http_reason(404), "Not Found");
	assert_string_equal(http_reason(299), "");
}

static void test_hop(void **state)
{
	static const struct {
		const char *connection, *name;
		bool hop;
	} rows[] = {
		{ "", "connection", true },       { "", "keep-alive", true },       { "", "te", true },
		{ "", "trailer", true },          { "", "transfer-encoding", true }, { "", "upgrade", true },
		{ "", "proxy-connection", true }, { "", "proxy-authorization", true }, { "", "proxy-authenticate", true },
		{ "", "accept", false },          { "", "authorization", false },   { "x", "x", true },
		{ "close, X-A ,\tx-b", "x-a", true }, { "close, X-A ,\tx-b", "x-b", true }, { "close, x-ab", "x-a", false },
		{ ",, ,x-a", "x-a", true },       { "x-a", "x-ab", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct http_field fields[] = { { SPAN("connection"), SPAN("") },
						     { SPAN("connection"), span_of(rows[i].connection) } };
		const struct http_head head = { .fields = fields, .field_count = 2 };

		if (http_field_is_hop(&head, span_of(rows[i].name)) != rows[i].hop)
			fail_msg("row %zu: %s with %s", i, rows[i].name, rows[i].connection);
	}
}

static void test_targets(void **state)
{
	static const struct {
		const char *method, *target;
		bool valid;
	} rows[] = {
		{ "GET", "/", true },      { "GET", "/a/../%2e?b=c&d", true }, { "GET", "//a", true },
		{ "OPTIONS", "*", true },  { "GET", "*", false },   { "GET", "", false },     { "GET", "a", false },
		{ "GET", "/a b", false },  { "GET", "/a\tb", false }, { "GET", "/a#b", false }, { "GET", "/\x7f", false },
		{ "GET", "/\x80", false }, { "GET", "/a\r\n", false }, { "GET", "http://a/", false },
		{ "OPTIONS", "**", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (http_target_is_valid(span_of(rows[i].method), span_of(rows[i].target)) != rows[i].valid)
			fail_msg("row %zu: %s", i, rows[i].target);
	assert_false(http_target_is_valid(SPAN("GET"), SPAN("/\0")));
}

static void test_authorities(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {
		{ "a", true }, { "a.example:8080", true }, { "[2001:db8::1]:443", true }, { "10.0.0.1", true },
		{ "", false }, { "a/b", false }, { "u@a", false }, { "a b", false }, { "a\r\nb", false }, { "a?b", false },
		{ "a#b", false }, { "a\\b", false }, { "\xc3\xa4", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (http_authority_is_valid(span_of(rows[i].text)) != rows[i].valid)
			fail_msg("row %zu: %s", i, rows[i].text);
}

/* Every byte, as name and as value. */
static void test_field_bytes(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		char text[] = { 'x', (char)byte };
		struct http_field name = { span_from(text, 2), SPAN("v") };
		struct http_field value = { SPAN("n"), span_from(text, 2) };
		bool token = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
			     (byte && strchr("!#$%&'*+-.^_`|~", byte));
		struct err e;

		assert_int_equal(http_fields_check(&name, 1, &e), token ? 0 : -1);
		assert_int_equal(http_fields_check(&value, 1, &e), byte == '\t' || (byte >= ' ' && byte != 0x7f) ? 0 : -1);
	}
}

static void test_content_length(void **state)
{
	static const struct {
		const char *first, *second;
		int result;
		uint64_t len;
	} rows[] = {
		{ NULL, NULL, 0, 0 },   { "0", NULL, 1, 0 },    { "42", NULL, 1, 42 },
		{ "9223372036854775807", NULL, 1, INT64_MAX },
		{ "", NULL, -1, 0 },    { "+1", NULL, -1, 0 },  { "-1", NULL, -1, 0 },  { "1 ", NULL, -1, 0 },
		{ "0x1", NULL, -1, 0 }, { "1,1", NULL, -1, 0 }, { "1", "1", -1, 0 },
		{ "9223372036854775808", NULL, -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct http_field fields[] = { { SPAN("content-length"), span_of(rows[i].first) },
						     { SPAN("content-length"), span_of(rows[i].second) } };
		size_t count = (rows[i].first != NULL) + (size_t)(rows[i].second != NULL);
		const struct http_head head = { .fields = fields, .field_count = count };
		uint64_t len = 0;

		if (http_content_length(&head, &len) != rows[i].result || len != rows[i].len)
			fail_msg("row %zu", i);
	}
}

static void test_collect(void **state)
{
	struct http_collect c;
	struct http_packed packed;
	void *memory;

	(void)state;
	http_collect_init(&c, 400, 8);
	http_collect_add(&c, SPAN(":method"), SPAN("GET"));
	http_collect_begin(&c);
	http_collect_name(&c, SPAN("X-"));
	http_collect_name(&c, SPAN("Abc"));
	http_collect_value(&c, SPAN("one "));
	http_collect_value(&c, SPAN("two \t"));
	http_collect_trim(&c);
	http_collect_add(&c, SPAN("Host"), SPAN("h"));
	http_collect_add(&c, SPAN(":path"), SPAN("/p"));
	http_collect_add(&c, SPAN("empty"), SPAN(""));
	http_collect_trim(&c);
	assert_false(c.over);
	memory = mem_new(http_collect_size(&c));
	http_collect_pack(&c, memory, &packed);
	http_collect_free(&c);
	assert_true(span_equal_str(packed.head.method, "GET"));
	assert_true(span_equal_str(packed.head.target, "/p"));
	assert_true(span_equal_str(packed.head.authority, "h"));
	assert_int_equal(packed.host_count, 1);
	assert_int_equal(packed.head.field_count, 2);
	assert_true(span_equal_str(packed.head.fields[0].name, "x-abc"));
	assert_true(span_equal_str(packed.head.fields[0].value, "one two"));
	assert_int_equal(packed.head.fields[1].value.len, 0);
	free(memory);
	/* 32 bytes a field count */
	for (int i = 0; i < 8; i++)
		http_collect_add(&c, SPAN("n"), SPAN("v"));
	assert_false(c.over);
	http_collect_add(&c, SPAN("n"), SPAN("v"));
	assert_true(c.over);
	http_collect_reset(&c);
	http_collect_begin(&c);
	http_collect_name(&c, SPAN("n"));
	for (int i = 0; i < 36; i++)
		http_collect_value(&c, SPAN("0123456789"));
	assert_false(c.over); /* 393 of 400 */
	http_collect_value(&c, SPAN("0123456789"));
	assert_true(c.over);
	http_collect_free(&c);
}

static void test_queue(void **state)
{
	struct http_queue q;
	char block[64];
	size_t in = 0, out = 0;

	(void)state;
	http_queue_init(&q, 100);
	for (int round = 0; round < 1000; round++) {
		size_t len = (size_t)(round * 7 % 61) + 1;

		for (size_t i = 0; i < len; i++)
			block[i] = (char)((in + i) % 251);
		if (http_queue_put(&q, span_from(block, len)) == 0)
			in += len;
		else
			assert_true(http_queue_len(&q) + len > 100);
		assert_int_equal(http_queue_len(&q), in - out);
		len = (size_t)(round * 5 % 47);
		for (size_t i = 0; i < len && i < http_queue_len(&q); i++)
			assert_int_equal((unsigned char)http_queue_span(&q).at[i], (out + i) % 251);
		out += len < http_queue_len(&q) ? len : http_queue_len(&q);
		http_queue_drop(&q, len);
	}
	http_queue_drop(&q, 1000);
	assert_int_equal(http_queue_len(&q), 0);
	assert_null(q.bytes.at); /* an empty queue holds no memory */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),       cmocka_unit_test(test_hop),         cmocka_unit_test(test_targets),
		cmocka_unit_test(test_authorities), cmocka_unit_test(test_field_bytes), cmocka_unit_test(test_content_length),
		cmocka_unit_test(test_collect),    cmocka_unit_test(test_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
