/* What a snapshot holds; for lib/gate/snapshot*.c only. */
#ifndef MK8S_GATE_SNAPSHOT_INNER_H
#define MK8S_GATE_SNAPSHOT_INNER_H

#include <stdatomic.h>

#include "lib/base/map.h"
#include "lib/gate/snapshot.h"

/* A combination of roles; users who hold the same share it. */
struct role_set {
	char *names; /* "developer,viewer" */
	const struct role **roles;
	size_t role_count;
	char *rules_json;
	char rules_sha256[65];
};

struct user_entry {
	struct snapshot_user user; /* points into the entry and its set */
	char id[37];
	char *email;
};

struct session_entry {
	char sid[37];
	const struct snapshot_user *user;
	int64_t expires_unix_s;
};

struct cluster_entry {
	struct snapshot_cluster cluster; /* points into the entry */
	char id[37];
	char *name;
};

struct cert_entry {
	char *serial;
	char cluster_id[37];
	int64_t expires_unix_s;
};

/* The maps' values are the entries, each freed through one map alone. */
struct snapshot {
	_Atomic unsigned refs;
	struct map *roles;            /* name -> struct role; owns */
	struct map *sets;             /* names -> struct role_set; owns */
	struct map *users_by_id;      /* -> struct user_entry; owns */
	struct map *users_by_email;
	struct map *sessions;         /* sid -> struct session_entry; owns */
	struct map *clusters_by_id;   /* -> struct cluster_entry; owns */
	struct map *clusters_by_name;
	struct map *certs;            /* serial -> struct cert_entry; owns */
};

struct snapshot *snapshot_new(void);

#endif
