/* Users in the directory. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/crypto/password.h"
#include "lib/crypto/random.h"
#include "lib/gate/directory_inner.h"
#include "lib/gate/words.h"

void directory_user_free(struct directory_user *u)
{
	words_free(u->roles);
	*u = (struct directory_user){ 0 };
}

static int not_found(const char *id_or_email, struct err *e)
{
	return err_set(e, ERR_NOT_FOUND, "there is no user \"%.100s\"", id_or_email);
}

int directory_user_id(struct store *s, const char *id_or_email, char ret_id[37], struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	char key[256];
	int got;

	if (directory_lower(id_or_email, key) < 0)
		return not_found(id_or_email, e);
	if (store_select(s, "SELECT id FROM users WHERE id = $1 OR email = $1",
			 STORE_ARGS(STORE_TEXT(key)), &rows, e) < 0)
		return -1;
	got = store_next(&rows, e);
	if (got <= 0)
		return got < 0 ? -1 : not_found(id_or_email, e);
	if (span_to_str(store_bytes(&rows, 0), ret_id, 37) < 0)
		return err_set(e, ERR_CORRUPT, "the id of user \"%.100s\" is no UUID", id_or_email);
	return 0;
}

int directory_roles_of_user(struct store *s, const char *user_id, char *const *roles, struct err *e)
{
	if (store_exec(s, "DELETE FROM user_roles WHERE user_id = $1",
		       STORE_ARGS(STORE_TEXT(user_id)), NULL, e) < 0)
		return -1;
	for (; roles && *roles; roles++) {
		uint64_t added;

		if (store_exec(s,
			       "INSERT INTO user_roles (user_id, role_id) SELECT $1, id FROM roles WHERE name = $2 "
			       "ON CONFLICT (user_id, role_id) DO UPDATE SET role_id = excluded.role_id",
			       STORE_ARGS(STORE_TEXT(user_id), STORE_TEXT(*roles)), &added, e) < 0)
			return -1;
		if (added == 0)
			return err_set(e, ERR_INPUT, "roles: there is no role \"%.100s\"", *roles);
	}
	return 0;
}

struct user_add {
	char id[RANDOM_UUID_SIZE];
	char email[256];
	char hash[PASSWORD_HASH_SIZE];
	int64_t now_unix_s;
	char *const *roles;
};

static int user_insert(struct store *s, void *arg, struct err *e)
{
	const struct user_add *add = arg;
	uint64_t added;

	if (store_exec(s,
		       "INSERT INTO users (id, email, password, created_unix_s, updated_unix_s) "
		       "VALUES ($1, $2, $3, $4, $4) ON CONFLICT (email) DO NOTHING",
		       STORE_ARGS(STORE_TEXT(add->id), STORE_TEXT(add->email), STORE_TEXT(add->hash),
				  STORE_INT(add->now_unix_s)),
		       &added, e) < 0)
		return -1;
	if (added == 0)
		return err_set(e, ERR_EXISTS, "there is a user \"%.100s\" already", add->email);
	return directory_roles_of_user(s, add->id, add->roles, e);
}

int directory_user_add(struct directory *d, const char *email, struct span password,
		       char *const *roles, struct directory_user *ret_user, struct err *e)
{
	struct user_add add = { .now_unix_s = clock_unix_s(), .roles = roles };

	if (directory_email(email, add.email, e) < 0)
		return -1;
	if (password_hash(password, PASSWORD_COST, add.hash, e) < 0)
		return -1;
	random_uuid(add.id);
	if (store_transaction(d->store, user_insert, &add, e) < 0)
		return -1;
	return directory_user_get(d, add.id, ret_user, e);
}

#define USER_COLUMNS "SELECT u.id, u.email, u.disabled, u.created_unix_s, r.name FROM users u " \
	"LEFT JOIN user_roles ur ON ur.user_id = u.id LEFT JOIN roles r ON r.id = ur.role_id "

/* Rows come one a role, a user's together; a new id begins a new user. */
static int users_read(struct store_rows *rows, struct directory_user **ret_users, size_t *ret_count,
		      struct err *e)
{
	struct directory_user *users = NULL, *user = NULL;
	size_t count = 0, role_count = 0;
	int got;

	while ((got = store_next(rows, e)) > 0) {
		if (!user || strcmp(user->id, store_str(rows, 0)) != 0) {
			users = mem_grow(users, count + 1, sizeof(*users));
			user = &users[count++];
			role_count = 0;
			*user = (struct directory_user){ .disabled = store_int(rows, 2) != 0,
							 .created_unix_s = store_int(rows, 3),
							 .roles = mem_new(sizeof(char *)) };
			(void)span_to_str(store_bytes(rows, 0), user->id, sizeof(user->id));
			(void)span_to_str(store_bytes(rows, 1), user->email, sizeof(user->email));
		}
		if (!store_is_null(rows, 4))
			words_add(&user->roles, role_count++, store_str(rows, 4));
	}
	if (got < 0) {
		while (count > 0)
			directory_user_free(&users[--count]);
		free(users);
		return -1;
	}
	*ret_users = users;
	*ret_count = count;
	return 0;
}

int directory_user_get(struct directory *d, const char *id_or_email,
		       struct directory_user *ret_user, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	struct directory_user *users;
	char key[256];
	size_t count;

	if (directory_lower(id_or_email, key) < 0)
		return not_found(id_or_email, e);
	if (store_select(d->store, USER_COLUMNS "WHERE u.id = $1 OR u.email = $1 ORDER BY u.id, r.name",
			 STORE_ARGS(STORE_TEXT(key)), &rows, e) < 0 ||
	    users_read(&rows, &users, &count, e) < 0)
		return -1;
	if (count == 0)
		return not_found(id_or_email, e);
	*ret_user = users[0];
	free(users); /* an id holds no '@', so there is one */
	return 0;
}

int directory_user_list(struct directory *d, struct directory_user **ret_users, size_t *ret_count,
			struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };

	if (store_select(d->store, USER_COLUMNS "ORDER BY u.email, r.name", STORE_NO_ARGS, &rows,
			 e) < 0)
		return -1;
	return users_read(&rows, ret_users, ret_count, e);
}

struct user_change {
	const char *key;
	const char *hash; /* NULL: as it is */
	int disabled;     /* -1: as it is */
	char *const *roles;
};

static int user_update(struct store *s, void *arg, struct err *e)
{
	const struct user_change *change = arg;
	char id[37];

	if (directory_user_id(s, change->key, id, e) < 0)
		return -1;
	if (change->hash && store_exec(s, "UPDATE users SET password = $2, updated_unix_s = $3 WHERE id = $1",
				       STORE_ARGS(STORE_TEXT(id), STORE_TEXT(change->hash), STORE_INT(clock_unix_s())),
				       NULL, e) < 0)
		return -1;
	if (change->disabled >= 0 &&
	    store_exec(s, "UPDATE users SET disabled = $2, updated_unix_s = $3 WHERE id = $1",
		       STORE_ARGS(STORE_TEXT(id), STORE_INT(change->disabled != 0),
				  STORE_INT(clock_unix_s())),
		       NULL, e) < 0)
		return -1;
	if (!change->hash && change->disabled <= 0)
		return 0;
	return store_exec(s, "DELETE FROM sessions WHERE user_id = $1", STORE_ARGS(STORE_TEXT(id)),
			  NULL, e);
}

int directory_user_change(struct directory *d, const char *id_or_email, const struct span *password,
			  int disabled, struct err *e)
{
	struct user_change change = { .key = id_or_email, .disabled = disabled };
	char hash[PASSWORD_HASH_SIZE];

	if (password) {
		if (password_hash(*password, PASSWORD_COST, hash, e) < 0)
			return -1;
		change.hash = hash;
	}
	return directory_guarded(d, user_update, &change, e);
}

static int user_set_roles(struct store *s, void *arg, struct err *e)
{
	const struct user_change *change = arg;
	char id[37];

	if (directory_user_id(s, change->key, id, e) < 0)
		return -1;
	return directory_roles_of_user(s, id, change->roles, e);
}

int directory_user_set_roles(struct directory *d, const char *id_or_email, char *const *roles,
			     struct err *e)
{
	struct user_change change = { .key = id_or_email, .roles = roles };

	return directory_guarded(d, user_set_roles, &change, e);
}

static int user_delete(struct store *s, void *arg, struct err *e)
{
	char id[37];

	if (directory_user_id(s, arg, id, e) < 0)
		return -1;
	return store_exec(s, "DELETE FROM users WHERE id = $1", STORE_ARGS(STORE_TEXT(id)), NULL, e);
}

int directory_user_remove(struct directory *d, const char *id_or_email, struct err *e)
{
	char key[256];

	if (directory_lower(id_or_email, key) < 0)
		return not_found(id_or_email, e);
	return directory_guarded(d, user_delete, key, e);
}
