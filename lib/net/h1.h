/*
 * HTTP/1.1 on a connection: the server side, and a pool of client connections to one origin (llhttp parses).
 *
 * Strict by RFC 9112: one Content-Length, none with Transfer-Encoding, no obs-fold, no bare LF, no blank before a
 * colon, exactly one Host; a violation is answered 400 and the connection closed.
 */
#ifndef MK8S_NET_H1_H
#define MK8S_NET_H1_H

#include "lib/net/conn.h"
#include "lib/net/http.h"
#include "lib/net/loop.h"

struct h1_limits {
	size_t head_max;            /* bytes of start line and fields together; beyond: 431 (414 for the target) */
	size_t field_count_max;     /* 431 */
	uint64_t head_timeout_ms;   /* first byte to the end of the head; 408 */
	uint64_t idle_timeout_ms;   /* between requests */
	uint64_t body_timeout_ms;   /* without any progress of a body that the server wants to read; 408 */
	uint64_t write_timeout_ms;  /* without any progress of output that the peer should read; closed */
	/* The same of an answer that allows it (http_stream_allow_stall), while TCP is acknowledged; 0: as any other. */
	uint64_t stall_timeout_ms;
};

/*
 * Serves requests on `c` (which it takes over), one after another; each is handed to `acceptor`.
 * Owns itself until the connection closes; then on_closed(closed_arg) if given.
 */
struct h1_server;
struct h1_server *h1_server_new(struct loop *l, struct conn *c, const struct h1_limits *limits,
				const struct http_acceptor *acceptor, void (*on_closed)(void *arg), void *closed_arg);
/* Ends after the current request (Connection: close), at once when idle. */
void h1_server_drain(struct h1_server *h);

struct h1_pool_options {
	struct conn_target target; /* copied */
	struct h1_limits limits;
	unsigned conn_max; /* at once, busy and idle; requests beyond wait up to queue_timeout_ms */
	uint64_t queue_timeout_ms;
	uint64_t idle_timeout_ms; /* an idle connection is closed after this */
};

/* Client connections to one origin, kept alive and used again. The caller owns it. */
struct h1_pool *h1_pool_new(struct loop *l, const struct h1_pool_options *o);
/*
 * Sends a request; `end` when it has no body (Content-Length in the head or chunked otherwise). A kept connection
 * that died before a byte of the answer came is replaced once when nothing of a body was sent.
 * Never NULL; failure is on_close. The head is copied.
 */
struct http_stream *h1_pool_request(struct h1_pool *p, const struct http_head *head, bool end,
				    const struct http_events *events, void *owner);
/* Resets what is open and frees; takes NULL. */
void h1_pool_free(struct h1_pool *p);

#endif
