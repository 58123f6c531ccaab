/* Quoting for the shell, the record of deploys, and programs that run side by side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "lib/base/attr.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/process.h"
#include "lib/rollout/history.h"
#include "lib/rollout/script.h"

static void test_quoting(void **state)
{
	static const struct {
		const char *text, *quoted;
	} rows[] = {
		{ "", "''" },
		{ "a b", "'a b'" },
		{ "it's", "'it'\\''s'" },
		{ "'", "''\\'''" },
		{ "''", "''\\'''\\'''" },
		{ "$x`y`\\\n", "'$x`y`\\\n'" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_BUF struct buf out;

		buf_init(&out, 100);
		script_put_quoted(&out, span_of(rows[i].text));
		assert_string_equal(buf_str(&out), rows[i].quoted);
	}
}

/* Every byte but NUL, that are no UTF-8 together, in each order of two: 64 KB, through real shells. */
static void test_every_byte_through_a_shell(void **state)
{
	static const char *const shells[] = { "sh", "dash", "bash" };
	AUTO_BUF struct buf all, script;
	size_t ran = 0;

	(void)state;
	buf_init(&all, 200000);
	buf_init(&script, 400000);
	for (int a = 1; a < 256; a++) {
		for (int b = a; b < 256; b++) {
			(void)buf_put_char(&all, (char)a);
			(void)buf_put_char(&all, (char)b);
		}
	}
	(void)buf_put_str(&script, "value=");
	script_put_quoted(&script, buf_span(&all));
	(void)buf_put_str(&script, "\nprintf %s \"$value\"\n");
	for (size_t i = 0; i < COUNT_OF(shells); i++) {
		const char *const argv[] = { shells[i], NULL };
		struct process_request rq = { .argv = argv, .input = buf_span(&script), .timeout_ms = 60000 };
		struct process_result result;
		AUTO_FREE char *program = NULL;
		struct err e = { 0 };
		AUTO_BUF struct buf out;

		buf_init(&out, 200000);
		if (process_find(shells[i], &program, &e) < 0)
			continue;
		rq.program = program;
		assert_int_equal(process_run(&rq, &out, NULL, &result, &e), 0);
		assert_int_equal(result.status, 0);
		assert_int_equal(out.len, all.len);
		assert_memory_equal(out.at, all.at, all.len);
		ran++;
	}
	assert_true(ran > 0);
}

#define LINE(tag, outcome, image) \
	"{\"time\":\"t\",\"tag\":\"" tag "\",\"outcome\":\"" outcome "\",\"images\":{" image "}}\n"
#define A "\"web\":\"r/web@sha256:aa\""
#define B "\"web\":\"r/web@sha256:bb\""

static void test_what_a_rollback_goes_back_to(void **state)
{
	static const struct {
		const char *text, *tag, *found; /* found NULL: the sentence in `says` */
		const char *says;
	} rows[] = {
		{ "", NULL, NULL, "nothing was deployed" },
		{ LINE("a", "failed", ""), NULL, NULL, "nothing was deployed" },
		{ LINE("a", "deployed", A), NULL, NULL, "no other images" },
		{ LINE("a", "deployed", A) LINE("b", "deployed", B), NULL, "a", "" },
		{ LINE("a", "deployed", A) LINE("b", "deployed", B) LINE("a", "deployed", A), NULL, "b", "" },
		{ LINE("a", "deployed", A) LINE("b", "deployed", B) LINE("c", "rolled-back", B), NULL, "a", "" },
		{ LINE("a", "deployed", A) LINE("b", "deployed", B) LINE("c", "failed", ""), NULL, "a", "" },
		{ LINE("a", "deployed", A) LINE("b", "deployed", B), "b", "b", "" },
		{ LINE("a", "deployed", A) LINE("b", "rolled-back", B), "b", NULL, "never deployed" },
		{ "half a li\n" LINE("a", "deployed", A) LINE("b", "deployed", B), NULL, "a", "" },
		{ LINE("$(x)", "deployed", A) LINE("b", "deployed", B), NULL, NULL, "no other images" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct history_entry *found = NULL;
		struct history h;
		struct err e = { 0 };

		history_parse(span_of(rows[i].text), &h);
		(void)history_find_rollback(&h, rows[i].tag, &found, &e);
		if (rows[i].found ? !found || strcmp(found->tag, rows[i].found) != 0 :
				    found || !strstr(e.text, rows[i].says))
			fail_msg("row %zu: %s %s", i, found ? found->tag : "none", e.text);
		history_free(&h);
	}
}

static void test_images_of_a_record_are_checked(void **state)
{
	static const char *const bad[] = {
		"\"web\":\"x y\"", "\"web\":\"$(id)\"", "\"we b\":\"x\"",
		"\"web\":1",	   "\"\":\"x\"",	"\"web\":\"x\\ny\"",
	};

	(void)state;
	for (size_t i = 0; i <= COUNT_OF(bad); i++) {
		char line[200];
		struct history h;
		AUTO_BUF struct buf out;
		struct err e = { 0 };

		buf_init(&out, 1000);
		(void)snprintf(line, sizeof(line), "{\"images\":{%s}}", i < COUNT_OF(bad) ? bad[i] : A);
		history_parse(span_of(line), &h);
		assert_int_equal(h.count, 1);
		assert_int_equal(history_put_images(&h.at[0], &out, &e), i < COUNT_OF(bad) ? -1 : 0);
		history_free(&h);
		if (i == COUNT_OF(bad))
			assert_string_equal(buf_str(&out), "web r/web@sha256:aa\n");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quoting),
		cmocka_unit_test(test_every_byte_through_a_shell),
		cmocka_unit_test(test_what_a_rollback_goes_back_to),
		cmocka_unit_test(test_images_of_a_record_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
