/*
 * The rules that central sent on one link, by their SHA-256; the least recently used ones give
 * way.
 */
#ifndef MK8S_GATE_AGENT_RULES_H
#define MK8S_GATE_AGENT_RULES_H

#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/gate/role.h"

#define AGENT_RULES_MAX 1024 /* documents kept a link */
#define AGENT_RULES_BODY_MAX (1024 * 1024)

struct agent_rules;

struct agent_rules *agent_rules_new(void);
void agent_rules_free(struct agent_rules *r); /* takes NULL */
/* Keeps a document. ERR_INPUT when its SHA-256 is not `sha256` or it is no role document. */
int agent_rules_put(struct agent_rules *r, struct span sha256, struct span json, struct err *e);
/* NULL when it is not held; else the roles, borrowed until the next put. */
const struct role_document *agent_rules_find(struct agent_rules *r, struct span sha256);

#endif
