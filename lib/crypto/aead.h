/*
 * Sealing small texts that others keep for us: AES-256-GCM (NIST SP 800-38D) with a random nonce.
 */
#ifndef MK8S_CRYPTO_AEAD_H
#define MK8S_CRYPTO_AEAD_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

#define AEAD_KEY_SIZE 32
#define AEAD_OVERHEAD 28 /* nonce and tag */

/*
 * Appends nonce, ciphertext and tag. `bound` is not in it, but opening needs the same. With 96-bit
 * random nonces one key is good for 2^32 texts. ERR_LIMIT above the buffer's ceiling.
 */
int aead_seal(const uint8_t key[AEAD_KEY_SIZE], struct span bound, struct span plain,
	      struct buf *into, struct err *e);
/* Appends the text. ERR_AUTH when it was not sealed with this key and `bound`. */
int aead_open(const uint8_t key[AEAD_KEY_SIZE], struct span bound, struct span sealed,
	      struct buf *into, struct err *e);

#endif
