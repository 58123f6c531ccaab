/* The inside of `struct tls`: what configurations and sessions share. For lib/net/tls*.c only. */
#ifndef MK8S_NET_TLS_INNER_H
#define MK8S_NET_TLS_INNER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/x509_crt.h>

#include "lib/crypto/hash.h"
#include "lib/net/tls.h"
#include "lib/net/tls_resume.h"
#include "lib/net/tls_stream.h"

#define TLS_PINS_MAX 4

struct tls {
	atomic_uint refs;
	bool is_client;
	bool is_insecure;
	bool pin_is_anchor; /* no trust anchors but the pinned CA that the peer sends */
	size_t pin_count;
	uint8_t pins[TLS_PINS_MAX][HASH_SIZE];
	const char *const *alpn;
	mbedtls_ssl_config conf;
	mbedtls_x509_crt own, ca;
	mbedtls_pk_context key;
	mbedtls_ssl_ticket_context tickets; /* servers */
	struct tls_resume *resume;          /* clients that resume; else NULL */
};

struct tls_stream {
	mbedtls_ssl_context ssl;
	struct tls *tls;
	struct span input; /* what mbedTLS may still take in this call */
	tls_emit_fn *emit;
	void *emit_arg;
	char *server_name; /* clients */
	char *resume_name; /* clients: the key in tls->resume */
	bool was_offered;  /* a session to resume */
	bool is_verified;  /* the peer's certificate passed tls_verify */
	bool pin_was_seen;
	bool is_open;
	struct err *refusal;    /* why tls_verify said no */
	uint32_t refusal_flags; /* and mbedTLS's flags of it */
	struct span peer_cert; /* owned copy */
};

/*
 * mbedTLS's verify callback: certificate by certificate from the anchor down to the leaf. A
 * client's refusal ends the handshake there and then. A server's does not: mbedTLS would send the
 * alert under TLS 1.3's handshake keys, which a peer that has our Finished can no longer read; so
 * the handshake goes on to its end, and tls_stream.c refuses it there, before anybody hears of the
 * connection.
 */
int tls_verify(void *stream, mbedtls_x509_crt *crt, int depth, uint32_t *flags);

/* The alert that tells the peer what its certificate lacked. */
unsigned char tls_alert_for(uint32_t flags);

/* The sentence for an error of a handshake or of a record; ERR_PROTOCOL. */
int tls_describe(const struct tls_stream *s, int rc, struct err *e);

/* mbedTLS's text for `rc`, without its module: "the certificate is invalid". */
void tls_library_text(int rc, char *into, size_t into_size);

#endif
