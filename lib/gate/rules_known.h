/*
 * The resources that may take the place of "any" in a rule: those that Kubernetes brings, and those
 * that roles name.
 */
#ifndef MK8S_GATE_RULES_KNOWN_H
#define MK8S_GATE_RULES_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/gate/authz_question.h"
#include "lib/gate/role.h"

struct rules_known {
	struct rules_known_one {
		struct authz_question q; /* group, resource and subresource */
		char *text;		 /* what they are cut from, or NULL */
	} * at;
	size_t count;
	bool has_wide_role; /* a role covers any resource of the cluster */
};

/* Fills a zeroed list for a cluster; the roles must outlive it. */
void rules_known_find(struct rules_known *k, const struct role *const *roles, size_t role_count,
		      const char *cluster);
void rules_known_free(struct rules_known *k);

#endif
