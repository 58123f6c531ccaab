/* Our TLS configuration and verification on a connection of libcurl's: same anchors, pins, ciphers
 * and sentences. */
#ifndef MK8S_NET_TLS_FETCH_H
#define MK8S_NET_TLS_FETCH_H

#include "lib/net/tls.h"

/* The verification of the connection that is being made. One thread at a time. */
struct tls_check;

struct tls_check *tls_check_new(void);
/* Takes NULL. */
void tls_check_free(struct tls_check *c);

/*
 * From CURLOPT_SSL_CTX_FUNCTION: `ssl_config` (libcurl's mbedtls_ssl_config) becomes that of `t`, a
 * client's, and the server is checked as `host`. `t` must outlive the connection; `c` the
 * handshake.
 */
void tls_check_begin(struct tls_check *c, struct tls *t, const char *host, void *ssl_config);
/* Why the certificate of the last handshake was refused, or NULL. */
const struct err *tls_check_refusal(const struct tls_check *c);

#endif
