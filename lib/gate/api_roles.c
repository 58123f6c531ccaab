/* REST: roles, one by one and as the seed's whole document. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/gate/api.h"

int api_roles_list(struct request *rq, struct err *e)
{
	struct central *c = rq->app;
	struct role **roles;
	size_t count;

	if (directory_role_list(c->directory, &roles, &count, e) < 0)
		return -1;
	(void)buf_put_str(&rq->answer, "{\"roles\":[");
	for (size_t i = 0; i < count; i++) {
		if (i)
			(void)buf_put_char(&rq->answer, ',');
		role_print(roles[i], &rq->answer);
		role_free(roles[i]);
	}
	free(roles);
	(void)buf_put_str(&rq->answer, "]}\n");
	return buf_ok(&rq->answer, "the answer", e);
}

static int answer_role(struct request *rq, int status, const struct role *role, struct err *e)
{
	rq->status = status;
	role_print(role, &rq->answer);
	(void)buf_put_char(&rq->answer, '\n');
	return buf_ok(&rq->answer, "the answer", e);
}

int api_roles_get(struct request *rq, struct err *e)
{
	struct central *c = rq->app;
	struct role *role;
	int result;

	if (directory_role_get(c->directory, rq->param[0], &role, e) < 0)
		return -1;
	result = answer_role(rq, 200, role, e);
	role_free(role);
	return result;
}

static int body_role(struct request *rq, struct role **ret_role, struct err *e)
{
	static const char *const members[] = { "name", "clusters", NULL };
	AUTO_JSON struct json *body = NULL;

	return api_body(rq, members, true, &body, e) < 0 ? -1 : role_parse(body, ret_role, e);
}

static int store_role(struct request *rq, bool create_only, struct err *e)
{
	struct central *c = rq->app;
	struct role *role;
	int result;

	if (body_role(rq, &role, e) < 0)
		return -1;
	if (!create_only && strcmp(role->name, rq->param[0]) != 0)
		result = err_set(e, ERR_INPUT, "name: it is \"%.60s\" in the body and \"%.60s\" in the path",
				 role->name, rq->param[0]);
	else
		result = directory_role_put(c->directory, role, create_only, e);
	if (result == 0)
		result = answer_role(rq, create_only ? 201 : 200, role, e);
	role_free(role);
	return result;
}

static int create_role(struct request *rq, struct err *e)
{
	return store_role(rq, true, e);
}

int api_roles_create(struct request *rq, struct err *e)
{
	return api_audited_new(rq, "roles", "name", true, create_role, e);
}

static int put_role(struct request *rq, struct err *e)
{
	return store_role(rq, false, e);
}

int api_roles_put(struct request *rq, struct err *e)
{
	return api_audited(rq, "update", "roles", rq->param[0], put_role, e);
}

static int delete_role(struct request *rq, struct err *e)
{
	struct central *c = rq->app;

	rq->status = 204;
	return directory_role_remove(c->directory, rq->param[0], e);
}

int api_roles_delete(struct request *rq, struct err *e)
{
	return api_audited(rq, "delete", "roles", rq->param[0], delete_role, e);
}

static int apply_document(struct request *rq, struct err *e)
{
	static const char *const members[] = { "roles", "users", NULL };
	struct central *c = rq->app;
	AUTO_JSON struct json *body = NULL;
	struct role_document doc = { 0 };
	int result;

	if (api_body(rq, members, true, &body, e) < 0 || role_document_parse(body, &doc, e) < 0)
		return -1;
	rq->status = 204;
	result = doc.role_count || doc.user_count ?
			 directory_apply(c->directory, &doc, e) :
			 err_set(e, ERR_INPUT, "the document names no role and no user: nothing was applied");
	role_document_free(&doc);
	return result;
}

int api_roles_apply(struct request *rq, struct err *e)
{
	return api_audited(rq, "update", "roles", "*", apply_document, e);
}
