/*
 * Signing keys: RSA 3072 (JWT) and P-256 (certificates, audit heads).
 *
 * Private keys live in memory of the crypto library, which wipes it. Signing and verifying with one
 * key from several threads is safe.
 */
#ifndef MK8S_CRYPTO_KEY_H
#define MK8S_CRYPTO_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

struct key;

enum key_kind { KEY_RSA_3072, KEY_P256 };

/* RSA takes about a second. The caller owns *ret. */
int key_generate(enum key_kind kind, struct key **ret, struct err *e);

/*
 * Reads a private key in PEM (PKCS#1, SEC 1 or PKCS#8, not encrypted). RSA of 2048 bits and more
 * with an exponent of 65537, or P-256; anything else is ERR_INPUT.
 */
int key_parse_private(struct span pem, struct key **ret, struct err *e);

void key_free(struct key *key);
void key_free_at(struct key **slot);
#define AUTO_KEY __attribute__((cleanup(key_free_at)))

/* Reads key_parse_private from a file; ERR_NOT_FOUND when there is none. */
int key_load(const char *path, struct key **ret, struct err *e);
/* Writes the private key in PEM, mode 0600, atomically. */
int key_save(const struct key *key, const char *path, struct err *e);

bool key_is_rsa(const struct key *key);

/* Appends the private key as PEM; `into` should be a secret buffer with room for 8 KiB. */
int key_private_pem(const struct key *key, struct buf *into, struct err *e);

#define KEY_PIN_SIZE 72 /* "sha256:", 64 digits, NUL */
/* SHA-256 over the SPKI: "sha256:<hex>". */
int key_pin(const struct key *key, char ret[KEY_PIN_SIZE], struct err *e);

/*
 * Appends modulus and exponent, big-endian without leading zeros, as a JWKS wants them. ERR_INPUT
 * for P-256.
 */
int key_rsa_public(const struct key *key, struct buf *ret_modulus, struct buf *ret_exponent,
		   struct err *e);

#define KEY_SIGNATURE_SIZE 1024
/*
 * Signs SHA-256 of `bytes` into `ret`, *ret_len bytes: RSASSA-PKCS1-v1_5 (RS256), or ECDSA as DER
 * (RFC 3279). ERR_INPUT for a public key.
 */
int key_sign(const struct key *key, struct span bytes, uint8_t ret[KEY_SIGNATURE_SIZE],
	     size_t *ret_len, struct err *e);
/* Whether `signature` is that key's over `bytes`. */
bool key_verify(const struct key *key, struct span bytes, struct span signature);

#endif
