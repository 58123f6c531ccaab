/* Signing keys: what is read and refused, signatures, pins, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/file.h"
#include "lib/crypto/key.h"
#include "lib/crypto/random.h"
#include "lib/format/base64.h"

static const char rsa_1024[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDRYYm6sYYzl3/J+KI/Sub3QhUa\n"
	"U/BlCklP4kxR5+wLHvLAjVdEwXjcv0tzy81yS2NTyUm9MUR1T+14Ul36dajPRioq\n"
	"FBfYqwJy2ob5LoU5auqrs66BsTaBMdjGWiujxtNc5uGHitDanqpIEiubIO+IlBry\n"
	"XHILppNOjAsiGwlFPQIDAQAB\n"
	"-----END PUBLIC KEY-----\n";
static const char rsa_exponent_3[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEAtNmRPJvLIhi8DVTnea7H\n"
	"mTZjp1r9Aelx41erLoNFmAQQQUNlXkagameRXPVZaFmH5wwNOUNTRfXO2H8Cv0Sa\n"
	"+CnfGZwL4NbNpp/MggS9qr4onWboOxi53z8eJd33kdJBKWS0UZ67k4cT8sYbIvH3\n"
	"UcWH0b0m1O2IRxEIploj5zl71UJ8eKMCo04lkkHAgE7Kv4B136VwjP/Rk3GUoBc3\n"
	"IY5m5bUfjgrrNlGBNLPwxaaUNjiojKVWKxIhi+X7oo+3KifvwA4o0g+WtU1GD58N\n"
	"6gmeJV9KaZzkaQ2MuPedBlL+zLIdVuZ6yqBQK08RG3O65yTPLRS+Ll83L7sHwhNQ\n"
	"EwIBAw==\n"
	"-----END PUBLIC KEY-----\n";
static const char ec_p384[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEywHRNnFGk0UydUfIUqneiv/zKJ6/2G0d\n"
	"n5WByLvKaF3/5vQSQ3oekL5aTSRvOlgeDsBTh5RLOT1TKIzHMEUhFuH4+pa/lWBt\n"
	"/9WBPlPM3p/IvaaDH47vT7wAdbU5QtRM\n"
	"-----END PUBLIC KEY-----\n";
static const char ed25519[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MCowBQYDK2VwAyEAoAAzkzZie7KQfR4cetTsw991djEh4DzTBrdsuoREDuM=\n"
	"-----END PUBLIC KEY-----\n";
static const char ec_secp256k1[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAE7xKXrQ81NoBSrii48ANYK796XGeB/qzm\n"
	"pvL8Ioi4ixwGUQbG1T9MINcCpwAwkw01STT87rWZDDCagRc3borDzw==\n"
	"-----END PUBLIC KEY-----\n";
static const char rfc7515_a2[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\n"
	"NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz\n"
	"P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo\n"
	"9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB\n"
	"EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX\n"
	"FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\n"
	"oQIDAQAB\n"
	"-----END PUBLIC KEY-----\n";

static struct key *rsa, *p256;

static int make_keys(void **state)
{
	struct err e = { 0 };

	(void)state;
	return crypto_init(&e) < 0 || key_generate(KEY_RSA_3072, &rsa, &e) < 0 ||
	       key_generate(KEY_P256, &p256, &e) < 0;
}

static int free_keys(void **state)
{
	(void)state;
	key_free(rsa);
	key_free(p256);
	key_free(NULL);
	return 0;
}

/* RFC 7515 appendix A.2. */
static const char rfc7515_input[] =
	"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
	"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
static const char rfc7515_signature[] =
	"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W"
	"2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQB"
	"MHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2"
	"w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

static void rs256_is_that_of_the_rfc(void **state)
{
	AUTO_KEY struct key *key = NULL;
	struct err e = { 0 };
	struct buf signature;

	(void)state;
	buf_init(&signature, 1024);
	if (key_parse_public(span_of(rfc7515_a2), &key, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(base64_decode(span_of(rfc7515_signature), BASE64_URL, &signature, &e), 0);
	assert_true(key_verify(key, span_of(rfc7515_input), buf_span(&signature)));
	assert_false(key_verify(key, SPAN("another text"), buf_span(&signature)));
	signature.at[200] ^= 1;
	assert_false(key_verify(key, span_of(rfc7515_input), buf_span(&signature)));
	buf_free(&signature);
}

static void check_signature_of(const struct key *key, const struct key *other)
{
	uint8_t signature[KEY_SIGNATURE_SIZE];
	struct err e = { 0 };
	size_t len = 0;

	assert_int_equal(key_sign(key, SPAN("text"), signature, &len, &e), 0);
	assert_true(key_verify(key, SPAN("text"), span_from(signature, len)));
	assert_false(key_verify(key, SPAN("texT"), span_from(signature, len)));
	assert_false(key_verify(key, SPAN("text"), span_from(signature, len - 1)));
	assert_false(key_verify(key, SPAN("text"), span_from(signature, 0)));
	assert_false(key_verify(other, SPAN("text"), span_from(signature, len)));
	signature[len - 1] ^= 1;
	assert_false(key_verify(key, SPAN("text"), span_from(signature, len)));
}

static void signatures_verify_with_their_key_alone(void **state)
{
	(void)state;
	check_signature_of(rsa, p256);
	check_signature_of(p256, rsa);
}

static void check_public_half(const struct key *key)
{
	AUTO_KEY struct key *public = NULL, *der_public = NULL;
	char pin[KEY_PIN_SIZE], again[KEY_PIN_SIZE];
	uint8_t signature[KEY_SIGNATURE_SIZE];
	struct err e = { 0 };
	struct buf pem, der;
	size_t len;

	buf_init(&pem, 8192);
	buf_init(&der, 8192);
	assert_int_equal(key_public_pem(key, &pem, &e), 0);
	assert_int_equal(key_public_der(key, &der, &e), 0);
	assert_int_equal(key_parse_public(buf_span(&pem), &public, &e), 0);
	assert_int_equal(key_parse_public(buf_span(&der), &der_public, &e), 0);
	assert_int_equal(key_pin(key, pin, &e), 0);
	assert_int_equal(key_pin(der_public, again, &e), 0);
	assert_string_equal(pin, again);
	assert_int_equal(strlen(pin), 71);
	assert_memory_equal(pin, "sha256:", 7);
	assert_true(key_is_private(key));
	assert_false(key_is_private(public));
	assert_int_equal(key_is_rsa(public), key_is_rsa(key));
	assert_int_equal(key_sign(public, SPAN("x"), signature, &len, &e), -1);
	assert_int_equal(key_private_pem(public, &pem, &e), -1);
	assert_int_equal(key_sign(key, SPAN("x"), signature, &len, &e), 0);
	assert_true(key_verify(public, SPAN("x"), span_from(signature, len)));
	buf_free(&pem);
	buf_free(&der);
}

static void public_halves_go_their_way(void **state)
{
	(void)state;
	check_public_half(rsa);
	check_public_half(p256);
}

static void jwks_numbers_are_bare(void **state)
{
	struct err e = { 0 };
	struct buf modulus, exponent;

	(void)state;
	buf_init(&modulus, 1024);
	buf_init(&exponent, 16);
	assert_int_equal(key_rsa_public(rsa, &modulus, &exponent, &e), 0);
	assert_int_equal(modulus.len, 384);
	assert_true(modulus.at[0] & 0x80);
	assert_int_equal(exponent.len, 3);
	assert_memory_equal(exponent.at, "\1\0\1", 3);
	assert_int_equal(key_rsa_public(p256, &modulus, &exponent, &e), -1);
	buf_free(&modulus);
	buf_free(&exponent);
}

static void keys_are_kept_in_private_files(void **state)
{
	char folder[] = "/tmp/mk8s-key-XXXXXX", path[64], pin[KEY_PIN_SIZE], again[KEY_PIN_SIZE];
	struct key *const both[] = { rsa, p256 };
	struct err e = { 0 };
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/key.pem", folder);
	for (size_t i = 0; i < COUNT_OF(both); i++) {
		AUTO_KEY struct key *loaded = NULL;

		assert_int_equal(key_save(both[i], path, &e), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(key_load(path, &loaded, &e), 0);
		assert_int_equal(key_pin(both[i], pin, &e), 0);
		assert_int_equal(key_pin(loaded, again, &e), 0);
		assert_string_equal(pin, again);
	}
	unlink(path);
	assert_int_equal(key_load(path, &rsa, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	rmdir(folder);
}

static void weak_and_foreign_keys_are_refused(void **state)
{
	static const struct {
		const char *what, *pem;
	} rows[] = {
		{ "RSA 1024", rsa_1024 },     { "RSA with e=3", rsa_exponent_3 },
		{ "P-384", ec_p384 },         { "Ed25519", ed25519 },
		{ "secp256k1", ec_secp256k1 }, { "nothing", "" },
		{ "no key", "hello" },        { "an empty block", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n" },
		{ "a cut block", "-----BEGIN PUBLIC KEY-----\nMIIBIjAN\n" },
		{ "DER that is none", "\x30\x03\x02\x01\x01" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct key *key = NULL;
		struct err e = { 0 };

		if (key_parse_public(span_of(rows[i].pem), &key, &e) == 0)
			fail_msg("%s was taken", rows[i].what);
		assert_int_equal(e.code, ERR_INPUT);
		assert_null(key);
		if (key_parse_private(span_of(rows[i].pem), &key, &e) == 0)
			fail_msg("%s was taken as a private key", rows[i].what);
	}
}

static void a_public_key_is_no_private_one(void **state)
{
	struct key *key = NULL;
	struct err e = { 0 };
	struct buf pem;

	(void)state;
	buf_init(&pem, 8192);
	assert_int_equal(key_public_pem(p256, &pem, &e), 0);
	assert_int_equal(key_parse_private(buf_span(&pem), &key, &e), -1);
	buf_reset(&pem);
	assert_int_equal(key_private_pem(p256, &pem, &e), 0);
	assert_int_equal(key_parse_public(buf_span(&pem), &key, &e), -1);
	buf_free(&pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rs256_is_that_of_the_rfc),
		cmocka_unit_test(signatures_verify_with_their_key_alone),
		cmocka_unit_test(public_halves_go_their_way),
		cmocka_unit_test(jwks_numbers_are_bare),
		cmocka_unit_test(keys_are_kept_in_private_files),
		cmocka_unit_test(weak_and_foreign_keys_are_refused),
		cmocka_unit_test(a_public_key_is_no_private_one),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
