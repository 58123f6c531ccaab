/*
 * TLS 1.2 and 1.3 in both roles (mbedTLS): configurations that connections share.
 *
 * A `struct tls` is immutable after it is made and counted: a reload makes a new one and swaps it
 * in, connections that use the old one keep it alive. AES-128-GCM goes first, X25519 and P-256, no
 * renegotiation, tickets rotate.
 */
#ifndef MK8S_NET_TLS_H
#define MK8S_NET_TLS_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/span.h"

struct tls;

enum tls_client_auth {
	TLS_CLIENT_NONE,     /* the server asks for no certificate */
	TLS_CLIENT_OPTIONAL, /* one may be missing; one that is shown must verify, else the handshake fails */
};

/* Bytes of a certificate with its chain in DER. */
#define TLS_CHAIN_MAX 8000

struct tls_server_options {
	/* Leaf first, then its chain (the CA too, where clients pin it); more than TLS_CHAIN_MAX: ERR_LIMIT. */
	struct span cert_pem;
	struct span key_pem;
	struct span client_ca_pem; /* with client_auth */
	enum tls_client_auth client_auth;
	bool tickets;            /* resumption; only without client_auth (no certificate comes then) */
	const char *const *alpn; /* NULL-terminated, in order of preference; borrowed for the life of the process */
};

struct tls_client_options {
	struct span ca_pem;   /* trust anchors; empty: the machine's (tls_machine_ca_load) */
	struct span cert_pem; /* client certificate, or empty */
	struct span key_pem;
	/*
	 * "sha256:<hex>" over the SPKI of a CA in the chain, or NULL; checked besides the chain. With a
	 * pin and no ca_pem, the chain is verified against the pinned CA that the peer sends. Up to
	 * four with commas between them: one of them is enough.
	 */
	const char *ca_sha256;
	bool insecure;         /* no verification at all; the caller has warned. Excludes
				  ca_pem and ca_sha256. */
	const char *const *alpn;
};

/* The caller owns one reference. Bad PEM, or a key that does not fit: ERR_INPUT. */
struct tls *tls_server_new(const struct tls_server_options *o, struct err *e);
struct tls *tls_client_new(const struct tls_client_options *o, struct err *e);
struct tls *tls_ref(struct tls *t);
/* Drops a reference; takes NULL. */
void tls_unref(struct tls *t);

/*
 * The machine's CA bundle as PEM: $SSL_CERT_FILE, then the usual places. Fails naming the places
 * that were tried.
 */
struct buf;
int tls_machine_ca_load(struct buf *ret_pem, struct err *e);

#endif
