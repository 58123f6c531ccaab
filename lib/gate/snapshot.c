/* The immutable picture: counting references, looking up. */
#include "lib/gate/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/gate/directory_inner.h"
#include "lib/gate/snapshot_inner.h"

struct snapshot *snapshot_new(void)
{
	struct snapshot *s = mem_new(sizeof(*s));

	s->refs = 1;
	s->roles = map_new();
	s->sets = map_new();
	s->users_by_id = map_new();
	s->users_by_email = map_new();
	s->sessions = map_new();
	s->clusters_by_id = map_new();
	s->clusters_by_name = map_new();
	s->certs = map_new();
	return s;
}

static void free_role(void *role)
{
	role_free(role);
}

static void free_set(void *at)
{
	struct role_set *set = at;

	free(set->names);
	free(set->roles);
	free(set->rules_json);
	free(set);
}

static void free_user(void *at)
{
	struct user_entry *entry = at;

	free(entry->email);
	free(entry);
}

static void free_cluster(void *at)
{
	struct cluster_entry *entry = at;

	free(entry->name);
	free(entry);
}

static void free_cert(void *at)
{
	struct cert_entry *entry = at;

	free(entry->serial);
	free(entry);
}

static void free_map(struct map *m, void (*free_value)(void *value))
{
	size_t cursor = 0;
	void *value;

	while (free_value && (value = map_next(m, &cursor)) != NULL)
		free_value(value);
	map_free(m);
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
	(void)atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void snapshot_unref(struct snapshot *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	free_map(s->certs, free_cert);
	free_map(s->clusters_by_name, NULL);
	free_map(s->clusters_by_id, free_cluster);
	free_map(s->sessions, free);
	free_map(s->users_by_email, NULL);
	free_map(s->users_by_id, free_user);
	free_map(s->sets, free_set);
	free_map(s->roles, free_role);
	free(s);
}

const struct snapshot_user *snapshot_user_find(const struct snapshot *s, const char *email)
{
	const struct user_entry *entry;
	char key[256];

	if (directory_lower(email, key) < 0)
		return NULL;
	entry = map_get(s->users_by_email, span_of(key));
	return entry ? &entry->user : NULL;
}

const struct snapshot_user *snapshot_session_user(const struct snapshot *s, const char *sid,
						  int64_t now_unix_s)
{
	const struct session_entry *entry = map_get(s->sessions, span_of(sid));

	if (!entry || entry->expires_unix_s <= now_unix_s || entry->user->disabled)
		return NULL;
	return entry->user;
}

const struct snapshot_cluster *snapshot_cluster_find(const struct snapshot *s,
						     const char *id_or_name)
{
	const struct cluster_entry *entry = map_get(s->clusters_by_id, span_of(id_or_name));

	if (!entry)
		entry = map_get(s->clusters_by_name, span_of(id_or_name));
	return entry ? &entry->cluster : NULL;
}

bool snapshot_cert_valid(const struct snapshot *s, const char *serial, const char *cluster_id,
			 int64_t now_unix_s)
{
	const struct cert_entry *entry = map_get(s->certs, span_of(serial));

	return entry && entry->expires_unix_s > now_unix_s &&
	       strcmp(entry->cluster_id, cluster_id) == 0;
}
