/* YAML: typing, limits, aliases, and kubectl's shape on the way out. */
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
#include "lib/format/yaml.h"

#define MAX 100000

static char *to_json(const char *text, struct err *e)
{
	struct json *item = NULL;
	struct buf printed;

	if (yaml_parse_json(span_of(text), YAML_LIMITS(MAX), &item, e) < 0)
		return NULL;
	buf_init(&printed, MAX);
	json_print(item, JSON_COMPACT, &printed);
	json_free(item);
	return buf_take_str(&printed);
}

static const struct {
	const char *yaml, *json;
} good[] = {
	{ "a: b", "{\"a\":\"b\"}" },
	{ "- 1\n- [x, y]\n- {k: v}\n", "[1,[\"x\",\"y\"],{\"k\":\"v\"}]" },
	{ "a:\n- 1\nb: |\n  x\n  y\n", "{\"a\":[1],\"b\":\"x\\ny\\n\"}" },
	{ "a: >-\n  x\n  y\n", "{\"a\":\"x y\"}" },
	{ "{\"json\": [1, \"2\", null, true]}", "{\"json\":[1,\"2\",null,true]}" },
	{ "[~, null, Null, NULL, '']", "[null,null,null,null,\"\"]" },
	{ "a:\nb: ", "{\"a\":null,\"b\":null}" },
	{ "[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]" },
	{ "[yes, no, on, off, y, n, YES, tRUE]", "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",\"YES\",\"tRUE\"]" },
	{ "{n: 1, true: 2, 3: 4}", "{\"n\":1,\"true\":2,\"3\":4}" },
	{ "['1', \"true\", 'null']", "[\"1\",\"true\",\"null\"]" },
	{ "[9007199254740993, 1.50, 1e3, -0]", "[9007199254740993,1.50,1e3,-0]" },
	{ "[+5, .5, 5., +.5e3, -5.e-1, 007.5, 089]", "[5,0.5,5,0.5e3,-5e-1,7.5,89]" },
	{ "[0644, 0x1F, 0o17, 0b11, -0x10, 00]", "[420,31,15,3,-16,0]" },
	{ "[18446744073709551615, 0xFFFFFFFFFFFFFFFF]", "[18446744073709551615,18446744073709551615]" },
	{ "[0x, 0x1FFFFFFFFFFFFFFFF, 1_000, 1e, e1, 0b2, ., +, -x, 1.2.3]",
	  "[\"0x\",\"0x1FFFFFFFFFFFFFFFF\",\"1_000\",\"1e\",\"e1\",\"0b2\",\".\",\"+\",\"-x\",\"1.2.3\"]" },
	{ "[2026-01-02, 12:30:45]", "[\"2026-01-02\",\"12:30:45\"]" },
	{ "[!!str 1, !!int \"5\", ! 7, !!float 1]", "[\"1\",5,\"7\",1]" },
	{ "!!map {a: !!seq [!!null ~]}", "{\"a\":[null]}" },
	{ "a: &x {k: 1}\nb: *x\n", "{\"a\":{\"k\":1},\"b\":{\"k\":1}}" },
	{ "a: &x 1\nb: *x\nc: &x 2\nd: *x\n", "{\"a\":1,\"b\":1,\"c\":2,\"d\":2}" },
	{ "a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\n", "{\"a\":{\"k\":1,\"l\":2},\"b\":{\"k\":3,\"l\":2}}" },
	{ "{<<: [{a: 1}, {a: 2, b: 3}], c: 4}", "{\"c\":4,\"a\":1,\"b\":3}" },
	{ "{'<<': 1}", "{\"<<\":1}" },
	{ "\"\\u00e9 \\x41\"", "\"\xC3\xA9 A\"" },
	{ "%YAML 1.1\n---\na: 1\n...\n", "{\"a\":1}" },
	{ "# only a comment\n---\n# and another\n", "null" },
};

static void good_texts_become_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct err e = { 0 };
		char *json = to_json(good[i].yaml, &e);

		if (!json || strcmp(json, good[i].json) != 0)
			fail_msg("%s gave %s", good[i].yaml, json ? json : e.text);
		free(json);
	}
}

static const struct {
	const char *yaml, *says;
	enum err_code code;
} bad[] = {
	{ "a: 1\na: 2\n", "line 2, column 1: the key 'a' is there twice", ERR_INPUT },
	{ "{a: 1, 'a': 2}", "twice", ERR_INPUT },
	{ "x: {k: 1, l: 2,\n  k: 3}", "line 2, column 3", ERR_INPUT },
	{ "{<<: {a: 1}, <<: {b: 1}}", "twice", ERR_INPUT },
	{ "[a, b]: 1", "a key must be a text", ERR_INPUT },
	{ "? {a: 1}\n: 2", "a key must be a text", ERR_INPUT },
	{ "a: *x", "line 1, column 4: an alias without its anchor", ERR_INPUT },
	{ "a: &x 1\n---\nb: *x", "without its anchor", ERR_INPUT },
	{ "&x [*x]", "inside its own anchor", ERR_INPUT },
	{ "&x {a: {b: *x}}", "inside its own anchor", ERR_INPUT },
	{ "{<<: 1}", "<< takes a map", ERR_INPUT },
	{ "{<<: [1]}", "<< takes a map", ERR_INPUT },
	{ "a: !foo 1", "unknown tag", ERR_INPUT },
	{ "a: !!binary aGk=", "unknown tag", ERR_INPUT },
	{ "a: !!python/object:os.system x", "unknown tag", ERR_INPUT },
	{ "[.inf]", "infinity", ERR_INPUT },
	{ "a: -.INF", "infinity", ERR_INPUT },
	{ "a: .NaN", "infinity", ERR_INPUT },
	{ "a: b: c", "line 1, column 5", ERR_INPUT },
	{ "a:\n\t- b", "line 2", ERR_INPUT },
	{ "a: [1, 2", "line 2, column 1", ERR_INPUT },
	{ "a: 'x", "line 1, column 6", ERR_INPUT },
	{ "a: \"\\0\"", "NUL", ERR_INPUT },
	{ "a: \"\\q\"", "escape", ERR_INPUT },
	{ "a: \xFF", "byte 3", ERR_INPUT },
	{ "a: \x01", "byte 3", ERR_INPUT },
	{ "a: @x", "column 4", ERR_INPUT },
	{ "a: `x`", "column 4", ERR_INPUT },
	{ "a: 1\n---\nb: 2\n", "one YAML document", ERR_INPUT },
	{ "", "one YAML document", ERR_INPUT },
	{ "%YAML 3.0\n---\na", "incompatible", ERR_INPUT },
};

static void bad_texts_say_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct err e = { 0 };
		char *json = to_json(bad[i].yaml, &e);

		if (json)
			fail_msg("%s was taken as %s", bad[i].yaml, json);
		if (e.code != bad[i].code || !strstr(e.text, bad[i].says))
			fail_msg("%s says '%s', not '%s'", bad[i].yaml, e.text, bad[i].says);
	}
}

static void limits_hold(void **state)
{
	static const struct {
		const char *text;
		struct yaml_limits limits;
		int rc;
	} rows[] = {
		{ "[a, b]", { 6, 1, 3 }, 0 },
		{ "[a, b]", { 5, 1, 3 }, -1 },
		{ "[a, b]", { 6, 0, 3 }, -1 },
		{ "[a, b]", { 6, 1, 2 }, -1 },
		{ "[[[]]]", { 9, 3, 9 }, 0 },
		{ "[[[]]]", { 9, 2, 9 }, -1 },
		{ "[&x [a], *x]", { 99, 2, 5 }, 0 },
		{ "[&x [a], *x]", { 99, 2, 4 }, -1 },
		{ "[&x aaaaaaaa,*x]", { 16, 2, 9 }, 0 },
		{ "[&x aaaaaa,*x,*x]", { 17, 2, 9 }, -1 },
		{ "[&x [a], [*x]]", { 99, 3, 9 }, 0 },
		{ "[&x [a], [*x]]", { 99, 2, 9 }, -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct yaml_docs *docs = NULL;
		struct err e = { 0 };

		if (yaml_parse(span_of(rows[i].text), rows[i].limits, &docs, &e) != rows[i].rc)
			fail_msg("row %zu: %s", i, e.text);
		if (rows[i].rc < 0)
			assert_int_equal(e.code, ERR_LIMIT);
		yaml_docs_free(docs);
	}
}

static void billion_laughs_are_refused(void **state)
{
	struct buf text;
	struct err e = { 0 };

	(void)state;
	buf_init(&text, MAX);
	buf_put_str(&text, "a0: &a0 [lol, lol, lol]\n");
	for (int i = 1; i < 30; i++)
		buf_printf(&text, "a%d: &a%d [*a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1);
	assert_null(to_json(buf_str(&text), &e));
	assert_int_equal(e.code, ERR_LIMIT);
	buf_free(&text);
}

static void documents_are_counted(void **state)
{
	static const struct {
		const char *text;
		size_t count;
	} rows[] = {
		{ "", 0 }, { "# x\n", 0 }, { "a", 1 }, { "---\na\n---\nb\n", 2 }, { "a\n---\n", 2 },
		{ "---\n---\n", 2 }, { "a: 1\n...\n---\nb: 2\n...\n", 2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct yaml_docs *docs = NULL;
		struct err e = { 0 };

		assert_int_equal(yaml_parse(span_of(rows[i].text), YAML_LIMITS(MAX), &docs, &e), 0);
		if (yaml_docs_count(docs) != rows[i].count)
			fail_msg("'%s' has %zu documents", rows[i].text, yaml_docs_count(docs));
		yaml_docs_free(docs);
	}
}

static void nodes_know_their_place(void **state)
{
	struct yaml_docs *docs = NULL;
	const struct yaml *root, *list;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(yaml_parse(SPAN("a: 1\nb:\n  - 'x'\n  - ~\n"), YAML_LIMITS(MAX), &docs, &e), 0);
	root = yaml_docs_at(docs, 0);
	list = yaml_get(root, "b");
	assert_int_equal(yaml_kind(root), YAML_MAP);
	assert_int_equal(yaml_count(root), 2);
	assert_string_equal(yaml_text(yaml_key(root, 1)), "b");
	assert_int_equal(yaml_line(yaml_at(list, 0)), 3);
	assert_int_equal(yaml_column(yaml_at(list, 0)), 5);
	assert_true(yaml_is_quoted(yaml_at(list, 0)));
	assert_false(yaml_is_null(yaml_at(list, 0)));
	assert_true(yaml_is_null(yaml_at(list, 1)));
	assert_null(yaml_get(root, "c"));
	assert_null(yaml_get(list, "c"));
	assert_null(yaml_text(list));
	yaml_docs_free(docs);
	yaml_docs_free(NULL);
}

/* The expected texts are what sigs.k8s.io/yaml, kubectl's library, writes for the same JSON. */
static const struct {
	const char *json, *yaml;
} written[] = {
	{ "{}", "{}\n" },
	{ "[]", "[]\n" },
	{ "\"x\"", "x\n" },
	{ "{\"b\":1,\"a\":{\"d\":[],\"c\":{}}}", "a:\n  c: {}\n  d: []\nb: 1\n" },
	{ "{\"items\":[{\"kind\":\"Pod\",\"a\":[1,2]},\"x\",[3]]}",
	  "items:\n- a:\n  - 1\n  - 2\n  kind: Pod\n- x\n- - 3\n" },
	{ "{\"t\":true,\"n\":null,\"s\":\"true\",\"e\":\"\",\"d\":\"1\",\"z\":\"null\"}",
	  "d: \"1\"\ne: \"\"\n\"n\": null\ns: \"true\"\nt: true\nz: \"null\"\n" },
	{ "{\"creationTimestamp\":\"2026-01-02T03:04:05Z\"}", "creationTimestamp: \"2026-01-02T03:04:05Z\"\n" },
	{ "{\"a\":\"yes\",\"b\":\"n\",\"c\":\"0x1F\",\"d\":\"1e3\",\"e\":\"1_000\",\"f\":\"12:30\"}",
	  "a: \"yes\"\nb: \"n\"\nc: \"0x1F\"\nd: \"1e3\"\ne: \"1_000\"\nf: \"12:30\"\n" },
	{ "{\"a\":\"1:60\",\"b\":\"1:59\"}", "a: 1:60\nb: \"1:59\"\n" },
	{ "{\"a\":\"80:8080\",\"b\":\"10.0.0.1\",\"c\":\"1.2.3\",\"d\":\"v1\",\"e\":\"100m\",\"f\":\"1Gi\"}",
	  "a: 80:8080\nb: 10.0.0.1\nc: 1.2.3\nd: v1\ne: 100m\nf: 1Gi\n" },
	{ "{\"a\":\"*\",\"b\":\"- x\",\"c\":\"a: b\",\"d\":\"x #y\",\"e\":\" x\",\"f\":\"x \",\"g\":\"{}\"}",
	  "a: '*'\nb: '- x'\nc: 'a: b'\nd: 'x #y'\ne: ' x'\nf: 'x '\ng: '{}'\n" },
	{ "{\"a\":\"x\\ny\\n\",\"b\":\"x\\ny\",\"c\":\"x\\n\\n\"}", "a: |\n  x\n  y\nb: |-\n  x\n  y\nc: |+\n  x\n\n" },
	{ "{\"a\":\"tab\\tin\",\"b\":\"bell\\u0007\",\"c\":\"\xC3\xA9\"}",
	  "a: \"tab\\tin\"\nb: \"bell\\a\"\nc: \xC3\xA9\n" },
	{ "{\"app10\":1,\"app9\":1,\"app\":1,\"App\":1,\"a-b\":1,\"a.b\":1,\"ab\":1,\"a1\":1,\"a01\":1}",
	  "App: 1\na-b: 1\na.b: 1\na1: 1\na01: 1\nab: 1\napp: 1\napp9: 1\napp10: 1\n" },
	{ "{\"v007\":1,\"v10\":1,\"v100\":1,\"v11\":1,\"v99999999999999999999\":1,"
	  "\"v100000000000000000000\":1,\"1.10\":1,\"1.9\":1,\"1.05\":1}",
	  "\"1.05\": 1\n\"1.9\": 1\n\"1.10\": 1\nv007: 1\nv10: 1\nv11: 1\nv100: 1\n"
	  "v99999999999999999999: 1\nv100000000000000000000: 1\n" },
	{ "{\"true\":1,\"1\":2,\"a b\":3,\"<<\":4,\"~\":5}", "\"<<\": 4\n\"~\": 5\n\"1\": 2\na b: 3\n\"true\": 1\n" },
	{ "{\"m\":\"The node was low on resource: memory. Container app was using 123456Ki, which exceeds "
	  "its request of 0.\"}",
	  "m: 'The node was low on resource: memory. Container app was using 123456Ki, which\n"
	  "  exceeds its request of 0.'\n" },
	{ "[9007199254740993,1.50]", "- 9007199254740993\n- 1.50\n" },
};

static void json_is_written_as_kubectl_writes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(written); i++) {
		struct json *item = NULL;
		struct err e = { 0 };
		struct buf text;

		buf_init(&text, MAX);
		assert_int_equal(json_parse(span_of(written[i].json), JSON_LIMITS(MAX), &item, &e), 0);
		if (json_to_yaml(item, &text, &e) < 0)
			fail_msg("%s", e.text);
		if (strcmp(buf_str(&text), written[i].yaml) != 0)
			fail_msg("%s gave\n%snot\n%s", written[i].json, buf_str(&text), written[i].yaml);
		json_free(item);
		buf_free(&text);
	}
}

static void writing_stops_at_the_ceiling(void **state)
{
	struct json *item = json_new_str("a long text");
	struct err e = { 0 };
	struct buf text;

	(void)state;
	buf_init(&text, 5);
	assert_int_equal(json_to_yaml(item, &text, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(text.len, 0);
	json_free(item);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_texts_become_json),
		cmocka_unit_test(bad_texts_say_where),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(billion_laughs_are_refused),
		cmocka_unit_test(documents_are_counted),
		cmocka_unit_test(nodes_know_their_place),
		cmocka_unit_test(json_is_written_as_kubectl_writes),
		cmocka_unit_test(writing_stops_at_the_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
