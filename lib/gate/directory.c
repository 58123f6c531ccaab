/* The directory: opening, e-mails, tokens, and the rule that one administrator remains. */
#include "lib/gate/directory.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/random.h"
#include "lib/format/json.h"
#include "lib/gate/authz.h"
#include "lib/gate/directory_inner.h"

int directory_open(struct store *s, struct directory **ret_directory, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	struct directory *d;

	if (store_select(s, "SELECT count(*) FROM users", STORE_NO_ARGS, &rows, e) < 0 ||
	    store_next(&rows, e) < 0)
		return err_context(e, "reading users");
	d = mem_new(sizeof(*d));
	d->store = s;
	*ret_directory = d;
	return 0;
}

void directory_free(struct directory *d)
{
	free(d);
}

int directory_lower(const char *text, char into[256])
{
	size_t len = strlen(text);

	if (len > 255)
		return -1;
	for (size_t i = 0; i <= len; i++)
		into[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
	return 0;
}

static bool only_holds(const char *text, size_t len, const char *marks)
{
	for (size_t i = 0; i < len; i++)
		if (!(text[i] >= 'a' && text[i] <= 'z') && !(text[i] >= '0' && text[i] <= '9') &&
		    (text[i] == '\0' || !strchr(marks, text[i])))
			return false;
	return true;
}

int directory_email(const char *text, char into[256], struct err *e)
{
	char lower[256];
	const char *at, *domain;

	if (directory_lower(text, lower) == 0 && (at = strchr(lower, '@')) != NULL) {
		size_t local_len = (size_t)(at - lower), domain_len = strlen(at + 1);

		domain = at + 1;
		if (local_len >= 1 && local_len <= 64 && domain_len >= 1 &&
		    only_holds(lower, local_len, ".!#$%&'*+=?^_`{|}~-") &&
		    only_holds(domain, domain_len, ".-") && !strchr(".-", domain[0]) &&
		    !strchr(".-", domain[domain_len - 1]) && !strstr(domain, "..")) {
			memcpy(into, lower, sizeof(lower));
			return 0;
		}
	}
	return err_set(e, ERR_INPUT, "email must be an address such as dev@example.com, of at most 255 ASCII characters");
}

int directory_role_read(const char *permissions, struct role **ret_role, struct err *e)
{
	AUTO_JSON struct json *doc = NULL;

	if (json_parse(span_of(permissions), JSON_LIMITS(64 * 1024 * 1024), &doc, e) < 0 ||
	    role_parse(doc, ret_role, e) < 0) {
		e->code = ERR_CORRUPT;
		return err_context(e, "a stored role");
	}
	return 0;
}

static int has_admin(struct store *s, bool *ret_has, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	int got;

	if (store_select(s,
			 "SELECT DISTINCT r.permissions FROM roles r JOIN user_roles ur ON ur.role_id = r.id "
			 "JOIN users u ON u.id = ur.user_id WHERE u.disabled = 0",
			 STORE_NO_ARGS, &rows, e) < 0)
		return -1;
	while ((got = store_next(&rows, e)) > 0) {
		struct role *role;
		bool is_admin;

		if (directory_role_read(store_str(&rows, 0), &role, e) < 0)
			return -1;
		is_admin = authz_is_admin((const struct role *const[]){ role }, 1);
		role_free(role);
		if (is_admin) {
			*ret_has = true;
			return 0;
		}
	}
	*ret_has = false;
	return got;
}

struct guarded {
	directory_fn *fn;
	void *arg;
};

static int run_guarded(struct store *s, void *arg, struct err *e)
{
	const struct guarded *g = arg;
	bool before, after;

	if (has_admin(s, &before, e) < 0 || g->fn(s, g->arg, e) < 0 || has_admin(s, &after, e) < 0)
		return -1;
	if (before && !after)
		return err_set(e, ERR_EXISTS,
			       "no enabled administrator would be left: somebody must keep a role with clusters, "
			       "namespaces, verbs and resources \"*\"");
	return 0;
}

int directory_guarded(struct directory *d, directory_fn *fn, void *arg, struct err *e)
{
	struct guarded g = { fn, arg };

	return store_transaction(d->store, run_guarded, &g, e);
}

char *directory_token_make(const char *prefix, char ret_sha256[65])
{
	char secret[RANDOM_TOKEN_SIZE];
	char *token;

	random_token(secret);
	token = mem_printf("%s%s", prefix, secret);
	secret_wipe(secret, sizeof(secret));
	hash_sha256_hex(span_of(token), ret_sha256);
	return token;
}
