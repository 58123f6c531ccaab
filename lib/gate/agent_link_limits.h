/* The limits of the agent's connections to central, and where they go. For the agent's files. */
#ifndef MK8S_GATE_AGENT_LINK_LIMITS_H
#define MK8S_GATE_AGENT_LINK_LIMITS_H

#include "lib/gate/agent_state.h"

extern const struct h2_limits agent_h2_limits;
/* Central's agent port; honours HTTPS_PROXY and NO_PROXY. Strings live as long as the agent. */
struct conn_target agent_target(const struct agent *a, struct tls *tls);

#endif
