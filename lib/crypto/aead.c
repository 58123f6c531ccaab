/* AES-256-GCM over mbedTLS. */
#include "lib/crypto/aead.h"

#include <mbedtls/gcm.h>

#include "lib/crypto/random.h"

enum { NONCE_SIZE = 12, TAG_SIZE = AEAD_OVERHEAD - NONCE_SIZE };

int aead_seal(const uint8_t key[AEAD_KEY_SIZE], struct span bound, struct span plain,
	      struct buf *into, struct err *e)
{
	unsigned char *at = (unsigned char *)buf_reserve(into, plain.len + AEAD_OVERHEAD);
	mbedtls_gcm_context gcm;
	int rc;

	if (!at)
		return buf_ok(into, "the sealed text", e);
	random_bytes(at, NONCE_SIZE);
	mbedtls_gcm_init(&gcm);
	rc = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, AEAD_KEY_SIZE * 8);
	if (rc == 0)
		rc = mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, plain.len, at, NONCE_SIZE,
					       (const unsigned char *)bound.at, bound.len,
					       (const unsigned char *)plain.at, at + NONCE_SIZE,
					       TAG_SIZE, at + NONCE_SIZE + plain.len);
	mbedtls_gcm_free(&gcm); /* wipes */
	if (rc != 0)
		return err_set(e, ERR_IO, "sealing %zu bytes: the crypto library answers %d",
			       plain.len, rc);
	buf_commit(into, plain.len + AEAD_OVERHEAD);
	return 0;
}

int aead_open(const uint8_t key[AEAD_KEY_SIZE], struct span bound, struct span sealed,
	      struct buf *into, struct err *e)
{
	const unsigned char *from = (const unsigned char *)sealed.at;
	size_t len = sealed.len < AEAD_OVERHEAD ? 0 : sealed.len - AEAD_OVERHEAD;
	mbedtls_gcm_context gcm;
	char *at;
	int rc;

	if (sealed.len < AEAD_OVERHEAD)
		return err_set(e, ERR_AUTH, "the sealed text is shorter than %d bytes",
			       AEAD_OVERHEAD);
	at = buf_reserve(into, len + 1);
	if (!at)
		return buf_ok(into, "the opened text", e);
	mbedtls_gcm_init(&gcm);
	rc = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, AEAD_KEY_SIZE * 8);
	if (rc == 0)
		rc = mbedtls_gcm_auth_decrypt(
			&gcm, len, from, NONCE_SIZE, (const unsigned char *)bound.at, bound.len,
			from + NONCE_SIZE + len, TAG_SIZE, from + NONCE_SIZE, (unsigned char *)at);
	mbedtls_gcm_free(&gcm);
	if (rc != 0)
		return err_set(e, ERR_AUTH,
			       "the sealed text was not sealed here, or for something else");
	buf_commit(into, len);
	return 0;
}
