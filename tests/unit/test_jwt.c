/* JWT: a good token, and every way known to forge one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <mbedtls/md.h>

#include "lib/base/attr.h"
#include "lib/crypto/jwt.h"
#include "lib/crypto/key.h"
#include "lib/crypto/pk.h"
#include "lib/crypto/random.h"
#include "lib/format/base64.h"
#include "lib/format/json.h"

#define NOW 1800000000
#define HEADER "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}"
#define CLAIMS(rest) "{\"iss\":\"mk8s\",\"aud\":\"mk8s-api\",\"sub\":\"u\"," rest "}"
#define GOOD_CLAIMS CLAIMS("\"exp\":1800000100,\"nbf\":1799999999,\"iat\":1799999999")

static struct key *ours, *old, *stranger, *p256;
static struct jwt_key keys[2], ours_with_old_name;
static struct jwt_rules rules = { .keys = keys,
				  .key_count = 2,
				  .issuer = "mk8s",
				  .audience = "mk8s-api",
				  .now_unix_s = NOW,
				  .leeway_s = 5 };

static int make_keys(void **state)
{
	struct err e = { 0 };

	(void)state;
	if (crypto_init(&e) < 0 || key_generate(KEY_RSA_3072, &ours, &e) < 0 ||
	    key_generate(KEY_RSA_3072, &old, &e) < 0 || key_generate(KEY_RSA_3072, &stranger, &e) < 0 ||
	    key_generate(KEY_P256, &p256, &e) < 0)
		return -1;
	keys[0] = (struct jwt_key){ "k1", ours };
	keys[1] = (struct jwt_key){ "k0", old };
	ours_with_old_name = (struct jwt_key){ "k0", ours };
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	key_free(ours);
	key_free(old);
	key_free(stranger);
	key_free(p256);
	return 0;
}

/* A token of any header and claims, signed by `key` (NULL: with an empty signature). */
static char *forge(struct span header, struct span claims, const struct key *key)
{
	uint8_t signature[KEY_SIGNATURE_SIZE];
	struct err e = { 0 };
	struct buf token;
	size_t len = 0;

	buf_init(&token, 2000000);
	base64_encode(header, BASE64_URL, &token);
	buf_put_char(&token, '.');
	base64_encode(claims, BASE64_URL, &token);
	if (key)
		assert_int_equal(key_sign(key, buf_span(&token), signature, &len, &e), 0);
	buf_put_char(&token, '.');
	base64_encode(span_from(signature, len), BASE64_URL, &token);
	return buf_take_str(&token);
}

static int verify(struct span token, struct err *e)
{
	struct json *claims = NULL;
	int rc = jwt_verify(token, &rules, &claims, e);

	assert_int_equal(claims != NULL, rc == 0);
	assert_int_equal(e->code, rc == 0 ? ERR_NONE : ERR_AUTH);
	json_free(claims);
	return rc;
}

static void a_signed_token_verifies(void **state)
{
	struct json *claims = json_new_object(), *back = NULL;
	struct err e = { 0 };
	struct buf token;

	(void)state;
	buf_init(&token, JWT_MAX_LEN);
	json_set_str(claims, "iss", "mk8s");
	json_set_str(claims, "aud", "mk8s-api");
	json_set_str(claims, "sub", "\xC3\xA9\"");
	json_set_int(claims, "exp", NOW + 60);
	for (size_t i = 0; i < 2; i++) {
		buf_reset(&token);
		assert_int_equal(jwt_sign(claims, &keys[i], &token, &e), 0);
		if (jwt_verify(buf_span(&token), &rules, &back, &e) < 0)
			fail_msg("%s", e.text);
		assert_string_equal(json_str(back, "sub"), "\xC3\xA9\"");
		json_free(back);
	}
	buf_free(&token);
	json_free(claims);
}

static void only_rsa_signs_and_never_too_much(void **state)
{
	struct jwt_key wrong = { "k1", p256 };
	struct json *claims = json_new_object();
	struct err e = { 0 };
	struct buf token;
	char long_text[JWT_MAX_LEN];

	(void)state;
	buf_init(&token, 2 * JWT_MAX_LEN);
	assert_int_equal(jwt_sign(claims, &wrong, &token, &e), -1);
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	json_set_str(claims, "x", long_text);
	assert_int_equal(jwt_sign(claims, &keys[0], &token, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(token.len, 0);
	buf_free(&token);
	json_free(claims);
}

/* All signed by our key, so that only what stands in them is judged. */
static const struct {
	const char *header, *claims;
	const char *says; /* NULL: taken */
} contents[] = {
	{ HEADER, GOOD_CLAIMS, NULL },
	{ "{\"kid\":\"k1\",\"alg\":\"RS256\"}", GOOD_CLAIMS, NULL },
	{ HEADER, CLAIMS("\"exp\":1799999996"), NULL },
	{ HEADER, CLAIMS("\"exp\":1800000001,\"nbf\":1800000005,\"iat\":1800000005"), NULL },
	{ HEADER, "{\"iss\":\"mk8s\",\"aud\":[\"x\",\"mk8s-api\"],\"exp\":1800000100}", NULL },
	{ "{\"alg\":\"none\",\"kid\":\"k1\"}", GOOD_CLAIMS, "alg is not RS256" },
	{ "{\"alg\":\"None\",\"kid\":\"k1\"}", GOOD_CLAIMS, "alg is not RS256" },
	{ "{\"alg\":\"NONE\",\"kid\":\"k1\"}", GOOD_CLAIMS, "alg is not RS256" },
	{ "{\"alg\":\"\",\"kid\":\"k1\"}", GOOD_CLAIMS, "alg is not RS256" },
	{ "{\"alg\":null,\"kid\":\"k1\"}", GOOD_CLAIMS, "alg is not RS256" },
	{ "{\"alg\":[\"RS256\"],\"kid\":\"k1\"}", GOOD_CLAIMS, "alg is not RS256" },
	{ "{\"alg\":\"HS256\",\"kid\":\"k1\"}", GOOD_CLAIMS, "alg is not RS256" },
	{ "{\"alg\":\"ES256\",\"kid\":\"k1\"}", GOOD_CLAIMS, "alg is not RS256" },
	{ "{\"alg\":\"RS512\",\"kid\":\"k1\"}", GOOD_CLAIMS, "alg is not RS256" },
	{ "{\"alg\":\"PS256\",\"kid\":\"k1\"}", GOOD_CLAIMS, "alg is not RS256" },
	{ "{\"alg\":\"rs256\",\"kid\":\"k1\"}", GOOD_CLAIMS, "alg is not RS256" },
	{ "{\"alg\":\"RS256 \",\"kid\":\"k1\"}", GOOD_CLAIMS, "alg is not RS256" },
	{ "{\"kid\":\"k1\"}", GOOD_CLAIMS, "alg is not RS256" },
	{ "{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"k1\"}", GOOD_CLAIMS, "twice" },
	{ "{\"alg\":\"RS256\",\"\\u0061lg\":\"RS256\",\"kid\":\"k1\"}", GOOD_CLAIMS, "twice" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":[\"exp\"]}", GOOD_CLAIMS, "more than alg" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":[]}", GOOD_CLAIMS, "more than alg" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k1\",\"b64\":false}", GOOD_CLAIMS, "more than alg" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k1\",\"jku\":\"https://x/jwks\"}", GOOD_CLAIMS, "more than alg" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k1\",\"x5u\":\"https://x\"}", GOOD_CLAIMS, "more than alg" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k1\",\"x5c\":[]}", GOOD_CLAIMS, "more than alg" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k1\",\"jwk\":{\"kty\":\"RSA\"}}", GOOD_CLAIMS, "more than alg" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k1\",\"zip\":\"DEF\"}", GOOD_CLAIMS, "more than alg" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k1\",\"cty\":\"JWT\"}", GOOD_CLAIMS, "more than alg" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"JWE\"}", GOOD_CLAIMS, "typ is not JWT" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":1}", GOOD_CLAIMS, "typ is not JWT" },
	{ "{\"alg\":\"RS256\"}", GOOD_CLAIMS, "kid names no key" },
	{ "{\"alg\":\"RS256\",\"kid\":\"\"}", GOOD_CLAIMS, "kid names no key" },
	{ "{\"alg\":\"RS256\",\"kid\":\"K1\"}", GOOD_CLAIMS, "kid names no key" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k1 \"}", GOOD_CLAIMS, "kid names no key" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k\"}", GOOD_CLAIMS, "kid names no key" },
	{ "{\"alg\":\"RS256\",\"kid\":1}", GOOD_CLAIMS, "kid names no key" },
	{ "{\"alg\":\"RS256\",\"kid\":null}", GOOD_CLAIMS, "kid names no key" },
	{ "{\"alg\":\"RS256\",\"kid\":\"../../../dev/null\"}", GOOD_CLAIMS, "kid names no key" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k1' OR '1'='1\"}", GOOD_CLAIMS, "kid names no key" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k1\\u0000\"}", GOOD_CLAIMS, "\\u0000" },
	{ "{\"alg\":\"RS256\",\"kid\":\"k0\"}", GOOD_CLAIMS, "signature is wrong" },
	{ "[\"alg\",\"RS256\"]", GOOD_CLAIMS, "no JSON object" },
	{ "", GOOD_CLAIMS, "header" },
	{ "{}", GOOD_CLAIMS, "alg" },
	{ HEADER " x", GOOD_CLAIMS, "follows" },
	{ HEADER, "", "claims" },
	{ HEADER, "null", "no JSON object" },
	{ HEADER, "[]", "no JSON object" },
	{ HEADER, "{\"exp\":1800000100", "claims" },
	{ HEADER, GOOD_CLAIMS "{}", "follows" },
	{ HEADER, CLAIMS("\"exp\":1,\"exp\":1800000100"), "twice" },
	{ HEADER, CLAIMS("\"exp\":1800000100,\"sub\":\"admin\""), "twice" },
	{ HEADER, CLAIMS("\"exp\":1800000100,\"x\":[[[[[[[[1]]]]]]]]"), "deep" },
	{ HEADER, CLAIMS("\"nbf\":1799999999"), "exp is no whole number" },
	{ HEADER, CLAIMS("\"exp\":\"1800000100\""), "exp is no whole number" },
	{ HEADER, CLAIMS("\"exp\":1800000100.0"), "exp is no whole number" },
	{ HEADER, CLAIMS("\"exp\":1.8e9"), "exp is no whole number" },
	{ HEADER, CLAIMS("\"exp\":1e400"), "exp is no whole number" },
	{ HEADER, CLAIMS("\"exp\":9223372036854775807"), "exp is no whole number" },
	{ HEADER, CLAIMS("\"exp\":99999999999999999999999"), "exp is no whole number" },
	{ HEADER, CLAIMS("\"exp\":-1"), "exp is no whole number" },
	{ HEADER, CLAIMS("\"exp\":null"), "exp is no whole number" },
	{ HEADER, CLAIMS("\"exp\":true"), "exp is no whole number" },
	{ HEADER, CLAIMS("\"exp\":[1800000100]"), "exp is no whole number" },
	{ HEADER, CLAIMS("\"exp\":1799999995"), "expired" },
	{ HEADER, CLAIMS("\"exp\":0"), "expired" },
	{ HEADER, CLAIMS("\"exp\":1800000100,\"nbf\":1800000006"), "nbf lies in the future" },
	{ HEADER, CLAIMS("\"exp\":1800000100,\"iat\":1800000006"), "iat lies in the future" },
	{ HEADER, CLAIMS("\"exp\":1800000100,\"nbf\":\"x\""), "nbf is no whole number" },
	{ HEADER, CLAIMS("\"exp\":1800000100,\"iat\":1.5"), "iat is no whole number" },
	{ HEADER, CLAIMS("\"exp\":1800000100,\"nbf\":null"), "nbf is no whole number" },
	{ HEADER, "{\"iss\":\"other\",\"aud\":\"mk8s-api\",\"exp\":1800000100}", "iss is not us" },
	{ HEADER, "{\"iss\":\"MK8S\",\"aud\":\"mk8s-api\",\"exp\":1800000100}", "iss is not us" },
	{ HEADER, "{\"iss\":[\"mk8s\"],\"aud\":\"mk8s-api\",\"exp\":1800000100}", "iss is not us" },
	{ HEADER, "{\"aud\":\"mk8s-api\",\"exp\":1800000100}", "iss is not us" },
	{ HEADER, "{\"iss\":\"mk8s\",\"exp\":1800000100}", "aud does not name us" },
	{ HEADER, "{\"iss\":\"mk8s\",\"aud\":\"refresh\",\"exp\":1800000100}", "aud does not name us" },
	{ HEADER, "{\"iss\":\"mk8s\",\"aud\":\"mk8s-api2\",\"exp\":1800000100}", "aud does not name us" },
	{ HEADER, "{\"iss\":\"mk8s\",\"aud\":[],\"exp\":1800000100}", "aud does not name us" },
	{ HEADER, "{\"iss\":\"mk8s\",\"aud\":[1,null],\"exp\":1800000100}", "aud does not name us" },
	{ HEADER, "{\"iss\":\"mk8s\",\"aud\":{\"mk8s-api\":1},\"exp\":1800000100}", "aud does not name us" },
};

static void contents_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(contents); i++) {
		char *token = forge(span_of(contents[i].header), span_of(contents[i].claims), ours);
		struct err e = { 0 };

		if (verify(span_of(token), &e) != (contents[i].says ? -1 : 0))
			fail_msg("%s %s: '%s'", contents[i].header, contents[i].claims, e.text);
		if (contents[i].says && !strstr(e.text, contents[i].says))
			fail_msg("%s %s says '%s'", contents[i].header, contents[i].claims, e.text);
		free(token);
	}
}

static void refuse(const char *what, struct span token)
{
	struct err e = { 0 };

	if (verify(token, &e) == 0)
		fail_msg("%s was taken", what);
}

/* Puts `text` in place of `len` bytes at `at`. */
static void refuse_changed(const char *what, const char *token, size_t at, size_t len, const char *text)
{
	struct buf changed;

	buf_init(&changed, 2 * JWT_MAX_LEN);
	buf_put(&changed, token, at);
	buf_put_str(&changed, text);
	buf_put_str(&changed, token + at + len);
	refuse(what, buf_span(&changed));
	buf_free(&changed);
}

static void changed_forms_are_refused(void **state)
{
	char *good = forge(SPAN(HEADER), SPAN(GOOD_CLAIMS), ours);
	size_t len = strlen(good), first = strcspn(good, "."), second = (size_t)(strrchr(good, '.') - good);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(verify(span_of(good), &e), 0);
	refuse_changed("padding", good, len, 0, "=");
	refuse_changed("a trailing dot", good, len, 0, ".");
	refuse_changed("a fourth part", good, len, 0, ".AAAA");
	refuse_changed("a newline", good, len, 0, "\n");
	refuse_changed("a blank", good, 0, 0, " ");
	refuse_changed("a leading dot", good, 0, 0, ".");
	refuse_changed("no signature", good, second, len - second, "");
	refuse_changed("an empty signature", good, second + 1, len - second - 1, "");
	refuse_changed("no claims", good, first, second - first, ".");
	refuse_changed("no header", good, 0, first, "");
	refuse_changed("padded header", good, first, 0, "=");
	refuse_changed("standard alphabet", good, first + 1, 1, "+");
	refuse_changed("a short signature", good, len - 4, 4, "");
	refuse_changed("a long signature", good, len, 0, "AAAA");
	refuse_changed("another signature", good, second + 10, 1, good[second + 10] == 'A' ? "B" : "A");
	refuse_changed("other claims", good, first + 8, 1, good[first + 8] == 'A' ? "B" : "A");
	refuse("nothing", SPAN_NONE);
	refuse("two dots", SPAN(".."));
	refuse("one letter", SPAN("a"));
	refuse("a NUL behind", span_from(good, len + 1));
	free(good);
}

/* The last letter of 384 bytes carries no spare bits, that of 100 bytes does: the claims end so. */
static void non_canonical_letters_are_refused(void **state)
{
	struct span claims = SPAN(CLAIMS("\"exp\":1800000100,\"x\":1"));
	char *good = forge(SPAN(HEADER), claims, ours), *last = strrchr(good, '.') - 1;
	struct err e = { 0 };

	(void)state;
	assert_int_not_equal(claims.len % 3, 0);
	assert_int_equal(verify(span_of(good), &e), 0);
	(*last)++;
	assert_int_equal(verify(span_of(good), &e), -1);
	free(good);
}

static void signatures_of_others_are_refused(void **state)
{
	char *token = forge(SPAN(HEADER), SPAN(GOOD_CLAIMS), stranger);

	(void)state;
	refuse("a stranger's signature", span_of(token));
	free(token);
	token = forge(SPAN(HEADER), SPAN(GOOD_CLAIMS), p256);
	refuse("an ECDSA signature", span_of(token));
	free(token);
	token = forge(SPAN(HEADER), SPAN(GOOD_CLAIMS), NULL);
	refuse("no signature", span_of(token));
	free(token);
}

/* The classic: HS256 with the public key, which everyone has, as the secret. */
static void the_public_key_is_no_hmac_secret(void **state)
{
	char *token = forge(SPAN("{\"alg\":\"HS256\",\"kid\":\"k1\"}"), SPAN(GOOD_CLAIMS), NULL);
	unsigned char pem[4096], code[32];
	struct buf forged;

	(void)state;
	buf_init(&forged, JWT_MAX_LEN);
	assert_int_equal(mbedtls_pk_write_pubkey_pem(&ours->pk, pem, sizeof(pem)), 0);
	assert_int_equal(mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), pem, strlen((char *)pem),
					 (unsigned char *)token, strlen(token) - 1, code), 0);
	buf_put_str(&forged, token);
	base64_encode(span_from(code, sizeof(code)), BASE64_URL, &forged);
	refuse("HS256 with the public key", buf_span(&forged));
	buf_free(&forged);
	free(token);
}

static void long_tokens_are_refused_unread(void **state)
{
	char *text = malloc(1000001), *token;
	struct err e = { 0 };

	(void)state;
	memset(text, 'A', 1000000);
	refuse("a megabyte", span_from(text, 1000000));
	memset(text, '.', 1000000);
	refuse("a megabyte of dots", span_from(text, 1000000));
	(void)snprintf(text, 8000, CLAIMS("\"exp\":1800000100,\"x\":\"%05000d\""), 0);
	token = forge(SPAN(HEADER), span_of(text), ours);
	assert_true(strlen(token) < JWT_MAX_LEN);
	assert_int_equal(verify(span_of(token), &e), 0);
	free(token);
	(void)snprintf(text, 8000, CLAIMS("\"exp\":1800000100,\"x\":\"%06000d\""), 0);
	token = forge(SPAN(HEADER), span_of(text), ours);
	refuse("above 8 KiB", span_of(token));
	free(token);
	free(text);
}

static void a_key_that_is_gone_verifies_nothing(void **state)
{
	struct jwt_rules without = rules;
	struct json *claims = NULL;
	struct err e = { 0 };
	char *token = forge(SPAN("{\"alg\":\"RS256\",\"kid\":\"k0\"}"), SPAN(GOOD_CLAIMS), old);

	(void)state;
	assert_int_equal(verify(span_of(token), &e), 0);
	without.key_count = 1;
	assert_int_equal(jwt_verify(span_of(token), &without, &claims, &e), -1);
	without.key_count = 0;
	assert_int_equal(jwt_verify(span_of(token), &without, &claims, &e), -1);
	without = rules;
	without.keys = &ours_with_old_name;
	without.key_count = 1;
	assert_int_equal(jwt_verify(span_of(token), &without, &claims, &e), -1);
	free(token);
}

static void the_key_set_holds_public_halves(void **state)
{
	struct json *set = NULL;
	struct err e = { 0 };
	struct buf text;

	(void)state;
	buf_init(&text, 8192);
	assert_int_equal(jwt_put_jwks(keys, 2, &text, &e), 0);
	assert_int_equal(json_parse(buf_span(&text), JSON_LIMITS(8192), &set, &e), 0);
	assert_int_equal(json_count(json_get(set, "keys")), 2);
	for (struct json *key = json_first(json_get(set, "keys")); key; key = json_next(key)) {
		assert_string_equal(json_str(key, "kty"), "RSA");
		assert_string_equal(json_str(key, "alg"), "RS256");
		assert_string_equal(json_str(key, "use"), "sig");
		assert_string_equal(json_str(key, "e"), "AQAB");
		assert_int_equal(strlen(json_str(key, "n")), 512);
		assert_null(json_get(key, "d"));
	}
	assert_string_equal(json_str(json_at(json_get(set, "keys"), 1), "kid"), "k0");
	json_free(set);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signed_token_verifies),
		cmocka_unit_test(only_rsa_signs_and_never_too_much),
		cmocka_unit_test(contents_are_judged),
		cmocka_unit_test(changed_forms_are_refused),
		cmocka_unit_test(non_canonical_letters_are_refused),
		cmocka_unit_test(signatures_of_others_are_refused),
		cmocka_unit_test(the_public_key_is_no_hmac_secret),
		cmocka_unit_test(long_tokens_are_refused_unread),
		cmocka_unit_test(a_key_that_is_gone_verifies_nothing),
		cmocka_unit_test(the_key_set_holds_public_halves),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
