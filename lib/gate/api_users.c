/* REST: users and roles. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/gate/api.h"

static struct json *user_json(const struct directory_user *u)
{
	struct json *doc = json_new_object(), *roles = json_new_array();

	for (char **r = u->roles; r && *r; r++)
		json_add_str(roles, *r);
	json_set_str(doc, "id", u->id);
	json_set_str(doc, "email", u->email);
	json_set_item(doc, "roles", roles);
	json_set_bool(doc, "disabled", u->disabled);
	api_set_date(doc, "created_at", u->created_unix_s);
	return doc;
}

int api_users_list(struct request *rq, struct err *e)
{
	struct central *c = rq->app;
	struct directory_user *users;
	size_t count;
	struct json *doc, *list;

	if (directory_user_list(c->directory, &users, &count, e) < 0)
		return -1;
	doc = json_new_object();
	list = json_new_array();
	for (size_t i = 0; i < count; i++) {
		json_add_item(list, user_json(&users[i]));
		directory_user_free(&users[i]);
	}
	free(users);
	json_set_item(doc, "users", list);
	return api_answer(rq, 200, doc, e);
}

static int answer_user(struct request *rq, int status, const char *id_or_email, struct err *e)
{
	struct central *c = rq->app;
	struct directory_user user = { 0 };
	struct json *doc;

	if (directory_user_get(c->directory, id_or_email, &user, e) < 0)
		return -1;
	doc = user_json(&user);
	directory_user_free(&user);
	return api_answer(rq, status, doc, e);
}

int api_users_get(struct request *rq, struct err *e)
{
	return answer_user(rq, 200, rq->param[0], e);
}

static int create_user(struct request *rq, struct err *e)
{
	static const char *const members[] = { "email", "password", "roles", NULL };
	struct central *c = rq->app;
	AUTO_JSON struct json *body = NULL;
	struct directory_user user = { 0 };
	const char *email, *password;
	char **roles;
	int result;

	if (api_body(rq, members, false, &body, e) < 0 || api_body_str(body, "email", &email, e) < 0 ||
	    api_body_str(body, "password", &password, e) < 0 || api_body_words(body, "roles", &roles, e) < 0)
		return -1;
	result = directory_user_add(c->directory, email, span_of(password), roles, &user, e);
	api_words_free(roles);
	if (result == 0)
		result = api_answer(rq, 201, user_json(&user), e);
	directory_user_free(&user);
	return result;
}

int api_users_create(struct request *rq, struct err *e)
{
	return api_audited_new(rq, "users", "email", false, create_user, e);
}

static int patch_user(struct request *rq, struct err *e)
{
	static const char *const members[] = { "password", "disabled", NULL };
	struct central *c = rq->app;
	AUTO_JSON struct json *body = NULL;
	struct span password = SPAN_NONE;
	bool disabled = false, has_disabled;

	if (api_body(rq, members, false, &body, e) < 0)
		return -1;
	has_disabled = json_get(body, "disabled") != NULL;
	if (has_disabled && json_bool(body, "disabled", &disabled) < 0)
		return err_set(e, ERR_INPUT, "disabled: it must be true or false");
	if (json_get(body, "password") && !json_str(body, "password"))
		return err_set(e, ERR_INPUT, "password: it must be a string");
	password = span_of(json_str(body, "password"));
	if (directory_user_change(c->directory, rq->param[0], password.at ? &password : NULL,
				  has_disabled ? disabled : -1, e) < 0)
		return -1;
	return answer_user(rq, 200, rq->param[0], e);
}

int api_users_patch(struct request *rq, struct err *e)
{
	return api_audited(rq, "patch", "users", rq->param[0], patch_user, e);
}

static int delete_user(struct request *rq, struct err *e)
{
	struct central *c = rq->app;

	rq->status = 204;
	return directory_user_remove(c->directory, rq->param[0], e);
}

int api_users_delete(struct request *rq, struct err *e)
{
	return api_audited(rq, "delete", "users", rq->param[0], delete_user, e);
}

static int set_roles(struct request *rq, struct err *e)
{
	static const char *const members[] = { "roles", NULL };
	struct central *c = rq->app;
	AUTO_JSON struct json *body = NULL;
	char **roles;
	int result;

	if (api_body(rq, members, false, &body, e) < 0)
		return -1;
	if (!json_get(body, "roles"))
		return err_set(e, ERR_INPUT, "roles: it must be a list of strings");
	if (api_body_words(body, "roles", &roles, e) < 0)
		return -1;
	result = directory_user_set_roles(c->directory, rq->param[0], roles, e);
	api_words_free(roles);
	return result < 0 ? -1 : answer_user(rq, 200, rq->param[0], e);
}

int api_users_roles(struct request *rq, struct err *e)
{
	return api_audited(rq, "update", "users", rq->param[0], set_roles, e);
}
