/* Sealing: what was sealed opens with the same key and binding only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/crypto/aead.h"

static const uint8_t key[AEAD_KEY_SIZE] = "0123456789abcdef0123456789abcde";

static void seal(struct span bound, struct span plain, struct buf *into)
{
	struct err e = { 0 };

	buf_init(into, 1024);
	assert_int_equal(aead_seal(key, bound, plain, into, &e), 0);
}

static void opens_again(void **state UNUSED)
{
	static const char *const texts[] = { "", "a",
					     "a token of some length, as a server gives it" };
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		AUTO_BUF struct buf sealed, plain;

		seal(SPAN("bound"), span_of(texts[i]), &sealed);
		assert_int_equal(sealed.len, strlen(texts[i]) + AEAD_OVERHEAD);
		buf_init(&plain, 1024);
		assert_int_equal(aead_open(key, SPAN("bound"), buf_span(&sealed), &plain, &e), 0);
		assert_string_equal(buf_str(&plain), texts[i]);
	}
}

static void two_seals_differ(void **state UNUSED)
{
	AUTO_BUF struct buf a, b;

	seal(SPAN("x"), SPAN("same"), &a);
	seal(SPAN("x"), SPAN("same"), &b);
	assert_false(span_equal(buf_span(&a), buf_span(&b)));
}

static void expect_closed(const uint8_t *with, struct span bound, struct span sealed)
{
	AUTO_BUF struct buf plain;
	struct err e = { 0 };

	buf_init(&plain, 1024);
	assert_int_equal(aead_open(with, bound, sealed, &plain, &e), -1);
	assert_int_equal(e.code, ERR_AUTH);
	assert_int_equal(plain.len, 0);
}

static void every_changed_byte_is_seen(void **state UNUSED)
{
	AUTO_BUF struct buf sealed;

	seal(SPAN("bound"), SPAN("secret"), &sealed);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.at[i] ^= 1;
		expect_closed(key, SPAN("bound"), buf_span(&sealed));
		sealed.at[i] ^= 1;
	}
	for (size_t len = 0; len < sealed.len; len++)
		expect_closed(key, SPAN("bound"), span_from(sealed.at, len));
}

static void other_keys_and_bindings_are_refused(void **state UNUSED)
{
	static const char *const bounds[] = { "", "bounc", "boun", "boundd" };
	static const uint8_t other[AEAD_KEY_SIZE] = { 1 };
	AUTO_BUF struct buf sealed;

	seal(SPAN("bound"), SPAN("secret"), &sealed);
	for (size_t i = 0; i < COUNT_OF(bounds); i++)
		expect_closed(key, span_of(bounds[i]), buf_span(&sealed));
	expect_closed(other, SPAN("bound"), buf_span(&sealed));
}

static void full_buffers_say_so(void **state UNUSED)
{
	AUTO_BUF struct buf small;
	struct err e = { 0 };

	buf_init(&small, AEAD_OVERHEAD + 5);
	assert_int_equal(aead_seal(key, SPAN("b"), SPAN("secret"), &small, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_again),
		cmocka_unit_test(two_seals_differ),
		cmocka_unit_test(every_changed_byte_is_seen),
		cmocka_unit_test(other_keys_and_bindings_are_refused),
		cmocka_unit_test(full_buffers_say_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
