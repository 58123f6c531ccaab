/*
 * A list or watch over all namespaces by a role that is limited to some: what is asked of the
 * cluster instead, and what of its answer passes (spec/mk8s.md, Authorization: filtered lists;
 * lib/gate/list_filter does the filtering).
 *
 * Upstream is asked for JSON or a JSON Table, uncompressed. `continue` is sealed: bound to user,
 * cluster, path and selectors, so that it tells nothing of other namespaces' names and cannot be
 * used by others or for another question. What a client may change between pages (limit,
 * resourceVersion, timeouts) is not bound.
 */
#ifndef MK8S_GATE_PROXY_FILTER_H
#define MK8S_GATE_PROXY_FILTER_H

#include "lib/gate/header_filter.h"
#include "lib/gate/list_filter.h"
#include "lib/kube/request_info.h"

struct proxy_filter;

struct proxy_filter_options {
	char **namespaces; /* the granted ones; taken, also on failure */
	const struct request_info *info;
	const struct http_head *request;
	struct span target;	 /* of the Kubernetes request */
	const uint8_t *seal_key; /* borrowed for the filter's life */
	const char *user_id, *cluster_id;
};

/*
 * 0 and the filter, which the caller owns; else the status to refuse with, and a sentence: 406 when
 * the client takes neither JSON nor a Table of it, 410 for a `continue` that was not sealed for
 * this question, 400 for a query that cannot be read.
 */
int proxy_filter_new(const struct proxy_filter_options *o, struct proxy_filter **ret_filter,
		     struct err *e);
void proxy_filter_free(struct proxy_filter *f); /* takes NULL */

/*
 * What is asked upstream instead of the target; and the fields, filtered as header_filter_request
 * does. Borrowed from `f`.
 */
struct span proxy_filter_target(const struct proxy_filter *f);
const char *proxy_filter_accept(struct proxy_filter *f); /* the Accept of those fields */
void proxy_filter_request(const struct proxy_filter *f, const struct http_head *request,
			  struct header_list *ret_list);
/*
 * The answer's fields without those that the filter makes untrue. ERR_PROTOCOL for a success that
 * is no plain JSON. Sets whether the body goes through proxy_filter_body: an error's Status does
 * not.
 */
int proxy_filter_answer(const struct http_head *answer, struct header_list *ret_list,
			bool *ret_has_items, struct err *e);
/* A relay_filter_fn on the filter. */
int proxy_filter_body(void *filter, struct span bytes, bool is_end, struct buf *out, struct err *e);

#endif
