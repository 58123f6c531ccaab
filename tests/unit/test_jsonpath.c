/* JSONPath templates as client-go evaluates them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/format/json.h"
#include "lib/format/jsonpath.h"

static const char document[] =
	"{\"kind\":\"List\",\"items\":["
	"{\"name\":\"one\",\"n\":1,\"on\":true,\"l\":{\"a.b\":\"x\",\"c\":\"<&>\"},\"p\":[80,443]},"
	"{\"name\":\"two\",\"n\":2.5,\"on\":false,\"p\":[]},"
	"{\"name\":\"three\",\"n\":10,\"z\":null}],\"e\":[]}";

static const struct {
	const char *template, *text;
} good_rows[] = {
	{ "", "" },
	{ "plain } text", "plain } text" },
	{ "{.kind}", "List" },
	{ ".kind", ".kind" },
	{ "{kind}", "List" },
	{ "{$.kind}{@.kind}", "ListList" },
	{ "{ .kind }!", "List!" },
	{ "{['kind']}", "List" },
	{ "{[\"kind\"]}", "List" },
	{ "{.items[0].name}", "one" },
	{ "{.items[-1].name}", "three" },
	{ "{.items[*].name}", "one two three" },
	{ "{.items[*]['name','n']}", "one two three 1 2.5 10" },
	{ "{.items[0,2].name}", "one three" },
	{ "{.items[0:2].name}", "one two" },
	{ "{.items[1:].name}", "two three" },
	{ "{.items[:1].name}", "one" },
	{ "{.items[::2].name}", "one three" },
	{ "{.items[0:-1].name}", "one two" },
	{ "{.items[0].l.a\\.b}", "x" },
	{ "{.items[0].l['a.b']}", "x" },
	{ "{.items[0].l}", "{\"a.b\":\"x\",\"c\":\"\\u003c\\u0026\\u003e\"}" },
	{ "{.items[0].l.c}", "<&>" },
	{ "{.items[0].p}", "[80,443]" },
	{ "{.items[0].p[*]}", "80 443" },
	{ "{.items[0].on}", "true" },
	{ "{..name}", "one two three" },
	{ "{.items[0].l.*}", "x <&>" },
	{ "{.nope}", "" },
	{ "{.nope.nope[0].x}", "" },
	{ "{.kind.nope}", "" },
	{ "{.e[*].x}", "" },
	{ "{.items[?(@.name==\"two\")].n}", "2.5" },
	{ "{.items[?(@.name=='two')].n}", "2.5" },
	{ "{.items[?(@.name != \"two\")].n}", "1 10" },
	{ "{.items[?(@.n>2)].name}", "two three" },
	{ "{.items[?(@.n<=1)].name}", "one" },
	{ "{.items[?(@.n>=10)].name}", "three" },
	{ "{.items[?(@.n<2)].name}", "one" },
	{ "{.items[?(@.on==true)].name}", "one" },
	{ "{.items[?(@.l)].name}", "one" },
	{ "{.items[?(2 < @.n)].name}", "two three" },
	{ "{\"a\\tb\\n\"}", "a\tb\n" },
	{ "{range .items[*]}{.name}:{.n}{\"\\n\"}{end}.", "one:1\ntwo:2.5\nthree:10\n." },
	{ "{range .items[*]}[{range .p[*]}{@},{end}]{end}", "[80,443,][][]" },
	{ "{range .nope[*]}x{end}y", "y" },
	{ "{range .items[*]}{.name}", "onetwothree" },
};

static const struct {
	const char *template, *says;
	bool at_parse;
} bad_rows[] = {
	{ "{", "no }", true },
	{ "{.a", "no }", true },
	{ "{.a[", "expected", true },
	{ "{.a[0", "]", true },
	{ "{.a[x]}", "expected", true },
	{ "{.a[-]}", "digits", true },
	{ "{.a[99999999999]}", "too large", true },
	{ "{.a['b]}", "no end", true },
	{ "{\"a}", "no end", true },
	{ "{.a[?]}", "(", true },
	{ "{.a[?()]}", "empty", true },
	{ "{.a[?(@.b]}", "not expected", true },
	{ "{.a)}", "} is expected", true },
	{ "{,}", "not expected", true },
	{ "{1.2.3}", "number", true },
	{ "{end}", "nothing to end", true },
	{ "{.a[?(@.a==1)", "expected", true },
	{ "{.items[7].name}", "out of bounds: index 7, length 3", false },
	{ "{.items[-4]}", "out of bounds", false },
	{ "{.items[0:9]}", "out of bounds: index 8", false },
	{ "{.items[2:1]}", "greater", false },
	{ "{.items[0:2:0]}", "step", false },
	{ "{.kind[0]}", "no array", false },
	{ "{.kind[?(@.a)]}", "no array", false },
	{ "{.items[?(@.p[*]==1)]}", "one element", false },
	{ "{.items[?(@.name>1)]}", "incompatible", false },
	{ "{.items[?(@.p[0]==80)].name}", "out of bounds", false },
};

static struct json *parse_document(void)
{
	struct json *root = NULL;
	struct err e = { 0 };

	assert_int_equal(json_parse(span_of(document), JSON_LIMITS(100000), &root, &e), 0);
	return root;
}

static void test_good(void **state)
{
	AUTO_JSON struct json *root = parse_document();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good_rows); i++) {
		struct jsonpath *p = NULL;
		struct err e = { 0 };
		struct buf out;

		buf_init(&out, 100000);
		if (jsonpath_parse(span_of(good_rows[i].template), &p, &e) || jsonpath_print(p, root, &out, &e) ||
		    strcmp(buf_str(&out), good_rows[i].text) != 0)
			fail_msg("'%s': '%s' '%s'", good_rows[i].template, buf_str(&out), e.text);
		buf_free(&out);
		jsonpath_free(p);
	}
}

static void test_bad(void **state)
{
	AUTO_JSON struct json *root = parse_document();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		struct jsonpath *p = NULL;
		struct err e = { 0 };
		struct buf out;
		int rc = jsonpath_parse(span_of(bad_rows[i].template), &p, &e);

		buf_init(&out, 100000);
		if ((rc != 0) != bad_rows[i].at_parse || (rc == 0 && jsonpath_print(p, root, &out, &e) == 0) ||
		    e.code != ERR_INPUT || !strstr(e.text, bad_rows[i].says))
			fail_msg("'%s': %d '%s'", bad_rows[i].template, rc, e.text);
		buf_free(&out);
		jsonpath_free(p);
	}
}

static void test_limits(void **state)
{
	char deep[200] = "{";
	char *large = calloc(1, JSONPATH_TEXT_MAX + 2);
	struct jsonpath *p = NULL;
	struct err e = { 0 };

	(void)state;
	assert_non_null(large);
	memset(large, 'a', JSONPATH_TEXT_MAX + 1);
	assert_int_equal(jsonpath_parse(span_of(large), &p, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	free(large);
	for (int i = 0; i < 40; i++)
		memcpy(deep + 1 + 3 * i, "[?(", 3);
	assert_int_equal(jsonpath_parse(span_of(deep), &p, &e), -1);
	assert_non_null(strstr(e.text, "too deep"));
}

static void test_field(void **state)
{
	static const char *const same[] = { "{.kind}", "{kind}", ".kind", "kind" };
	static const char *const bad[] = { "", ".", "{", "{}", "{{a}}", "a}" };
	AUTO_JSON struct json *root = parse_document();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(same); i++) {
		struct jsonpath_found found = { 0 };
		struct jsonpath *p = NULL;
		struct err e = { 0 };

		assert_int_equal(jsonpath_parse_field(span_of(same[i]), &p, &e), 0);
		assert_int_equal(jsonpath_find(p, root, &found, &e), 0);
		assert_int_equal(found.count, 1);
		assert_string_equal(json_text(found.at[0]), "List");
		free(found.at);
		jsonpath_free(p);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct jsonpath *p = NULL;
		struct err e = { 0 };

		assert_int_equal(jsonpath_parse_field(span_of(bad[i]), &p, &e), -1);
		assert_int_equal(e.code, ERR_INPUT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_field),
	};

	return cmocka_run_group_tests_name("jsonpath", tests, NULL, NULL);
}
