/* REST: sign in, refresh, sign out, password, who am I, keys and the CA. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/gate/api.h"

#define PASSWORD_JOBS_MAX 2 /* of at least four workers */

/* A place among the workers that hash passwords; without one the client tries again. */
static int take_password_place(struct request *rq, struct err *e)
{
	struct central *c = rq->app;

	if (++c->password_jobs <= PASSWORD_JOBS_MAX)
		return 0;
	c->password_jobs--;
	return request_retry_later(rq, 503, 1, e, "too many sign-ins at once; try again");
}

static void leave_password_place(struct request *rq)
{
	struct central *c = rq->app;

	c->password_jobs--;
}

static void audit_login(struct request *rq, const char *email, uint64_t began_ms, const struct err *why)
{
	struct central *c = rq->app;
	struct audit_row row = {
		.stage = AUDIT_COMPLETE,
		.id = rq->request_id,
		.time_unix_us = clock_unix_us(),
		.user = email,
		.command = "POST /auth/login",
		.verb = "login",
		.decision = why->code == ERR_NONE ? "allow" : "refuse",
		.source = rq->peer_ip,
		.user_agent = rq->user_agent,
		.status = why->code == ERR_NONE ? 200 : err_http_status(why->code),
		.duration_ms = (int64_t)(clock_mono_ms() - began_ms),
		.count = 1,
	};
	struct err late = { 0 };

	if (why->code == ERR_NONE)
		(void)audit_append_wait(c->audit, &row, &late); /* a full trail does not keep the operator out */
	else
		audit_refused(c->audit, rq->peer_ip, "POST /auth/login");
}

static int answer_session(struct request *rq, const struct directory_session *session, char *refresh_token,
			  struct err *e)
{
	struct central *c = rq->app;
	int64_t expires = clock_unix_s() + c->config.token_expiry_ms / 1000;
	AUTO_BUF struct buf token;
	struct json *doc;

	buf_init_secret(&token, 16384);
	if (keys_token_sign(c->keys, session->user_id, session->email, session->sid, expires, &token, e) < 0)
		return -1;
	doc = json_new_object();
	json_set_str(doc, "token", buf_str(&token));
	api_set_date(doc, "expires_at", expires);
	json_set_str(doc, "refresh_token", refresh_token);
	return api_answer(rq, 200, doc, e);
}

static int64_t refresh_end(const struct central *c)
{
	return clock_unix_s() + c->config.refresh_expiry_ms / 1000;
}

static int check_login(struct request *rq, const char *email, const char *password, struct err *e)
{
	struct central *c = rq->app;
	struct directory_session session;
	uint64_t wait_ms = backoff_wait_ms(c->login_backoff, email, rq->peer_ip, clock_mono_ms());
	char *refresh_token;
	int result;

	if (wait_ms)
		return request_retry_later(rq, 429, (unsigned)(wait_ms / 1000 + 1), e,
					   "too many failed sign-ins; try again later");
	if (take_password_place(rq, e) < 0)
		return -1;
	result = directory_login(c->directory, email, span_of(password), refresh_end(c), &session, &refresh_token, e);
	leave_password_place(rq);
	if (result < 0) {
		if (e->code == ERR_AUTH)
			backoff_failed(c->login_backoff, email, rq->peer_ip, clock_mono_ms());
		return -1;
	}
	backoff_succeeded(c->login_backoff, email);
	result = central_publish(c, e) < 0 ? -1 : answer_session(rq, &session, refresh_token, e);
	secret_free(refresh_token);
	return result;
}

int api_login(struct request *rq, struct err *e)
{
	static const char *const members[] = { "email", "password", NULL };
	AUTO_JSON struct json *body = NULL;
	uint64_t began_ms = clock_mono_ms();
	const char *email, *password;
	int result;

	if (api_body(rq, members, false, &body, e) < 0 || api_body_str(body, "email", &email, e) < 0 ||
	    api_body_str(body, "password", &password, e) < 0)
		return -1;
	result = check_login(rq, email, password, e);
	audit_login(rq, email, began_ms, e);
	secret_wipe((char *)(uintptr_t)password, strlen(password));
	return result;
}

int api_refresh(struct request *rq, struct err *e)
{
	static const char *const members[] = { "refresh_token", NULL };
	struct central *c = rq->app;
	AUTO_JSON struct json *body = NULL;
	struct directory_session session;
	const char *given;
	char *next;
	int result;

	if (api_body(rq, members, false, &body, e) < 0 || api_body_str(body, "refresh_token", &given, e) < 0)
		return -1;
	if (directory_refresh(c->directory, given, refresh_end(c), &session, &next, e) < 0) {
		struct err late = { 0 };

		audit_refused(c->audit, rq->peer_ip, "POST /auth/refresh");
		(void)central_publish(c, &late); /* a replayed token ended its session */
		return -1;
	}
	result = central_publish(c, e) < 0 ? -1 : answer_session(rq, &session, next, e);
	secret_free(next);
	return result;
}

int api_logout(struct request *rq, struct err *e)
{
	static const char *const members[] = { "refresh_token", NULL };
	struct central *c = rq->app;
	AUTO_JSON struct json *body = NULL;
	const char *given;

	if (api_body(rq, members, false, &body, e) < 0 || api_body_str(body, "refresh_token", &given, e) < 0)
		return -1;
	rq->status = 204;
	return directory_logout(c->directory, given, e) < 0 ? -1 : central_publish(c, e);
}

/* Whoever got hold of a session must not guess its password faster than by signing in. */
static int may_try_password(struct request *rq, struct err *e)
{
	struct central *c = rq->app;
	uint64_t wait_ms =
		backoff_wait_ms(c->login_backoff, api_identity(rq)->user->email, rq->peer_ip, clock_mono_ms());

	if (wait_ms)
		return request_retry_later(rq, 429, (unsigned)(wait_ms / 1000 + 1), e,
					   "too many wrong passwords; try again later");
	return take_password_place(rq, e);
}

static int change_password(struct request *rq, struct err *e)
{
	static const char *const members[] = { "old", "new", NULL };
	struct central *c = rq->app;
	AUTO_JSON struct json *body = NULL;
	const char *old_password, *new_password;
	int result;

	if (api_body(rq, members, false, &body, e) < 0 || api_body_str(body, "old", &old_password, e) < 0 ||
	    api_body_str(body, "new", &new_password, e) < 0 || may_try_password(rq, e) < 0)
		return -1;
	result = directory_password_change(c->directory, api_identity(rq)->user->id, api_identity(rq)->sid,
					   span_of(old_password), span_of(new_password), e);
	leave_password_place(rq);
	if (result < 0 && e->code == ERR_DENIED)
		backoff_failed(c->login_backoff, api_identity(rq)->user->email, rq->peer_ip, clock_mono_ms());
	rq->status = 204;
	return result;
}

int api_password(struct request *rq, struct err *e)
{
	return api_audited(rq, "update", "password", api_identity(rq)->user->email, change_password, e);
}

static struct json *words_json(char *const *words)
{
	struct json *list = json_new_array();

	for (; *words; words++)
		json_add_str(list, *words);
	return list;
}

int api_me(struct request *rq, struct err *e)
{
	const struct identity *who = api_identity(rq);
	struct json *doc = json_new_object(), *roles = json_new_array(), *clusters = json_new_array();

	for (size_t i = 0; i < who->user->role_count; i++) {
		const struct role *role = who->user->roles[i];

		json_add_str(roles, role->name);
		for (size_t k = 0; k < role->rule_count; k++) {
			struct json *rule = json_new_object();

			json_set_str(rule, "name", role->rules[k].cluster);
			json_set_item(rule, "namespaces", words_json(role->rules[k].namespaces));
			json_set_item(rule, "verbs", words_json(role->rules[k].verbs));
			json_set_item(rule, "resources", words_json(role->rules[k].resources));
			json_add_item(clusters, rule);
		}
	}
	json_set_str(doc, "email", who->user->email);
	json_set_item(doc, "roles", roles);
	json_set_item(doc, "clusters", clusters);
	api_set_date(doc, "expires_at", who->expires_unix_s);
	return api_answer(rq, 200, doc, e);
}

int api_jwks(struct request *rq, struct err *e)
{
	struct central *c = rq->app;

	keys_jwks_print(c->keys, &rq->answer);
	return buf_ok(&rq->answer, "the key set", e);
}

/* For clients that hold its pin: they need the certificate itself to hand it on (kubeconfig). */
int api_ca(struct request *rq, struct err *e)
{
	struct central *c = rq->app;

	rq->content_type = "application/x-pem-file";
	(void)buf_put_str(&rq->answer, keys_ca_pem(c->keys));
	return buf_ok(&rq->answer, "the certificate", e);
}
