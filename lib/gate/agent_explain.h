/* What an API server's 403 means to a user when it is the agent's manifest that is behind. */
#ifndef MK8S_GATE_AGENT_EXPLAIN_H
#define MK8S_GATE_AGENT_EXPLAIN_H

#include "lib/base/buf.h"
#include "lib/net/http.h"

struct agent_explain {
	const char *cluster; /* as the sentence names it; borrowed */
	struct buf body;     /* of the answer, up to EXPLAIN_MAX */
	bool passes;         /* it is longer: no Status of ours */
};

#define EXPLAIN_MAX ((size_t)16 * 1024)

/* Whether the answer may be such a 403, whose body is worth a look: JSON as it stands. */
bool agent_explain_wants(const struct http_head *answer);
void agent_explain_init(struct agent_explain *x, const char *cluster);
/* A relay_filter_fn; `ctx` is a struct agent_explain. A Status that says what the agent may not gets the remedy. */
int agent_explain_body(void *ctx, struct span bytes, bool is_end, struct buf *out, struct err *e);
void agent_explain_free(struct agent_explain *x);

#endif
