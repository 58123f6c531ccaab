/* What carriers of HTTP streams share: the inside of `struct http_stream`. For lib/net only. */
#ifndef MK8S_NET_HTTP_STREAM_H
#define MK8S_NET_HTTP_STREAM_H

#include "lib/net/conn.h"
#include "lib/net/http.h"

/* Callers are http.c alone, which has checked the stream's state. */
struct http_stream_ops {
	int (*answer)(struct http_stream *s, const struct http_head *head, bool end, struct err *e);
	int (*send)(struct http_stream *s, struct span bytes, struct err *e);
	int (*end)(struct http_stream *s, const struct http_field *trailers, size_t count, struct err *e);
	size_t (*queued)(const struct http_stream *s);
	void (*consume)(struct http_stream *s, size_t len);
	void (*reset)(struct http_stream *s, enum http_reset reason);
	void (*unwant)(struct http_stream *s); /* servers only */
};

/* Embedded first in a carrier's own stream. */
struct http_stream {
	const struct http_stream_ops *ops;
	const struct http_events *events;
	void *owner;
	struct conn *conn; /* the carrier's; lives at least as long; NULL before there is one (client pools) */
	struct http_head request; /* server side; bytes owned by the carrier's stream */
	bool is_server;
	int raw_status; /* the answer's status that makes the stream raw; 0: none does */
	bool raw;
	bool unwanted; /* the peer's bytes are */
	bool peer_ended;
	bool answered; /* server: our head was given */
	bool ended;    /* our message was ended */
	bool may_stall; /* http_stream_allow_stall */
	bool is_reset; /* by the owner: no event comes but on_close */
	bool was_high; /* queued output was above the low water; on_drain is due */
	size_t unconsumed; /* body bytes given to the owner and not consumed */
	struct http_stats stats;
	void (*observer)(void *arg, const struct http_stream *s);
	void *observer_arg;
};

/* Sets what is not zero in a new stream. */
void http_stream_init(struct http_stream *s, const struct http_stream_ops *ops, struct conn *conn, bool is_server);

/* Deliver to the owner, unless it has reset the stream. */
void http_stream_emit_head(struct http_stream *s, const struct http_head *head);
void http_stream_emit_body(struct http_stream *s, struct span bytes);
void http_stream_emit_end(struct http_stream *s, const struct http_field *trailers, size_t count);
/* To be called after output went: on_drain when `queued` fell below the low water. */
void http_stream_emit_drain(struct http_stream *s);
/* The observer, then on_close (with ERR_NONE when the owner has reset). The carrier frees the stream afterwards. */
void http_stream_emit_close(struct http_stream *s, const struct err *why);

#endif
