/* Quantities: exact integers of them, rounded up as Kubernetes does, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/kube/quantity.h"

static const struct {
	const char *text;
	int exponent;
	int64_t value;
} good[] = {
	{ "0", 0, 0 },
	{ "1", 9, 1000000000 },
	{ "250m", 9, 250000000 },
	{ "7m", 3, 7 },
	{ "1234567n", 9, 1234567 },
	{ "1234567n", 3, 2 },
	{ "1n", 0, 1 },
	{ "999u", 3, 1 },
	{ "+5", 0, 5 },
	{ "-1500m", 0, -2 },
	{ "1.5", 0, 2 },
	{ "1.5Gi", 0, INT64_C(1610612736) },
	{ ".5Mi", 0, 524288 },
	{ "64Ki", 0, 65536 },
	{ "1k", 0, 1000 },
	{ "3E", 0, INT64_C(3000000000000000000) },
	{ "7Ei", 0, INT64_C(7) << 60 },
	{ "1e3", 0, 1000 },
	{ "12E2", 0, 1200 },
	{ "5e-1", 0, 1 },
	{ "1e+2", 0, 100 },
	{ "9223372036854775807", 0, INT64_MAX },
	{ "0e99", 9, 0 },
	{ "1e-99", 0, 1 },
};

static const char *const bad[] = {
	"",
	" ",
	"m",
	"Mi",
	".",
	"-",
	"+",
	"--1",
	"1 ",
	" 1",
	"1mm",
	"1ki",
	"1mi",
	"1Mib",
	"1i",
	"1e",
	"1e+",
	"1e-",
	"1e1.5",
	"1ee3",
	"0x1",
	"1,5",
	"1.2.3",
	"1e999",
	"8Ei",
	"10E",
	"1e19",
	"inf",
	"nan",
	"9223372036854775808",
	"1\xc2\xb5",
	"1e+-1",
	"123456789012345678901234567890123456789012345678901234567890123456789",
};

static void test_good(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		int64_t value = 42;
		double about;

		if (!quantity_read_scaled(span_of(good[i].text), good[i].exponent, &value))
			fail_msg("%s is refused", good[i].text);
		assert_int_equal(value, good[i].value);
		assert_true(quantity_read(span_of(good[i].text), &about));
	}
}

static void test_bad(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		int64_t value = 42;

		if (quantity_read_scaled(span_of(bad[i]), 0, &value))
			fail_msg("%s is taken", bad[i]);
		assert_int_equal(value, 42);
	}
	assert_false(quantity_read_scaled(span_of("10000000000"), 9, &(int64_t){ 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
