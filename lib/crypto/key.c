/* Signing keys: making, reading, writing, signing, verifying. */
#include "lib/crypto/pk.h"

#include <mbedtls/ecp.h>
#include <mbedtls/rsa.h>
#include <stdlib.h>

#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/random.h"

#define KEY_MAX_LEN 65536 /* of a key file */
#define PEM_SIZE 8192

static int generate(enum key_kind kind, mbedtls_pk_context *pk)
{
	switch (kind) {
	case KEY_RSA_3072:
		return mbedtls_rsa_gen_key(mbedtls_pk_rsa(*pk), random_rng, NULL, 3072, 65537);
	case KEY_P256:
		return mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*pk), random_rng, NULL);
	}
	return -1;
}

int key_generate(enum key_kind kind, struct key **ret, struct err *e)
{
	mbedtls_pk_type_t type = kind == KEY_P256 ? MBEDTLS_PK_ECKEY : MBEDTLS_PK_RSA;
	mbedtls_pk_context pk;
	int rc;

	mbedtls_pk_init(&pk);
	rc = mbedtls_pk_setup(&pk, mbedtls_pk_info_from_type(type));
	if (rc == 0)
		rc = generate(kind, &pk);
	if (rc != 0) {
		mbedtls_pk_free(&pk);
		return pk_fail(rc, ERR_IO, e, "making a key");
	}
	return pk_to_key(&pk, ret, e);
}

int key_parse_private(struct span pem, struct key **ret, struct err *e)
{
	size_t len;
	char *text = pk_input(pem, &len);
	mbedtls_pk_context pk;
	int rc;

	mbedtls_pk_init(&pk);
	rc = mbedtls_pk_parse_key(&pk, (const unsigned char *)text, len, NULL, 0, random_rng, NULL);
	secret_wipe(text, pem.len);
	free(text);
	if (rc != 0) {
		mbedtls_pk_free(&pk);
		return pk_fail(rc, ERR_INPUT, e, "reading a private key; plain PEM is expected");
	}
	return pk_to_key(&pk, ret, e);
}

void key_free(struct key *key)
{
	if (key)
		mbedtls_pk_free(&key->pk);
	free(key);
}

void key_free_at(struct key **slot)
{
	key_free(*slot);
}

int key_load(const char *path, struct key **ret, struct err *e)
{
	AUTO_BUF struct buf pem = { .max = KEY_MAX_LEN, .secret = true };

	if (file_read(path, &pem, e) < 0)
		return -1;
	return key_parse_private(buf_span(&pem), ret, e) < 0 ? err_context(e, "%s", path) : 0;
}

int key_save(const struct key *key, const char *path, struct err *e)
{
	AUTO_BUF struct buf pem = { .max = PEM_SIZE, .secret = true };

	if (key_private_pem(key, &pem, e) < 0)
		return -1;
	return file_write_atomic(path, buf_span(&pem), 0600, e);
}

bool key_is_rsa(const struct key *key)
{
	return mbedtls_pk_get_type(&key->pk) == MBEDTLS_PK_RSA;
}

int key_private_pem(const struct key *key, struct buf *into, struct err *e)
{
	unsigned char pem[PEM_SIZE];
	int rc;

	rc = mbedtls_pk_write_key_pem(&key->pk, pem, sizeof(pem));
	if (rc == 0)
		buf_put_str(into, (const char *)pem);
	secret_wipe(pem, sizeof(pem));
	return rc ? pk_fail(rc, ERR_IO, e, "writing a private key") : buf_ok(into, "the key", e);
}

int key_pin(const struct key *key, char ret[KEY_PIN_SIZE], struct err *e)
{
	return pk_pin(&key->pk, ret, e);
}

int key_rsa_public(const struct key *key, struct buf *ret_modulus, struct buf *ret_exponent,
		   struct err *e)
{
	unsigned char modulus[1024];
	size_t len = mbedtls_pk_get_len(&key->pk);
	int rc;

	if (!key_is_rsa(key))
		return err_set(e, ERR_INPUT, "only an RSA key has a modulus");
	rc = mbedtls_rsa_export_raw(mbedtls_pk_rsa(key->pk), modulus, len, NULL, 0, NULL, 0, NULL, 0,
				    NULL, 0);
	if (rc != 0)
		return pk_fail(rc, ERR_IO, e, "reading a public key");
	buf_put(ret_modulus, modulus, len);
	buf_put(ret_exponent, "\1\0\1", 3); /* pk_to_key lets no other in */
	return buf_ok(ret_modulus, "the modulus", e) < 0 ? -1 : buf_ok(ret_exponent, "the exponent", e);
}

/* The library's signing functions take a key that is not const, and lock what they change in it. */
static mbedtls_pk_context *lockable(const struct key *key)
{
	return (mbedtls_pk_context *)(uintptr_t)&key->pk;
}

int key_sign(const struct key *key, struct span bytes, uint8_t ret[KEY_SIGNATURE_SIZE],
	     size_t *ret_len, struct err *e)
{
	uint8_t digest[HASH_SIZE];
	int rc;

	hash_sha256(bytes, digest);
	rc = mbedtls_pk_sign(lockable(key), MBEDTLS_MD_SHA256, digest, sizeof(digest), ret,
			     KEY_SIGNATURE_SIZE, ret_len, random_rng, NULL);
	return rc ? pk_fail(rc, ERR_IO, e, "signing") : 0;
}

bool key_verify(const struct key *key, struct span bytes, struct span signature)
{
	uint8_t digest[HASH_SIZE];

	hash_sha256(bytes, digest);
	return mbedtls_pk_verify(lockable(key), MBEDTLS_MD_SHA256, digest, sizeof(digest),
				 (const unsigned char *)signature.at, signature.len) == 0;
}
