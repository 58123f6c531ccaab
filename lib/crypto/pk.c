/* Keys as mbedTLS holds them: what we accept, and how its errors read. */
#include "lib/crypto/pk.h"

#include <mbedtls/ecp.h>
#include <mbedtls/error.h>
#include <mbedtls/rsa.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/crypto/hash.h"

#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 8192

int pk_fail(int rc, enum err_code code, struct err *e, const char *fmt, ...)
{
	char what[200], why[120];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args); /* cut as err.text would be */
	va_end(args);
	mbedtls_strerror(rc, why, sizeof(why));
	return err_set(e, code, "%s: %s (-0x%04x)", what, why, (unsigned)-rc);
}

bool pk_is_p256(const mbedtls_pk_context *pk)
{
	return mbedtls_pk_get_type(pk) == MBEDTLS_PK_ECKEY &&
	       mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(*pk)) == MBEDTLS_ECP_DP_SECP256R1;
}

/*
 * An exponent of 3 is what lets sloppy signature checks be forged; nobody makes such keys any more.
 */
static bool is_good_rsa(const mbedtls_pk_context *pk)
{
	size_t bits = mbedtls_pk_get_bitlen(pk);
	unsigned char exponent[8];

	if (mbedtls_pk_get_type(pk) != MBEDTLS_PK_RSA || bits < RSA_MIN_BITS || bits > RSA_MAX_BITS)
		return false;
	if (mbedtls_rsa_export_raw(mbedtls_pk_rsa(*pk), NULL, 0, NULL, 0, NULL, 0, NULL, 0, exponent,
				   sizeof(exponent)) != 0)
		return false;
	return memcmp(exponent, "\0\0\0\0\0\1\0\1", sizeof(exponent)) == 0;
}

int pk_to_key(mbedtls_pk_context *pk, struct key **ret, struct err *e)
{
	struct key *key;

	if (!pk_is_p256(pk) && !is_good_rsa(pk)) {
		mbedtls_pk_free(pk);
		return err_set(e, ERR_INPUT, "a key of P-256, or RSA with %d bits or more and the "
			       "exponent 65537 is expected", RSA_MIN_BITS);
	}
	key = mem_new(sizeof(*key));
	key->pk = *pk; /* the context is two pointers; the library itself moves it so */
	*pk = (mbedtls_pk_context){ 0 };
	*ret = key;
	return 0;
}

int pk_pin(const mbedtls_pk_context *pk, char ret[KEY_PIN_SIZE], struct err *e)
{
	unsigned char der[RSA_MAX_BITS / 8 + 200];
	char hex[HASH_HEX_SIZE];
	int len = mbedtls_pk_write_pubkey_der(pk, der, sizeof(der));

	if (len < 0)
		return pk_fail(len, ERR_INPUT, e, "writing a public key");
	hash_sha256_hex(span_from(der + sizeof(der) - len, (size_t)len), hex);
	(void)snprintf(ret, KEY_PIN_SIZE, "sha256:%s", hex);
	return 0;
}

char *pk_input(struct span text, size_t *ret_len)
{
	bool pem = text.len == 0 || text.at[0] != 0x30;

	*ret_len = text.len + pem;
	return mem_dup(text.at, text.len);
}
