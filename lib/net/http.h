/*
 * The vocabulary of HTTP messages, and one stream: a request and its answer, whatever carries them.
 *
 * A stream is the same thing on an HTTP/1.1 server connection, an HTTP/2 server connection, an HTTP/1.1 client
 * connection and an HTTP/2 client connection (also the reversed one): head, body both ways with back-pressure, end,
 * reset. So a proxy is two streams and a pump. Sources: RFC 9110, 9112, 9113.
 */
#ifndef MK8S_NET_HTTP_H
#define MK8S_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/span.h"

struct http_field {
	struct span name; /* lower case, always */
	struct span value;
};

struct http_head {
	struct span method;    /* requests; "" on answers */
	struct span scheme;    /* "https" or "http"; empty on HTTP/1.1 requests that came (the listener knows) */
	struct span authority; /* Host or :authority */
	struct span target;    /* path and query as sent, origin form: begins with '/' (or is "*" for OPTIONS) */
	/*
	 * Requests: what the stream is to become, "websocket" or "spdy/3.1"; empty: nothing. On HTTP/1.1 an Upgrade, on
	 * HTTP/2 extended CONNECT (RFC 8441), whose method is CONNECT whatever the caller gives.
	 */
	struct span protocol;
	int status;            /* answers; 0 on requests */
	const struct http_field *fields; /* without Host, which is `authority` */
	size_t field_count;
};

/* The value of the first field `name` (lower case), or NULL. */
const struct span *http_field_find(const struct http_head *head, const char *name);
/* How many fields have that name. */
size_t http_field_count(const struct http_head *head, const char *name);
/* Whether `name` is a connection-level field (RFC 9110 7.6.1): connection, keep-alive, te, trailer, transfer-encoding,
 * upgrade, proxy-connection, proxy-authorization, proxy-authenticate, or one that `head`'s own Connection lists. */
bool http_field_is_hop(const struct http_head *head, struct span name);
/* The reason phrase of a status, or "". */
const char *http_reason(int status);

struct http_stream;

struct http_events {
	/* Client side: the final answer's head (1xx are passed over). Lives as long as the stream. */
	void (*on_head)(void *owner, struct http_stream *s, const struct http_head *head);
	/* Body bytes, borrowed during the call. They count against the window until http_stream_consume. */
	void (*on_body)(void *owner, struct http_stream *s, struct span bytes);
	/* The peer's message is whole, also one without a body. Trailers may be none. */
	void (*on_end)(void *owner, struct http_stream *s, const struct http_field *trailers, size_t count);
	/* Queued output fell below HTTP_STREAM_LOW_WATER after it had been above. */
	void (*on_drain)(void *owner, struct http_stream *s);
	/* The last call: ERR_NONE when both directions ended in order. The stream is gone when it returns. */
	void (*on_close)(void *owner, struct http_stream *s, const struct err *why);
};

#define HTTP_STREAM_LOW_WATER (64 * 1024)
/*
 * More queued than this: http_stream_send fails with ERR_LIMIT. Whoever passes a peer's bytes on
 * and pays for them below some bound may still get that peer's whole window (1 MiB) behind it.
 */
#define HTTP_STREAM_QUEUE_MAX (2 * 1024 * 1024)

/* Where a new request is handed out. The callee calls http_stream_attach before it returns. */
struct http_acceptor {
	void (*on_request)(void *owner, struct http_stream *s);
	void *owner;
};

void http_stream_attach(struct http_stream *s, const struct http_events *events, void *owner);

/* Server side: the request; lives as long as the stream. Client side: NULL. */
const struct http_head *http_stream_request(const struct http_stream *s);
/* Whether the peer's message has no body at all (its end came with the head). */
bool http_stream_ended(const struct http_stream *s);

/*
 * Upgrades. A request with `protocol` becomes a raw stream when it is answered with 101 (HTTP/1.1)
 * or 200 (HTTP/2): from then on body bytes are the protocol's, on_end is the peer's half-close and
 * http_stream_end ours, there are no trailers and no timeouts of bodies and output. Any other
 * answer is an ordinary one, and ends an HTTP/1.1 connection.
 *
 * On HTTP/1.1 an Upgrade is ignored unless the owner says, before it answers, that it may grant
 * it. Then the request counts as not ended, and what the peer sends before the 101 is held back;
 * it is dropped after another answer.
 */
void http_stream_await_upgrade(struct http_stream *s);
/* Whether the stream is raw. */
bool http_stream_is_raw(const struct http_stream *s);
/* Server side, raw, our side ended: nothing more is wanted from the peer, so the stream ends when our bytes are out. */
void http_stream_unwant(struct http_stream *s);

/* Server side: the answer's head; `end` when no body follows. Everything is copied. */
int http_stream_answer(struct http_stream *s, const struct http_head *head, bool end, struct err *e);
/* Queues a copy of body bytes. Callers watch http_stream_queued and stop above a bound of their own. */
int http_stream_send(struct http_stream *s, struct span bytes, struct err *e);
/* Ends our message, with trailers on HTTP/2 (and chunked HTTP/1.1). */
int http_stream_end(struct http_stream *s, const struct http_field *trailers, size_t count, struct err *e);
/* Body bytes queued and not yet passed to the connection. */
size_t http_stream_queued(const struct http_stream *s);
/*
 * Server side: the peer may leave unread what waits for it for the carrier's stall_timeout_ms, not
 * just its write_timeout_ms: behind a watch or a log there may be a pager, or a stopped terminal.
 */
void http_stream_allow_stall(struct http_stream *s);
/* Gives `len` bytes of window back to the peer. */
void http_stream_consume(struct http_stream *s, size_t len);

enum http_reset { HTTP_RESET_CANCEL, HTTP_RESET_REFUSED, HTTP_RESET_INTERNAL };
/* Ends both directions now (RST_STREAM, or closing an HTTP/1.1 connection); on_close follows with ERR_NONE. */
void http_stream_reset(struct http_stream *s, enum http_reset reason);

/* What the carrying connection knows of its peer. Live as long as the stream. */
const char *http_stream_peer_ip(const struct http_stream *s);
struct span http_stream_peer_cert(const struct http_stream *s);

/* Counted by the stream itself, for access logs and audit. */
struct http_stats {
	uint64_t started_us;    /* monotonic */
	uint64_t first_byte_us; /* monotonic; when the answer's head came or was sent; 0 before */
	uint64_t bytes_in, bytes_out; /* body bytes, as seen from us */
	int status;             /* 0 before the head */
};
const struct http_stats *http_stream_stats(const struct http_stream *s);
/* Calls fn just before on_close; one observer a stream (the server frame's access log). */
void http_stream_observe(struct http_stream *s, void (*fn)(void *arg, const struct http_stream *s), void *arg);

#endif
