/* The seed's whole document of roles and their users. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/gate/role.h"
#include "lib/gate/role_check.h"
#include "lib/gate/words.h"

enum { DOCUMENT_ROLES_MAX = 1000, DOCUMENT_USERS_MAX = 10000, GRANT_ROLES_MAX = 64 };

static int list_check(const struct json *list, const char *name, size_t max, struct err *e)
{
	if (list && (!json_is_array(list) || json_count(list) > max))
		return err_set(e, ERR_INPUT, "%s must be a list of at most %zu", name, max);
	return 0;
}

static int roles_parse(const struct json *list, struct role_document *doc, struct err *e)
{
	if (list_check(list, "roles", DOCUMENT_ROLES_MAX, e) < 0)
		return -1;
	doc->roles = mem_new_array(json_count(list), sizeof(struct role *));
	for (const struct json *item = json_first(list); item; item = json_next(item)) {
		struct role *role;

		if (role_parse(item, &role, e) < 0)
			return err_context(e, "roles[%zu]", doc->role_count);
		for (size_t i = 0; i < doc->role_count; i++) {
			if (strcmp(doc->roles[i]->name, role->name) != 0)
				continue;
			(void)err_set(e, ERR_INPUT, "roles[%zu]: role \"%s\" stands in the document twice",
				      doc->role_count, role->name);
			role_free(role);
			return -1;
		}
		doc->roles[doc->role_count++] = role;
	}
	return 0;
}

/* A list of role names without repeats; the caller owns *ret_names (words_free). ERR_INPUT. */
static int parse_names(const struct json *list, char ***ret_names, struct err *e)
{
	char **names = mem_new_array(1, sizeof(*names));
	size_t count = 0;

	if (!json_is_array(list) || json_count(list) > GRANT_ROLES_MAX) {
		words_free(names);
		return err_set(e, ERR_INPUT, "roles must be a list of at most %d names", GRANT_ROLES_MAX);
	}
	for (const struct json *item = json_first(list); item; item = json_next(item)) {
		const char *name = json_kind(item) == JSON_STRING ? json_text(item) : NULL;

		if (!name || !role_name_valid(name)) {
			size_t index = count;

			words_free(names);
			return err_set(e, ERR_INPUT, "roles[%zu] must be the name of a role", index);
		}
		if (!words_have((const char *const *)names, name))
			words_add(&names, count++, name);
	}
	*ret_names = names;
	return 0;
}

static int users_parse(const struct json *list, struct role_document *doc, struct err *e)
{
	static const char *const known[] = { "email", "roles", NULL };

	if (list_check(list, "users", DOCUMENT_USERS_MAX, e) < 0)
		return -1;
	doc->users = mem_new_array(json_count(list), sizeof(*doc->users));
	for (const struct json *item = json_first(list); item; item = json_next(item)) {
		const char *email = json_str(item, "email");
		char **roles = NULL;

		if (role_members_check(item, known, e) < 0)
			return err_context(e, "users[%zu]", doc->user_count);
		if (!email || !*email)
			return err_set(e, ERR_INPUT, "users[%zu]: email must be a string", doc->user_count);
		if (parse_names(json_get(item, "roles"), &roles, e) < 0)
			return err_context(e, "users[%zu]", doc->user_count);
		doc->users[doc->user_count].email = mem_dup_str(email);
		doc->users[doc->user_count++].roles = roles;
	}
	return 0;
}

int role_document_parse(const struct json *doc, struct role_document *ret_document, struct err *e)
{
	static const char *const known[] = { "roles", "users", NULL };
	struct role_document parsed = { 0 };

	if (role_members_check(doc, known, e) < 0)
		return err_context(e, "the document of roles");
	if (roles_parse(json_get(doc, "roles"), &parsed, e) < 0 ||
	    users_parse(json_get(doc, "users"), &parsed, e) < 0) {
		role_document_free(&parsed);
		return -1;
	}
	*ret_document = parsed;
	return 0;
}

void role_document_free(struct role_document *d)
{
	for (size_t i = 0; i < d->role_count; i++)
		role_free(d->roles[i]);
	for (size_t i = 0; i < d->user_count; i++) {
		free(d->users[i].email);
		words_free(d->users[i].roles);
	}
	free(d->roles);
	free(d->users);
	*d = (struct role_document){ 0 };
}
