/* Removal of secrets from output: every form, nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/rollout/redact.h"

static const struct {
	const char *secret, *text, *shown;
} rows[] = {
	{ "hunter22", "a hunter22 b", "a *** b" },
	{ "hunter22", "hunter22hunter22", "******" },
	{ "hunter22", "hunter2 Hunter22", "hunter2 Hunter22" },
	{ "hunter22", "", "" },
	{ "", "nothing to hide", "nothing to hide" },
	{ "it's", "x='it'\\''s'", "x='***'" },
	{ "a\"b\\c", "{\"x\":\"a\\\"b\\\\c\"}", "{\"x\":\"***\"}" },
	{ "p&q r", "u?x=p%26q+r&y=p%26q%20r", "u?x=***&y=***" },
	{ "hunter22", "68756e7465723232 68756E7465723232", "*** ***" },
	/* base64 of the value, of "u:" and the value, of "ab:" and the value; what belongs to neighbours too stays */
	{ "hunter22", "aHVudGVyMjI=", "***I=" },
	{ "hunter22", "dTpodW50ZXIyMg==", "dTp***g==" },
	{ "hunter22", "YWI6aHVudGVyMjI=", "YWI6***I=" },
	{ "first-line\nsecond-line\n", "only second-line here", "only *** here" },
	{ "abc", "abc abcd x_abc (abc)", "*** abcd x_abc (***)" },
	{ "-rf", "rm -rf /", "rm *** /" },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_REDACTOR struct redactor *r = redactor_new();
		AUTO_BUF struct buf out;

		buf_init(&out, 4096);
		redactor_add(r, span_of(rows[i].secret));
		redactor_put(r, span_of(rows[i].text), &out);
		if (strcmp(buf_str(&out), rows[i].shown) != 0)
			fail_msg("%s in \"%s\": \"%s\"", rows[i].secret, rows[i].text, buf_str(&out));
	}
}

static void test_the_longest_wins(void **state)
{
	AUTO_REDACTOR struct redactor *r = redactor_new();
	AUTO_BUF struct buf out;

	(void)state;
	buf_init(&out, 4096);
	redactor_add(r, SPAN("pass"));
	redactor_add(r, SPAN("password-long"));
	redactor_put(r, SPAN("password-long pass passw"), &out);
	assert_string_equal(buf_str(&out), "*** *** ***w");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_the_longest_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
