/*
 * A call with many messages both ways, on the loop, in both roles (the gRPC over HTTP/2
 * specification). Messages go out in order as the peer reads; what comes is held back with
 * grpc_stream_hold.
 */
#ifndef MK8S_NET_GRPC_STREAM_H
#define MK8S_NET_GRPC_STREAM_H

#include "lib/net/grpc.h"

#define GRPC_STREAM_QUEUE_MAX (8 * 1024 * 1024) /* bytes waiting to go out; beyond: ERR_LIMIT */
#define GRPC_STREAM_LOW_WATER (128 * 1024)

struct grpc_stream;

struct grpc_stream_events {
	/* A message, borrowed during the call. */
	void (*on_message)(void *owner, struct grpc_stream *g, struct span message);
	/* The server's side: the peer sends no more messages. May be NULL. */
	void (*on_end)(void *owner, struct grpc_stream *g);
	/* What waits to go out fell below GRPC_STREAM_LOW_WATER after it had been above. May be NULL. */
	void (*on_drain)(void *owner, struct grpc_stream *g);
	/*
	 * The last call; `g` is gone when it returns. GRPC_OK with ERR_NONE: the call ended in order, by
	 * the server's status. After our own grpc_stream_cancel: GRPC_CANCELLED.
	 */
	void (*on_close)(void *owner, struct grpc_stream *g, const struct err *why,
			 enum grpc_status status);
};

struct grpc_stream_options {
	const struct grpc_stream_events *events;
	void *owner;
	size_t message_max; /* bytes of one message that comes; at most GRPC_MESSAGE_MAX */
};

struct h2;
/* The client's side: begins a call on an HTTP/2 connection. Never NULL; failure is on_close. */
struct grpc_stream *grpc_stream_call(struct h2 *h, const char *path,
				     const struct grpc_stream_options *o);
/*
 * The server's side: takes a request over and answers its head. NULL, with the stream refused
 * (Trailers-Only), for what is no gRPC call.
 */
struct grpc_stream *grpc_stream_serve(struct http_stream *s, const struct grpc_stream_options *o);

/* Queues a message; ERR_LIMIT above GRPC_STREAM_QUEUE_MAX. After the end nothing is sent. */
int grpc_stream_send(struct grpc_stream *g, struct span message, struct err *e);
/* Bytes that wait to go out. */
size_t grpc_stream_queued(const struct grpc_stream *g);
/* While true the peer's window is not given back: at most that window still comes. */
void grpc_stream_hold(struct grpc_stream *g, bool hold);
/* The server's side: ends the call with a status, behind what waits. */
void grpc_stream_finish(struct grpc_stream *g, enum grpc_status status, const char *sentence);
/* Ends the call now; on_close follows. */
void grpc_stream_cancel(struct grpc_stream *g);

#endif
