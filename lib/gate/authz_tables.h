/*
 * What Kubernetes itself brings: built-in resources with their groups, and which requests need
 * which role verb.
 */
#ifndef MK8S_GATE_AUTHZ_TABLES_H
#define MK8S_GATE_AUTHZ_TABLES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether a plural written without a group means this group: the core group (""), or the built-in
 * one.
 */
bool authz_group_is_builtin(const char *plural, const char *group);

/*
 * The group that a plural without one means: the first built-in one that has it, else the core's
 * "".
 */
const char *authz_builtin_group(const char *plural);

/* The built-in resources by number, from 0; false beyond the last. */
bool authz_builtin_at(size_t index, const char **ret_plural, const char **ret_group);

/* Whether the built-in resource belongs to no namespace. Unknown ones do not count. */
bool authz_is_cluster_scoped(const char *group, const char *resource);

/* The verbs of requests that roles know by the same word; NULL-terminated. */
extern const char *const authz_plain_verbs[];

/*
 * The role verb for a resource request as the contract's table maps it; "" when no role can allow
 * it. A review may ask for any ("*") group, resource or subresource: that is "*" but for list and
 * watch, as any other verb is told apart by what it is asked for.
 */
const char *authz_role_verb(const char *verb, const char *group, const char *resource,
			    const char *subresource);

/* A review of the caller's own rights, which whoever sees the cluster may ask for. */
bool authz_is_self_review(const char *verb, const char *group, const char *resource);

/* Discovery and health: paths that whoever sees the cluster may read. `path` is decoded. */
bool authz_is_discovery(const char *verb, const char *path);

#endif
