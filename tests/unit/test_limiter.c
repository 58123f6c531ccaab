/* Token buckets: burst, refill, waiting times, and which key gives way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/net/limiter.h"

/* One bucket of 2 tokens a second, 4 at most, asked at these times. */
static const struct {
	uint64_t now_ms;
	bool taken;
	unsigned wait_s;
} steps[] = {
	{ 1000, true, 0 },   { 1000, true, 0 },  { 1000, true, 0 },  { 1000, true, 0 },
	{ 1000, false, 1 },  { 1499, false, 1 }, { 1500, true, 0 },  { 1500, false, 1 },
	{ 1400, false, 1 }, /* a clock that another thread read before */
	{ 60000, true, 0 },  { 60000, true, 0 }, { 60000, true, 0 }, { 60000, true, 0 },
	{ 60000, false, 1 }, { 60500, true, 0 },
};

static void test_bucket(void **state)
{
	struct limiter *l = limiter_new(2, 4, 8);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		unsigned wait_s = 0;

		if (limiter_take(l, "192.0.2.1", steps[i].now_ms, &wait_s) != steps[i].taken ||
		    wait_s != steps[i].wait_s)
			fail_msg("step %zu: waits %u s", i, wait_s);
	}
	limiter_free(l);
	limiter_free(NULL);
}

static void test_wait_of_slow_bucket(void **state)
{
	struct limiter *l = limiter_new(0.1, 1, 1);
	unsigned wait_s = 0;

	(void)state;
	assert_true(limiter_take(l, "a", 0, NULL));
	assert_false(limiter_take(l, "a", 0, &wait_s));
	assert_int_equal(wait_s, 10);
	assert_false(limiter_take(l, "a", 9000, &wait_s));
	assert_int_equal(wait_s, 1);
	assert_true(limiter_take(l, "a", 10000, NULL));
	limiter_free(l);
}

static void test_oldest_gives_way(void **state)
{
	struct limiter *l = limiter_new(0.001, 1, 3);

	(void)state;
	assert_true(limiter_take(l, "a", 0, NULL));
	assert_true(limiter_take(l, "b", 0, NULL));
	assert_true(limiter_take(l, "c", 0, NULL));
	assert_false(limiter_take(l, "a", 0, NULL)); /* now b is the oldest */
	assert_true(limiter_take(l, "d", 0, NULL));
	assert_false(limiter_take(l, "a", 0, NULL));
	assert_false(limiter_take(l, "c", 0, NULL));
	assert_false(limiter_take(l, "d", 0, NULL));
	assert_true(
		limiter_take(l, "b", 0, NULL)); /* was forgotten, so it begins anew; a gives way */
	assert_false(limiter_take(l, "d", 0, NULL));
	assert_false(limiter_take(l, "c", 0, NULL));
	assert_true(limiter_take(l, "a", 0, NULL));
	limiter_free(l);
}

static void test_many_keys(void **state)
{
	struct limiter *l = limiter_new(0.001, 1, 1000);
	char key[100];
	size_t refused = 0;

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 1000; i++) {
			(void)snprintf(key, sizeof(key), "2001:db8::%x", i);
			refused += !limiter_take(l, key, 0, NULL);
		}
	}
	assert_int_equal(refused, 1000); /* each key once granted, once refused */
	for (int i = 0; i < 100000; i++) {
		(void)snprintf(key, sizeof(key), "other %d", i);
		assert_true(limiter_take(l, key, 0, NULL));
	}
	memset(key, 'x', sizeof(key) - 1); /* longer than what is kept */
	key[sizeof(key) - 1] = '\0';
	assert_true(limiter_take(l, key, 0, NULL));
	assert_false(limiter_take(l, key, 0, NULL));
	key[sizeof(key) - 2] = 'y'; /* another key, though its first part is the same */
	assert_true(limiter_take(l, key, 0, NULL));
	limiter_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bucket),
		cmocka_unit_test(test_wait_of_slow_bucket),
		cmocka_unit_test(test_oldest_gives_way),
		cmocka_unit_test(test_many_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
