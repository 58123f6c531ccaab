/*
 * The answer of a SelfSubjectRulesReview as central's roles leave it (spec/mk8s.md, Authorization):
 * of the API server's rules what the roles allow, too. Pure.
 *
 * It never says more than both allow. A rule for any resource ("*") stays one for the verbs that
 * the roles grant on every resource; for the others the resources that Kubernetes brings and those
 * that the roles name take its place, and the answer says that it is incomplete where the roles
 * cover more than those.
 */
#ifndef MK8S_GATE_RULES_REVIEW_H
#define MK8S_GATE_RULES_REVIEW_H

#include "lib/base/buf.h"
#include "lib/gate/authz.h"

#define RULES_REVIEW_MAX (1024 * 1024) /* bytes of an answer */

struct rules_review {
	const char *cluster, *namespace; /* names */
	const struct role *const *roles;
	size_t role_count;
	struct request_info *scratch; /* overwritten */
};

/* Appends what stays of the API server's `answer`, JSON. ERR_PROTOCOL for what is no such answer. */
int rules_review_limit(const struct rules_review *r, struct span answer, struct buf *into,
		       struct err *e);

#endif
