/* Roles in the directory, one by one and as the seed's document. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/format/json.h"
#include "lib/gate/directory_inner.h"

static const size_t role_text_max = 32 * 1024 * 1024;

struct role_put {
	const struct role *role;
	bool create_only;
};

static int role_insert(struct store *s, const struct role *r, bool create_only, struct err *e)
{
	AUTO_BUF struct buf text;
	char id[RANDOM_UUID_SIZE];
	uint64_t changed;

	buf_init(&text, role_text_max);
	role_print(r, &text);
	if (buf_ok(&text, "the role", e) < 0)
		return -1;
	random_uuid(id);
	if (store_exec(s,
		       "INSERT INTO roles (id, name, permissions, created_unix_s) VALUES ($1, $2, $3, $4) "
		       "ON CONFLICT (name) DO UPDATE SET permissions = excluded.permissions WHERE $5 = 0",
		       STORE_ARGS(STORE_TEXT(id), STORE_TEXT(r->name), STORE_SPAN(buf_span(&text)),
				  STORE_INT(clock_unix_s()), STORE_INT(create_only)),
		       &changed, e) < 0)
		return -1;
	if (changed == 0)
		return err_set(e, ERR_EXISTS, "there is a role \"%s\" already", r->name);
	return 0;
}

static int put_one(struct store *s, void *arg, struct err *e)
{
	const struct role_put *put = arg;

	return role_insert(s, put->role, put->create_only, e);
}

int directory_role_put(struct directory *d, const struct role *r, bool create_only, struct err *e)
{
	struct role_put put = { r, create_only };

	return directory_guarded(d, put_one, &put, e);
}

static int role_not_found(const char *name, struct err *e)
{
	return err_set(e, ERR_NOT_FOUND, "there is no role \"%.100s\"", name);
}

int directory_role_get(struct directory *d, const char *name, struct role **ret_role, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	int got;

	if (store_select(d->store, "SELECT permissions FROM roles WHERE name = $1",
			 STORE_ARGS(STORE_TEXT(name)), &rows, e) < 0)
		return -1;
	got = store_next(&rows, e);
	if (got <= 0)
		return got < 0 ? -1 : role_not_found(name, e);
	return directory_role_read(store_str(&rows, 0), ret_role, e);
}

int directory_role_list(struct directory *d, struct role ***ret_roles, size_t *ret_count,
			struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	struct role **roles = NULL;
	size_t count = 0;
	int got;

	if (store_select(d->store, "SELECT permissions FROM roles ORDER BY name", STORE_NO_ARGS,
			 &rows, e) < 0)
		return -1;
	while ((got = store_next(&rows, e)) > 0) {
		roles = mem_grow(roles, count + 1, sizeof(*roles));
		got = directory_role_read(store_str(&rows, 0), &roles[count], e);
		if (got < 0)
			break;
		count++;
	}
	if (got < 0) {
		while (count > 0)
			role_free(roles[--count]);
		free(roles);
		return -1;
	}
	*ret_roles = roles;
	*ret_count = count;
	return 0;
}

static int holder_check(struct store *s, const char *name, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	int got;

	if (store_select(s,
			 "SELECT u.email FROM users u JOIN user_roles ur ON ur.user_id = u.id "
			 "JOIN roles r ON r.id = ur.role_id WHERE r.name = $1 ORDER BY u.email LIMIT 1",
			 STORE_ARGS(STORE_TEXT(name)), &rows, e) < 0)
		return -1;
	got = store_next(&rows, e);
	if (got > 0)
		return err_set(e, ERR_EXISTS, "role \"%.100s\" is held by %s", name, store_str(&rows, 0));
	return got;
}

static int role_delete(struct store *s, void *arg, struct err *e)
{
	const char *name = arg;
	uint64_t removed;

	if (holder_check(s, name, e) < 0 ||
	    store_exec(s, "DELETE FROM roles WHERE name = $1", STORE_ARGS(STORE_TEXT(name)),
		       &removed, e) < 0)
		return -1;
	return removed ? 0 : role_not_found(name, e);
}

int directory_role_remove(struct directory *d, const char *name, struct err *e)
{
	AUTO_FREE char *key = mem_dup_str(name);

	return store_transaction(d->store, role_delete, key, e);
}

struct apply {
	const struct role_document *doc;
};

static int apply_document(struct store *s, void *arg, struct err *e)
{
	const struct role_document *doc = ((const struct apply *)arg)->doc;

	for (size_t i = 0; i < doc->role_count; i++)
		if (role_insert(s, doc->roles[i], false, e) < 0)
			return err_context(e, "roles[%zu]", i);
	for (size_t i = 0; i < doc->user_count; i++) {
		char id[37];

		if (directory_user_id(s, doc->users[i].email, id, e) < 0 ||
		    directory_roles_of_user(s, id, doc->users[i].roles, e) < 0)
			return err_context(e, "users[%zu]", i);
	}
	return 0;
}

int directory_apply(struct directory *d, const struct role_document *doc, struct err *e)
{
	struct apply apply = { doc };

	return directory_guarded(d, apply_document, &apply, e);
}

/* The roles of the seed's example. */
static const char seed_roles[] =
	"{\"roles\":["
	"{\"name\":\"developer\",\"clusters\":[{\"name\":\"dev-*\",\"namespaces\":[\"*\"],"
	"\"verbs\":[\"get\",\"list\",\"logs\",\"exec\"],\"resources\":[\"pods\",\"services\",\"deployments\"]}]},"
	"{\"name\":\"viewer\",\"clusters\":[{\"name\":\"*\",\"namespaces\":[\"*\"],"
	"\"verbs\":[\"get\",\"list\"],\"resources\":[\"*\"]}]},"
	"{\"name\":\"admin\",\"clusters\":[{\"name\":\"*\",\"namespaces\":[\"*\"],"
	"\"verbs\":[\"*\"],\"resources\":[\"*\"]}]}"
	"]}";

static int seed_if_empty(struct store *s, void *arg, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };

	if (store_select(s, "SELECT count(*) FROM roles", STORE_NO_ARGS, &rows, e) < 0 ||
	    store_first(&rows, "a count", e) < 0)
		return -1;
	return store_int(&rows, 0) > 0 ? 0 : apply_document(s, arg, e);
}

int directory_seed(struct directory *d, struct err *e)
{
	AUTO_JSON struct json *doc = NULL;
	struct role_document document;
	struct apply apply = { &document };
	int rc;

	if (json_parse(SPAN(seed_roles), JSON_LIMITS(sizeof(seed_roles)), &doc, e) < 0 ||
	    role_document_parse(doc, &document, e) < 0)
		return -1;
	rc = store_transaction(d->store, seed_if_empty, &apply, e);
	role_document_free(&document);
	return rc;
}
