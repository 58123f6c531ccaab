/* Label and field selectors: what the server's parsers take and refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/kube/selector.h"

#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10

static const struct {
	const char *text;
	bool good;
} label_rows[] = {
	{ "", true },
	{ "  ", true },
	{ "a", true },
	{ "!a", true },
	{ "! a", true },
	{ "a=b", true },
	{ "a==b", true },
	{ "a!=b", true },
	{ "a=", true },
	{ "a=,b", true },
	{ "a in (b)", true },
	{ "a in (b,c),!d,e", true },
	{ "a in ()", true },
	{ "a in (,)", true },
	{ "a in (,b,,c,)", true },
	{ "a notin(b)", true },
	{ "in", true },
	{ "in in (in)", true },
	{ "notin=notin", true },
	{ "a>5", true },
	{ "a<007", true },
	{ "x.y/a_b-c.D=E", true },
	{ X60 "abc=" X60 "abc", true },
	{ "a in(\tb\n)\r", true },
	{ ",", false },
	{ "a,", false },
	{ "a,,b", false },
	{ ",a", false },
	{ "!", false },
	{ "!!a", false },
	{ "!a=b", false },
	{ "a b", false },
	{ "a===b", false },
	{ "a=b=c", false },
	{ "a=!b", false },
	{ "a!b", false },
	{ "=b", false },
	{ "a in", false },
	{ "a in b", false },
	{ "a in (", false },
	{ "a in (b", false },
	{ "a in (b c)", false },
	{ "a in (b))", false },
	{ "a in ((b))", false },
	{ "a in (!b)", false },
	{ "a notin", false },
	{ "(a)", false },
	{ "a>", false },
	{ "a>x", false },
	{ "a>-1", false },
	{ "a>9223372036854775808", false },
	{ "a>=1", false },
	{ "-a", false },
	{ "a-", false },
	{ "a=-b", false },
	{ "a=b-", false },
	{ "a=b/c", false },
	{ "a/b/c", false },
	{ "/a", false },
	{ "x/", false },
	{ "X/a", false },
	{ "x..y/a", false },
	{ "-x/a", false },
	{ "x_y/a", false },
	{ "\xc3\xa4", false },
	{ "a=\xc3\xa4", false },
	{ X60 "abcd", false },
	{ "a=" X60 "abcd", false },
	{ "a\\=b", false },
};

static void test_labels(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(label_rows); i++)
		if (selector_is_label(span_of(label_rows[i].text)) != label_rows[i].good)
			fail_msg("'%s'", label_rows[i].text);
	/* A NUL ends a word and, between words, the text. */
	assert_true(selector_is_label(SPAN("a\0")));
	assert_true(selector_is_label(SPAN("a,b \0(((")));
	assert_false(selector_is_label(SPAN("a\0(((")));
}

static const struct {
	const char *text;
	bool good;
	const char *name;
} field_rows[] = {
	{ "", true, "" },
	{ ",,", true, "" },
	{ "a=b", true, "" },
	{ "metadata.name=x", true, "x" },
	{ "metadata.name==x", true, "x" },
	{ "metadata.name!=x", true, "" },
	{ "metadata.name=", true, "" },
	{ "a=b,metadata.name=x,c!=d", true, "x" },
	{ "metadata.name=x,metadata.name=y", true, "x" },
	{ "metadata.name=y,metadata.name=x", true, "x" },
	{ "metadata.name=x\\,y", true, "x,y" },
	{ "metadata.name=x\\\\", true, "x\\" },
	{ "metadata.name=x\\=y", true, "x=y" },
	{ " metadata.name=x", true, "" },
	{ "metadata.name =x", true, "" },
	{ "metadata.name=x ", true, "x " },
	{ "Metadata.name=x", true, "" },
	{ "a\\,b=c", true, "" },
	{ "=x", true, "" },
	{ "a", false, "" },
	{ "a=b,c", false, "" },
	{ "!", false, "" },
	{ "a!b", false, "" },
	{ "a===b", false, "" },
	{ "a=b=c", false, "" },
	{ "a=b\\", false, "" },
	{ "a=b\\c", false, "" },
	{ "metadata.name=x,a=b\\c", false, "" },
	{ "a<b", false, "" },
};

static void test_fields(void **state)
{
	char name[32];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(field_rows); i++) {
		bool good = selector_is_field(span_of(field_rows[i].text), name, sizeof(name));

		if (good != field_rows[i].good || strcmp(name, field_rows[i].name) != 0)
			fail_msg("'%s': %d '%s'", field_rows[i].text, good, name);
	}
	assert_false(selector_is_field(SPAN("metadata.name=abc"), name, 3));
	assert_true(selector_is_field(SPAN("metadata.name=abc"), name, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_labels), cmocka_unit_test(test_fields) };

	return cmocka_run_group_tests_name("selector", tests, NULL, NULL);
}
