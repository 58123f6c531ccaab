/* Dates and durations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/format/timefmt.h"

#define US INT64_C(1000000)

static const struct {
	const char *text;
	int64_t unix_us;
	const char *printed; /* with micros */
} dates[] = {
	{ "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000000Z" },
	{ "1969-12-31T23:59:59.5Z", -US / 2, "1969-12-31T23:59:59.500000Z" },
	{ "2026-01-02T03:04:05Z", 1767323045 * US, "2026-01-02T03:04:05.000000Z" },
	{ "2026-01-02t03:04:05.000006z", 1767323045 * US + 6, "2026-01-02T03:04:05.000006Z" },
	{ "2026-01-02T03:04:05.1234569Z", 1767323045 * US + 123456, "2026-01-02T03:04:05.123456Z" },
	{ "2026-01-02T03:04:05+01:30", (1767323045 - 5400) * US, "2026-01-02T01:34:05.000000Z" },
	{ "2026-01-01T22:34:05-04:30", 1767323045 * US, "2026-01-02T03:04:05.000000Z" },
	{ "2000-02-29T12:00:00Z", 951825600 * US, "2000-02-29T12:00:00.000000Z" },
	{ "2024-02-29T00:00:00Z", 1709164800 * US, "2024-02-29T00:00:00.000000Z" },
	{ "2024-12-31T23:59:59Z", 1735689599 * US, "2024-12-31T23:59:59.000000Z" },
	{ "2100-03-01T00:00:00Z", INT64_C(4107542400) * US, "2100-03-01T00:00:00.000000Z" },
	{ "0000-01-01T00:00:00Z", INT64_C(-62167219200) * US, "0000-01-01T00:00:00.000000Z" },
	{ "9999-12-31T23:59:59Z", INT64_C(253402300799) * US, "9999-12-31T23:59:59.000000Z" },
};

static void dates_go_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(dates); i++) {
		char printed[TIMEFMT_SIZE];
		struct err e = { 0 };
		int64_t us = 0, s = 0;

		if (timefmt_parse_date_us(span_of(dates[i].text), &us, &e) < 0 || us != dates[i].unix_us)
			fail_msg("%s: %lld %s", dates[i].text, (long long)us, e.text);
		timefmt_date_us(us, printed);
		assert_string_equal(printed, dates[i].printed);
		assert_int_equal(timefmt_parse_date(span_of(dates[i].text), &s, &e), 0);
		timefmt_date(s, printed);
		assert_int_equal(strlen(printed), 20);
		assert_memory_equal(printed, dates[i].printed, 19);
		assert_int_equal(printed[19], 'Z');
	}
}

/* Every day of 400 years: the next one is 86400 s later and parses back. */
static void every_day_comes_back(void **state)
{
	(void)state;
	for (int64_t day = -100 * 365; day < 300 * 366; day++) {
		char text[TIMEFMT_SIZE];
		struct err e = { 0 };
		int64_t s;

		timefmt_date(day * 86400, text);
		assert_int_equal(timefmt_parse_date(span_of(text), &s, &e), 0);
		assert_int_equal(s, day * 86400);
	}
}

static void bad_dates_are_refused(void **state)
{
	static const char *const rows[] = {
		"", "2026", "2026-01-02", "2026-01-02T03:04Z", "2026-01-02T03:04:05", "2026-01-02 03:04:05Z",
		"2026-00-02T03:04:05Z", "2026-13-02T03:04:05Z", "2026-01-00T03:04:05Z", "2026-01-32T03:04:05Z",
		"2026-02-29T03:04:05Z", "2100-02-29T00:00:00Z", "2026-04-31T03:04:05Z", "2026-01-02T24:00:00Z",
		"2026-01-02T03:60:05Z", "2026-12-31T23:59:60Z", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05,5Z",
		"2026-01-02T03:04:05ZZ", "2026-01-02T03:04:05Z ", " 2026-01-02T03:04:05Z", "2026-1-02T03:04:05Z",
		"26-01-02T03:04:05Z", "12026-01-02T03:04:05Z", "2026-01-02T03:04:05+1:00", "2026-01-02T03:04:05+0100",
		"2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05+01:60", "2026-01-02T03:04:05+01:00Z",
		"+026-01-02T03:04:05Z", "2026-01-02T3:04:05Z", "2026/01/02T03:04:05Z", "2026-01-02T03:04:-5Z",
		"2026\r01-02T03:04:05Z", "2026-01-02T03\x1a:04:05Z", "2026-01-02T03\x1a""04:05Z", "2026-01-02403:04:05Z",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err e = { 0 };
		int64_t us = 7;

		if (timefmt_parse_date_us(span_of(rows[i]), &us, &e) == 0)
			fail_msg("%s was taken", rows[i]);
		assert_int_equal(us, 7);
	}
}

static const struct {
	const char *text;
	int64_t ms;
	const char *printed;
} durations[] = {
	{ "0", 0, "0s" },
	{ "0s", 0, "0s" },
	{ "500ms", 500, "500ms" },
	{ "1s", 1000, "1s" },
	{ "1.5s", 1500, "1.5s" },
	{ "1.050s", 1050, "1.05s" },
	{ "90s", 90000, "1m30s" },
	{ "1m30s", 90000, "1m30s" },
	{ "24h", 86400000, "24h0m0s" },
	{ "1h0m0.25s", 3600250, "1h0m0.25s" },
	{ "7d", 604800000, "168h0m0s" },
	{ "1.5h", 5400000, "1h30m0s" },
	{ "0.5d", 43200000, "12h0m0s" },
	{ "1d1h1m1s1ms", 90061001, "25h1m1.001s" },
	{ "106580d", INT64_C(106580) * 86400000, "2557920h0m0s" },
};

static void durations_go_both_ways(void **state)
{
	char printed[TIMEFMT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(durations); i++) {
		struct err e = { 0 };
		int64_t ms = -1;

		if (timefmt_parse_duration_ms(span_of(durations[i].text), &ms, &e) < 0 || ms != durations[i].ms)
			fail_msg("%s: %lld %s", durations[i].text, (long long)ms, e.text);
		timefmt_duration_ms(ms, printed);
		assert_string_equal(printed, durations[i].printed);
	}
	timefmt_duration_ms(-90000, printed);
	assert_string_equal(printed, "-1m30s");
	timefmt_duration_ms(INT64_MIN, printed);
	assert_string_equal(printed, "-2562047788015h12m55.808s");
}

static void bad_durations_are_refused(void **state)
{
	static const char *const rows[] = {
		"", "1", "00", "s", "ms", "h", "1x", "1 h", " 1h", "1h ", "-1h", "+1h", "1hour", "1us", "1ns", "1w",
		"1y", "1H", "1.h", ".5h", "1..5h", "1.5.5h", "1h30", "1e3s", "0x1s", "1.0001s", "0.5ms", "1m\n",
		"106581d", "99999999999999999999s", "9223372036854775807ms", "53290d53291d", "1,5h", "5 weeks",
		"0.0000000001d",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err e = { 0 };
		int64_t ms = 7;

		if (timefmt_parse_duration_ms(span_of(rows[i]), &ms, &e) == 0)
			fail_msg("%s was taken as %lld", rows[i], (long long)ms);
		assert_int_equal(ms, 7);
	}
}

static void ages_read_as_in_kubectl(void **state)
{
	static const struct {
		int64_t s;
		const char *text;
	} rows[] = {
		{ -2, "<invalid>" },
		{ -1, "0s" },
		{ 0, "0s" },
		{ 119, "119s" },
		{ 120, "2m" },
		{ 121, "2m1s" },
		{ 599, "9m59s" },
		{ 600, "10m" },
		{ 3 * 3600 - 1, "179m" },
		{ 3 * 3600, "3h" },
		{ 3 * 3600 + 60, "3h1m" },
		{ 8 * 3600 - 1, "7h59m" },
		{ 8 * 3600, "8h" },
		{ 48 * 3600 - 1, "47h" },
		{ 48 * 3600, "2d" },
		{ 49 * 3600, "2d1h" },
		{ 8 * 86400 - 1, "7d23h" },
		{ 8 * 86400, "8d" },
		{ 730 * 86400 - 1, "729d" },
		{ 730 * 86400, "2y" },
		{ 760 * 86400, "2y30d" },
		{ 2920 * 86400 - 1, "7y364d" },
		{ 2920 * 86400, "8y" },
		{ INT64_C(20000) * 86400, "54y" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[TIMEFMT_SIZE];

		timefmt_age(rows[i].s, text);
		if (strcmp(text, rows[i].text) != 0)
			fail_msg("%lld s is %s, not %s", (long long)rows[i].s, text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_go_both_ways),     cmocka_unit_test(every_day_comes_back),
		cmocka_unit_test(bad_dates_are_refused),  cmocka_unit_test(durations_go_both_ways),
		cmocka_unit_test(bad_durations_are_refused), cmocka_unit_test(ages_read_as_in_kubectl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
