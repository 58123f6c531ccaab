/* Options: kubectl's grammar, row by row, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/options.h"

struct values {
	const char *namespace, *dry_run;
	struct option_list files;
	int64_t tail;
	bool all, watch;
};

static const struct option_row rows[] = {
	{ "namespace", 'n', OPTION_TEXT, offsetof(struct values, namespace), "NS", "the namespace", NULL, 0, 0 },
	{ "dry-run", 0, OPTION_TEXT, offsetof(struct values, dry_run), "MODE", "try only", "client", 0, 0 },
	{ "filename", 'f', OPTION_LIST, offsetof(struct values, files), "FILE", "a file", NULL, 0, 0 },
	{ "tail", 0, OPTION_INT, offsetof(struct values, tail), "N", "lines", NULL, -1, 100 },
	{ "all", 'A', OPTION_FLAG, offsetof(struct values, all), NULL, "all", NULL, 0, 0 },
	{ "watch", 'w', OPTION_FLAG, offsetof(struct values, watch), NULL, NULL, NULL, 0, 0 },
};

/* All values of a command line in one text, words parted by blanks. */
static void show(const struct values *v, const struct options_rest *rest, char *into, size_t size)
{
	size_t len = (size_t)snprintf(into, size, "n=%s d=%s t=%d A=%d w=%d f=", v->namespace ? v->namespace : "-",
				      v->dry_run ? v->dry_run : "-", (int)v->tail, v->all, v->watch);

	for (size_t i = 0; i < v->files.count; i++)
		len += (size_t)snprintf(into + len, size - len, "%s,", v->files.at[i]);
	len += (size_t)snprintf(into + len, size - len, " |");
	for (int i = 0; i < rest->count; i++)
		len += (size_t)snprintf(into + len, size - len, "%s%s", i == rest->before_dashes ? "--" : "",
					rest->at[i]);
	assert_null(rest->at[rest->count]);
}

static int parse(const char *line, enum options_mode mode, struct values *v, struct options_rest *rest,
		 char *words, size_t words_size, struct err *e)
{
	char *argv[32] = { (char[]){ "x" } };
	int argc = 1;

	(void)snprintf(words, words_size, "%s", line);
	for (char *at = words; *at && argc < 31;) {
		argv[argc++] = at;
		at += strcspn(at, " ");
		if (*at)
			*at++ = '\0';
	}
	return options_parse(rows, COUNT_OF(rows), mode, argc, argv, v, rest, e);
}

static const struct {
	const char *line, *shown;
} good_rows[] = {
	{ "", "n=- d=- t=5 A=0 w=0 f= |" },
	{ "a b", "n=- d=- t=5 A=0 w=0 f= |ab" },
	{ "-nNS", "n=NS d=- t=5 A=0 w=0 f= |" },
	{ "-n NS", "n=NS d=- t=5 A=0 w=0 f= |" },
	{ "-n=NS", "n=NS d=- t=5 A=0 w=0 f= |" },
	{ "--namespace NS a", "n=NS d=- t=5 A=0 w=0 f= |a" },
	{ "--namespace=NS a", "n=NS d=- t=5 A=0 w=0 f= |a" },
	{ "a --namespace=x=y b", "n=x=y d=- t=5 A=0 w=0 f= |ab" },
	{ "--namespace=", "n= d=- t=5 A=0 w=0 f= |" },
	{ "-n -A", "n=-A d=- t=5 A=0 w=0 f= |" },
	{ "-n a -n b", "n=b d=- t=5 A=0 w=0 f= |" },
	{ "-Aw", "n=- d=- t=5 A=1 w=1 f= |" },
	{ "-Awnx", "n=x d=- t=5 A=1 w=1 f= |" },
	{ "-Awn x", "n=x d=- t=5 A=1 w=1 f= |" },
	{ "-A=false -w=true", "n=- d=- t=5 A=0 w=1 f= |" },
	{ "--all --all=false", "n=- d=- t=5 A=0 w=0 f= |" },
	{ "-f a -f=b --filename c -fd", "n=- d=- t=5 A=0 w=0 f=a,b,c,d, |" },
	{ "-f -", "n=- d=- t=5 A=0 w=0 f=-, |" },
	{ "- x", "n=- d=- t=5 A=0 w=0 f= |-x" },
	{ "--dry-run x", "n=- d=client t=5 A=0 w=0 f= |x" },
	{ "--dry-run=server x", "n=- d=server t=5 A=0 w=0 f= |x" },
	{ "--tail=-1", "n=- d=- t=-1 A=0 w=0 f= |" },
	{ "--tail -1", "n=- d=- t=-1 A=0 w=0 f= |" },
	{ "--tail 100", "n=- d=- t=100 A=0 w=0 f= |" },
	{ "--tail=+7", "n=- d=- t=7 A=0 w=0 f= |" },
	{ "a -- -n b", "n=- d=- t=5 A=0 w=0 f= |a---nb" },
	{ "-- --", "n=- d=- t=5 A=0 w=0 f= |----" },
	{ "-n -- a", "n=-- d=- t=5 A=0 w=0 f= |a" },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good_rows); i++) {
		struct values v = { .tail = 5 };
		struct options_rest rest = { 0 };
		struct err e = { 0 };
		char words[256], shown[256];

		if (parse(good_rows[i].line, OPTIONS_ANYWHERE, &v, &rest, words, sizeof(words), &e))
			fail_msg("'%s': %s", good_rows[i].line, e.text);
		show(&v, &rest, shown, sizeof(shown));
		if (strcmp(shown, good_rows[i].shown) != 0)
			fail_msg("'%s': %s", good_rows[i].line, shown);
		options_free(rows, COUNT_OF(rows), &v, &rest);
		options_free(rows, COUNT_OF(rows), &v, &rest);
	}
}

static const struct {
	const char *line, *says;
} bad_rows[] = {
	{ "-x", "-x" },
	{ "-Ax", "-x" },
	{ "--x", "unknown option --x" },
	{ "--namespac x", "--namespace?" },
	{ "--nmaespace=x", "--namespace?" },
	{ "--", "" }, /* none: see below */
	{ "-n", "needs a value" },
	{ "--namespace", "needs a value" },
	{ "-An", "needs a value" },
	{ "-f", "needs a value" },
	{ "--tail", "needs a value" },
	{ "--tail=", "from -1 to 100" },
	{ "--tail=x", "from -1 to 100" },
	{ "--tail=1x", "from -1 to 100" },
	{ "--tail=-2", "from -1 to 100" },
	{ "--tail=101", "from -1 to 100" },
	{ "--tail=99999999999999999999", "from -1 to 100" },
	{ "--tail=0x10", "from -1 to 100" },
	{ "--tail=\t1", "from -1 to 100" },
	{ "--all=maybe", "true or false" },
	{ "--all=", "true or false" },
	{ "-A=x", "true or false" },
	{ "-A=", "true or false" },
	{ "---n", "unknown option" },
	{ "--=x", "unknown option" },
	{ "--N=x", "unknown option" },
	{ "-N", "-N" },
	{ "-\xc3\xa4", "unknown option" },
	{ "-f a --nope", "--nope" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		struct values v = { .tail = 5 };
		struct options_rest rest = { 0 };
		struct err e = { 0 };
		char words[256];
		int rc = parse(bad_rows[i].line, OPTIONS_ANYWHERE, &v, &rest, words, sizeof(words), &e);

		if (bad_rows[i].says[0] ? rc != -1 || e.code != ERR_USAGE || !strstr(e.text, bad_rows[i].says)
					: rc != 0)
			fail_msg("'%s': %d '%s'", bad_rows[i].line, rc, e.text);
		options_free(rows, COUNT_OF(rows), &v, &rest);
	}
}

static void test_stop(void **state)
{
	struct values v = { .tail = 5 };
	struct options_rest rest = { 0 };
	struct err e = { 0 };
	char words[256], shown[256];

	(void)state;
	assert_int_equal(parse("-n a kubectl -n b --nope -- x", OPTIONS_STOP_AT_POSITIONAL, &v, &rest, words,
			       sizeof(words), &e),
			 0);
	show(&v, &rest, shown, sizeof(shown));
	assert_string_equal(shown, "n=a d=- t=5 A=0 w=0 f= |kubectl-nb--nope--x");
	options_free(rows, COUNT_OF(rows), &v, &rest);
}

static void test_help(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	options_put_help(&out, rows, COUNT_OF(rows));
	assert_string_equal(buf_str(&out), "  -n, --namespace NS    the namespace\n"
					   "      --dry-run MODE    try only\n"
					   "  -f, --filename FILE   a file\n"
					   "      --tail N          lines\n"
					   "  -A, --all             all\n");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
