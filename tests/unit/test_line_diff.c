/* Texts compared by lines: the very bytes that diff -u writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/kube/line_diff.h"

#define HEAD "--- a\n+++ b\n"

static const struct {
	const char *from, *to, *want; /* NULL: the same */
} rows[] = {
	{ "", "", NULL },
	{ "x\n", "x\n", NULL },
	{ "", "x\n", HEAD "@@ -0,0 +1 @@\n+x\n" },
	{ "x\n", "", HEAD "@@ -1 +0,0 @@\n-x\n" },
	{ "", "x\ny\n", HEAD "@@ -0,0 +1,2 @@\n+x\n+y\n" },
	{ "x\n", "y\n", HEAD "@@ -1 +1 @@\n-x\n+y\n" },
	{ "a\nb\nc\n", "a\nx\nc\n", HEAD "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n" },
	{ "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n",
	  HEAD "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n" },
	/* six lines between two changes are one hunk, seven are two */
	{ "a\n1\n2\n3\n4\n5\n6\nb\n", "x\n1\n2\n3\n4\n5\n6\ny\n",
	  HEAD "@@ -1,8 +1,8 @@\n-a\n+x\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+y\n" },
	{ "a\n1\n2\n3\n4\n5\n6\n7\nb\n", "x\n1\n2\n3\n4\n5\n6\n7\ny\n",
	  HEAD "@@ -1,4 +1,4 @@\n-a\n+x\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+y\n" },
	/* of several places the last one */
	{ "- a\n  b\nend\n", "- a\n  b\n- a\n  b\nend\n",
	  HEAD "@@ -1,3 +1,5 @@\n - a\n   b\n+- a\n+  b\n end\n" },
	{ "x\nx\nx\n", "x\nx\nx\nx\n", HEAD "@@ -1,3 +1,4 @@\n x\n x\n x\n+x\n" },
	{ "a\na\nb\n", "a\nb\n", HEAD "@@ -1,3 +1,2 @@\n a\n-a\n b\n" },
	/* unless an earlier one meets the other side's change */
	{ "k\nv\nk\n", "n\nk\n", HEAD "@@ -1,3 +1,2 @@\n-k\n-v\n+n\n k\n" },
	/* a last line without its end is taken as one with it */
	{ "a\nb", "a\nc", HEAD "@@ -1,2 +1,2 @@\n a\n-b\n+c\n" },
	{ "\n\n", "\n", HEAD "@@ -1,2 +1 @@\n \n-\n" },
};

static void test_rows(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_BUF struct buf out = { .max = 10000 };
		bool differ =
			line_diff_put(span_of(rows[i].from), span_of(rows[i].to), "a", "b", &out);

		assert_int_equal(differ, rows[i].want != NULL);
		assert_string_equal(buf_str(&out), rows[i].want ? rows[i].want : "");
	}
}

/* More changes than are looked for: all lines of one text against all of the other. */
static void test_many_changes(void **state UNUSED)
{
	AUTO_BUF struct buf from = { .max = 1 << 20 }, to = { .max = 1 << 20 },
			    out = { .max = 1 << 20 };

	for (int i = 0; i < 5000; i++) {
		(void)buf_printf(&from, "same\nf%d\n", i);
		(void)buf_printf(&to, "same\nt%d\n", i);
	}
	assert_true(line_diff_put(buf_span(&from), buf_span(&to), "a", "b", &out));
	assert_true(strstr(buf_str(&out), "@@ -1,10000 +1,10000 @@\n same\n-f0\n") != NULL);
	assert_int_equal(out.len, strlen(HEAD) + strlen("@@ -1,10000 +1,10000 @@\n") + from.len +
					  to.len + 2 * 9999 + 1 - strlen("same\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_many_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
