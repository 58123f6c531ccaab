/* The two rows of a proxied request in the audit trail: when it was decided, and when it ended. */
#ifndef MK8S_GATE_PROXY_AUDIT_H
#define MK8S_GATE_PROXY_AUDIT_H

#include "lib/gate/proxied.h"

/*
 * The `received` row; with `done` it is durable when that is called, on `p`. Fails where the trail
 * takes no rows.
 */
int proxied_audit_received(struct proxied *p, const char *decision, audit_done_fn *done,
			   struct err *e);
/*
 * The `complete` row; none without a `received` one. `why` is how the request ended: ERR_DENIED
 * when its right was taken away while it ran.
 */
void proxied_audit_complete(struct proxied *p, const struct http_stats *stats,
			    const struct err *why);

#endif
