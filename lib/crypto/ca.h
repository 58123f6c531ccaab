/*
 * A certificate authority of one P-256 key.
 *
 * Leaves carry basicConstraints, keyUsage, extendedKeyUsage (server or client, never both), subject
 * and authority key identifiers, and start five minutes before `now` for clocks that are behind.
 * Serials are 126 random bits.
 */
#ifndef MK8S_CRYPTO_CA_H
#define MK8S_CRYPTO_CA_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/crypto/cert.h"
#include "lib/crypto/key.h"

struct ca;

/*
 * A new key and a self-signed certificate for `common_name`; it may sign the CA before it, too
 * (path length 1). The caller owns *ret.
 */
int ca_create(const char *common_name, int64_t now_unix_s, int64_t validity_s, struct ca **ret,
	      struct err *e);
/* From PEM texts; ERR_INPUT when they do not belong together or the certificate is no CA's. */
int ca_load(struct span cert_pem, struct span key_pem, struct ca **ret, struct err *e);
void ca_free(struct ca *ca);

/* The certificate in PEM; borrowed for the life of `ca`. */
struct span ca_cert_pem(const struct ca *ca);
/* Appends the private key in PEM; `into` should be a secret buffer with room for 8 KiB. */
int ca_key_pem(const struct ca *ca, struct buf *into, struct err *e);
/* What stands in its certificate; `pin` is the one that agents are given. Borrowed. */
const struct cert_info *ca_info(const struct ca *ca);

/*
 * Appends a certificate (PEM) of `old`'s name and key that `by` signs: whoever trusts `by` then
 * trusts what `old` has signed. It ends when `old` does.
 */
int ca_cross_sign(const struct ca *by, const struct ca *old, int64_t now_unix_s, struct buf *into,
		  struct err *e);

struct ca_server {
	const char *const *names; /* DNS (also "*.x") and IP addresses; [0] is the CN */
	size_t name_count;        /* 1..32 */
	int64_t now_unix_s;
	int64_t validity_s;
};

/*
 * Appends a new P-256 key (secret buffer) and its server certificate, both PEM; the CA is not in
 * the chain.
 */
int ca_issue_server(const struct ca *ca, const struct ca_server *want, struct buf *ret_key_pem,
		    struct buf *ret_cert_pem, struct err *e);

struct ca_client {
	struct span csr_pem;     /* only its key is taken; it must be signed with it, P-256 and SHA-256 */
	const char *common_name;
	const char *uri;         /* the one subjectAltName: "mk8s://cluster/<uuid>" */
	int64_t now_unix_s;
	int64_t validity_s;
};

/* Appends the client certificate in PEM; *ret_info tells its serial and end. */
int ca_issue_client(const struct ca *ca, const struct ca_client *want, struct buf *ret_cert_pem,
		    struct cert_info *ret_info, struct err *e);

#endif
