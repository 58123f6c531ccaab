/* The inside of a key, and mbedTLS's error codes as sentences; for lib/crypto only. */
#ifndef MK8S_CRYPTO_PK_H
#define MK8S_CRYPTO_PK_H

#include <mbedtls/pk.h>
#include <mbedtls/x509_csr.h>

#include "lib/crypto/key.h"

struct key {
	mbedtls_pk_context pk;
};

/* Sets "fmt: what the library says (-0x1234)". Always -1. */
int pk_fail(int rc, enum err_code code, struct err *e, const char *fmt, ...) PRINTF(4, 5);

/*
 * Takes the content of `pk`: checks its kind and size and gives it as a key. `pk` is free
 * afterwards either way.
 */
int pk_to_key(mbedtls_pk_context *pk, struct key **ret, struct err *e);

/* Whether `pk` is a key on P-256. */
bool pk_is_p256(const mbedtls_pk_context *pk);

/* "sha256:<hex>" over the SPKI of `pk`. */
int pk_pin(const mbedtls_pk_context *pk, char ret[KEY_PIN_SIZE], struct err *e);

/*
 * The library wants PEM with its NUL, DER (which starts with 0x30) without: gives a copy of `text`
 * with a NUL behind, and the length to tell the library. The caller frees it, and wipes secrets.
 */
char *pk_input(struct span text, size_t *ret_len);

/*
 * Reads a signing request in PEM and checks that it is signed with its own key, P-256 with SHA-256;
 * ERR_INPUT otherwise. The caller frees `ret`, also on failure.
 */
int pk_read_csr(struct span pem, mbedtls_x509_csr *ret, struct err *e);

/*
 * Writes "CN=NAME" for the library. ERR_INPUT unless the name has 1 to 64 characters out of
 * letters, digits, blank and . _ : / @ * - which need no escape there.
 */
#define PK_SUBJECT_SIZE 68
int pk_put_subject(const char *common_name, char ret[PK_SUBJECT_SIZE], struct err *e);

#endif
