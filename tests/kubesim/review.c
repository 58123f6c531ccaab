/* Reviews: who am I, may I, may they, whose token is it; and tokens of service accounts. */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/format/timefmt.h"
#include "tests/kubesim/change.h"
#include "tests/kubesim/serve.h"

static const char *str_or_empty(const struct json *object, const char *name)
{
	const char *text = json_str(object, name);

	return text ? text : "";
}

static bool is_allowed(const struct call *c, const struct json *user, const struct json *spec)
{
	const struct json *r = json_get(spec, "resourceAttributes"), *n = json_get(spec, "nonResourceAttributes");
	struct question q = { str_or_empty(r ? r : n, "verb"), str_or_empty(r, "group"), str_or_empty(r, "resource"),
			      str_or_empty(r, "subresource"),  str_or_empty(r, "namespace"), str_or_empty(r, "name"),
			      r ? "" : str_or_empty(n, "path") };

	return access_allows(&c->sim->access, user, &q);
}

/* The user that a SubjectAccessReview asks about. */
static struct json *subject_of(const struct json *spec)
{
	struct json *user = json_new_object(), *groups = json_get(spec, "groups");

	json_set_str(user, "username", str_or_empty(spec, "user"));
	json_set_item(user, "groups", groups ? json_dup(groups) : json_new_array());
	return user;
}

static void review_access(struct call *c, struct json *review, struct json *status)
{
	const struct json *spec = json_get(review, "spec");
	bool is_self = strncmp(c->kind->r.plural, "self", 4) == 0;
	AUTO_JSON struct json *subject = is_self ? json_dup(call_acting(c)) : subject_of(spec);

	json_set_bool(status, "allowed", is_allowed(c, subject, spec));
}

static void review_token(struct call *c, struct json *review, struct json *status)
{
	const char *token = json_find_str(review, "spec.token");
	const struct json *user = access_find(&c->sim->access, span_of(token));
	struct json *audiences = json_new_array();

	if (!user) {
		json_free(audiences);
		json_set_item(status, "user", json_new_object());
		json_set_str(status, "error", "invalid bearer token");
		return;
	}
	json_set_bool(status, "authenticated", true);
	json_set_item(status, "user", json_dup(user));
	json_add_str(audiences, "https://kubernetes.default.svc");
	json_set_item(status, "audiences", audiences);
}

static void review_rules(struct call *c, struct json *review, struct json *status)
{
	struct json *resources = json_new_array(), *paths = json_new_array();

	access_put_rules(&c->sim->access, call_acting(c), str_or_empty(json_get(review, "spec"), "namespace"), resources,
			 paths);
	json_set_item(status, "resourceRules", resources);
	json_set_item(status, "nonResourceRules", paths);
	json_set_bool(status, "incomplete", false);
}

static void answer(struct call *c, struct json *review, struct json *status)
{
	review = change_put_head_first(review, c->kind);
	if (!json_get(review, "metadata"))
		json_set_item(review, "metadata", json_new_object());
	json_set_item(review, "status", status);
	json_print(review, JSON_COMPACT, &c->out);
	(void)buf_put_char(&c->out, '\n');
	json_free(review);
	call_answer(c, 201, "application/json");
}

void serve_review(struct call *c)
{
	const char *plural = c->kind->r.plural;
	struct json *review, *status;

	if (strcmp(c->info.verb, "create") != 0) {
		call_fail_code(c, 405);
		return;
	}
	if (!(review = change_read_body(c)))
		return;
	status = json_new_object();
	if (strcmp(plural, "selfsubjectreviews") == 0)
		json_set_item(status, "userInfo", json_dup(call_acting(c)));
	else if (strcmp(plural, "tokenreviews") == 0)
		review_token(c, review, status);
	else if (strcmp(plural, "selfsubjectrulesreviews") == 0)
		review_rules(c, review, status);
	else
		review_access(c, review, status);
	answer(c, review, status);
}

#define TOKEN_DEFAULT_S 3600

void serve_token(struct call *c)
{
	struct object *account = collection_find(&c->kind->objects, change_namespace(c), c->info.name);
	struct json *request, *status = json_new_object();
	AUTO_FREE char *token = NULL;
	int64_t seconds = TOKEN_DEFAULT_S, expires_unix_s;
	char date[TIMEFMT_SIZE];

	if (!account || !(request = change_read_body(c))) {
		json_free(status);
		if (!account)
			call_fail_not_found(c, &c->kind->r, c->info.name);
		return;
	}
	(void)json_int(json_get(request, "spec"), "expirationSeconds", &seconds);
	expires_unix_s = clock_unix_s() + seconds;
	token = access_issue_token(&c->sim->access, account->namespace, account->name,
				   json_find_str(account->json, "metadata.uid"), expires_unix_s);
	timefmt_date(expires_unix_s, date);
	json_set_str(status, "token", token);
	json_set_str(status, "expirationTimestamp", date);
	json_set_str(request, "kind", "TokenRequest");
	json_set_str(request, "apiVersion", "authentication.k8s.io/v1");
	json_set_item(request, "status", status);
	json_print(request, JSON_COMPACT, &c->out);
	json_free(request);
	call_answer(c, 201, "application/json");
}
