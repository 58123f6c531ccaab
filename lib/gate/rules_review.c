/* The API server's rules, cut down to what central's roles allow. */
#include "lib/gate/rules_review.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/gate/authz_question.h"
#include "lib/gate/authz_tables.h"
#include "lib/gate/rules_known.h"

#define DECISIONS_MAX 20000 /* in one answer, which the loop waits for: some 20 ms */

struct limit {
	const struct rules_review *r;
	struct json *rules; /* what stays */
	struct rules_known known;
	unsigned decisions_left;
	bool incomplete;
};

static bool roles_allow(struct limit *l, struct authz_question q)
{
	struct authz_request rq = { .cluster = l->r->cluster, .info = l->r->scratch };
	struct authz_answer answer;

	if (l->decisions_left == 0) {
		l->incomplete = true;
		return false;
	}
	l->decisions_left--;
	q.namespace = l->r->namespace;
	authz_question_info(&q, l->r->scratch);
	authz_decide(l->r->roles, l->r->role_count, &rq, &answer);
	return answer.allowed;
}

static bool has_text(const struct json *texts, const char *text)
{
	for (const struct json *i = json_first(texts); i; i = json_next(i))
		if (json_text(i) && strcmp(json_text(i), text) == 0)
			return true;
	return false;
}

static bool same_texts(const struct json *a, const struct json *b)
{
	if (json_count(a) != json_count(b))
		return false;
	for (const struct json *i = json_first(a); i; i = json_next(i))
		if (!json_text(i) || !has_text(b, json_text(i)))
			return false;
	return true;
}

static void keep_verb(struct limit *l, struct authz_question q, const char *verb, struct json *kept)
{
	q.verb = verb;
	if (verb && roles_allow(l, q))
		json_add_str(kept, verb);
}

/* Of the rule's verbs those that the roles allow, too; any verb ("*") stays, or becomes those in `all`. */
static struct json *keep_verbs(struct limit *l, const struct json *verbs,
			       const struct authz_question *q, const char *const *all)
{
	struct json *kept = json_new_array();

	if (!has_text(verbs, "*")) {
		for (const struct json *v = json_first(verbs); v; v = json_next(v))
			keep_verb(l, *q, json_text(v), kept);
		return kept;
	}
	keep_verb(l, *q, "*", kept);
	if (json_count(kept))
		return kept;
	for (; *all; all++)
		keep_verb(l, *q, *all, kept);
	return kept;
}

/* A rule of what is kept, or one more resource of the rule before. Takes `verbs`; `names` may be NULL. */
static void put_rule(struct limit *l, struct json *verbs, const char *group, const char *resource,
		     const struct json *names)
{
	size_t count = json_count(l->rules);
	struct json *last = count ? json_at(l->rules, count - 1) : NULL;
	struct json *rule, *list;

	if (last && has_text(json_get(last, "apiGroups"), group) &&
	    same_texts(json_get(last, "verbs"), verbs) &&
	    same_texts(json_get(last, "resourceNames"), names)) {
		if (!has_text(json_get(last, "resources"), resource))
			json_add_str(json_get(last, "resources"), resource);
		json_free(verbs);
		return;
	}
	rule = json_new_object();
	json_set_item(rule, "verbs", verbs);
	list = json_new_array();
	json_add_str(list, group);
	json_set_item(rule, "apiGroups", list);
	list = json_new_array();
	json_add_str(list, resource);
	json_set_item(rule, "resources", list);
	if (json_count(names))
		json_set_item(rule, "resourceNames", json_dup(names));
	json_add_item(l->rules, rule);
}

/* Verbs of a request for one object's part. */
static const char *const part_verbs[] = { "get", "create", "update", "patch", "delete", NULL };

/* Puts what the roles allow of one resource; whether that is all of the rule's verbs. */
static bool keep_resource(struct limit *l, const struct json *rule, const struct authz_question *q,
			  const struct json *names)
{
	const struct json *verbs = json_get(rule, "verbs");
	struct json *kept =
		keep_verbs(l, verbs, q, *q->subresource ? part_verbs : authz_plain_verbs);
	bool whole = same_texts(kept, verbs) || has_text(kept, "*");
	AUTO_FREE char *text =
		mem_printf("%s%s%s", q->resource, *q->subresource ? "/" : "", q->subresource);

	if (json_count(kept))
		put_rule(l, kept, q->group, text, names);
	else
		json_free(kept);
	return whole;
}

/* A namespace's own object is of that namespace, and may be all that the roles show of them. */
static void keep_own_namespace(struct limit *l, const struct json *rule, struct authz_question q)
{
	const struct json *names = json_get(rule, "resourceNames");
	AUTO_JSON struct json *own = json_new_array();

	if (json_count(names) && !has_text(names, l->r->namespace))
		return;
	q.name = l->r->namespace;
	json_add_str(own, q.name);
	(void)keep_resource(l, rule, &q, own);
}

static bool keep_known(struct limit *l, const struct json *rule, const struct authz_question *q)
{
	bool whole = keep_resource(l, rule, q, json_get(rule, "resourceNames"));

	if (!whole && strcmp(q->resource, "namespaces") == 0 && *q->group == '\0' &&
	    *q->subresource == '\0')
		keep_own_namespace(l, rule, *q);
	return whole;
}

static bool pattern_covers(const char *pattern, const char *text)
{
	return strcmp(pattern, "*") == 0 || strcmp(pattern, text) == 0;
}

/* As RBAC reads it: "*" is every resource and subresource, "STAR/scale" that subresource of all. */
static bool rule_means(const struct authz_question *rule, const struct authz_question *q)
{
	if (!pattern_covers(rule->group, q->group))
		return false;
	if (strcmp(rule->resource, "*") == 0 && *rule->subresource == '\0')
		return true;
	return pattern_covers(rule->resource, q->resource) &&
	       strcmp(rule->subresource, q->subresource) == 0;
}

static void keep_pair(struct limit *l, const struct json *rule, const char *group,
		      const char *resource)
{
	AUTO_FREE char *plural = mem_dup_str(resource);
	char *slash = strchr(plural, '/');
	struct authz_question q = { "", group, plural, slash ? slash + 1 : "", "", "", "" };

	if (slash)
		*slash = '\0';
	if (keep_known(l, rule, &q) || (strcmp(group, "*") != 0 && strcmp(plural, "*") != 0))
		return;
	for (size_t i = 0; i < l->known.count && l->decisions_left; i++)
		if (rule_means(&q, &l->known.at[i].q))
			(void)keep_known(l, rule, &l->known.at[i].q);
	if (l->known.has_wide_role)
		l->incomplete = true;
}

static void keep_resources(struct limit *l, const struct json *rule)
{
	for (const struct json *g = json_first(json_get(rule, "apiGroups")); g; g = json_next(g))
		for (const struct json *s = json_first(json_get(rule, "resources")); s;
		     s = json_next(s))
			if (l->decisions_left && json_text(g) && json_text(s))
				keep_pair(l, rule, json_text(g), json_text(s));
}

/* Paths that are no resources. */

static const char *const path_verbs[] = { "get", "head", NULL };

/* Paths that a rule for any path becomes, as whoever sees the cluster may read them. */
static const char *const open_paths[] = {
	"/api",	    "/api/*",	  "/apis",   "/apis/*",	 "/healthz",  "/livez",
	"/openapi", "/openapi/*", "/readyz", "/version", "/version/",
};

static bool keep_path(struct limit *l, const struct json *rule, const char *path, struct json *into)
{
	struct authz_question q = { "", "", "", "", "", "", path };
	struct json *kept = keep_verbs(l, json_get(rule, "verbs"), &q, path_verbs);
	struct json *one, *paths;

	if (json_count(kept) == 0) {
		json_free(kept);
		return false;
	}
	one = json_new_object();
	paths = json_new_array();
	json_add_str(paths, path);
	json_set_item(one, "verbs", kept);
	json_set_item(one, "nonResourceURLs", paths);
	json_add_item(into, one);
	return true;
}

static void keep_paths(struct limit *l, const struct json *rule, struct json *into)
{
	for (const struct json *u = json_first(json_get(rule, "nonResourceURLs")); u;
	     u = json_next(u)) {
		bool any = json_text(u) && strcmp(json_text(u), "*") == 0;

		if (!json_text(u) || !*json_text(u) || keep_path(l, rule, json_text(u), into) ||
		    !any)
			continue;
		for (size_t i = 0; i < COUNT_OF(open_paths); i++)
			(void)keep_path(l, rule, open_paths[i], into);
	}
}

static void put_incomplete(const struct limit *l, struct json *status)
{
	const char *before = json_str(status, "evaluationError");
	AUTO_FREE char *text = NULL;

	if (!l->incomplete)
		return;
	text = mem_printf("%s%scentral's roles cover more resources than are listed",
			  before ? before : "", before && *before ? "; " : "");
	json_set_bool(status, "incomplete", true);
	json_set_str(status, "evaluationError", text);
}

static void limit_status(struct limit *l, struct json *status)
{
	struct json *paths = json_new_array();

	l->rules = json_new_array();
	rules_known_find(&l->known, l->r->roles, l->r->role_count, l->r->cluster);
	for (const struct json *i = json_first(json_get(status, "resourceRules")); i;
	     i = json_next(i))
		keep_resources(l, i);
	for (const struct json *i = json_first(json_get(status, "nonResourceRules")); i;
	     i = json_next(i))
		keep_paths(l, i, paths);
	json_set_item(status, "resourceRules", l->rules);
	json_set_item(status, "nonResourceRules", paths);
	put_incomplete(l, status);
	rules_known_free(&l->known);
}

int rules_review_limit(const struct rules_review *r, struct span answer, struct buf *into,
		       struct err *e)
{
	struct limit l = { .r = r, .decisions_left = DECISIONS_MAX };
	AUTO_JSON struct json *review = NULL;
	const char *kind;

	if (json_parse(answer, JSON_LIMITS(RULES_REVIEW_MAX), &review, e) < 0) {
		err_context(e, "the cluster's answer");
		e->code = ERR_PROTOCOL;
		return -1;
	}
	kind = json_str(review, "kind");
	if (!kind || strcmp(kind, "SelfSubjectRulesReview") != 0 ||
	    !json_is_object(json_get(review, "status")))
		return err_set(e, ERR_PROTOCOL,
			       "the cluster's answer is no SelfSubjectRulesReview");
	limit_status(&l, json_get(review, "status"));
	json_print(review, JSON_COMPACT, into);
	(void)buf_put_char(into, '\n');
	return buf_ok(into, "the review's answer", e);
}
