/*
 * A proxied request's leg to the cluster: through the tunnel to its agent, and the agent's answer
 * back (proto/REVERSE.md).
 */
#ifndef MK8S_GATE_PROXY_UPSTREAM_H
#define MK8S_GATE_PROXY_UPSTREAM_H

#include "lib/gate/proxied.h"

/* Sends an allowed request to the agent, teaching it the user's rules first where it lacks them. */
void proxied_forward(struct proxied *p);
/* relay_events of the leg: the agent's answer began, or will not come. */
void proxied_on_head(void *owner, struct relay *r, const struct http_head *head);
void proxied_on_failed(void *owner, struct relay *r, const struct err *why);

#endif
