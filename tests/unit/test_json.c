/* JSON: what is taken, what is refused and where, how it reads back and prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/format/json.h"

#define MAX 100000

static char *print(const struct json *item, enum json_style style)
{
	struct buf text;

	buf_init(&text, MAX);
	json_print(item, style, &text);
	return buf_take_str(&text);
}

static struct json *parse(const char *text)
{
	struct json *item = NULL;
	struct err e = { 0 };

	if (json_parse(span_of(text), JSON_LIMITS(MAX), &item, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	return item;
}

static const struct {
	const char *text;
	const char *printed; /* NULL: as it came */
} good[] = {
	{ "null", NULL },
	{ "true", NULL },
	{ " \t\r\n false ", "false" },
	{ "{}", NULL },
	{ "[]", NULL },
	{ "[1,2,[3,{\"a\":[]}]]", NULL },
	{ "9007199254740993", NULL },
	{ "-0", NULL },
	{ "0.10", NULL },
	{ "1E400", NULL },
	{ "-1.5e-07", NULL },
	{ "123456789012345678901234567890123456789012345678901234567890123", NULL },
	{ "\"\\u0041\\n\\/\"", "\"A\\n/\"" },
	{ "\"\\u0001\\b\\f\"", "\"\\u0001\\u0008\\u000c\"" },
	{ "\"\\ud83d\\ude00\"", "\"\xF0\x9F\x98\x80\"" },
	{ "\"\xC3\xA9\xF4\x8F\xBF\xBF\"", NULL },
	{ "{\"a\":1,\"A\":2,\"\":3}", NULL },
	{ "{\"a\":{\"a\":{\"a\":null}}}", NULL },
	{ "\"\x7F\"", NULL },
};

static void good_texts_print_as_they_came(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct json *item = parse(good[i].text);
		char *printed = print(item, JSON_COMPACT);

		if (strcmp(printed, good[i].printed ? good[i].printed : good[i].text) != 0)
			fail_msg("%s printed as %s", good[i].text, printed);
		free(printed);
		json_free(item);
	}
}

static const struct {
	const char *text;
	const char *says;
} bad[] = {
	{ "", "line 1, column 1" },
	{ " ", "column 2" },
	{ "nul", "a value" },
	{ "nulll", "follows" },
	{ "True", "a value" },
	{ "NaN", "a value" },
	{ "Infinity", "a value" },
	{ "'a'", "a value" },
	{ "\xEF\xBB\xBF{}", "a value" },
	{ "{} {}", "follows" },
	{ "1 2", "follows" },
	{ "[1,]", "a value" },
	{ "[,1]", "a value" },
	{ "[1", "',' or ']'" },
	{ "[1}", "',' or ']'" },
	{ "{", "member name" },
	{ "{a:1}", "member name" },
	{ "{\"a\"}", "':'" },
	{ "{\"a\":}", "a value" },
	{ "{\"a\":1,}", "member name" },
	{ "{\"a\":1;}", "',' or '}'" },
	{ "{\"a\":1,\"a\":2}", "line 1, column 8: the member name is there twice" },
	{ "{\"b\":1,\n \"a\":1,\n \"\\u0061\":2}", "line 3, column 2: the member name is there twice" },
	{ "[[{\"x\":{\"k\":0,\"l\":0,\"k\":0}}]]", "twice" },
	{ "01", "follows" },
	{ "-01", "follows" },
	{ "+1", "a value" },
	{ ".5", "a value" },
	{ "5.", "after the point" },
	{ "1.e5", "after the point" },
	{ "1e", "exponent" },
	{ "1e+", "exponent" },
	{ "-", "a digit" },
	{ "0x10", "follows" },
	{ "1234567890123456789012345678901234567890123456789012345678901234", "63 characters" },
	{ "\"", "not closed" },
	{ "\"\\", "escape" },
	{ "\"\\x41\"", "escape" },
	{ "\"\\u00\"", "four hex" },
	{ "\"\\u00g0\"", "four hex" },
	{ "\"\\u0000\"", "\\u0000" },
	{ "{\"a\\u0000b\":1}", "\\u0000" },
	{ "\"\\ud800\"", "surrogate" },
	{ "\"\\ud800\\n\"", "surrogate" },
	{ "\"\\ud800\\u0041\"", "surrogate" },
	{ "\"\\udc00\\ud800\"", "surrogate" },
	{ "\"a\nb\"", "control" },
	{ "\"a\tb\"", "control" },
	{ "\"\x80\"", "UTF-8" },
	{ "\"\xC0\xAF\"", "UTF-8" },
	{ "\"\xE0\x9F\xBF\"", "UTF-8" },
	{ "\"\xED\xA0\x80\"", "UTF-8" },
	{ "\"\xF4\x90\x80\x80\"", "UTF-8" },
	{ "\"\xC3\"", "UTF-8" },
	{ "[1] // no", "follows" },
	{ "\f1", "a value" },
	{ "[1,\v2]", "a value" },
};

static void bad_texts_say_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct json *item = NULL;
		struct err e = { 0 };

		if (json_parse(span_of(bad[i].text), JSON_LIMITS(MAX), &item, &e) == 0)
			fail_msg("%s was taken", bad[i].text);
		assert_null(item);
		assert_int_equal(e.code, ERR_INPUT);
		if (!strstr(e.text, bad[i].says))
			fail_msg("%s says '%s', not '%s'", bad[i].text, e.text, bad[i].says);
	}
}

static void a_nul_byte_is_refused(void **state)
{
	struct json *item = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(json_parse(SPAN("\"a\0b\""), JSON_LIMITS(MAX), &item, &e), -1);
	assert_int_equal(json_parse(SPAN("1\0"), JSON_LIMITS(MAX), &item, &e), -1);
	assert_int_equal(json_parse(SPAN("\"a\\\0b\""), JSON_LIMITS(MAX), &item, &e), -1);
	assert_int_equal(e.code, ERR_INPUT);
}

static void limits_are_exact(void **state)
{
	static const struct {
		const char *text;
		struct json_limits limits;
		int rc;
	} rows[] = {
		{ "[1,2]", { 5, 1, 3 }, 0 },   { "[1,2]", { 4, 1, 3 }, -1 }, { "[1,2]", { 5, 0, 3 }, -1 },
		{ "[1,2]", { 5, 1, 2 }, -1 },  { "[1,2]", { 5, 1, 0 }, 0 },  { "[[{}]]", { 9, 3, 0 }, 0 },
		{ "[[{}]]", { 9, 2, 0 }, -1 }, { "7", { 1, 0, 1 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct json *item = NULL;
		struct err e = { 0 };

		if (json_parse(span_of(rows[i].text), rows[i].limits, &item, &e) != rows[i].rc)
			fail_msg("row %zu: %s", i, e.text);
		if (rows[i].rc < 0)
			assert_int_equal(e.code, ERR_LIMIT);
		json_free(item);
	}
}

static void depth_has_a_ceiling(void **state)
{
	char text[2 * JSON_DEPTH_CEILING + 3];
	struct json_limits limits = { sizeof(text), 1000000, 0 };
	struct json *item = NULL;
	struct err e = { 0 };

	(void)state;
	memset(text, '[', JSON_DEPTH_CEILING);
	memset(text + JSON_DEPTH_CEILING, ']', JSON_DEPTH_CEILING);
	text[2 * JSON_DEPTH_CEILING] = '\0';
	assert_int_equal(json_parse(span_of(text), limits, &item, &e), 0);
	json_free(item);
	item = NULL;
	memset(text, '[', JSON_DEPTH_CEILING + 1);
	memset(text + JSON_DEPTH_CEILING + 1, ']', JSON_DEPTH_CEILING + 1);
	assert_int_equal(json_parse(span_from(text, sizeof(text) - 1), limits, &item, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
}

static void members_are_found_with_case(void **state)
{
	struct json *root = parse("{\"metadata\":{\"namespace\":\"ns\",\"n\":5,\"a.b\":1},\"Kind\":\"Pod\"}");

	(void)state;
	assert_string_equal(json_find_str(root, "metadata.namespace"), "ns");
	assert_null(json_find_str(root, "metadata.n"));
	assert_string_equal(json_text(json_find(root, "metadata.n")), "5");
	assert_null(json_find(root, "metadata.a.b"));
	assert_non_null(json_get(json_get(root, "metadata"), "a.b"));
	assert_null(json_find(root, "metadata.Namespace"));
	assert_null(json_find(root, "metadata.namespace.x"));
	assert_null(json_find(root, ""));
	assert_null(json_str(root, "kind"));
	assert_string_equal(json_str(root, "Kind"), "Pod");
	assert_int_equal(json_count(root), 2);
	assert_string_equal(json_name(json_at(root, 1)), "Kind");
	assert_null(json_at(root, 2));
	assert_null(json_get(NULL, "x"));
	assert_null(json_first(NULL));
	assert_int_equal(json_kind(NULL), JSON_NULL);
	json_free(root);
}

static void integers_are_plain_and_fit(void **state)
{
	static const struct {
		const char *text;
		int rc;
		int64_t value;
	} rows[] = {
		{ "0", 0, 0 },
		{ "-0", 0, 0 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "-9223372036854775808", 0, INT64_MIN },
		{ "9223372036854775808", -1, 0 },
		{ "-9223372036854775809", -1, 0 },
		{ "1.0", -1, 0 },
		{ "1e3", -1, 0 },
		{ "1e400", -1, 0 },
		{ "\"1\"", -1, 0 },
		{ "true", -1, 0 },
		{ "null", -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct json *item = parse(rows[i].text);
		int64_t value = 0;

		if (json_item_int(item, &value) != rows[i].rc || value != rows[i].value)
			fail_msg("%s", rows[i].text);
		json_free(item);
	}
}

static void bools_are_bools(void **state)
{
	struct json *root = parse("{\"t\":true,\"f\":false,\"s\":\"true\",\"n\":1}");
	bool value = false;

	(void)state;
	assert_int_equal(json_bool(root, "t", &value), 0);
	assert_true(value);
	assert_int_equal(json_bool(root, "f", &value), 0);
	assert_false(value);
	assert_int_equal(json_bool(root, "s", &value), -1);
	assert_int_equal(json_bool(root, "n", &value), -1);
	assert_int_equal(json_bool(root, "x", &value), -1);
	assert_false(json_is_true(json_get(root, "s")));
	json_free(root);
}

static void trees_are_built_and_changed(void **state)
{
	struct json *root = json_new_object(), *list = json_new_array(), *copy;
	char *text;

	(void)state;
	json_set_str(root, "name", "a\"b");
	json_set_int(root, "big", INT64_MIN);
	json_set_bool(root, "yes", true);
	json_set_null(root, "none");
	json_set_str(root, "nil", NULL);
	json_add_str(list, "x");
	json_add_item(list, json_new_number(SPAN("1.50")));
	json_set_item(root, "list", list);
	json_set_str(root, "name", "again");
	json_remove(root, "none");
	json_remove(root, "absent");
	copy = json_dup(root);
	json_remove_item(list, json_first(list));
	text = print(root, JSON_COMPACT);
	assert_string_equal(text, "{\"name\":\"again\",\"big\":-9223372036854775808,\"yes\":true,"
				  "\"nil\":null,\"list\":[1.50]}");
	free(text);
	text = print(copy, JSON_PRETTY);
	assert_string_equal(text, "{\n    \"name\": \"again\",\n    \"big\": -9223372036854775808,\n"
				  "    \"yes\": true,\n    \"nil\": null,\n    \"list\": [\n"
				  "        \"x\",\n        1.50\n    ]\n}");
	free(text);
	list = json_detach(root, json_get(root, "list"));
	assert_null(json_get(root, "list"));
	json_free(list);
	json_free(root);
	json_free(copy);
	json_free(NULL);
}

static void quoting_replaces_malformed_bytes(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, MAX);
	json_put_quoted(&text, SPAN("a\0\x1f\\\"\xFF\xC3\xA9\xC3"));
	assert_string_equal(buf_str(&text), "\"a\\u0000\\u001f\\\\\\\"\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\"");
	buf_reset(&text);
	json_put_quoted(&text, SPAN_NONE);
	assert_string_equal(buf_str(&text), "\"\"");
	buf_free(&text);
}

/*
 * The second name stands behind thousands of others: the search must neither miss it nor take long.
 */
static void a_late_duplicate_is_found(void **state)
{
	struct json *item = NULL;
	struct err e = { 0 };
	struct buf text;

	(void)state;
	buf_init(&text, 10 * MAX);
	buf_put_str(&text, "{\"k77\":0");
	for (int i = 0; i < 20000; i++)
		buf_printf(&text, ",\"n%d\":%d", i, i);
	buf_put_str(&text, ",\"k77\":0}");
	assert_int_equal(json_parse(buf_span(&text), JSON_LIMITS(10 * MAX), &item, &e), -1);
	assert_non_null(strstr(e.text, "twice"));
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_texts_print_as_they_came),
		cmocka_unit_test(bad_texts_say_where),
		cmocka_unit_test(a_nul_byte_is_refused),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(depth_has_a_ceiling),
		cmocka_unit_test(members_are_found_with_case),
		cmocka_unit_test(integers_are_plain_and_fit),
		cmocka_unit_test(bools_are_bools),
		cmocka_unit_test(trees_are_built_and_changed),
		cmocka_unit_test(quoting_replaces_malformed_bytes),
		cmocka_unit_test(a_late_duplicate_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
