/*
 * A SelfSubjectRulesReview on its way: asked for in JSON, its answer held until it is whole and cut
 * down to what central's roles allow.
 */
#ifndef MK8S_GATE_PROXY_RULES_H
#define MK8S_GATE_PROXY_RULES_H

#include "lib/gate/header_filter.h"
#include "lib/gate/proxied.h"

/* The fields to send: those that pass, with Accept set. Borrows. */
void proxy_rules_request(const struct http_head *request, struct header_list *ret_list);
/* A relay_filter_fn; `proxied` is the struct proxied. */
int proxy_rules_body(void *proxied, struct span bytes, bool is_end, struct buf *out, struct err *e);

#endif
