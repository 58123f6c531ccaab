/* What central's REST handlers share: bodies, answers, audit. For lib/gate/api_*.c. */
#ifndef MK8S_GATE_API_H
#define MK8S_GATE_API_H

#include "lib/format/json.h"
#include "lib/gate/central.h"

/*
 * The request's body as a JSON object that the caller owns; YAML too where `yaml`. A member that is not in `members`
 * (NULL-terminated) is ERR_INPUT by its name.
 */
int api_body(struct request *rq, const char *const *members, bool yaml, struct json **ret_body, struct err *e);
/* A required string member: ERR_INPUT "email: ..." when it is missing or no string. */
int api_body_str(const struct json *body, const char *member, const char **ret_text, struct err *e);
/* A list of strings, NULL-terminated, that the caller frees with api_words_free; absent: an empty list. */
int api_body_words(const struct json *body, const char *member, char ***ret_words, struct err *e);
void api_words_free(char **words);

/* Puts `doc` (taken) as the answer's body. */
int api_answer(struct request *rq, int status, struct json *doc, struct err *e);
/* "2026-01-02T03:04:05Z", or null for 0. */
void api_set_date(struct json *doc, const char *name, int64_t unix_s);
struct identity *api_identity(struct request *rq);

/*
 * Runs a change: a durable `received` row, `change`, the new snapshot in force, a `complete` row.
 * `name` may be NULL. The trail takes no row: ERR_BUSY, and nothing is changed.
 */
int api_audited(struct request *rq, const char *verb, const char *resource, const char *name, request_fn *change,
		struct err *e);
/* As above for a creation, whose name is the body's `member`; a body without one is `change`'s to refuse. */
int api_audited_new(struct request *rq, const char *resource, const char *member, bool yaml, request_fn *change,
		    struct err *e);

/* The handlers of the route table. */
request_fn api_login, api_refresh, api_logout, api_password, api_me, api_jwks, api_ca;
request_fn api_users_list, api_users_create, api_users_get, api_users_patch, api_users_delete, api_users_roles;
request_fn api_roles_list, api_roles_create, api_roles_get, api_roles_put, api_roles_delete, api_roles_apply;
request_fn api_clusters_list, api_clusters_create, api_clusters_get, api_clusters_delete, api_clusters_token;
request_fn api_audit_list, api_audit_verify, api_audit_recording;
request_fn api_why;

#endif
