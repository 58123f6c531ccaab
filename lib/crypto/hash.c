/* SHA-256 and SHA-1 over mbedTLS. */
#include "lib/crypto/hash.h"

#include <stdlib.h>
#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>

#include "lib/format/hex.h"

_Static_assert(sizeof(struct hash) >= sizeof(mbedtls_sha256_context), "struct hash is too small");

/* With a software SHA-256 these calls cannot fail; were one to, no hash may come out. */
static void must(int rc)
{
	if (rc != 0)
		abort();
}

static mbedtls_sha256_context *context(struct hash *h)
{
	return (mbedtls_sha256_context *)(void *)h->state;
}

void hash_init(struct hash *h)
{
	mbedtls_sha256_init(context(h));
	must(mbedtls_sha256_starts(context(h), 0));
}

void hash_add(struct hash *h, struct span bytes)
{
	must(mbedtls_sha256_update(context(h), (const unsigned char *)bytes.at, bytes.len));
}

void hash_finish(struct hash *h, uint8_t ret[HASH_SIZE])
{
	must(mbedtls_sha256_finish(context(h), ret));
	mbedtls_sha256_free(context(h)); /* wipes */
}

void hash_sha256(struct span bytes, uint8_t ret[HASH_SIZE])
{
	struct hash h;

	hash_init(&h);
	hash_add(&h, bytes);
	hash_finish(&h, ret);
}

void hash_sha256_hex(struct span bytes, char ret[HASH_HEX_SIZE])
{
	uint8_t digest[HASH_SIZE];

	hash_sha256(bytes, digest);
	hex_encode(digest, sizeof(digest), ret);
}

void hash_sha1(struct span bytes, uint8_t ret[HASH_SHA1_SIZE])
{
	must(mbedtls_sha1((const unsigned char *)bytes.at, bytes.len, ret));
}
