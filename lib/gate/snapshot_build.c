/* Building a snapshot from the store. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/crypto/hash.h"
#include "lib/gate/directory_inner.h"
#include "lib/gate/snapshot_inner.h"
#include "lib/gate/words.h"

static const size_t rules_json_max = 64 * 1024 * 1024;

static int read_roles(struct store *st, struct snapshot *s, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	int got;

	if (store_select(st, "SELECT permissions FROM roles", STORE_NO_ARGS, &rows, e) < 0)
		return -1;
	while ((got = store_next(&rows, e)) > 0) {
		struct role *role;

		if (directory_role_read(store_str(&rows, 0), &role, e) < 0)
			return -1;
		(void)map_put(s->roles, span_of(role->name), role); /* names are unique */
	}
	return got;
}

static int read_users(struct store *st, struct snapshot *s, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	int got;

	if (store_select(st, "SELECT id, email, disabled FROM users", STORE_NO_ARGS, &rows, e) < 0)
		return -1;
	while ((got = store_next(&rows, e)) > 0) {
		struct user_entry *entry = mem_new(sizeof(*entry));

		(void)span_to_str(store_bytes(&rows, 0), entry->id, sizeof(entry->id)); /* as the directory wrote it */
		entry->email = mem_dup_str(store_str(&rows, 1));
		entry->user = (struct snapshot_user){ .id = entry->id,
						      .email = entry->email,
						      .disabled = store_int(&rows, 2) != 0 };
		(void)map_put(s->users_by_id, span_of(entry->id), entry);
		(void)map_put(s->users_by_email, span_of(entry->email), entry);
	}
	return got;
}

static void set_print_rules(struct role_set *set)
{
	struct buf text;

	buf_init(&text, rules_json_max);
	(void)buf_put_str(&text, "{\"roles\":[");
	for (size_t i = 0; i < set->role_count; i++) {
		if (i > 0)
			(void)buf_put_char(&text, ',');
		role_print(set->roles[i], &text);
	}
	(void)buf_put_str(&text, "]}");
	set->rules_json = buf_take_str(&text);
	hash_sha256_hex(span_of(set->rules_json), set->rules_sha256);
}

/* The set of these roles; `names` are sorted, and each is a role in `s`. */
static const struct role_set *set_find_or_make(struct snapshot *s, const char *const *names)
{
	size_t count = words_count(names);
	AUTO_BUF struct buf key;
	struct role_set *set;

	buf_init(&key, rules_json_max);
	for (size_t i = 0; i < count; i++)
		(void)buf_printf(&key, "%s%s", i > 0 ? "," : "", names[i]);
	set = map_get(s->sets, span_of(buf_str(&key)));
	if (set)
		return set;
	set = mem_new(sizeof(*set));
	set->names = mem_dup_str(buf_str(&key));
	set->roles = mem_new_array(count, sizeof(*set->roles));
	for (size_t i = 0; i < count; i++) {
		const struct role *role = map_get(s->roles, span_of(names[i]));

		if (role) /* a damaged row may hold another name than its role: then it grants nothing */
			set->roles[set->role_count++] = role;
	}
	set_print_rules(set);
	(void)map_put(s->sets, span_of(set->names), set);
	return set;
}

static void user_give(struct snapshot *s, const char *user_id, const char *const *names)
{
	struct user_entry *entry = map_get(s->users_by_id, span_of(user_id));
	const struct role_set *set;

	if (!entry)
		return;
	set = set_find_or_make(s, names);
	entry->user.roles = set->roles;
	entry->user.role_count = set->role_count;
	entry->user.rules_json = set->rules_json;
	entry->user.rules_sha256 = set->rules_sha256;
	entry->user.role_names = set->names;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One user's names at a time, sorted as bytes: an engine's own order may follow a language. */
static int read_grants(struct store *st, struct snapshot *s, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	char **names = mem_new(sizeof(*names));
	char user_id[37] = "";
	size_t count = 0;
	int got = store_select(st,
			       "SELECT ur.user_id, r.name FROM user_roles ur JOIN roles r ON r.id = ur.role_id "
			       "ORDER BY ur.user_id",
			       STORE_NO_ARGS, &rows, e);

	while (got >= 0) {
		got = store_next(&rows, e);
		if (got <= 0 || strcmp(user_id, store_str(&rows, 0)) != 0) {
			qsort(names, count, sizeof(*names), compare_names);
			user_give(s, user_id, (const char *const *)names);
			words_free(names);
			names = mem_new(sizeof(*names));
			count = 0;
		}
		if (got <= 0)
			break;
		(void)span_to_str(store_bytes(&rows, 0), user_id, sizeof(user_id));
		words_add(&names, count++, store_str(&rows, 1));
	}
	words_free(names);
	return got;
}

static void give_none_to_the_rest(struct snapshot *s)
{
	static const char *const none[] = { NULL };
	const struct user_entry *entry;
	size_t cursor = 0;

	while ((entry = map_next(s->users_by_id, &cursor)) != NULL)
		if (!entry->user.role_names)
			user_give(s, entry->id, none);
}

static int read_sessions(struct store *st, struct snapshot *s, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	int got;

	if (store_select(st, "SELECT sid, user_id, expires_unix_s FROM sessions WHERE expires_unix_s > $1",
			 STORE_ARGS(STORE_INT(clock_unix_s())), &rows, e) < 0)
		return -1;
	while ((got = store_next(&rows, e)) > 0) {
		const struct user_entry *user = map_get(s->users_by_id, store_bytes(&rows, 1));
		struct session_entry *entry;

		if (!user)
			continue;
		entry = mem_new(sizeof(*entry));
		(void)span_to_str(store_bytes(&rows, 0), entry->sid, sizeof(entry->sid));
		entry->user = &user->user;
		entry->expires_unix_s = store_int(&rows, 2);
		(void)map_put(s->sessions, span_of(entry->sid), entry);
	}
	return got;
}

static int read_clusters(struct store *st, struct snapshot *s, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	int got;

	if (store_select(st, "SELECT id, name FROM clusters", STORE_NO_ARGS, &rows, e) < 0)
		return -1;
	while ((got = store_next(&rows, e)) > 0) {
		struct cluster_entry *entry = mem_new(sizeof(*entry));

		(void)span_to_str(store_bytes(&rows, 0), entry->id, sizeof(entry->id));
		entry->name = mem_dup_str(store_str(&rows, 1));
		entry->cluster = (struct snapshot_cluster){ entry->id, entry->name };
		(void)map_put(s->clusters_by_id, span_of(entry->id), entry);
		(void)map_put(s->clusters_by_name, span_of(entry->name), entry);
	}
	return got;
}

static int read_certs(struct store *st, struct snapshot *s, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	int got;

	if (store_select(st, "SELECT serial, cluster_id, expires_unix_s FROM agent_certs",
			 STORE_NO_ARGS, &rows, e) < 0)
		return -1;
	while ((got = store_next(&rows, e)) > 0) {
		struct cert_entry *entry = mem_new(sizeof(*entry));

		entry->serial = mem_dup_str(store_str(&rows, 0));
		(void)span_to_str(store_bytes(&rows, 1), entry->cluster_id, sizeof(entry->cluster_id));
		entry->expires_unix_s = store_int(&rows, 2);
		(void)map_put(s->certs, span_of(entry->serial), entry);
	}
	return got;
}

static int build(struct store *st, void *arg, struct err *e)
{
	struct snapshot **slot = arg, *s;

	snapshot_unref(*slot); /* of a try before */
	*slot = s = snapshot_new();
	if (read_roles(st, s, e) < 0 || read_users(st, s, e) < 0 || read_grants(st, s, e) < 0)
		return -1;
	give_none_to_the_rest(s);
	if (read_sessions(st, s, e) < 0 || read_clusters(st, s, e) < 0)
		return -1;
	return read_certs(st, s, e);
}

int snapshot_build(struct directory *d, struct snapshot **ret_snapshot, struct err *e)
{
	struct snapshot *s = NULL;

	if (store_transaction(d->store, build, &s, e) < 0) {
		snapshot_unref(s);
		return err_context(e, "reading users, roles and clusters");
	}
	*ret_snapshot = s;
	return 0;
}
