/*
 * The one rule of authorization, called by central for every request and by the agent again
 * (spec/mk8s.md, Authorization: the one rule). Pure: no clock, no I/O.
 */
#ifndef MK8S_GATE_AUTHZ_H
#define MK8S_GATE_AUTHZ_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/gate/role.h"
#include "lib/kube/request_info.h"

struct authz_request {
	const char *cluster;
	const struct request_info *info;
	bool apply_patch; /* content type application/apply-patch+yaml or +cbor: makes the object where it is new */
};

struct authz_answer {
	bool allowed;
	bool filtered;  /* only for what is in authz_filter_namespaces: the answer is to be filtered */
	bool only_existing; /* an apply patch without `create`: allowed where the object is there already */
	char verb[24];  /* the role verb that was asked for: "logs", "get", "admin", ... ; "" for discovery */
	char rule[200]; /* which role and rule allowed: "developer, rule 1 (dev-*)"; "" when denied */
};

/*
 * Decides. `roles` are the user's, in any order; an empty list grants nothing. A list or watch over
 * all namespaces by roles that are limited to some is allowed with `filtered`. What such a
 * request's answer is upgraded to is never filtered: it must not be forwarded as an upgrade.
 */
void authz_decide(const struct role *const *roles, size_t role_count,
		  const struct authz_request *rq, struct authz_answer *ret_answer);

/*
 * The namespaces of all rules that cover a filtered request; NULL-terminated, without doubles;
 * words_free. Never NULL.
 */
char **authz_filter_namespaces(const struct role *const *roles, size_t role_count,
			       const struct authz_request *rq);

/* What a rule lacks for a request, the first of these in this order. */
enum authz_lack {
	AUTHZ_LACKS_NOTHING,
	AUTHZ_LACKS_CLUSTER,
	AUTHZ_LACKS_VERB,
	AUTHZ_LACKS_RESOURCE,
	AUTHZ_LACKS_NAMESPACE,
};

/*
 * For people who ask why. `verb` is the role verb, as an answer names it. A rule whose namespaces
 * a filtered request shows lacks nothing.
 */
enum authz_lack authz_rule_lacks(const struct role_rule *rule, const struct authz_request *rq,
				 const char *verb);

/*
 * Whether any rule of the roles names the cluster: who sees none of it gets the answer of an
 * unknown cluster.
 */
bool authz_sees_cluster(const struct role *const *roles, size_t role_count, const char *cluster);

/*
 * Whether any role is the administrator of central: a rule with cluster, namespaces, verbs,
 * resources all "*".
 */
bool authz_is_admin(const struct role *const *roles, size_t role_count);

/*
 * Whether the request changes something (audit row durable before it is forwarded; exec, attach,
 * port-forward too).
 */
bool authz_is_change(const struct request_info *info);

/*
 * The denial's sentence: `user "dev@example.com" cannot delete resource "pods" in API group "" in
 * the namespace "x" of cluster "c": roles looked at: developer, viewer`. Cut to the size.
 */
void authz_denial(const char *user, const struct role *const *roles, size_t role_count,
		  const struct authz_request *rq, const struct authz_answer *answer, char *into,
		  size_t into_size);

#endif
