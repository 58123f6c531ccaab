/* X.509 certificates and signing requests: what stands in them, and making a request. */
#ifndef MK8S_CRYPTO_CERT_H
#define MK8S_CRYPTO_CERT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/crypto/key.h"

#define CERT_SERIAL_SIZE 41 /* 20 bytes in hex, NUL */
#define CERT_NAME_SIZE 256
#define CERT_MAX_LEN 65536 /* bytes of PEM or DER that are looked at */

struct cert_info {
	char serial[CERT_SERIAL_SIZE];    /* lower-case hex without leading zero bytes */
	char common_name[CERT_NAME_SIZE]; /* the subject's CN; "" when absent */
	char issuer[CERT_NAME_SIZE];      /* the issuer's CN */
	char uri[CERT_NAME_SIZE];         /* the URI in subjectAltName; "" unless exactly one */
	char pin[KEY_PIN_SIZE];           /* SHA-256 over its SPKI */
	int64_t not_before_unix_s;
	int64_t not_after_unix_s;
	bool is_ca;
};

/*
 * Reads one certificate, PEM (the first of a chain) or DER. Says nothing about its signature.
 * ERR_INPUT.
 */
int cert_parse(struct span pem_or_der, struct cert_info *ret, struct err *e);

/*
 * Takes the next "-----BEGIN CERTIFICATE-----" block off the front of `*rest`, as it stands and up
 * to the newline behind its END line. False when there is no more.
 */
bool cert_next_pem(struct span *rest, struct span *ret_pem);

/* Appends a signing request (PKCS#10, PEM) for `key` with that common name. */
int csr_create(const struct key *key, const char *common_name, struct buf *into, struct err *e);

#endif
