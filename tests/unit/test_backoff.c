/* Back-off: when a try must wait, what clears it, and that the table stays bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/gate/backoff.h"

static const uint64_t start_ms = 5000000;

static void waits_double_to_a_quarter_of_an_hour(void **state)
{
	static const uint64_t waits_ms[] = { 0,	   0,	  0,	 0,	 1000,	 2000,	 4000,	 8000,
					     16000, 32000, 64000, 128000, 256000, 512000, 900000, 900000, 900000 };
	struct backoff *b = backoff_new(1000);
	uint64_t now_ms = start_ms;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(waits_ms); i++) {
		assert_int_equal(backoff_wait_ms(b, "dev@example.com", NULL, now_ms), 0);
		backoff_failed(b, "dev@example.com", NULL, now_ms);
		if (backoff_wait_ms(b, "dev@example.com", NULL, now_ms) != waits_ms[i])
			fail_msg("after failure %zu: %llu", i + 1,
				 (unsigned long long)backoff_wait_ms(b, "dev@example.com", NULL, now_ms));
		if (waits_ms[i] > 0)
			assert_int_equal(backoff_wait_ms(b, "dev@example.com", NULL, now_ms + waits_ms[i] - 1), 1);
		now_ms += waits_ms[i];
	}
	backoff_free(b);
}

static void fail_times(struct backoff *b, const char *account, const char *address, unsigned times, uint64_t now_ms)
{
	for (unsigned i = 0; i < times; i++)
		backoff_failed(b, account, address, now_ms);
}

static void accounts_and_addresses_are_apart(void **state)
{
	struct backoff *b = backoff_new(1000);

	(void)state;
	fail_times(b, "a@example.com", "192.0.2.1", 5, start_ms);
	assert_int_equal(backoff_wait_ms(b, "a@example.com", "192.0.2.9", start_ms), 1000);
	assert_int_equal(backoff_wait_ms(b, "b@example.com", "192.0.2.1", start_ms), 0);
	assert_int_equal(backoff_wait_ms(b, "192.0.2.1", "a@example.com", start_ms), 0);
	fail_times(b, NULL, "192.0.2.1", 15, start_ms);
	assert_int_equal(backoff_wait_ms(b, "b@example.com", "192.0.2.1", start_ms), 1000);
	assert_int_equal(backoff_wait_ms(b, NULL, "192.0.2.2", start_ms), 0);
	backoff_free(b);
}

static void other_spellings_of_a_name_count_together(void **state)
{
	static const struct {
		const char *failed, *asked;
		bool is_address, is_same;
	} rows[] = {
		{ "dev@example.com", "DEV@Example.Com", false, true },
		{ "dev@example.com", "dev2@example.com", false, false },
		{ "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true, true },
		{ "2001:db8:1:2::1", "2001:0DB8:0001:0002::9", true, true },
		{ "2001:db8:1:2::1", "2001:db8:1:3::1", true, false },
		{ "192.0.2.1", "192.0.2.2", true, false },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.2", true, false },
		{ "unix", "unix", true, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct backoff *b = backoff_new(1000);
		const char *account = rows[i].is_address ? NULL : rows[i].failed;
		uint64_t wait_ms;

		fail_times(b, account, rows[i].is_address ? rows[i].failed : NULL, 20, start_ms);
		wait_ms = backoff_wait_ms(b, rows[i].is_address ? NULL : rows[i].asked,
					  rows[i].is_address ? rows[i].asked : NULL, start_ms);
		if ((wait_ms > 0) != rows[i].is_same)
			fail_msg("%s, %s: %llu", rows[i].failed, rows[i].asked, (unsigned long long)wait_ms);
		backoff_free(b);
	}
}

static void success_clears_the_account_only(void **state)
{
	struct backoff *b = backoff_new(1000);

	(void)state;
	fail_times(b, "a@example.com", "192.0.2.1", 30, start_ms);
	backoff_succeeded(b, "a@example.com");
	assert_int_equal(backoff_wait_ms(b, "a@example.com", NULL, start_ms), 0);
	assert_true(backoff_wait_ms(b, NULL, "192.0.2.1", start_ms) > 0);
	fail_times(b, "a@example.com", NULL, 4, start_ms);
	assert_int_equal(backoff_wait_ms(b, "a@example.com", NULL, start_ms), 0);
	backoff_succeeded(b, "nobody@example.com");
	backoff_free(b);
}

static void what_is_quiet_is_forgotten(void **state)
{
	struct backoff *b = backoff_new(1000);

	(void)state;
	fail_times(b, "a@example.com", NULL, 20, start_ms);
	assert_int_equal(backoff_wait_ms(b, "a@example.com", NULL, start_ms + 899999), 1);
	backoff_failed(b, "a@example.com", NULL, start_ms + 30 * 60 * 1000 - 1);
	assert_int_equal(backoff_wait_ms(b, "a@example.com", NULL, start_ms + 30 * 60 * 1000 - 1), 900000);
	backoff_failed(b, "a@example.com", NULL, start_ms + 60 * 60 * 1000);
	assert_int_equal(backoff_wait_ms(b, "a@example.com", NULL, start_ms + 60 * 60 * 1000), 0);
	backoff_free(b);
}

/* Many mild ones do not drive out those that are being guessed at, wherever in the table they stand. */
static void a_flood_of_names_keeps_the_worst(void **state)
{
	struct backoff *b = backoff_new(1024);
	char name[40];

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof(name), "n%u@example.com", i);
		backoff_failed(b, name, NULL, start_ms);
		if (i % 1000)
			continue;
		(void)snprintf(name, sizeof(name), "victim%u@example.com", i);
		fail_times(b, name, NULL, 12, start_ms);
	}
	for (unsigned i = 0; i < 20000; i += 1000) {
		(void)snprintf(name, sizeof(name), "victim%u@example.com", i);
		if (backoff_wait_ms(b, name, NULL, start_ms) != 128000)
			fail_msg("%s was driven out", name);
	}
	backoff_free(b);
	backoff_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double_to_a_quarter_of_an_hour),
		cmocka_unit_test(accounts_and_addresses_are_apart),
		cmocka_unit_test(other_spellings_of_a_name_count_together),
		cmocka_unit_test(success_clears_the_account_only),
		cmocka_unit_test(what_is_quiet_is_forgotten),
		cmocka_unit_test(a_flood_of_names_keeps_the_worst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
