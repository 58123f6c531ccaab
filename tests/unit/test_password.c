/*
 * Passwords: published bcrypt vectors, the limits, and equal time for those that cannot be right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/clock.h"
#include "lib/crypto/password.h"

#define CHEAP 4

/* Openwall's vectors for crypt_blowfish, whose $2a$ equals $2b$ for these. */
static const struct {
	const char *password, *hash;
} vectors[] = {
	{ "U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" },
	{ "U*U*", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK" },
	{ "U*U*U", "$2b$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a" },
	{ "", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy" },
	{ "\xff\xff\xa3", "$2b$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e" },
};

static void published_hashes_verify(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		if (!password_verify(span_of(vectors[i].password), vectors[i].hash))
			fail_msg("'%s'", vectors[i].password);
		assert_false(password_verify(SPAN("U*U*U*"), vectors[i].hash));
	}
}

static void a_hash_verifies_its_password_alone(void **state)
{
	char one[PASSWORD_HASH_SIZE], two[PASSWORD_HASH_SIZE];
	struct err e = { 0 };

	(void)state;
	assert_int_equal(password_hash(SPAN("correct horse"), CHEAP, one, &e), 0);
	assert_int_equal(password_hash(SPAN("correct horse"), CHEAP, two, &e), 0);
	assert_memory_equal(one, "$2b$04$", 7);
	assert_int_equal(strlen(one), 60);
	assert_string_not_equal(one, two);
	assert_true(password_verify(SPAN("correct horse"), one));
	assert_true(password_verify(SPAN("correct horse"), two));
	assert_false(password_verify(SPAN("correct horsE"), one));
	assert_false(password_verify(SPAN("correct hors"), one));
	assert_false(password_verify(SPAN("correct horse "), one));
	assert_false(password_verify(SPAN("correct horse\0"), one));
	assert_false(password_verify(SPAN_NONE, one));
}

static void passwords_have_12_to_72_bytes(void **state)
{
	static const struct {
		size_t len;
		int rc;
	} rows[] = { { 0, -1 }, { 1, -1 }, { 11, -1 }, { 12, 0 }, { 72, 0 }, { 73, -1 }, { 1000, -1 } };
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char hash[PASSWORD_HASH_SIZE] = "kept";
		struct err e = { 0 };

		if (password_hash(span_from(text, rows[i].len), CHEAP, hash, &e) != rows[i].rc)
			fail_msg("%zu bytes: %s", rows[i].len, e.text);
		if (rows[i].rc < 0)
			assert_string_equal(hash, "kept");
		assert_null(strstr(e.text, "xxx"));
	}
	text[5] = '\0';
	assert_int_equal(password_check(span_from(text, 20), &(struct err){ 0 }), -1);
}

/* bcrypt looks at 72 bytes: what is longer must not pass for what was cut. */
static void the_73rd_byte_counts(void **state)
{
	char text[74], hash[PASSWORD_HASH_SIZE];
	struct err e = { 0 };

	(void)state;
	memset(text, 'y', sizeof(text));
	assert_int_equal(password_hash(span_from(text, 72), CHEAP, hash, &e), 0);
	assert_true(password_verify(span_from(text, 72), hash));
	assert_false(password_verify(span_from(text, 73), hash));
	assert_false(password_verify(span_from(text, 71), hash));
}

static void what_is_no_hash_is_false(void **state)
{
	static const char *const rows[] = {
		"", "x", "$2b$04$", "$6$salt$hash", "yoaDKM", "*0", "$y$j9T$salt$hash",
		"$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2b$05$CCCCCCCCCCCCCCCCCCCC!.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
		"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWW",
		"$1a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (password_verify(SPAN("U*U"), rows[i]))
			fail_msg("%s was taken", rows[i]);
}

static uint64_t time_of(struct span password, const char *hash)
{
	uint64_t start = clock_mono_us();

	if (hash)
		(void)password_verify(password, hash); /* the time is what counts here */
	else
		password_dummy_verify(password);
	return clock_mono_us() - start;
}

/* An answer within a fifth of the usual time would tell that the user does not exist. */
static void impossible_passwords_take_the_same_time(void **state)
{
	char hash[PASSWORD_HASH_SIZE], text[100];
	struct err e = { 0 };
	uint64_t real;

	(void)state;
	memset(text, 'z', sizeof(text));
	assert_int_equal(password_hash(span_from(text, 20), PASSWORD_COST, hash, &e), 0);
	real = time_of(span_from(text, 20), hash);
	assert_true(time_of(span_from(text, 100), hash) > real / 5);
	assert_true(time_of(SPAN("a\0b"), hash) > real / 5);
	assert_true(time_of(SPAN("someone else"), NULL) > real / 5);
	assert_true(time_of(SPAN("someone else"), "") > real / 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_hashes_verify),
		cmocka_unit_test(a_hash_verifies_its_password_alone),
		cmocka_unit_test(passwords_have_12_to_72_bytes),
		cmocka_unit_test(the_73rd_byte_counts),
		cmocka_unit_test(what_is_no_hash_is_false),
		cmocka_unit_test(impossible_passwords_take_the_same_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
