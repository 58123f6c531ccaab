/* nearest_name: rows of mistyped words, and of words that are near nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/nearest.h"

static const char *const names[] = { "agent", "central", "clusters", "login", "logout", "k", "users" };

static const struct {
	const char *word;
	const char *near; /* NULL: nothing */
} rows[] = {
	{ "agent", "agent" },
	{ "agnet", "agent" },
	{ "agents", "agent" },
	{ "gent", "agent" },
	{ "centrl", "central" },
	{ "cnetral", "central" },
	{ "cluster", "clusters" },
	{ "clsuter", "clusters" },
	{ "clu", "clusters" },
	{ "log", "login" },
	{ "logou", "logout" },
	{ "user", "users" },
	{ "kk", "k" },
	{ "", NULL },
	{ "x", NULL },
	{ "zzzzz", NULL },
	{ "ag", "agent" },
	{ "agxyz", NULL },
	{ "kubectl", NULL },
	{ "AGENT", NULL },
	{ "c", NULL },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
};

static void each_row_finds_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *near = nearest_name(rows[i].word, names, COUNT_OF(names));

		if (near != rows[i].near && (near == NULL || rows[i].near == NULL || strcmp(near, rows[i].near) != 0))
			fail_msg("'%s' gave %s", rows[i].word, near != NULL ? near : "nothing");
	}
}

static void no_names_give_nothing(void **state)
{
	(void)state;
	assert_null(nearest_name("agent", names, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_finds_its_name),
		cmocka_unit_test(no_names_give_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
