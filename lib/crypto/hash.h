/* SHA-256 and SHA-1 (FIPS 180-4). */
#ifndef MK8S_CRYPTO_HASH_H
#define MK8S_CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/span.h"

#define HASH_SIZE 32
#define HASH_HEX_SIZE 65 /* digits and NUL */

void hash_sha256(struct span bytes, uint8_t ret[HASH_SIZE]);
/* Lower-case digits. */
void hash_sha256_hex(struct span bytes, char ret[HASH_HEX_SIZE]);

/* SHA-1, where a protocol asks for it: a WebSocket's handshake (RFC 6455 4.2.2). */
#define HASH_SHA1_SIZE 20
void hash_sha1(struct span bytes, uint8_t ret[HASH_SHA1_SIZE]);

/* Piece by piece: hash_init, hash_add as often as wanted, hash_finish (which wipes the state). */
struct hash {
	uint64_t state[32]; /* the library's context; copying a struct hash copies its progress */
};

void hash_init(struct hash *h);
void hash_add(struct hash *h, struct span bytes);
void hash_finish(struct hash *h, uint8_t ret[HASH_SIZE]);

#endif
