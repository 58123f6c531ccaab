/* Text tables: padding as kubectl's, and cells that try to reach the terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/table.h"

/* Cells parted by '|', rows by '/'. */
static void fill(struct table *t, const char *cells)
{
	struct span rows = span_of(cells), row, cell;

	while (span_take_part(&rows, '/', &row)) {
		while (span_take_part(&row, '|', &cell))
			table_put_cell(t, cell);
		table_end_row(t);
	}
}

static const struct {
	const char *cells, *text;
} rows[] = {
	{ "NAME|AGE/a|1d/a-long-name|2d", "NAME          AGE\na             1d\na-long-name   2d\n" },
	{ "A|B|C/1|2|3", "A     B     C\n1     2     3\n" },   /* at least six wide */
	{ "ABC|D/1|2", "ABC   D\n1     2\n" },
	{ "ABCD|D/1|2", "ABCD   D\n1      2\n" },
	{ "NAME|A/x|", "NAME   A\nx\n" },                      /* no blanks at the end */
	{ "NAME|A|B/x||", "NAME   A     B\nx\n" },
	{ "NAME|A|B/x||y", "NAME   A     B\nx            y\n" },
	{ "|A/|b", "      A\n      b\n" },
	{ "a", "a\n" },
	{ "", "\n" },
	{ "|", "\n" },
	{ "a |b  ", "a     b\n" },
	{ "a| ", "a\n" },
	{ "a|b|c/d", "a     b     c\nd\n" },                   /* fewer cells than columns */
	{ "d/a|b|c", "d\na     b     c\n" },
	{ "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f|x/abcd|y", "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f   x\nabcd   y\n" },
	{ "\xe6\x97\xa5\xe6\x9c\xac|x/abcd|y", "\xe6\x97\xa5\xe6\x9c\xac   x\nabcd   y\n" }, /* two wide */
	{ "e\xcc\x81|x", "e\xcc\x81     x\n" },                /* a combining accent has no width */
	{ "a\nb|x", "a...   x\n" },
	{ "a\rb|x", "a...   x\n" },
	{ "a\tb|x", "a\\x09b   x\n" },
	{ "\x1b[31mred|x", "\\x1b[31mred   x\n" },
	{ "\x1b]52;c;aGk=\x07|x", "\\x1b]52;c;aGk=\\x07   x\n" },
	{ "\x7f|x", "\\x7f   x\n" },
	{ "\xc2\x9b" "31m|x", "\\x9b31m   x\n" },              /* a C1 control as UTF-8 */
	{ "\x9b|x", "\\x9b   x\n" },                           /* a bare byte */
	{ "\xe2\x80\xae|x", "\\u202e   x\n" },
	{ "\xe2\x81\xa6|x", "\\u2066   x\n" },
	{ "\xe2\x80\x8b|x", "\\u200b   x\n" },
	{ "\xf3\xa0\x81\x81|x", "\\U000e0041   x\n" },
	{ "\xc0\xae|x", "\\xc0\\xae   x\n" },
	{ "\xed\xa0\x80|x", "\\xed\\xa0\\x80   x\n" },
	{ "\xf4\x90\x80\x80|x", "\\xf4\\x90\\x80\\x80   x\n" },
	{ "\xe2\x82|x", "\\xe2\\x82   x\n" },
	{ "\xf0\x9f\x98\x80|x", "\xf0\x9f\x98\x80    x\n" },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct table *t = table_new();
		struct buf out;

		buf_init(&out, 4096);
		fill(t, rows[i].cells);
		assert_int_equal(table_flush(t, &out), 0);
		if (strcmp(buf_str(&out), rows[i].text) != 0)
			fail_msg("row %zu: '%s'", i, buf_str(&out));
		buf_free(&out);
		table_free(t);
	}
}

static void test_widths_stay(void **state)
{
	struct table *t = table_new();
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	fill(t, "NAME|AGE/some-pod|1s");
	assert_int_equal(table_flush(t, &out), 0);
	fill(t, "x|2s");
	assert_int_equal(table_flush(t, &out), 0);
	fill(t, "a-longer-pod|3s");
	assert_int_equal(table_flush(t, &out), 0);
	fill(t, "y|4s");
	table_put_text(t, "no row yet");
	assert_int_equal(table_flush(t, &out), 0);
	assert_int_equal(table_flush(t, &out), 0);
	assert_string_equal(buf_str(&out), "NAME       AGE\nsome-pod   1s\nx          2s\na-longer-pod   3s\n"
					   "y              4s\n");
	buf_free(&out);
	table_free(t);
	table_free(NULL);
}

/* A record holds no separator but those between its cells. */
static void test_records(void **state UNUSED)
{
	struct table *t = table_new();
	struct buf out;

	buf_init(&out, 4096);
	table_set_records(t);
	fill(t, "NAME|AGE/a\x1f|\x1e|\n/|");
	assert_int_equal(table_flush(t, &out), 0);
	assert_string_equal(buf_str(&out), "\x1eNAME\x1f" "AGE\n\x1e" "a\\x1f\x1f\\x1e\x1f...\n\x1e\x1f\n");
	buf_free(&out);
	table_free(t);
}

static void test_ceiling(void **state)
{
	struct table *t = table_new();
	struct buf out;

	(void)state;
	buf_init(&out, 8);
	fill(t, "NAME|AGE/some-pod|1s");
	assert_int_equal(table_flush(t, &out), -1);
	buf_free(&out);
	table_free(t);
}

static void test_escaped(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	assert_int_equal(table_put_escaped(&out, SPAN("a\nb\x1b\0c")), 0);
	assert_string_equal(buf_str(&out), "a\\x0ab\\x1b\\x00c");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_widths_stay),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_escaped),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
