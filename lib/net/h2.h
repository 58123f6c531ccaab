/*
 * HTTP/2 on a connection, in both roles (nghttp2 frames and compresses).
 *
 * Windows (spec/mk8s.md, Rules of the tunnel): the connection window is credited on receipt, a stream's window on
 * http_stream_consume. So a stalled reader stalls only its own stream. Floods (reset, SETTINGS, PING, CONTINUATION,
 * empty frames) end the connection with ENHANCE_YOUR_CALM.
 */
#ifndef MK8S_NET_H2_H
#define MK8S_NET_H2_H

#include "lib/net/conn.h"
#include "lib/net/http.h"
#include "lib/net/loop.h"

struct h2_limits {
	uint32_t stream_max;        /* concurrent streams that the peer may open */
	uint32_t stream_window;     /* bytes, 64 KiB .. 1 MiB */
	uint32_t conn_window;       /* bytes */
	size_t head_max;            /* bytes of one header list */
	size_t field_count_max;
	uint64_t ping_interval_ms;  /* 0: no PING; the peer is dead after three without answer */
	uint64_t idle_timeout_ms;   /* without any stream; 0: never */
	uint64_t write_timeout_ms;  /* without progress of output, of the connection or of one stream; 0: never */
	/*
	 * The same of a stream that allows it (http_stream_allow_stall); 0: as any other. With
	 * `tcp_is_life` also of the connection, and of its PINGs, while it has such a stream and TCP is
	 * acknowledged: the peer's process may be stopped.
	 */
	uint64_t stall_timeout_ms;
	bool tcp_is_life;
	uint64_t body_timeout_ms;   /* a request body without progress while its window is open; 0: never */
	bool extended_connect;      /* server: upgrades are taken (RFC 8441), as requests with `protocol` */
	uint32_t reset_rate;        /* streams a second that the peer may reset, thirty times as many at once; 0: 33 */
};

struct h2;

struct h2_events {
	void (*on_ready)(void *owner, struct h2 *h);  /* the peer's SETTINGS came; may be NULL */
	void (*on_goaway)(void *owner, struct h2 *h); /* the peer takes no more requests; may be NULL */
	void (*on_close)(void *owner, struct h2 *h, const struct err *why); /* after every stream's own on_close */
};

/* Takes the conn over. The HTTP/2 server role: requests go to `acceptor`. Frees itself after on_close. */
struct h2 *h2_server_new(struct loop *l, struct conn *c, const struct h2_limits *limits,
			 const struct http_acceptor *acceptor, const struct h2_events *events, void *owner);
/* Takes the conn over. The client role. */
struct h2 *h2_client_new(struct loop *l, struct conn *c, const struct h2_limits *limits,
			 const struct h2_events *events, void *owner);
/*
 * Opens a stream; failure is on_close. With `protocol` it is an extended CONNECT, which the peer
 * must take. `end`: no body. The head is copied. Never NULL.
 */
struct http_stream *h2_request(struct h2 *h, const struct http_head *head, bool end, const struct http_events *events,
			       void *owner);
/* Whether a request may be opened now: ready, no GOAWAY, below the peer's limit of streams. */
bool h2_may_request(const struct h2 *h);
/* Whether the peer takes requests with `protocol` (RFC 8441); known once it is ready. */
bool h2_may_upgrade(const struct h2 *h);
size_t h2_stream_count(const struct h2 *h);
/* GOAWAY; closes when the open streams ended. */
void h2_drain(struct h2 *h);
/* Closes now; streams get their on_close, then on_close. */
void h2_close(struct h2 *h);
struct conn *h2_conn(struct h2 *h);

#endif
