/*
 * Two HTTP streams joined: what comes from one goes out on the other, with back-pressure both
 * ways.
 *
 * `down` is the stream that asked us, `up` the one we ask. Central joins a client's stream to one
 * on a tunnel, the agent a tunnel's stream to one of its API server. Bytes that wait are bounded
 * by the streams' windows: a side that does not read is not read from.
 */
#ifndef MK8S_GATE_RELAY_H
#define MK8S_GATE_RELAY_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/net/http.h"

struct relay;

struct relay_events {
	/* The upstream head came: the owner answers with relay_answer (or relay_refuse). */
	void (*on_head)(void *owner, struct relay *r, const struct http_head *head);
	/* The upstream failed before its head: the owner connects another one or calls relay_refuse. */
	void (*on_failed)(void *owner, struct relay *r, const struct err *why);
	/* Both streams are gone; the last call. `why` is ERR_NONE after an exchange that was whole. */
	void (*on_done)(void *owner, struct relay *r, const struct err *why);
	/* The request's body is whole, and held: no upstream was connected yet. May be NULL. */
	void (*on_held)(void *owner, struct relay *r);
};

/* Takes over a request's stream; its body is held until an upstream is connected. Frees itself after on_done. */
struct relay *relay_new(struct http_stream *down, const struct relay_events *events, void *owner);

/* For the upstream request: `up = ..._request(..., end, &relay_upstream, relay)`, then relay_connect(r, up, end). */
extern const struct http_events relay_upstream;
void relay_connect(struct relay *r, struct http_stream *up, bool up_ended);
/* Whether the request has no body, so that the upstream request may say so at once. */
bool relay_request_ended(const struct relay *r);
/* The request's body so far, while no upstream is connected. Borrowed until then. */
struct span relay_held(const struct relay *r);
/* Whether the whole body so far is still held and nothing was answered, so that another upstream may be connected. */
bool relay_may_retry(const struct relay *r);

/*
 * What the upstream's body becomes on its way down: appends to `out` what goes on of `bytes`, and
 * at the end of the body (`is_end`, no bytes) what is left. -1 cuts the answer.
 */
typedef int relay_filter_fn(void *ctx, struct span bytes, bool is_end, struct buf *out, struct err *e);
/* Before relay_answer, whose head then says no length. `ctx` is borrowed until on_done. */
void relay_set_filter(struct relay *r, relay_filter_fn *filter, void *ctx);
/*
 * Looks at what is passed on after relay_answer, both ways, before it goes; -1 ends both sides. `ctx` is borrowed until
 * on_done.
 */
typedef int relay_tap_fn(void *ctx, bool from_down, struct span bytes, struct err *e);
void relay_set_tap(struct relay *r, relay_tap_fn *tap, void *ctx);
/* While `hold`, the upstream is not read from beyond the window that it has. */
void relay_hold(struct relay *r, bool hold);
/* Passes a head on to the asking side; the body follows by itself. */
void relay_answer(struct relay *r, const struct http_head *head);
#define RELAY_RETRY_NOW 86400u /* for retry_after_s: 0, "try again at once" */
/* Answers by ourselves (before any relay_answer) and ends; an upstream is reset. `retry_after_s` 0: no such field. */
void relay_refuse(struct relay *r, int status, const char *content_type, struct span body, unsigned retry_after_s);
/* Ends both sides now; why goes to on_done. */
void relay_abort(struct relay *r, const struct err *why);

/* The asking side's request head and counters. */
const struct http_head *relay_request(const struct relay *r);
const struct http_stats *relay_stats(const struct relay *r);
struct http_stream *relay_down(const struct relay *r);

#endif
