/*
 * Which fields of a proxied message pass: lists of what is allowed, the same on central and on the
 * agent.
 *
 * Everything else is dropped, connection-level fields first (gateway attacks A01 to A05): an
 * identity is never taken from what a client sent, and set last.
 */
#ifndef MK8S_GATE_HEADER_FILTER_H
#define MK8S_GATE_HEADER_FILTER_H

#include "lib/base/buf.h"
#include "lib/net/http.h"

#define HEADER_FILTER_MAX 48 /* fields that a filtered head can hold, those added later included */

struct header_list {
	struct http_field at[HEADER_FILTER_MAX];
	size_t count;
};

/* Copies the allowed fields of a request, borrowing their bytes. */
void header_filter_request(const struct http_head *head, struct header_list *ret_list);
/* The same for an answer. */
void header_filter_answer(const struct http_head *head, struct header_list *ret_list);
/*
 * Sets `texts`, and appends what a request with `protocol` needs besides: Sec-WebSocket-Key,
 * -Version, -Protocol and Origin for a WebSocket, X-Stream-Protocol-Version for SPDY. Of
 * subprotocols only those of Kubernetes' streams pass, never the one that carries a credential
 * (gateway attack A04). Borrows from `head` and `texts`, which the caller frees.
 */
void header_filter_upgrade(const struct http_head *head, struct header_list *list,
			   struct buf *texts);
/* The fields of an answer that grants the upgrade; a body's fields are not among them. */
void header_filter_switch(const struct http_head *head, struct header_list *ret_list);
/* Appends a field, borrowing both; beyond HEADER_FILTER_MAX it is an assertion. */
void header_list_add(struct header_list *list, const char *name, struct span value);
/* Takes a field out, wherever it is. */
void header_list_drop(struct header_list *list, const char *name);
/* Whether the request's content type is an apply patch. */
bool header_is_apply_patch(const struct http_head *head);

#endif
