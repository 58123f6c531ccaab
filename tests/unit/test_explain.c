/*
 * kubectl explain's text: every kind of schema, fields that are not there, and documents that are
 * hostile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/explain.h"

#define KIND "\"x-kubernetes-group-version-kind\""
#define GVK "{\"group\":\"\",\"kind\":\"Box\",\"version\":\"v1\"}"
#define PATHS "\"paths\":{\"/api/v1/namespaces/{namespace}/boxes\":{\"get\":{" KIND ":" GVK "}}}"
#define DOCUMENT(schemas) "{" PATHS ",\"components\":{\"schemas\":{" schemas "}}}"
#define BOX(rest) DOCUMENT("\"a.Box\":{" KIND ":[" GVK "]," rest "}")
#define HEAD "KIND:       Box\nVERSION:    v1\n\n"
#define NO_FIELD "field \"nope\" does not exist"

/* Properties out of order; a list of references, a map, an enum, a cycle (Part in Part). */
static const char whole[] = DOCUMENT(
	"\"a.Part\":{\"type\":\"object\",\"description\":\"A part.\",\"properties\":{"
	"\"of\":{\"allOf\":[{\"$ref\":\"#/components/schemas/a.Part\"}]},"
	"\"size\":{\"type\":\"integer\"}}},"
	"\"a.Time\":{\"type\":\"string\",\"format\":\"date-time\"},"
	"\"a.Box\":{" KIND ":[" GVK
	"],\"description\":\"A box.\",\"type\":\"object\",\"required\":[\"parts\"],"
	"\"properties\":{\"when\":{\"$ref\":\"#/components/schemas/a.Time\"},"
	"\"parts\":{\"type\":\"array\",\"description\":\"Its parts.\","
	"\"items\":{\"default\":{},\"allOf\":[{\"$ref\":\"#/components/schemas/a.Part\"}]}},"
	"\"labels\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}},"
	"\"mode\":{\"type\":\"string\",\"enum\":[\"\",\"b\",3,true,\"e\"]}}}");

static const struct {
	const char *name, *document, *fields, *text,
		*failure; /* fields: "a.b"; failure NULL: none */
	bool recursive;
} rows[] = {
	{ "a resource", whole, "",
	  HEAD "DESCRIPTION:\n    A box.\n    \nFIELDS:\n"
	       "  labels\t<map[string]string>\n    <no description>\n\n"
	       "  mode\t<string>\n  enum: \"\", b, 3, true, ....\n    <no description>\n\n"
	       "  parts\t<[]Part> -required-\n    Its parts.\n\n"
	       "  when\t<string>\n    <no description>\n\n\n",
	  NULL, false },
	{ "all of its fields, a cycle once", whole, "",
	  HEAD
	  "DESCRIPTION:\n    A box.\n    \nFIELDS:\n"
	  "  labels\t<map[string]string>\n  mode\t<string>\n  enum: \"\", b, 3, true, ....\n"
	  "  parts\t<[]Part> -required-\n    of\t<Part>\n    size\t<integer>\n  when\t<string>\n\n",
	  NULL, true },
	{ "a list", whole, "parts",
	  HEAD
	  "FIELD: parts <[]Part>\n\n\nDESCRIPTION:\n    Its parts.\n    A part.\n    \nFIELDS:\n"
	  "  of\t<Part>\n    <no description>\n\n  size\t<integer>\n    <no description>\n\n\n",
	  NULL, false },
	{ "a field through the list and the cycle", whole, "parts.of.of.size",
	  HEAD "FIELD: size <integer>\n\n\nDESCRIPTION:\n    <empty>\n\n", NULL, false },
	{ "an enum", whole, "mode",
	  HEAD
	  "FIELD: mode <string>\nENUM:\n    \"\"\n    b\n    3\n    true\n    e\n\n"
	  "DESCRIPTION:\n    <empty>\n\n",
	  NULL, false },
	{ "documents elsewhere",
	  BOX("\"externalDocs\":{\"description\":\"more\",\"url\":\"https://x\"}"), "",
	  HEAD "DESCRIPTION:\n    <empty>\n\nEXTERNAL DOCS:\n    more\n    URL: https://x\n\n",
	  NULL, false },
	{ "no such field", whole, "nope", HEAD, NO_FIELD, false },
	{ "nothing below a text", whole, "mode.nope", HEAD, NO_FIELD, false },
	{ "nothing in a list's items", whole, "parts.nope", HEAD, NO_FIELD, false },
	{ "a reference to itself", BOX("\"$ref\":\"#/components/schemas/a.Box\""), "nope", HEAD,
	  NO_FIELD, false },
	{ "two that refer to one another",
	  BOX("\"$ref\":\"#/components/schemas/b\"},"
	      "\"b\":{\"allOf\":[{\"$ref\":\"#/components/schemas/a.Box\"}]"),
	  "nope", HEAD, NO_FIELD, false },
	{ "a description in circles", BOX("\"items\":{\"$ref\":\"#/components/schemas/a.Box\"}"),
	  "", NULL, "the server's OpenAPI schema nests too deep, or has too many parts", false },
	{ "a type in circles",
	  BOX("\"properties\":{\"x\":{\"$ref\":\"#/components/schemas/a.Box/properties/x\"}}"), "",
	  HEAD "DESCRIPTION:\n    <empty>\nFIELDS:\n  x\t<x>\n    <no description>\n\n\n", NULL,
	  false },
	{ "a reference to elsewhere", BOX("\"$ref\":\"https://example.com/x#/a\""), "",
	  HEAD "DESCRIPTION:\n    <empty>\n\n", NULL, false },
	{ "nothing of its kind",
	  BOX("\"properties\":[1],\"items\":7,\"allOf\":{\"a\":1},\"required\":true,"
	      "\"description\":{},\"externalDocs\":[1]"),
	  "", HEAD "DESCRIPTION:\n    <empty>\n\n", NULL, false },
	{ "fields of the wrong kind",
	  BOX("\"properties\":{\"a\":1,\"b\":null,\"c\":{\"type\":[],\"enum\":[null],\"$ref\":5}}"),
	  "",
	  HEAD
	  "DESCRIPTION:\n    <empty>\nFIELDS:\n  a\t<Object>\n    <no description>\n\n"
	  "  b\t<Object>\n    <no description>\n\n"
	  "  c\t<Object>\n  enum: <no value>\n    <no description>\n\n\n",
	  NULL, false },
	{ "no paths", "{}", "", "", "GVR (/v1, Resource=boxes) not found in OpenAPI schema",
	  false },
	{ "no object", "[[]]", "", "", "GVR (/v1, Resource=boxes) not found in OpenAPI schema",
	  false },
	{ "paths of the wrong kind", "{\"paths\":[\"/api/v1/boxes\"]}", "", "",
	  "GVR (/v1, Resource=boxes) not found in OpenAPI schema", false },
	{ "an operation without a kind", "{\"paths\":{\"/api/v1/boxes\":{\"get\":{\"a\":1}}}}", "",
	  "", "GVR (/v1, Resource=boxes) not found in OpenAPI schema", false },
	{ "no schemas", "{" PATHS ",\"components\":{\"schemas\":[{}]}}", "", HEAD,
	  "GVK map[group: kind:Box version:v1] not found in OpenAPI schema", false },
	{ "no schema of the kind", DOCUMENT("\"a\":{" KIND ":[{\"kind\":\"Box\"},1]}"), "", HEAD,
	  "GVK map[group: kind:Box version:v1] not found in OpenAPI schema", false },
};

static void run_row(size_t i)
{
	AUTO_FREE char *fields = mem_dup_str(rows[i].fields);
	AUTO_JSON struct json *document = NULL;
	AUTO_BUF struct buf out = { .max = 1 << 20 };
	const char *path[8];
	struct explain what = { .group = "",
				.version = "v1",
				.plural = "boxes",
				.fields = path,
				.recursive = rows[i].recursive };
	struct span rest = span_of(fields), part;
	struct err e = { 0 };

	while (rest.len && span_take_part(&rest, '.', &part)) {
		fields[part.at + part.len - fields] = '\0';
		path[what.field_count++] = part.at;
	}
	assert_int_equal(json_parse(span_of(rows[i].document), JSON_LIMITS(1 << 20), &document, &e),
			 0);
	what.document = document;
	if (explain_print(&what, &out, &e) != (rows[i].failure ? -1 : 0))
		fail_msg("%s: %s", rows[i].name, e.text);
	if (rows[i].failure && strcmp(e.text, rows[i].failure) != 0)
		fail_msg("%s: %s", rows[i].name, e.text);
	if (rows[i].text && strcmp(buf_str(&out), rows[i].text) != 0)
		fail_msg("%s:\n%s", rows[i].name, buf_str(&out));
}

static void test_rows(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		run_row(i);
}

/* Each schema refers to the next one twice: two to the power of forty ways. */
static void test_many_ways(void **state UNUSED)
{
	AUTO_BUF struct buf text = { .max = 1 << 20 }, out = { .max = 64 << 20 };
	AUTO_JSON struct json *document = NULL;
	struct explain what = {
		.group = "", .version = "v1", .plural = "boxes", .recursive = true
	};
	struct err e = { 0 };

	(void)buf_put_str(&text, "{" PATHS ",\"components\":{\"schemas\":{\"s0\":{" KIND ":[" GVK
				 "],\"type\":\"object\"");
	for (int i = 1; i <= 40; i++)
		(void)buf_printf(
			&text,
			",\"properties\":{\"a\":{\"$ref\":\"#/components/schemas/s%d\"},"
			"\"b\":{\"$ref\":\"#/components/schemas/s%d\"}}},\"s%d\":{\"type\":\"object\"",
			i, i, i);
	(void)buf_put_str(&text, "}}}}");
	assert_int_equal(json_parse(buf_span(&text), JSON_LIMITS(1 << 20), &document, &e), 0);
	what.document = document;
	assert_int_equal(explain_print(&what, &out, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
}

static const struct {
	const char *text, *wrapped; /* at ten characters, behind two blanks */
} wraps[] = {
	{ "", "  " },
	{ "short", "  short" },
	{ "one two three", "  one two\n  three" },
	{ "one two   three", "  one two\n  three" },
	{ "a\nb", "  a\n  b" },
	{ "a \n\n b", "  a \n  \n   b" },
	{ "averyverylongword x", "  averyverylongword\n  x" },
	{ "x averyverylongword", "  x\n  averyverylongword" },
	{ "ärger über öl", "  ärger über\n  öl" },
	{ "ten chars \n", "  ten chars \n  " },
	{ "\xff\xfe x", "  \xff\xfe x" },
};

static void test_wraps(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(wraps); i++) {
		AUTO_BUF struct buf out = { .max = 1000 };

		explain_put_wrapped(span_of(wraps[i].text), 10, 2, &out);
		assert_string_equal(buf_str(&out), wraps[i].wrapped);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_many_ways),
		cmocka_unit_test(test_wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
