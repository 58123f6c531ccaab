/*
 * The streams of an exec or attach session, read as their bytes pass by: what the command wrote and the terminal's
 * sizes. WebSocket with the subprotocols of Kubernetes (v4, v5 and older, binary and base64), and SPDY/3.1. Pure.
 */
#ifndef MK8S_GATE_EXEC_STREAM_H
#define MK8S_GATE_EXEC_STREAM_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/net/http.h"

struct exec_events {
	/* `stream` is 1 for standard output, 2 for standard error. Borrowed during the call. */
	void (*on_output)(void *owner, int stream, struct span bytes);
	void (*on_resize)(void *owner, unsigned width, unsigned height);
};

/* Whether every answer that grants this upgrade could be read: it asks for nothing else than what is known here. */
bool exec_stream_is_known(const struct http_head *request);

struct exec_stream;

/*
 * Of a granted upgrade: its request, and the answer that grants it. NULL and ERR_PROTOCOL when the subprotocol is
 * none of those above. The caller owns the result.
 */
struct exec_stream *exec_stream_new(const struct http_head *request, const struct http_head *answer,
				    const struct exec_events *events, void *owner, struct err *e);
/* Takes NULL. */
void exec_stream_free(struct exec_stream *s);
/*
 * Takes what came from the client or from the server. -1 when it cannot be read (ERR_PROTOCOL, ERR_LIMIT); nothing
 * more is to be fed then.
 */
int exec_stream_feed(struct exec_stream *s, bool from_client, struct span bytes, struct err *e);

#endif
