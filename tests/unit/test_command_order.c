/* The body of POST /clusters/{id}/exec: what is taken, what is refused; what the trail says of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/gate/command_order.h"

static const struct {
	const char *body;
	const char *says; /* NULL: good; else a part of the sentence */
} rows[] = {
	{ "{\"command\":[\"get\",\"pods\",\"-n\",\"default\"]}", NULL },
	{ "{\"command\":[\"get\"],\"stdin\":\"\",\"files\":{},\"timeout_s\":1}", NULL },
	{ "{\"command\":[\"\"],\"stdin\":\"a\\nb\",\"files\":{\"../x\":\"\"},\"timeout_s\":600}", NULL },
	{ "", "body" },
	{ "{", "body" },
	{ "null", "body" },
	{ "[]", "body" },
	{ "\"get pods\"", "body" },
	{ "{\"command\":[\"get\"]}x", "body" },
	{ "{\"command\":[\"get\"],\"command\":[\"delete\"]}", "body" },
	{ "{\"command\":[\"a\\u0000b\"]}", "body" },
	{ "{\"command\":[\"\xff\"]}", "body" },
	{ "{\"command\":[[[[[[[[[\"x\"]]]]]]]]]}", "body" },
	{ "{}", "command" },
	{ "{\"command\":null}", "command" },
	{ "{\"command\":\"get pods\"}", "command" },
	{ "{\"command\":{}}", "command" },
	{ "{\"command\":[]}", "command" },
	{ "{\"command\":[1]}", "command" },
	{ "{\"command\":[\"get\",null]}", "command" },
	{ "{\"command\":[\"get\",[\"pods\"]]}", "command" },
	{ "{\"Command\":[\"get\"]}", "Command" },
	{ "{\"command\":[\"get\"],\"token\":\"x\"}", "token" },
	{ "{\"command\":[\"get\"],\"stdin\":null}", "stdin" },
	{ "{\"command\":[\"get\"],\"stdin\":[\"a\"]}", "stdin" },
	{ "{\"command\":[\"get\"],\"files\":null}", "files" },
	{ "{\"command\":[\"get\"],\"files\":[]}", "files" },
	{ "{\"command\":[\"get\"],\"files\":{\"a\":null}}", "files" },
	{ "{\"command\":[\"get\"],\"files\":{\"a\":{}}}", "files" },
	{ "{\"command\":[\"get\"],\"files\":{\"\":\"\"}}", "files" },
	{ "{\"command\":[\"get\"],\"files\":{\"-\":\"\"}}", "files" },
	{ "{\"command\":[\"get\"],\"timeout_s\":0}", "timeout_s" },
	{ "{\"command\":[\"get\"],\"timeout_s\":-1}", "timeout_s" },
	{ "{\"command\":[\"get\"],\"timeout_s\":601}", "timeout_s" },
	{ "{\"command\":[\"get\"],\"timeout_s\":1.5}", "timeout_s" },
	{ "{\"command\":[\"get\"],\"timeout_s\":1e2}", "timeout_s" },
	{ "{\"command\":[\"get\"],\"timeout_s\":\"60\"}", "timeout_s" },
	{ "{\"command\":[\"get\"],\"timeout_s\":null}", "timeout_s" },
	{ "{\"command\":[\"get\"],\"timeout_s\":99999999999999999999}", "timeout_s" },
};

static void bodies(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct command_order o = { 0 };
		struct err e = { 0 };
		int rc = command_order_parse(span_of(rows[i].body), 60, 600, &o, &e);

		if ((rc == 0) != (rows[i].says == NULL) ||
		    (rows[i].says && !strstr(e.text, rows[i].says)))
			fail_msg("%s: %d, %s", rows[i].body, rc, e.text);
		if (rc < 0)
			assert_null(o.body);
		command_order_free(&o);
	}
}

static void what_is_read(void **state UNUSED)
{
	struct command_order o;
	struct err e;

	assert_int_equal(command_order_parse(SPAN("{\"files\":{\"b\":\"2\",\"a\":\"1\"},\"command\":[\"apply\",\"-f\","
						  "\"a\"]}"),
					     60, 600, &o, &e),
			 0);
	assert_int_equal(o.word_count, 3);
	assert_string_equal(o.words[2], "a");
	assert_int_equal(o.file_count, 2);
	assert_string_equal(o.files[1].path, "a");
	assert_string_equal(o.files[1].content, "1");
	assert_string_equal(o.input, "");
	assert_int_equal(o.timeout_s, 60);
	command_order_free(&o);
}

/* {"command":["x", ...]} with `count` words of `len` bytes, and so many bytes of standard input. */
static int parse_sized(size_t count, size_t len, size_t input_len, enum err_code *ret_code)
{
	AUTO_BUF struct buf body;
	struct command_order o = { 0 };
	struct err e = { 0 };
	int rc;

	buf_init(&body, 16 * 1024 * 1024);
	(void)buf_put_str(&body, "{\"command\":[");
	for (size_t i = 0; i < count; i++) {
		(void)buf_put_str(&body, i ? ",\"" : "\"");
		for (size_t k = 0; k < len; k++)
			(void)buf_put_char(&body, 'x');
		(void)buf_put_char(&body, '"');
	}
	(void)buf_put_str(&body, "],\"stdin\":\"");
	for (size_t k = 0; k < input_len; k++)
		(void)buf_put_char(&body, 'x');
	(void)buf_put_str(&body, "\"}");
	rc = command_order_parse(buf_span(&body), 60, 600, &o, &e);
	*ret_code = e.code;
	command_order_free(&o);
	return rc;
}

static void limits(void **state UNUSED)
{
	static const struct {
		size_t count, len, input_len;
		enum err_code code;
	} sizes[] = {
		{ COMMAND_WORDS_MAX, 1, 0, ERR_NONE },
		{ COMMAND_WORDS_MAX + 1, 1, 0, ERR_LIMIT },
		{ 1, COMMAND_WORDS_LEN_MAX, 0, ERR_NONE },
		{ 1, COMMAND_WORDS_LEN_MAX + 1, 0, ERR_LIMIT },
		{ 2, COMMAND_WORDS_LEN_MAX / 2 + 1, 0, ERR_LIMIT },
		{ 1, 1, COMMAND_CONTENT_MAX, ERR_NONE },
		{ 1, 1, COMMAND_CONTENT_MAX + 1, ERR_LIMIT },
		{ 1, 1, COMMAND_BODY_MAX, ERR_LIMIT },
	};

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		enum err_code code;

		assert_int_equal(parse_sized(sizes[i].count, sizes[i].len, sizes[i].input_len, &code),
				 sizes[i].code == ERR_NONE ? 0 : -1);
		assert_int_equal(code, sizes[i].code);
	}
}

static const struct {
	const char *command; /* the list's inside */
	const char *text;
} texts[] = {
	{ "\"get\",\"pods\",\"-n\",\"default\"", "kubectl get pods -n default" },
	{ "\"get\",\"pods\",\"--field-selector=status.phase=Running\"",
	  "kubectl get pods --field-selector=status.phase=Running" },
	{ "\"get\",\"pods\",\"a b\"", "kubectl get pods 'a b'" },
	{ "\"get\",\"pods\",\"a\\nb\"", "kubectl get pods ..." },
	{ "\"get\",\"\"", "kubectl get ''" },
	{ "\"label\",\"pod\",\"x\",\"a=b\"", "kubectl label pod x a=b" },
	{ "\"set\",\"image\",\"deploy/x\",\"c=nginx:1\"", "kubectl set image deploy/x c=nginx:1" },
	{ "\"annotate\",\"pod\",\"x\",\"a=secret\"", "kubectl annotate pod x a=..." },
	{ "\"-n\",\"x\",\"patch\",\"secret\",\"s\",\"-p\",\"{secret}\"", "kubectl -n x patch secret s -p ..." },
	{ "\"patch\",\"secret\",\"s\",\"-p{secret}\"", "kubectl patch secret s -p..." },
	{ "\"patch\",\"secret\",\"s\",\"-p=secret\"", "kubectl patch secret s -p=..." },
	{ "\"patch\",\"secret\",\"s\",\"--patch=secret\"", "kubectl patch secret s --patch=..." },
	{ "\"logs\",\"-p\",\"web\"", "kubectl logs -p web" },
	{ "\"create\",\"secret\",\"--from-literal\",\"a=secret\",\"x\"", "kubectl create secret --from-literal ... x" },
	{ "\"create\",\"secret\",\"--from-literal\"", "kubectl create secret --from-literal ..." },
	{ "\"run\",\"x\",\"--overrides={secret}\",\"--image=a\"", "kubectl run x --overrides=... --image=a" },
	{ "\"get\",\"--token=secret\",\"pods\"", "kubectl get --token=... pods" },
	{ "\"get\",\"--token\",\"secret\",\"pods\"", "kubectl get --token ... pods" },
	{ "\"exec\",\"x\",\"--\",\"echo\",\"secret\"", "kubectl exec x -- ..." },
	{ "\"get\",\"{secret}\"", "kubectl get ..." },
};

static void texts_for_the_trail(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		char body[400];
		AUTO_BUF struct buf text;
		struct command_order o;
		struct err e;

		buf_init(&text, 4096);
		(void)snprintf(body, sizeof(body), "{\"command\":[%s]}", texts[i].command);
		assert_int_equal(command_order_parse(span_of(body), 60, 600, &o, &e), 0);
		command_order_put_text(&o, &text);
		assert_string_equal(buf_str(&text), texts[i].text);
		command_order_free(&o);
	}
}

static void a_long_command_is_cut(void **state UNUSED)
{
	AUTO_BUF struct buf text;
	struct command_order o = { .word_count = COMMAND_WORDS_MAX };

	buf_init(&text, 4096);
	o.words = calloc(COMMAND_WORDS_MAX, sizeof(*o.words));
	for (size_t i = 0; i < COMMAND_WORDS_MAX; i++)
		o.words[i] = "pods";
	command_order_put_text(&o, &text);
	assert_true(text.len > 900 && text.len < 1100);
	assert_true(span_ends(buf_span(&text), SPAN(" ...")));
	command_order_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies),
		cmocka_unit_test(what_is_read),
		cmocka_unit_test(limits),
		cmocka_unit_test(texts_for_the_trail),
		cmocka_unit_test(a_long_command_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
