/* kubectl auth can-i --list: the rules of a SelfSubjectRulesReview, one line for each resource. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/base/table.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_auth.h"
#include "lib/kube/kubectl_change.h"

/* Of group, resource, name and verb together; more than roles of a cluster say. */
enum { PARTS_MAX = 50 * 1000 };

/* A line; all is owned. */
struct rule {
	char *group, *resource, *names,
		*urls; /* as they are shown: "[a]", "[]"; a group is "[apps]" */
	char *shown;   /* "deployments.apps/scale" */
	struct json *verbs;
	char *order; /* the text that kubectl sorts by */
};

struct rules {
	struct kubectl *k;
	struct map *by_key; /* those that take further verbs */
	struct rule **at;   /* owned */
	size_t count, parts;
};

static void rule_free(struct rule *r)
{
	free(r->group);
	free(r->resource);
	free(r->names);
	free(r->urls);
	free(r->shown);
	free(r->order);
	json_free(r->verbs);
	free(r);
}

static bool has_room(struct rules *all)
{
	if (all->parts < PARTS_MAX) {
		all->parts++;
		return true;
	}
	if (all->k->first.code == ERR_NONE)
		kubectl_failf(all->k, ERR_LIMIT, "the server lists more than %d rules", PARTS_MAX);
	return false;
}

static struct rule *add(struct rules *all)
{
	struct rule *r = mem_new(sizeof(*r));

	if ((all->count & (all->count - 1)) == 0)
		all->at = mem_grow(all->at, all->count ? all->count * 2 : 1, sizeof(*all->at));
	r->verbs = json_new_array();
	all->at[all->count++] = r;
	return r;
}

/* "deployments/scale" of apps is "deployments.apps/scale". */
static char *show(const char *group, const char *resource)
{
	size_t len = strcspn(resource, "/");

	return mem_printf("%.*s%s%s%s", (int)len, resource, group[0] ? "." : "", group,
			  resource + len);
}

static void add_verb(struct json *verbs, const char *verb)
{
	const struct json *v = json_first(verbs);

	while (v && strcmp(json_text(v), verb) != 0)
		v = json_next(v);
	if (!v)
		json_add_str(verbs, verb);
}

/* Rules about the same resource, and the same name or none, become one with the verbs of all.
 * `name` NULL: none. */
static void add_resource(struct rules *all, const char *group, const char *resource,
			 const char *name, const struct json *verbs)
{
	AUTO_FREE char *key =
		mem_printf("%s\n%s\n%s%s", group, resource, name ? "=" : "", name ? name : "");
	struct rule *r = map_get(all->by_key, span_of(key));

	for (const struct json *v = json_first(verbs); v && has_room(all); v = json_next(v)) {
		if (!r) {
			r = add(all);
			r->group = mem_printf("[%s]", group);
			r->resource = mem_printf("[%s]", resource);
			r->names = mem_printf("[%s]", name ? name : "");
			r->urls = mem_dup_str("[]");
			r->shown = show(group, resource);
			(void)map_put(all->by_key, span_of(key), r);
		}
		add_verb(r->verbs, json_text(v) ? json_text(v) : "");
	}
}

static void add_url(struct rules *all, const char *url, const struct json *verbs)
{
	for (const struct json *v = json_first(verbs); v && has_room(all); v = json_next(v)) {
		struct rule *r = add(all);

		r->group = mem_dup_str("[]");
		r->resource = mem_dup_str("[]");
		r->names = mem_dup_str("[]");
		r->urls = mem_printf("[%s]", url);
		r->shown = mem_dup_str("");
		add_verb(r->verbs, json_text(v) ? json_text(v) : "");
	}
}

static void add_names(struct rules *all, const char *group, const char *resource,
		      const struct json *rule)
{
	const struct json *name = json_first(json_get(rule, "resourceNames"));

	if (!name)
		add_resource(all, group, resource, NULL, json_get(rule, "verbs"));
	for (; name; name = json_next(name))
		add_resource(all, group, resource, json_text(name) ? json_text(name) : "",
			     json_get(rule, "verbs"));
}

static void add_rule(struct rules *all, const struct json *rule)
{
	const struct json *g, *r;

	for (g = json_first(json_get(rule, "apiGroups")); g; g = json_next(g))
		for (r = json_first(json_get(rule, "resources")); r; r = json_next(r))
			if (json_text(g) && json_text(r) && has_room(all))
				add_names(all, json_text(g), json_text(r), rule);
}

static int compare_orders(const void *a, const void *b)
{
	struct rule *const *x = a, *const *y = b;

	return strcmp((*x)->order, (*y)->order);
}

static void sort(struct rules *all)
{
	for (size_t i = 0; i < all->count; i++) {
		struct rule *r = all->at[i];
		AUTO_FREE char *verbs = kubectl_bracketed(r->verbs);

		r->order = mem_printf(
			"Verbs:%s,APIGroups:%s,Resources:%s,ResourceNames:%s,NonResourceURLs:%s,",
			verbs, r->group, r->resource, r->names, r->urls);
	}
	if (all->count)
		qsort(all->at, all->count, sizeof(struct rule *), compare_orders);
}

static void print(struct kubectl *k, const struct rules *all, bool no_headers)
{
	static const char *const names[] = { "Resources", "Non-Resource URLs", "Resource Names",
					     "Verbs" };
	struct table *t = kubectl_new_table(k);
	struct buf out;

	buf_init(&out, KUBECTL_TEXT_MAX);
	for (size_t i = 0; !no_headers && i < COUNT_OF(names); i++)
		table_put_text(t, names[i]);
	if (!no_headers)
		table_end_row(t);
	for (size_t i = 0; i < all->count; i++) {
		AUTO_FREE char *verbs = kubectl_bracketed(all->at[i]->verbs);

		table_put_text(t, all->at[i]->shown);
		table_put_text(t, all->at[i]->urls);
		table_put_text(t, all->at[i]->names);
		table_put_text(t, verbs);
		table_end_row(t);
	}
	(void)table_flush(t, &out);
	kubectl_write(k, KUBECTL_OUT, buf_span(&out));
	buf_free(&out);
	table_free(t);
}

static void print_status(struct kubectl *k, const struct json *status, bool no_headers)
{
	struct rules all = { .k = k, .by_key = map_new() };
	const struct json *rule, *url;

	for (rule = json_first(json_get(status, "resourceRules")); rule; rule = json_next(rule))
		add_rule(&all, rule);
	for (rule = json_first(json_get(status, "nonResourceRules")); rule; rule = json_next(rule))
		for (url = json_first(json_get(rule, "nonResourceURLs")); url; url = json_next(url))
			if (json_text(url))
				add_url(&all, json_text(url), json_get(rule, "verbs"));
	sort(&all);
	print(k, &all, no_headers);
	for (size_t i = 0; i < all.count; i++)
		rule_free(all.at[i]);
	free(all.at);
	map_free(all.by_key);
}

void kubectl_list_rules(struct kubectl *k, const char *namespace, bool no_headers)
{
	AUTO_JSON struct json *question = json_new_object(), *answer = NULL;
	struct kube_answer warning = { 0 };
	const struct json *status;

	json_set_str(question, "apiVersion", "authorization.k8s.io/v1");
	json_set_str(question, "kind", "SelfSubjectRulesReview");
	json_set_str(kubectl_json_object(question, "spec"), "namespace", namespace);
	answer = kubectl_review(k, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
				question);
	if (!answer)
		return;
	status = json_get(answer, "status");
	buf_init(&warning.warnings, KUBECTL_FILE_MAX);
	if (json_is_true(json_get(status, "incomplete")))
		(void)buf_printf(&warning.warnings, "the list may be incomplete: %s",
				 kubectl_text(status, "evaluationError"));
	kubectl_warn(k, &warning);
	buf_free(&warning.warnings);
	print_status(k, status, no_headers);
}
