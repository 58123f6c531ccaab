/*
 * Unary gRPC over HTTP/2, both roles (the gRPC over HTTP/2 specification; messages are
 * protobuf-c's).
 *
 * content-type application/grpc, te: trailers, grpc-timeout honoured, Trailers-Only errors,
 * percent-encoded grpc-message, compressed messages UNIMPLEMENTED, messages up to GRPC_MESSAGE_MAX.
 */
#ifndef MK8S_NET_GRPC_H
#define MK8S_NET_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/net/http.h"

#define GRPC_MESSAGE_MAX (4 * 1024 * 1024)

enum grpc_status {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_ALREADY_EXISTS = 6,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
};

/* One unary call on its worker. */
struct grpc_call {
	void *app;
	struct span message; /* the request, decoded from its frame */
	struct buf answer; /* the handler appends its message; ceiling GRPC_MESSAGE_MAX */
	struct span peer_cert; /* the client's verified certificate, DER; empty when none */
	const char *peer_ip;
	uint64_t deadline_mono_ms; /* of the client's grpc-timeout, at most 60 s from the start */
};

/* On a worker. GRPC_OK, or another status with the sentence in `e`. */
typedef enum grpc_status grpc_fn(struct grpc_call *call, struct err *e);

struct grpc_method {
	const char *path; /* "/mk8s.agent.v1.AgentService/Register" */
	bool needs_cert; /* without a client certificate: PERMISSION_DENIED */
	grpc_fn *handle;
};

/* The status that fits an error code. */
enum grpc_status grpc_status_of(enum err_code code);
/* And back, for clients. */
enum err_code grpc_err_code(enum grpc_status status);

struct h2;
struct loop;
/* `message` is borrowed during the call; why->code is ERR_NONE on success. */
typedef void grpc_done_fn(void *owner, const struct err *why, enum grpc_status status,
			  struct span message);
/* The client side: one call on an HTTP/2 client connection; done comes once, at the latest after
 * timeout_ms. */
void grpc_call_unary(struct loop *l, struct h2 *h, const char *path, struct span message,
		     uint64_t timeout_ms, grpc_done_fn *done, void *owner);

/* Serves a stream whose path is one of `methods` (else UNIMPLEMENTED); used by lib/net/server. `o`
 * is copied. */
struct pool;
struct grpc_server_options {
	struct loop *loop;
	struct pool *pool;
	void *app;
	const struct grpc_method *methods;
	size_t method_count;
	size_t *held_bytes; /* counts the bytes of messages in memory; on the loop */
	size_t held_max; /* calls beyond it are RESOURCE_EXHAUSTED */
	/* Told of the call's status when it is answered, on the loop; may be NULL. */
	void (*on_status)(struct http_stream *s, enum grpc_status status);
};
void grpc_serve(const struct grpc_server_options *o, struct http_stream *s);
/* Answers with Trailers-Only; takes the stream over. */
void grpc_refuse(struct http_stream *s, enum grpc_status status, const char *sentence);

#endif
