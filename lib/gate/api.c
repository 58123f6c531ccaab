/* Central's routes, and what their handlers share. */
#include "lib/gate/api.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/format/timefmt.h"
#include "lib/format/yaml.h"
#include "lib/gate/command_order.h"

#define BODY_SMALL (64 * 1024)
#define BODY_ROLES (1024 * 1024)
#define NAME_SHOWN 254 /* bytes of a name that may turn out not to be one */

const struct route central_routes[] = {
	{ "POST", "/auth/login", ACCESS_PUBLIC, api_login, NULL, BODY_SMALL, "sign in with e-mail and password" },
	{ "POST", "/auth/refresh", ACCESS_PUBLIC, api_refresh, NULL, BODY_SMALL, "exchange a refresh token" },
	{ "POST", "/auth/logout", ACCESS_PUBLIC, api_logout, NULL, BODY_SMALL, "end the session" },
	{ "POST", "/auth/password", ACCESS_USER, api_password, NULL, BODY_SMALL, "change the own password" },
	{ "GET", "/auth/me", ACCESS_USER, api_me, NULL, 0, "who is signed in, with which rights" },
	{ "GET", "/.well-known/jwks.json", ACCESS_PUBLIC, api_jwks, NULL, 0, "keys that verify access tokens" },
	{ "GET", "/ca.pem", ACCESS_PUBLIC, api_ca, NULL, 0, "central's CA certificate" },
	{ "GET", "/clusters", ACCESS_USER, api_clusters_list, NULL, 0, "clusters that the user may see" },
	{ "POST", "/clusters", ACCESS_ADMIN, api_clusters_create, NULL, BODY_SMALL, "add a cluster" },
	{ "GET", "/clusters/{id}", ACCESS_USER, api_clusters_get, NULL, 0, "one cluster" },
	{ "DELETE", "/clusters/{id}", ACCESS_ADMIN, api_clusters_delete, NULL, 0, "remove a cluster" },
	{ "POST", "/clusters/{id}/token", ACCESS_ADMIN, api_clusters_token, NULL, BODY_SMALL, "a new join token" },
	{ "POST", "/clusters/{id}/exec", ACCESS_USER, NULL, command_serve, COMMAND_BODY_MAX,
	  "run a kubectl command on the cluster's agent" },
	{ "*", "/clusters/{id}/k8s/*", ACCESS_USER, NULL, proxy_serve, 0, "the cluster's Kubernetes API" },
	{ "GET", "/users", ACCESS_ADMIN, api_users_list, NULL, 0, "all users" },
	{ "POST", "/users", ACCESS_ADMIN, api_users_create, NULL, BODY_SMALL, "add a user" },
	{ "GET", "/users/{id}", ACCESS_ADMIN, api_users_get, NULL, 0, "one user" },
	{ "PATCH", "/users/{id}", ACCESS_ADMIN, api_users_patch, NULL, BODY_SMALL, "set a password, disable, enable" },
	{ "DELETE", "/users/{id}", ACCESS_ADMIN, api_users_delete, NULL, 0, "remove a user" },
	{ "PUT", "/users/{id}/roles", ACCESS_ADMIN, api_users_roles, NULL, BODY_SMALL, "set a user's roles" },
	{ "GET", "/roles", ACCESS_ADMIN, api_roles_list, NULL, 0, "all roles" },
	{ "POST", "/roles", ACCESS_ADMIN, api_roles_create, NULL, BODY_ROLES, "add a role" },
	{ "PUT", "/roles", ACCESS_ADMIN, api_roles_apply, NULL, BODY_ROLES, "apply a whole role document" },
	{ "GET", "/roles/{name}", ACCESS_ADMIN, api_roles_get, NULL, 0, "one role" },
	{ "PUT", "/roles/{name}", ACCESS_ADMIN, api_roles_put, NULL, BODY_ROLES, "set a role" },
	{ "DELETE", "/roles/{name}", ACCESS_ADMIN, api_roles_delete, NULL, 0, "remove a role that no user holds" },
	{ "GET", "/why", ACCESS_USER, api_why, NULL, 0, "which rule allows a request, or why none does" },
	{ "GET", "/audit", ACCESS_ADMIN, api_audit_list, NULL, 0, "the audit trail, newest first" },
	{ "GET", "/audit/verify", ACCESS_ADMIN, api_audit_verify, NULL, 0, "check the trail's hash chain" },
	{ "GET", "/audit/{id}/recording", ACCESS_ADMIN, api_audit_recording, NULL, 0, "what a session showed" },
};
const size_t central_route_count = COUNT_OF(central_routes);

static bool is_member(const char *const *members, const char *name)
{
	for (; *members; members++) {
		if (strcmp(*members, name) == 0)
			return true;
	}
	return false;
}

int api_body(struct request *rq, const char *const *members, bool yaml, struct json **ret_body, struct err *e)
{
	struct json *body;
	int parsed = yaml ? yaml_parse_json(rq->body, YAML_LIMITS(BODY_ROLES), &body, e) :
			    json_parse(rq->body, JSON_LIMITS(BODY_SMALL), &body, e);

	if (parsed < 0)
		return err_context(e, "body");
	if (!json_is_object(body)) {
		json_free(body);
		return err_set(e, ERR_INPUT, "body: it must be an object");
	}
	for (struct json *item = json_first(body); item; item = json_next(item)) {
		if (is_member(members, json_name(item)))
			continue;
		err_set(e, ERR_INPUT, "%.100s: no such member here", json_name(item));
		json_free(body);
		return -1;
	}
	*ret_body = body;
	return 0;
}

int api_body_str(const struct json *body, const char *member, const char **ret_text, struct err *e)
{
	const char *text = json_str(body, member);

	if (!text)
		return err_set(e, ERR_INPUT, "%s: it must be a string", member);
	*ret_text = text;
	return 0;
}

void api_words_free(char **words)
{
	for (char **w = words; w && *w; w++)
		free(*w);
	free(words);
}

int api_body_words(const struct json *body, const char *member, char ***ret_words, struct err *e)
{
	const struct json *list = json_get(body, member);
	char **words;
	size_t count = 0;

	if (list && !json_is_array(list))
		return err_set(e, ERR_INPUT, "%s: it must be a list of strings", member);
	words = mem_new_array(json_count(list) + 1, sizeof(*words));
	for (const struct json *item = json_first(list); item; item = json_next(item)) {
		if (json_kind(item) != JSON_STRING) {
			api_words_free(words);
			return err_set(e, ERR_INPUT, "%s: it must be a list of strings", member);
		}
		words[count++] = mem_dup_str(json_text(item));
	}
	*ret_words = words;
	return 0;
}

int api_answer(struct request *rq, int status, struct json *doc, struct err *e)
{
	rq->status = status;
	json_print(doc, JSON_COMPACT, &rq->answer);
	(void)buf_put_char(&rq->answer, '\n');
	json_free(doc);
	return buf_ok(&rq->answer, "the answer", e);
}

void api_set_date(struct json *doc, const char *name, int64_t unix_s)
{
	char date[TIMEFMT_SIZE];

	if (!unix_s) {
		json_set_null(doc, name);
		return;
	}
	timefmt_date(unix_s, date);
	json_set_str(doc, name, date);
}

struct identity *api_identity(struct request *rq)
{
	return rq->identity;
}

static int append_row(struct request *rq, struct audit_row *row, bool wait, struct err *e)
{
	struct central *c = rq->app;
	struct identity *who = rq->identity;
	AUTO_FREE char *method = span_dup(rq->head->method), *path = span_dup(rq->path);
	AUTO_FREE char *command = mem_printf("%s %s", method, path);

	row->id = rq->request_id;
	row->time_unix_us = clock_unix_us();
	row->user_id = who ? who->user->id : NULL;
	row->user = who ? who->user->email : row->user;
	row->command = command;
	row->source = rq->peer_ip;
	row->user_agent = rq->user_agent;
	row->decision = "allow";
	row->rule = "central";
	row->count = 1;
	return wait ? audit_append_wait(c->audit, row, e) : audit_append(c->audit, row, NULL, NULL, e);
}

int api_audited_new(struct request *rq, const char *resource, const char *member, bool yaml, request_fn *change,
		    struct err *e)
{
	AUTO_JSON struct json *body = NULL;
	struct err unread = { 0 };
	int parsed = yaml ? yaml_parse_json(rq->body, YAML_LIMITS(BODY_ROLES), &body, &unread) :
			    json_parse(rq->body, JSON_LIMITS(BODY_SMALL), &body, &unread);
	AUTO_FREE char *name = parsed == 0 && json_str(body, member) ? mem_dup_str(json_str(body, member)) : NULL;

	if (name && strlen(name) > NAME_SHOWN)
		name[NAME_SHOWN] = '\0';
	return api_audited(rq, "create", resource, name, change, e);
}

int api_audited(struct request *rq, const char *verb, const char *resource, const char *name, request_fn *change,
		struct err *e)
{
	struct audit_row row = { .stage = AUDIT_RECEIVED, .verb = verb, .resource = resource, .name = name };
	uint64_t started_ms = clock_mono_ms();
	struct err late = { 0 };
	int result;

	if (append_row(rq, &row, true, e) < 0)
		return err_set(e, ERR_BUSY, "the audit trail takes no rows, so nothing may be changed");
	result = change(rq, e);
	if (result == 0)
		result = central_publish(rq->app, e);
	row.stage = AUDIT_COMPLETE;
	row.status = result == 0 ? rq->status : err_http_status(e->code);
	row.duration_ms = (int64_t)(clock_mono_ms() - started_ms);
	if (append_row(rq, &row, false, &late) < 0)
		log_event(LOG_ERROR, "audit row lost", LOG_STR("id", rq->request_id), LOG_STR("error", late.text));
	return result;
}
