/* The hash map: puts, removals in the middle of probe runs, growth, walks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/map.h"

enum { KEYS = 3000 };

static int values[KEYS];

static struct span key_of(int i, char into[16])
{
	(void)snprintf(into, 16, "key-%d", i);
	return span_of(into);
}

static void keeps_every_key_through_growth_and_removal(void **state UNUSED)
{
	struct map *m = map_new();
	char text[16];

	for (int i = 0; i < KEYS; i++)
		assert_null(map_put(m, key_of(i, text), &values[i]));
	assert_int_equal(map_count(m), KEYS);
	for (int i = 0; i < KEYS; i += 3)
		assert_ptr_equal(map_remove(m, key_of(i, text)), &values[i]);
	for (int i = 0; i < KEYS; i++)
		assert_ptr_equal(map_get(m, key_of(i, text)), i % 3 ? &values[i] : NULL);
	assert_null(map_remove(m, key_of(0, text)));
	assert_int_equal(map_count(m), KEYS - KEYS / 3);
	map_free(m);
}

static void replaces_and_tells_what_was_there(void **state UNUSED)
{
	struct map *m = map_new();

	assert_null(map_put(m, SPAN("a"), &values[1]));
	assert_ptr_equal(map_put(m, SPAN("a"), &values[2]), &values[1]);
	assert_ptr_equal(map_get(m, SPAN("a")), &values[2]);
	assert_int_equal(map_count(m), 1);
	map_free(m);
}

static void compares_whole_keys(void **state UNUSED)
{
	struct map *m = map_new();

	assert_null(map_put(m, SPAN("a"), &values[1]));
	assert_null(map_put(m, span_from("a\0b", 3), &values[2]));
	assert_null(map_put(m, SPAN_NONE, &values[3]));
	assert_ptr_equal(map_get(m, SPAN("a")), &values[1]);
	assert_ptr_equal(map_get(m, span_from("a\0b", 3)), &values[2]);
	assert_ptr_equal(map_get(m, SPAN_NONE), &values[3]);
	assert_null(map_get(m, SPAN("A")));
	map_free(m);
	map_free(NULL);
}

static void walks_each_value_once(void **state UNUSED)
{
	struct map *m = map_new();
	size_t cursor = 0, seen = 0;
	char text[16];

	for (int i = 0; i < 100; i++)
		(void)map_put(m, key_of(i, text), &values[i]);
	while (map_next(m, &cursor))
		seen++;
	assert_int_equal(seen, 100);
	map_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_every_key_through_growth_and_removal),
		cmocka_unit_test(replaces_and_tells_what_was_there),
		cmocka_unit_test(compares_whole_keys),
		cmocka_unit_test(walks_each_value_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
