/* Items of 1Password: read from JSON of both shapes, fields found by label, section and id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/rollout/item_parse.h"

#define FIELD(id, label, value)                                                                    \
	"{\"id\":\"" id "\",\"type\":\"CONCEALED\",\"label\":\"" label "\",\"value\":\"" value "\"}"
#define IN(section, id, label, value)                                                                \
	"{\"id\":\"" id "\",\"section\":{\"id\":\"" section "\"},\"type\":\"STRING\",\"label\":\"" label \
	"\",\"value\":\"" value "\"}"
#define ITEM(parts) "{\"id\":\"i1\",\"title\":\"T\",\"vault\":{\"id\":\"v1\",\"name\":\"V\"}," parts "}"

static const char text[] = ITEM(
	"\"sections\":[{\"id\":\"s1\",\"label\":\"Main DB\"},{\"id\":\"s2\",\"label\":\"Copy\"},{\"id\":\"s3\"}],"
	"\"fields\":[" FIELD("f1", "user", "u") "," IN("s1", "f2", "password", "p1") "," IN("s2", "f3", "password", "p2")
	"," FIELD("f4", "a/b.c", "slash") "," FIELD("f5", "Case", "upper") "," FIELD("f6", "case", "lower")
	",{\"id\":\"f7\",\"label\":\"empty\",\"type\":\"CONCEALED\"}"
	",{\"id\":\"f8\",\"label\":\"code\",\"type\":\"OTP\",\"value\":\"otpauth://x\",\"totp\":\"123456\"}"
	",{\"id\":\"f9\",\"label\":\"old code\",\"type\":\"OTP\",\"value\":\"otpauth://x\"}"
	"," FIELD("user2", "", "no label") "," FIELD("user", "other", "by id") "],"
	"\"files\":[{\"id\":\"x1\",\"name\":\"key\",\"size\":1,\"section\":{\"id\":\"s1\"}},"
	"{\"id\":\"x2\",\"name\":\"twice\"},{\"id\":\"x3\",\"name\":\"twice\"}]");

static struct item_store *parse(const char *json)
{
	struct item_store *s = NULL;
	struct err e = { 0 };

	if (item_parse(span_of(json), &s, &e) < 0)
		fail_msg("%s", e.text);
	return s;
}

static void fields_are_found(void **state)
{
	static const struct {
		const char *section, *name, *value, *says; /* value NULL: an error with this in it */
	} rows[] = {
		{ NULL, "user", "u", "" },
		{ NULL, "USER", "u", "" },
		{ NULL, "f1", "u", "" },
		{ NULL, "id=user", "by id", "" },
		{ NULL, "label=user", "u", "" },
		{ NULL, "user2", "no label", "" },
		{ NULL, "Main DB/password", "p1", "" },
		{ NULL, "main db.password", "p1", "" },
		{ NULL, "s2/password", "p2", "" },
		{ NULL, "s2.f3", "p2", "" },
		{ "Copy", "password", "p2", "" },
		{ "s1", "f2", "p1", "" },
		{ NULL, "a/b.c", "slash", "" },
		{ NULL, "Case", "upper", "" },
		{ NULL, "case", "lower", "" },
		{ NULL, "code", "123456", "" },
		{ NULL, "old code", NULL, "no one-time code" },
		{ NULL, "empty", NULL, "is empty" },
		{ NULL, "password", NULL, "\"Main DB/password\" (id=f2), \"Copy/password\" (id=f3)" },
		{ NULL, "CASE", NULL, "\"Case\" (id=f5), \"case\" (id=f6)" },
		{ NULL, "nothing", NULL, "it has \"user\", \"Main DB/password\"" },
		{ NULL, "", NULL, "no field" },
		{ NULL, "/", NULL, "no field" },
		{ NULL, "Main DB/", NULL, "no field" },
		{ NULL, "/password", NULL, "no field" },
		{ NULL, "Main DB/user", NULL, "no field" },
		{ NULL, "id=other", NULL, "no field" },
		{ NULL, "label=f1", NULL, "no field" },
		{ "Main DB", "user", NULL, "no field" },
		{ "none", "password", NULL, "no field" },
		{ "", "user", NULL, "no field" },
		{ NULL, "key", NULL, "is a file" },
	};
	struct item_store *s = parse(text);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct secret_field *f = NULL;
		struct span value = SPAN_NONE;
		struct err e = { 0 };
		int rc = secret_item_field_in(item_store_item(s), rows[i].section, rows[i].name, &f, &e);

		if (rc == 0)
			rc = secret_field_value(item_store_item(s), f, &value, &e);
		if ((rc == 0) != (rows[i].value != NULL) || (rc == 0 && !span_equal_str(value, rows[i].value)) ||
		    !strstr(e.text, rows[i].says))
			fail_msg("%s: %.*s %s", rows[i].name, SPAN_ARG(value), e.text);
	}
	item_store_free(s);
}

static void files_are_found(void **state)
{
	static const struct {
		const char *section, *name, *id;
	} rows[] = {
		{ NULL, "key", "x1" },	 { NULL, "KEY", "x1" },	    { NULL, "x1", "x1" }, { "Main DB", "key", "x1" },
		{ "s1", "x1", "x1" },	 { NULL, "x3", "x3" },	    { NULL, "twice", NULL }, { "Copy", "key", NULL },
		{ NULL, "none", NULL },	 { NULL, "", NULL },
	};
	struct item_store *s = parse(text);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct secret_file *f = secret_item_file(item_store_item(s), rows[i].section, rows[i].name);

		if (!f != !rows[i].id || (f && strcmp(f->id, rows[i].id) != 0))
			fail_msg("%s: %s", rows[i].name, f ? f->id : "none");
	}
	item_store_free(s);
}

static void strings_are_decoded(void **state)
{
	struct item_store *s = parse(ITEM("\"fields\":[" FIELD(
		"f", "\\u00e9\\ud83d\\ude00", "\\\"\\\\\\/\\b\\f\\n\\r\\t\\u20ac \xC3\xBC'`$") "]"));
	const struct secret_field *f = item_store_item(s)->fields;

	(void)state;
	assert_string_equal(f->label, "\xC3\xA9\xF0\x9F\x98\x80");
	assert_string_equal(f->value.at, "\"\\/\b\f\n\r\t\xE2\x82\xAC \xC3\xBC'`$");
	assert_int_equal(f->value.len, strlen(f->value.at));
	assert_string_equal(item_store_item(s)->vault, "V");
	item_store_free(s);
}

static void odd_shapes_are_taken(void **state)
{
	static const struct {
		const char *json;
		size_t fields, files;
	} rows[] = {
		{ "{\"id\":\"i\"}", 0, 0 },
		{ " {\n\"id\" : \"i\" , \"fields\" : [ ] }\n", 0, 0 },
		{ "{\"id\":\"i\",\"fields\":null,\"files\":{\"a\":[1,{\"b\":\"]\"}]},\"vault\":3}", 0, 0 },
		{ "{\"id\":\"i\",\"fields\":[1,null,\"x\",[],{}],\"files\":[true,{}]}", 5, 2 },
		{ "{\"fields\":[{\"section\":\"s\",\"value\":12,\"x\":{\"y\":[\"}\"]},\"label\":\"l\"}],\"id\":\"i\"}", 1, 0 },
		{ "{\"n\":-1.5e+3,\"id\":\"i\",\"t\":true,\"f\":false,\"z\":null,\"fields\":[{\"entropy\":1.25}]}", 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct item_store *s = parse(rows[i].json);

		assert_int_equal(item_store_item(s)->field_count, rows[i].fields);
		assert_int_equal(item_store_item(s)->file_count, rows[i].files);
		assert_string_equal(item_store_item(s)->id, "i");
		item_store_free(s);
	}
}

static void what_is_no_item_is_refused(void **state)
{
	static const char *const rows[] = {
		"", "null", "[]", "\"item\"", "{}", "{\"id\":3}", "{\"id\":\"\"}", "[{\"id\":\"i\"}]", "{\"id\":\"i\"",
		"{\"id\":\"i\"} x", "{\"id\":\"\\u0000\"}", "{\"id\":\"i\",\"fields\":[{]}", "{'id':'i'}", "{\"id\":\"\xFF\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct item_store *s = NULL;
		struct err e = { 0 };

		if (item_parse(span_of(rows[i]), &s, &e) == 0 || s || e.code != ERR_PROTOCOL || strstr(e.text, "'id'"))
			fail_msg("%s: %s", rows[i], e.text);
	}
}

static void the_placeholder_is_seen(void **state)
{
	struct item_store *hidden =
		parse(ITEM("\"fields\":[" FIELD("a", "b", "[use 'op item get x --reveal' to reveal]") "]"));
	struct item_store *shown = parse(ITEM("\"fields\":[" FIELD("a", "b", "use 'op item get x'") "]"));

	(void)state;
	assert_true(item_is_hidden(item_store_item(hidden)));
	assert_false(item_is_hidden(item_store_item(shown)));
	item_store_set_vault(shown, "renamed");
	assert_string_equal(item_store_item(shown)->vault, "renamed");
	item_store_free(hidden);
	item_store_free(shown);
	item_store_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_found),	 cmocka_unit_test(files_are_found),
		cmocka_unit_test(strings_are_decoded),	 cmocka_unit_test(odd_shapes_are_taken),
		cmocka_unit_test(what_is_no_item_is_refused), cmocka_unit_test(the_placeholder_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
