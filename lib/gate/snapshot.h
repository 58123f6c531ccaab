/*
 * The immutable picture of users, sessions, roles and clusters from which the loop decides.
 *
 * Built from the store on a worker after every change, counted, swapped in whole. Readers hold a
 * reference and never a lock. Every pointer from a snapshot lives as long as the reference.
 */
#ifndef MK8S_GATE_SNAPSHOT_H
#define MK8S_GATE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/gate/role.h"

struct directory;
struct snapshot;

struct snapshot_user {
	const char *id;
	const char *email;
	bool disabled;
	const struct role *const *roles;
	size_t role_count;
	const char *rules_json;   /* {"roles":[...]}: what the agent gets to check again */
	const char *rules_sha256; /* hex of its SHA-256 */
	const char *role_names;   /* "developer,viewer" */
};

struct snapshot_cluster {
	const char *id;
	const char *name;
};

/* Reads everything in one transaction. The caller owns one reference. */
int snapshot_build(struct directory *d, struct snapshot **ret_snapshot, struct err *e);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s); /* takes NULL */

/* NULL when there is none. */
const struct snapshot_user *snapshot_user_find(const struct snapshot *s, const char *email);
/*
 * The user of a live session; NULL when the session is unknown, ended or expired, or its user is
 * disabled.
 */
const struct snapshot_user *snapshot_session_user(const struct snapshot *s, const char *sid,
						  int64_t now_unix_s);
/* By UUID or name. */
const struct snapshot_cluster *snapshot_cluster_find(const struct snapshot *s,
						     const char *id_or_name);
/*
 * Whether the agent certificate with this serial (hex) is in force for the cluster with this UUID.
 */
bool snapshot_cert_valid(const struct snapshot *s, const char *serial, const char *cluster_id,
			 int64_t now_unix_s);

#endif
