/*
 * One TLS session over memory: the peer's bytes go in, bytes for it come out through a function.
 *
 * For lib/net/conn*.c only. Nothing here knows sockets; nothing blocks.
 */
#ifndef MK8S_NET_TLS_STREAM_H
#define MK8S_NET_TLS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/net/tls.h"

struct tls_stream;

#define TLS_RECORD_LEN (16 * 1024) /* plain bytes in a full record */
#define TLS_RECORD_COST 64         /* at most so many bytes more on the wire */

/* Takes all of `bytes`, whole records for the peer, or returns -1 (no memory). */
typedef int tls_emit_fn(void *arg, struct span bytes);

/*
 * A client when `t` is one; then `server_name` (a DNS name or an address) is asked for and
 * verified, and `port` tells servers of one name apart in resumption. References `t`. NULL: *e.
 */
struct tls_stream *tls_stream_new(struct tls *t, const char *server_name, uint16_t port,
				  tls_emit_fn *emit, void *emit_arg, struct err *e);
/* Takes NULL. */
void tls_stream_free(struct tls_stream *s);

enum tls_step {
	TLS_STEP_MORE,   /* all input taken, more is needed */
	TLS_STEP_OPEN,   /* the handshake is over */
	TLS_STEP_BYTES,  /* *ret_len plain bytes are there */
	TLS_STEP_END,    /* the peer's close_notify */
	TLS_STEP_FAILED, /* *e says why; an alert may have been emitted */
};

/* Goes on with the handshake (a client begins it with no input); takes from the front of *input. */
enum tls_step tls_stream_handshake(struct tls_stream *s, struct span *input, struct err *e);
/* Decrypts at most one record into `plain`, which has room for TLS_RECORD_LEN. */
enum tls_step tls_stream_read(struct tls_stream *s, struct span *input, char *plain,
			      size_t *ret_len, struct err *e);
/* Encrypts and emits all of `plain`. */
int tls_stream_write(struct tls_stream *s, struct span plain, struct err *e);
/* Emits close_notify. */
void tls_stream_end(struct tls_stream *s);

/* For a client "name:port", as it was asked for; else NULL. */
const char *tls_stream_name(const struct tls_stream *s);
/* "" when none was agreed. */
const char *tls_stream_alpn(const struct tls_stream *s);
/* The verified peer's leaf, DER; lives as long as the stream. */
struct span tls_stream_peer_cert(const struct tls_stream *s);

#endif
