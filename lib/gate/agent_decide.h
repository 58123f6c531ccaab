/*
 * The agent's own decision about a Kubernetes request: central's rules for the user, which the link
 * holds, then the local cap of agent.yaml (spec/mk8s.md, Authorization).
 */
#ifndef MK8S_GATE_AGENT_DECIDE_H
#define MK8S_GATE_AGENT_DECIDE_H

#include "lib/gate/agent_rules.h"
#include "lib/gate/agent_state.h"
#include "lib/gate/authz.h"

struct agent_question {
	struct agent_rules *rules; /* of the link that the request came on */
	struct span rules_sha256;
	struct span user;
	struct span method; /* empty: an upgrade without one */
	struct span target;
	bool apply_patch;
};

/*
 * 0 with the answer when it is allowed; `info` is overwritten with the parsed request. ERR_NOT_FOUND
 * when the rules are not held, ERR_INPUT for a request that cannot be parsed, ERR_DENIED.
 */
int agent_decide(const struct agent *a, const struct agent_question *q, struct request_info *info,
		 struct authz_answer *ret_answer, struct err *e);

#endif
