/*
 * Lists, Tables and watches: what a role limited to the namespaces "a" and "team-1" gets of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/gate/list_filter.h"

#define NS(name) "{\"metadata\":{\"namespace\":\"" name "\"}}"
#define NAMED(name) "{\"metadata\":{\"name\":\"" name "\"}}"
#define ROW(name) "{\"cells\":[1],\"object\":{\"metadata\":{\"namespace\":\"" name "\"}}}"
#define LIST(items) "{\"kind\":\"PodList\",\"items\":[" items "]}"
#define TABLE(members) "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\"," members "}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}"

enum { LISTS = 0, WATCH = 1, BY_NAME = 2, NO_OBJECT = 4, NO_SEAL = 8 };

static int seal(void *owner UNUSED, struct span token, struct buf *into, struct err *e UNUSED)
{
	(void)buf_printf(into, "<%.*s>", SPAN_ARG(token));
	return 0;
}

static struct list_filter *filter_of(int flags)
{
	static const char *const granted[] = { "a", "team-1", NULL };
	struct list_filter_options o = {
		.namespaces = granted,
		.watch = flags & WATCH,
		.by_name = flags & BY_NAME,
		.drop_object = flags & NO_OBJECT,
		.seal = flags & NO_SEAL ? NULL : seal,
	};

	return list_filter_new(&o);
}

static int run(int flags, struct span text, size_t piece_len, struct buf *out, struct err *e)
{
	struct list_filter *f = filter_of(flags);
	int rc = 0;

	for (size_t at = 0; at < text.len && rc == 0; at += piece_len)
		rc = list_filter_put(f,
				     span_from(text.at + at, text.len - at < piece_len
								     ? text.len - at
								     : piece_len),
				     out, e);
	if (rc == 0)
		rc = list_filter_end(f, e);
	list_filter_free(f);
	return rc;
}

static const struct {
	int flags;
	const char *in, *out;
} passing[] = {
	/* lists */
	{ LISTS, LIST(""), LIST("") },
	{ LISTS, LIST(NS("a")), LIST(NS("a")) },
	{ LISTS, LIST(NS("a") "," NS("b") "," NS("team-1")), LIST(NS("a") "," NS("team-1")) },
	{ LISTS, LIST(NS("b") "," NS("a")), LIST(NS("a")) },
	{ LISTS, LIST(NS("b")), LIST("") },
	{ LISTS, LIST(NS("A") "," NS("aa") "," NS("") "," NS("team-10") "," NS("*") "," NS(" a")),
	  LIST("") },
	{ LISTS,
	  LIST("{},{\"metadata\":{}},{\"metadata\":null},{\"metadata\":[]},{\"metadata\":\"a\"}"),
	  LIST("") },
	{ LISTS, LIST("\"a\",null,true,1,-1.5e3,[" NS("a") "],[[]]"), LIST("") },
	{ LISTS, LIST("{\"metadata\":{\"namespace\":1}},{\"metadata\":{\"namespace\":[\"a\"]}}"),
	  LIST("") },
	{ LISTS, LIST("{\"metadata\":{\"namespace\":{\"namespace\":\"a\"}}}"), LIST("") },
	{ LISTS,
	  LIST("{\"metadata\":[{\"namespace\":\"a\"}]},[{\"metadata\":{\"namespace\":\"a\"}}]"),
	  LIST("") },
	{ LISTS, LIST("{\"namespace\":\"a\"},{\"spec\":" NS("a") "}"), LIST("") },
	{ LISTS, LIST("{\"Metadata\":{\"namespace\":\"a\"}},{\"metadata\":{\"Namespace\":\"a\"}}"),
	  LIST("") },
	{ LISTS,
	  LIST("{\"spec\":{\"metadata\":{\"namespace\":\"a\"}},\"metadata\":{\"namespace\":\"b\"}"
	       "}"),
	  LIST("") },
	{ LISTS, LIST("{\"metadata\":{\"labels\":{\"namespace\":\"a\"},\"namespace\":\"b\"}}"),
	  LIST("") },
	{ LISTS, LIST("{\"metadata\":{\"labels\":{\"namespace\":\"b\"},\"namespace\":\"a\"}}"),
	  LIST("{\"metadata\":{\"labels\":{\"namespace\":\"b\"},\"namespace\":\"a\"}}") },
	/* a member that stands there twice: readers disagree about it */
	{ LISTS, LIST("{\"metadata\":{\"namespace\":\"a\",\"namespace\":\"b\"}}"), LIST("") },
	{ LISTS, LIST("{\"metadata\":{\"namespace\":\"b\",\"namespace\":\"a\"}}"), LIST("") },
	{ LISTS, LIST("{\"metadata\":{\"namespace\":\"b\"},\"metadata\":{\"namespace\":\"a\"}}"),
	  LIST("") },
	{ LISTS, LIST("{\"metadata\":{\"namespace\":\"a\"},\"metadata\":{}}"), LIST("") },
	{ LISTS, LIST("{\"metadata\":{\"namespace\":\"a\"},\"\\u006detadata\":{}}"), LIST("") },
	/* strings that look like structure, escapes, white space */
	{ LISTS, LIST("{\"x\":\"}]\\\"{\",\"metadata\":{\"namespace\":\"a\"}}"),
	  LIST("{\"x\":\"}]\\\"{\",\"metadata\":{\"namespace\":\"a\"}}") },
	{ LISTS, LIST("{\"x\":\"\\\\\",\"metadata\":{\"namespace\":\"b\"}}"), LIST("") },
	{ LISTS, LIST("{\"x\":\"\\\",\\\"metadata\\\":{\\\"namespace\\\":\\\"a\\\"}\"}"),
	  LIST("") },
	{ LISTS, LIST("{\"meta\\u0064ata\":{\"n\\u0061mespace\":\"\\u0061\"}}"),
	  LIST("{\"meta\\u0064ata\":{\"n\\u0061mespace\":\"\\u0061\"}}") },
	{ LISTS,
	  LIST("{\"metadata\":{\"namespace\":\"a\\u0000\"}},{\"metadata\":{\"namespace\":"
	       "\"\\u0161\"}}"),
	  LIST("") },
	{ LISTS, LIST("{\"data\":\"\\u0000\",\"metadata\":{\"namespace\":\"a\"}}"),
	  LIST("{\"data\":\"\\u0000\",\"metadata\":{\"namespace\":\"a\"}}") },
	{ LISTS,
	  " \n{ \"kind\" : \"PodList\" ,\t\"items\" : [ " NS("b") " ,\r\n " NS("a") " ] } \n",
	  LIST(NS("a")) },
	/* the envelope: any order, only what is a list's */
	{ LISTS, "{}", "{}" },
	{ LISTS, "{\"items\":null}", "{\"items\":null}" },
	{ LISTS, "{\"items\":[" NS("b") "],\"kind\":\"L\"}", "{\"items\":[],\"kind\":\"L\"}" },
	{ LISTS, "{\"spec\":{\"secret\":1},\"Items\":[" NS("b") "],\"kind\":\"L\",\"x\":\"y\"}",
	  "{\"kind\":\"L\"}" },
	{ LISTS,
	  "{\"metadata\":{\"resourceVersion\":\"7\",\"remainingItemCount\":9,\"labels\":{\"x\":"
	  "\"y\"}}}",
	  "{\"metadata\":{\"resourceVersion\":\"7\"}}" },
	{ LISTS, "{\"metadata\":{\"continue\":\"tok\"},\"items\":[]}",
	  "{\"metadata\":{\"continue\":\"<tok>\"},\"items\":[]}" },
	{ LISTS, "{\"metadata\":{\"continue\":\"\"}}", "{\"metadata\":{}}" },
	{ NO_SEAL, "{\"metadata\":{\"continue\":\"tok\"}}", "{\"metadata\":{}}" },
	{ LISTS, "{\"metadata\":null}", "{\"metadata\":{}}" },
	/* the resource namespaces */
	{ BY_NAME, LIST(NAMED("a") "," NAMED("b") "," NS("a")), LIST(NAMED("a")) },
	/* Tables */
	{ LISTS,
	  TABLE("\"columnDefinitions\":[{\"name\":\"N\"}],\"rows\":[" ROW("b") "," ROW("a") "]"),
	  TABLE("\"columnDefinitions\":[{\"name\":\"N\"}],\"rows\":[" ROW("a") "]") },
	{ LISTS,
	  TABLE("\"rows\":[{\"cells\":[],\"object\":null},{\"metadata\":{\"namespace\":\"a\"}}]"),
	  TABLE("\"rows\":[]") },
	{ LISTS,
	  TABLE("\"rows\":[{\"object\":{\"metadata\":{\"namespace\":\"a\"}},\"object\":{}}]"),
	  TABLE("\"rows\":[]") },
	{ NO_OBJECT, TABLE("\"rows\":[" ROW("b") "," ROW("a") "]"),
	  TABLE("\"rows\":[{\"cells\":[1],\"object\":null}]") },
	{ NO_OBJECT,
	  TABLE("\"rows\":[{\"object\": {\"metadata\":{\"namespace\":\"a\"}},\"cells\":[]}]"),
	  TABLE("\"rows\":[{\"object\":null,\"cells\":[]}]") },
	{ BY_NAME, TABLE("\"rows\":[{\"object\":" NAMED("a") "},{\"object\":" NAMED("c") "}]"),
	  TABLE("\"rows\":[{\"object\":" NAMED("a") "}]") },
	/* watches */
	{ WATCH, "", "" },
	{ WATCH,
	  EVENT("ADDED", NS("a")) "\n" EVENT("ADDED", NS("b")) "\n" EVENT("DELETED",
									  NS("team-1")) "\n",
	  EVENT("ADDED", NS("a")) "\n" EVENT("DELETED", NS("team-1")) "\n" },
	{ WATCH, "{\"object\":" NS("a") ",\"type\":\"MODIFIED\"}",
	  "{\"object\":" NS("a") ",\"type\":\"MODIFIED\"}\n" },
	{ WATCH,
	  EVENT("SEEN", NS("a")) EVENT("added", NS("a"))
		  EVENT("", NS("a")) "{\"object\":" NS("a") "}",
	  "" },
	{ WATCH, EVENT("ADDED", "null") EVENT("ADDED", "[" NS("a") "]") "{\"type\":\"ADDED\"}{}",
	  "" },
	{ WATCH, "{\"type\":\"ADDED\",\"type\":\"ERROR\",\"object\":" NS("a") "}", "" },
	{ WATCH, EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410}"),
	  EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410}") "\n" },
	{ WATCH,
	  EVENT("ERROR", NS("b"))
		  EVENT("ERROR", "{\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"b\"}}"),
	  "" },
	{ WATCH, EVENT("BOOKMARK", "{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"5\"}}"),
	  EVENT("BOOKMARK", "{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"5\"}}") "\n" },
	{ WATCH, EVENT("BOOKMARK", NS("b")) EVENT("BOOKMARK", NAMED("x")), "" },
	{ WATCH | BY_NAME,
	  EVENT("ADDED", NAMED("a")) EVENT("ADDED", NAMED("b")) EVENT("ADDED", NS("a")),
	  EVENT("ADDED", NAMED("a")) "\n" },
	/* of a watched Table the columns come once, here with an event that goes */
	{
		WATCH,
		EVENT("ADDED",
		      TABLE("\"columnDefinitions\":[{\"name\":\"N\"}],\"rows\":[" ROW("b") "]"))
			EVENT("ADDED", TABLE("\"columnDefinitions\":null,\"rows\":[" ROW("a") "]"))
				EVENT("ADDED",
				      TABLE("\"columnDefinitions\":[],\"rows\":[" ROW("a") "]")),
		EVENT("ADDED", TABLE("\"rows\":[" ROW("a") "],\"columnDefinitions\":[{\"name\":"
							   "\"N\"}]")) "\n" EVENT(
			"ADDED", TABLE("\"rows\":[" ROW("a") "],\"columnDefinitions\":[]")) "\n" },
	{ WATCH,
	  EVENT("BOOKMARK",
		TABLE("\"rows\":[{\"object\":{\"metadata\":{\"resourceVersion\":\"5\"}}}," ROW(
			"b") "]")),
	  EVENT("BOOKMARK", TABLE("\"rows\":[{\"object\":{\"metadata\":{\"resourceVersion\":\"5\"}}"
				  "}],\"columnDefinitions\":[]")) "\n" },
	/* a resource whose kind is called Table */
	{ WATCH,
	  EVENT("ADDED", "{\"kind\":\"Table\",\"apiVersion\":\"x.io/"
			 "v1\",\"rows\":[1],\"metadata\":{\"namespace\":\"a\"}}"),
	  EVENT("ADDED", "{\"kind\":\"Table\",\"apiVersion\":\"x.io/"
			 "v1\",\"rows\":[1],\"metadata\":{\"namespace\":\"a\"}}") "\n" },
	{ WATCH,
	  EVENT("ADDED", "{\"kind\":\"Table\",\"apiVersion\":\"x.io/v1\",\"rows\":[" ROW("a") "]}"),
	  "" },
};

static void what_is_granted_passes(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(passing); i++) {
		static const size_t pieces[] = { 1, 2, 3, 7, 1000000 };

		for (size_t k = 0; k < COUNT_OF(pieces); k++) {
			AUTO_BUF struct buf out;
			struct err e = { 0 };

			buf_init(&out, 1024 * 1024);
			if (run(passing[i].flags, span_of(passing[i].in), pieces[k], &out, &e) < 0)
				fail_msg("row %zu, %s: %s", i, passing[i].in, e.text);
			if (strcmp(buf_str(&out), passing[i].out) != 0)
				fail_msg("row %zu in pieces of %zu: %s\ngives %s\nnot   %s", i,
					 pieces[k], passing[i].in, buf_str(&out), passing[i].out);
		}
	}
}

static const struct {
	int flags;
	const char *in;
	enum err_code code;
} refused[] = {
	{ LISTS, "", ERR_PROTOCOL },
	{ LISTS, "{", ERR_PROTOCOL },
	{ LISTS, "{\"items\":[", ERR_PROTOCOL },
	{ LISTS, "{\"items\":[" NS("a"), ERR_PROTOCOL },
	{ LISTS, "[]", ERR_INPUT },
	{ LISTS, "null", ERR_INPUT },
	{ LISTS, "k8s", ERR_INPUT },
	{ LISTS, "{}{}", ERR_INPUT },
	{ LISTS, "{} x", ERR_INPUT },
	{ LISTS, "{\"items\":{}}", ERR_INPUT },
	{ LISTS, "{\"items\":\"x\"}", ERR_INPUT },
	{ LISTS, "{\"rows\":true}", ERR_INPUT },
	{ LISTS, "{\"items\":[}", ERR_INPUT },
	{ LISTS, "{\"items\":[" NS("a") ",]}", ERR_INPUT },
	{ LISTS, "{\"items\":[,]}", ERR_INPUT },
	{ LISTS, "{\"items\":[" NS("a") " " NS("a") "]}", ERR_INPUT },
	{ LISTS, "{\"items\" []}", ERR_INPUT },
	{ LISTS, "{items:[]}", ERR_INPUT },
	{ LISTS, "{\"a\":1,}", ERR_INPUT },
	{ LISTS, "{\"a\":01}", ERR_INPUT },
	{ LISTS, "{\"a\":1.}", ERR_INPUT },
	{ LISTS, "{\"a\":-}", ERR_INPUT },
	{ LISTS, "{\"a\":+1}", ERR_INPUT },
	{ LISTS, "{\"a\":1e}", ERR_INPUT },
	{ LISTS, "{\"a\":1e+}", ERR_INPUT },
	{ LISTS, "{\"a\":tru}", ERR_INPUT },
	{ LISTS, "{\"a\":nulL}", ERR_INPUT },
	{ LISTS, "{\"a\":\"\\x\"}", ERR_INPUT },
	{ LISTS, "{\"a\":\"\\u12g4\"}", ERR_INPUT },
	{ LISTS, "{\"a\":\"\n\"}", ERR_INPUT },
	{ LISTS, "{\"a\":'b'}", ERR_INPUT },
	{ LISTS, "{\"metadata\":{\"continue\":\"a\",\"continue\":\"b\"}}", ERR_INPUT },
	{ WATCH, "[]", ERR_INPUT },
	{ WATCH, "1", ERR_INPUT },
	{ WATCH, EVENT("ADDED", NS("a")) ",", ERR_INPUT },
	{ WATCH, "{\"type\":\"ADDED\"", ERR_PROTOCOL },
	{ WATCH, EVENT("ADDED", TABLE("\"rows\":{}")), ERR_INPUT },
};

static void what_is_no_list_is_refused(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		for (size_t piece_len = 1; piece_len < 100; piece_len += 98) {
			AUTO_BUF struct buf out;
			struct err e = { 0 };

			buf_init(&out, 1024 * 1024);
			if (run(refused[i].flags, span_of(refused[i].in), piece_len, &out, &e) == 0)
				fail_msg("row %zu: %s passes as %s", i, refused[i].in,
					 buf_str(&out));
			if (e.code != refused[i].code)
				fail_msg("row %zu: %s: code %d, %s", i, refused[i].in, (int)e.code,
					 e.text);
		}
	}
}

static void depth_has_a_limit(void **state UNUSED)
{
	static const struct {
		size_t levels;
		int rc;
	} rows[] = { { 120, 0 }, { 126, 0 }, { 127, -1 }, { 100000, -1 } };

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_BUF struct buf in, out;
		struct err e = { 0 };

		buf_init(&in, 1024 * 1024);
		buf_init(&out, 1024 * 1024);
		(void)buf_put_str(&in, "{\"items\":[");
		for (size_t k = 0; k < rows[i].levels; k++)
			(void)buf_put_char(&in, '[');
		for (size_t k = 0; k < rows[i].levels; k++)
			(void)buf_put_char(&in, ']');
		(void)buf_put_str(&in, "]}");
		assert_int_equal(run(LISTS, buf_span(&in), 4096, &out, &e), rows[i].rc);
		assert_int_equal(e.code, rows[i].rc ? ERR_LIMIT : ERR_NONE);
	}
}

/* One item with a text of `len` bytes, between two small ones. */
static int run_large(int flags, const char *namespace, size_t len, struct buf *out, struct err *e)
{
	AUTO_BUF struct buf in;
	const char *envelope =
		flags & WATCH ? "{\"type\":\"ADDED\",\"object\":" : "{\"items\":[" NS("a") ",";

	buf_init(&in, 16 * 1024 * 1024);
	(void)buf_printf(&in, "%s{\"metadata\":{\"namespace\":\"%s\"},\"x\":\"", envelope,
			 namespace);
	(void)buf_reserve(&in, len);
	memset(in.at + in.len, 'x', len);
	buf_commit(&in, len);
	(void)buf_put_str(&in, flags & WATCH ? "\"}}" : "\"}," NS("a") "]}");
	return run(flags, buf_span(&in), 16384, out, e);
}

static void items_have_a_limit(void **state UNUSED)
{
	static const struct {
		int flags;
		const char *namespace;
		size_t len;
		int rc;
	} rows[] = {
		{ LISTS, "a", 4 * 1024 * 1024 - 100, 0 }, { LISTS, "b", 4 * 1024 * 1024 - 100, 0 },
		{ LISTS, "a", 4 * 1024 * 1024, -1 },	  { LISTS, "b", 4 * 1024 * 1024, -1 },
		{ WATCH, "a", 4 * 1024 * 1024, 0 },	  { WATCH, "a", 5 * 1024 * 1024, -1 },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_BUF struct buf out;
		struct err e = { 0 };

		buf_init(&out, 16 * 1024 * 1024);
		assert_int_equal(run_large(rows[i].flags, rows[i].namespace, rows[i].len, &out, &e),
				 rows[i].rc);
		assert_int_equal(e.code, rows[i].rc ? ERR_LIMIT : ERR_NONE);
		assert_int_equal(out.len > rows[i].len,
				 rows[i].rc == 0 && rows[i].namespace[0] == 'a');
	}
}

static int no_seal(void *owner UNUSED, struct span token UNUSED, struct buf *into UNUSED,
		   struct err *e)
{
	return err_set(e, ERR_IO, "cannot seal");
}

static void a_seal_that_fails_ends_it(void **state UNUSED)
{
	struct list_filter_options o = { .seal = no_seal };
	struct list_filter *f = list_filter_new(&o);
	AUTO_BUF struct buf out;
	struct err e = { 0 };

	buf_init(&out, 1024);
	assert_int_equal(
		list_filter_put(f, SPAN("{\"metadata\":{\"continue\":\"secret\"}}"), &out, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	assert_null(strstr(buf_str(&out), "secret"));
	list_filter_free(f);
	list_filter_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_granted_passes),
		cmocka_unit_test(what_is_no_list_is_refused),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(items_have_a_limit),
		cmocka_unit_test(a_seal_that_fails_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
