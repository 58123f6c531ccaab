/* SHA-256 and HMAC by published vectors; UUIDs and tokens by their form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/random.h"
#include "lib/format/hex.h"

/* FIPS 180-4's examples, and NIST's message of a million letters in the next test. */
static const struct {
	const char *text, *hex;
} digests[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static void sha256_gives_the_published_digests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(digests); i++) {
		char hex[HASH_HEX_SIZE];

		hash_sha256_hex(span_of(digests[i].text), hex);
		assert_string_equal(hex, digests[i].hex);
	}
}

static void pieces_give_the_same_as_the_whole(void **state)
{
	static char million[1000000];
	static const size_t steps[] = { 1, 63, 64, 65, 1000, 1000000 };

	(void)state;
	memset(million, 'a', sizeof(million));
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		uint8_t digest[HASH_SIZE];
		char hex[HASH_HEX_SIZE];
		struct hash h;

		hash_init(&h);
		for (size_t at = 0; at < sizeof(million); at += steps[i]) {
			size_t left = sizeof(million) - at;

			hash_add(&h, span_from(million + at, left < steps[i] ? left : steps[i]));
		}
		hash_finish(&h, digest);
		hex_encode(digest, sizeof(digest), hex);
		assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	}
}

static void a_copied_hash_goes_on_alone(void **state)
{
	uint8_t one[HASH_SIZE], two[HASH_SIZE], want[HASH_SIZE];
	struct hash h, copy;

	(void)state;
	hash_init(&h);
	hash_add(&h, SPAN("ab"));
	copy = h;
	hash_add(&h, SPAN("x"));
	hash_finish(&h, one);
	hash_add(&copy, SPAN("c"));
	hash_finish(&copy, two);
	hash_sha256(SPAN("abc"), want);
	assert_memory_equal(two, want, HASH_SIZE);
	assert_memory_not_equal(one, want, HASH_SIZE);
}

static void uuids_have_version_and_variant(void **state)
{
	char last[RANDOM_UUID_SIZE] = "";

	(void)state;
	for (int i = 0; i < 200; i++) {
		char uuid[RANDOM_UUID_SIZE];

		random_uuid(uuid);
		assert_int_equal(strlen(uuid), 36);
		assert_int_equal(strspn(uuid, "0123456789abcdef-"), 36);
		assert_true(uuid[8] == '-' && uuid[13] == '-' && uuid[18] == '-' && uuid[23] == '-');
		assert_int_equal(uuid[14], '4');
		assert_non_null(strchr("89ab", uuid[19]));
		assert_string_not_equal(uuid, last);
		memcpy(last, uuid, sizeof(last));
	}
}

static void tokens_are_43_letters(void **state)
{
	char one[RANDOM_TOKEN_SIZE], two[RANDOM_TOKEN_SIZE];

	(void)state;
	random_token(one);
	random_token(two);
	assert_int_equal(strlen(one), 43);
	assert_int_equal(strspn(one, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
	assert_string_not_equal(one, two);
}

/* A bit that is always 0 or always 1 in 2000 draws is broken: one chance in 2^1999 otherwise. */
static void every_bit_is_drawn(void **state)
{
	unsigned char any[40] = { 0 }, all[40];

	(void)state;
	memset(all, 0xFF, sizeof(all));
	for (int i = 0; i < 2000; i++) {
		unsigned char bytes[40];

		random_bytes(bytes, sizeof(bytes));
		for (size_t at = 0; at < sizeof(bytes); at++) {
			any[at] = (unsigned char)(any[at] | bytes[at]);
			all[at] = (unsigned char)(all[at] & bytes[at]);
		}
	}
	for (size_t at = 0; at < sizeof(any); at++) {
		assert_int_equal(any[at], 0xFF);
		assert_int_equal(all[at], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_gives_the_published_digests),
		cmocka_unit_test(pieces_give_the_same_as_the_whole),
		cmocka_unit_test(a_copied_hash_goes_on_alone),
		cmocka_unit_test(uuids_have_version_and_variant),
		cmocka_unit_test(tokens_are_43_letters),
		cmocka_unit_test(every_bit_is_drawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
