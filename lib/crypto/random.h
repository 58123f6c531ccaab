/* The one door to randomness: getrandom(2), without a fallback. */
#ifndef MK8S_CRYPTO_RANDOM_H
#define MK8S_CRYPTO_RANDOM_H

#include <stddef.h>

#include "lib/base/err.h"

/*
 * Readies the crypto library. Once, before the first thread; ERR_IO when the system gives no
 * randomness.
 */
int crypto_init(struct err *e);

/*
 * Fills `into`. Where the kernel gives no randomness the process ends: no secret is ever made
 * without.
 */
void random_bytes(void *into, size_t len);

#define RANDOM_UUID_SIZE 37
/* A version 4 UUID (RFC 9562), lower case. */
void random_uuid(char ret[RANDOM_UUID_SIZE]);

#define RANDOM_TOKEN_SIZE 44
/* 256 bits as base64url: 43 characters. */
void random_token(char ret[RANDOM_TOKEN_SIZE]);

/* random_bytes in the shape mbedTLS calls (f_rng); `unused` is not looked at, the result is 0. */
int random_rng(void *unused, unsigned char *into, size_t len);

#endif
