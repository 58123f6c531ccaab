/* What carriers of HTTP streams share: the inside of `struct http_stream`. For lib/net only. */
#ifndef MK8S_NET_HTTP_STREAM_H
#define MK8S_NET_HTTP_STREAM_H

#include "lib/net/conn.h"
#include "lib/net/http.h"

struct http_stream_ops {
	int (*answer)(struct http_stream *s, const struct http_head *head, bool end, struct err *e);
	int (*send)(struct http_stream *s, struct span bytes, struct err *e);
	int (*end)(struct http_stream *s, const struct http_field *trailers, size_t count, struct err *e);
	size_t (*queued)(const struct http_stream *s);
	void (*consume)(struct http_stream *s, size_t len);
	void (*reset)(struct http_stream *s, enum http_reset reason);
};

/* Embedded first in a carrier's own stream. */
struct http_stream {
	const struct http_stream_ops *ops;
	const struct http_events *events;
	void *owner;
	struct conn *conn; /* the carrier's; lives at least as long */
	struct http_head request; /* server side; bytes owned by the carrier's stream */
	bool is_server;
	bool peer_ended;
	struct http_stats stats;
	void (*observer)(void *arg, const struct http_stream *s);
	void *observer_arg;
};

#endif
