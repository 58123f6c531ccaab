/*
 * One small question on the loop: a request whose whole answer is collected, with a deadline.
 *
 *	struct http_ask *a = http_ask_new(loop, 10000, 64 * 1024, done, owner);
 *	http_ask_send(a, h2_request(h, &head, body.len == 0, &http_ask_events, a), body);
 */
#ifndef MK8S_NET_HTTP_ASK_H
#define MK8S_NET_HTTP_ASK_H

#include "lib/net/http.h"
#include "lib/net/loop.h"

struct http_ask;

/* Once; why->code ERR_NONE: `status` and `body` (borrowed during the call) are the whole answer. */
typedef void http_ask_fn(void *owner, const struct err *why, int status, struct span body);

/* Frees itself after `done`. */
struct http_ask *http_ask_new(struct loop *l, uint64_t timeout_ms, size_t answer_max,
			      http_ask_fn *done, void *owner);
extern const struct http_events http_ask_events;
/* `s` was opened with http_ask_events and `a`. An empty body: the request said that it ends. */
void http_ask_send(struct http_ask *a, struct http_stream *s, struct span body);

#endif
