/* A 403 that is about the agent's own rights gets the remedy; every other one passes as it came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/gate/agent_explain.h"

#define STATUS(message) "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"message\":\"" message "\",\"code\":403}"

static void what_is_explained(void **state)
{
	static const struct {
		const char *body;
		bool explained;
	} rows[] = {
		{ STATUS("groups \\\"mk8s:role:x\\\" is forbidden: User \\\"system:serviceaccount:m:a\\\" "
			 "cannot impersonate resource \\\"groups\\\" in API group \\\"\\\" at the cluster scope"), true },
		{ STATUS("pods \\\"web\\\" is forbidden: User \\\"system:serviceaccount:m:a\\\" "
			 "cannot impersonate-on:user-info:get resource \\\"pods\\\""), true },
		{ STATUS("pods is forbidden: User \\\"mk8s:a@b.example\\\" cannot list resource \\\"pods\\\""), false },
		{ STATUS("x is forbidden: User \\\"mk8s:a@b.example\\\" cannot impersonate resource \\\"users\\\""), false },
		{ STATUS(""), false },
		{ "", false },
		{ "{", false },
		{ "[]", false },
		{ "{\"kind\":\"Status\",\"message\":7}", false },
		{ "no JSON", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t piece = 1; piece < 400; piece += 133) {
			struct agent_explain x;
			struct span rest = span_of(rows[i].body);
			AUTO_BUF struct buf out;
			struct err e = { 0 };

			buf_init(&out, 65536);
			agent_explain_init(&x, "prod");
			while (rest.len) {
				size_t len = rest.len < piece ? rest.len : piece;

				assert_int_equal(agent_explain_body(&x, span_from(rest.at, len), false, &out, &e), 0);
				rest = span_from(rest.at + len, rest.len - len);
			}
			assert_int_equal(agent_explain_body(&x, SPAN_NONE, true, &out, &e), 0);
			if (rows[i].explained) {
				assert_non_null(strstr(buf_str(&out), "mk8s clusters token prod --manifest"));
				assert_non_null(strstr(buf_str(&out), "cannot impersonate"));
				assert_non_null(strstr(buf_str(&out), "\"reason\":\"Forbidden\""));
			} else {
				assert_string_equal(buf_str(&out), rows[i].body);
			}
			agent_explain_free(&x);
		}
	}
}

static void a_long_answer_passes(void **state)
{
	struct agent_explain x;
	AUTO_BUF struct buf out;
	AUTO_FREE char *piece = mem_new(EXPLAIN_MAX);
	struct err e = { 0 };

	(void)state;
	memset(piece, ' ', EXPLAIN_MAX);
	buf_init(&out, 4 * EXPLAIN_MAX);
	agent_explain_init(&x, "prod");
	for (int i = 0; i < 3; i++)
		assert_int_equal(agent_explain_body(&x, span_from(piece, EXPLAIN_MAX - 1), false, &out, &e), 0);
	assert_int_equal(agent_explain_body(&x, SPAN_NONE, true, &out, &e), 0);
	assert_int_equal(out.len, 3 * (EXPLAIN_MAX - 1));
	agent_explain_free(&x);
}

static void which_answers_are_looked_at(void **state)
{
	static const struct http_field json[] = { { SPAN("content-type"), SPAN("application/json") } };
	static const struct http_field packed[] = { { SPAN("content-type"), SPAN("application/json") },
						    { SPAN("content-encoding"), SPAN("gzip") } };
	static const struct http_field proto[] = { { SPAN("content-type"), SPAN("application/vnd.kubernetes.protobuf") } };

	(void)state;
	assert_true(agent_explain_wants(&(struct http_head){ .status = 403, .fields = json, .field_count = 1 }));
	assert_false(agent_explain_wants(&(struct http_head){ .status = 200, .fields = json, .field_count = 1 }));
	assert_false(agent_explain_wants(&(struct http_head){ .status = 403, .fields = packed, .field_count = 2 }));
	assert_false(agent_explain_wants(&(struct http_head){ .status = 403, .fields = proto, .field_count = 1 }));
	assert_false(agent_explain_wants(&(struct http_head){ .status = 403 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_explained),
		cmocka_unit_test(a_long_answer_passes),
		cmocka_unit_test(which_answers_are_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
