/* The one rule of authorization: walks roles and rules until one allows the request. */
#include "lib/gate/authz.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/gate/authz_tables.h"
#include "lib/gate/words.h"

/* What a rule must cover. */
struct want {
	const char *cluster;
	const char *verb; /* role verb */
	const char *group, *resource, *subresource;
	const char *namespace; /* "": all of them, or the cluster's scope */
	bool everything;       /* only resources "*" cover it: paths that are no resources */
	bool parent_covers;    /* an entry for the resource covers this subresource */
	bool somewhere;        /* in any namespace at all */
};

static bool list_has(char *const *words, const char *word)
{
	return words_have((const char *const *)words, word);
}

static bool list_covers(char *const *words, const char *word)
{
	return list_has(words, "*") || list_has(words, word);
}

/* PLURAL[.GROUP][/SUBRESOURCE] */
static bool entry_covers(const char *entry, const struct want *w)
{
	size_t plural_len = strcspn(entry, "./"), group_len = 0;
	const char *at = entry + plural_len;

	if (plural_len != strlen(w->resource) || strncmp(entry, w->resource, plural_len) != 0)
		return false;
	if (*at == '.') {
		group_len = strcspn(at + 1, "/");
		if (group_len != strlen(w->group) || strncmp(at + 1, w->group, group_len) != 0)
			return false;
		at += 1 + group_len;
	} else if (!authz_group_is_builtin(w->resource, w->group)) {
		return false;
	}
	if (*at == '\0')
		return *w->subresource == '\0' || w->parent_covers;
	return strcmp(at + 1, w->subresource) == 0;
}

static bool resources_cover(char *const *resources, const struct want *w)
{
	for (; resources && *resources; resources++) {
		if (strcmp(*resources, "*") == 0)
			return true;
		if (!w->everything && entry_covers(*resources, w))
			return true;
	}
	return false;
}

static bool namespaces_cover(char *const *namespaces, const char *namespace)
{
	return *namespace ? list_covers(namespaces, namespace) : list_has(namespaces, "*");
}

/* In which namespaces is the caller's to ask. */
static bool rule_fits(const struct role_rule *rule, const struct want *w)
{
	return role_glob_match(rule->cluster, w->cluster) && list_covers(rule->verbs, w->verb) &&
	       resources_cover(rule->resources, w);
}

static bool rule_covers(const struct role_rule *rule, const struct want *w)
{
	if (w->somewhere)
		return rule->namespaces && *rule->namespaces && rule_fits(rule, w);
	return namespaces_cover(rule->namespaces, w->namespace) && rule_fits(rule, w);
}

/* Appends "developer, rule 1 (dev-*)" for the first rule that covers; false when none does. */
static bool find_rule(const struct role *const *roles, size_t role_count, const struct want *w, char *into,
		      size_t into_size)
{
	for (size_t i = 0; i < role_count; i++) {
		for (size_t k = 0; k < roles[i]->rule_count; k++) {
			if (!rule_covers(&roles[i]->rules[k], w))
				continue;
			(void)snprintf(into, into_size, "%s, rule %zu (%.100s)", roles[i]->name, k + 1,
				       roles[i]->rules[k].cluster);
			return true;
		}
	}
	return false;
}

/* A rule with an empty list grants nothing, not even to see the cluster. */
static bool rule_shows(const struct role_rule *rule, const char *cluster)
{
	return rule->namespaces && *rule->namespaces && rule->verbs && *rule->verbs && rule->resources &&
	       *rule->resources && role_glob_match(rule->cluster, cluster);
}

bool authz_sees_cluster(const struct role *const *roles, size_t role_count, const char *cluster)
{
	for (size_t i = 0; i < role_count; i++)
		for (size_t k = 0; k < roles[i]->rule_count; k++)
			if (rule_shows(&roles[i]->rules[k], cluster))
				return true;
	return false;
}

bool authz_is_admin(const struct role *const *roles, size_t role_count)
{
	for (size_t i = 0; i < role_count; i++) {
		for (size_t k = 0; k < roles[i]->rule_count; k++) {
			const struct role_rule *rule = &roles[i]->rules[k];

			if (strcmp(rule->cluster, "*") == 0 && list_has(rule->namespaces, "*") &&
			    list_has(rule->verbs, "*") && list_has(rule->resources, "*"))
				return true;
		}
	}
	return false;
}

/*
 * The namespace that a rule must name. The server gives a namespace's own object that namespace, so
 * a role limited to it may read it; whoever makes, changes or removes namespaces acts on the
 * cluster. A built-in resource without namespace asked for under one is not served there, and must
 * not pass as that namespace's.
 */
static const char *scope_of(const struct request_info *info)
{
	if (strcmp(info->resource, "namespaces") == 0 && *info->api_group == '\0') {
		bool reads = strcmp(info->verb, "get") == 0 || strcmp(info->verb, "watch") == 0;

		return reads && strcmp(info->namespace, info->name) == 0 ? info->namespace : "";
	}
	return authz_is_cluster_scoped(info->api_group, info->resource) ? "" : info->namespace;
}

static void want_resource(const struct authz_request *rq, const char *role_verb, struct want *w)
{
	const struct request_info *info = rq->info;
	bool own_entry = strcmp(role_verb, "logs") != 0 && strcmp(role_verb, "exec") != 0 &&
			 strcmp(role_verb, "port-forward") != 0 && strcmp(role_verb, "proxy") != 0;

	*w = (struct want){
		.cluster = rq->cluster,
		.verb = role_verb,
		.group = info->api_group,
		.resource = info->resource,
		.subresource = info->subresource,
		.namespace = scope_of(info),
		.parent_covers = !own_entry,
	};
}

/*
 * Whether the answer consists of items that a filter can tell by their namespace (or are namespaces
 * themselves).
 */
static bool may_filter(const struct request_info *info, const char *role_verb)
{
	bool is_namespaces = strcmp(info->resource, "namespaces") == 0 && *info->api_group == '\0';

	if (*info->namespace || *info->subresource || strcmp(role_verb, info->verb) != 0)
		return false;
	if (strcmp(info->verb, "list") != 0 && strcmp(info->verb, "watch") != 0)
		return false;
	return is_namespaces || !authz_is_cluster_scoped(info->api_group, info->resource);
}

char **authz_filter_namespaces(const struct role *const *roles, size_t role_count, const struct authz_request *rq)
{
	char **names = mem_new_array(1, sizeof(*names));
	size_t count = 0;
	struct want w;

	want_resource(rq, rq->info->verb, &w);
	for (size_t i = 0; i < role_count; i++) {
		for (size_t k = 0; k < roles[i]->rule_count; k++) {
			const struct role_rule *rule = &roles[i]->rules[k];

			for (char **name = rule->namespaces; rule_fits(rule, &w) && name && *name; name++)
				if (!list_has(names, *name))
					words_add(&names, count++, *name);
		}
	}
	return names;
}

enum authz_lack authz_rule_lacks(const struct role_rule *rule, const struct authz_request *rq,
				 const char *verb)
{
	struct want w;

	want_resource(rq, verb, &w);
	w.everything = !rq->info->is_resource;
	if (!role_glob_match(rule->cluster, rq->cluster))
		return AUTHZ_LACKS_CLUSTER;
	if (!list_covers(rule->verbs, verb))
		return AUTHZ_LACKS_VERB;
	if (!resources_cover(rule->resources, &w))
		return AUTHZ_LACKS_RESOURCE;
	w.somewhere = rq->info->is_resource && may_filter(rq->info, verb);
	return rule_covers(rule, &w) ? AUTHZ_LACKS_NOTHING : AUTHZ_LACKS_NAMESPACE;
}

static bool may_see(const struct role *const *roles, size_t role_count, const struct authz_request *rq,
		    struct authz_answer *answer)
{
	answer->allowed = authz_sees_cluster(roles, role_count, rq->cluster);
	if (answer->allowed)
		(void)snprintf(answer->rule, sizeof(answer->rule), "whoever sees the cluster");
	return answer->allowed;
}

static void decide_path(const struct role *const *roles, size_t role_count, const struct authz_request *rq,
			struct authz_answer *answer)
{
	struct want w = { .cluster = rq->cluster, .verb = "admin", .namespace = "", .everything = true };

	if (authz_is_discovery(rq->info->verb, rq->info->path)) {
		(void)may_see(roles, role_count, rq, answer);
		return;
	}
	(void)snprintf(answer->verb, sizeof(answer->verb), "admin");
	answer->allowed = *rq->info->verb && find_rule(roles, role_count, &w, answer->rule, sizeof(answer->rule));
}

/*
 * An apply patch makes the object where it is not there yet; through a subresource it never does.
 */
static bool may_create(const struct authz_request *rq, const char *role_verb)
{
	return rq->apply_patch && strcmp(role_verb, "patch") == 0 && *rq->info->subresource == '\0';
}

static void decide_resource(const struct role *const *roles, size_t role_count, const struct authz_request *rq,
			    struct authz_answer *answer)
{
	const struct request_info *info = rq->info;
	const char *verb = authz_role_verb(info->verb, info->api_group, info->resource, info->subresource);
	struct want w;

	if (*info->name == '\0' && *info->subresource == '\0' &&
	    authz_is_self_review(info->verb, info->api_group, info->resource)) {
		(void)may_see(roles, role_count, rq, answer);
		return;
	}
	(void)snprintf(answer->verb, sizeof(answer->verb), "%s", verb);
	if (*verb == '\0')
		return;
	want_resource(rq, verb, &w);
	if (!find_rule(roles, role_count, &w, answer->rule, sizeof(answer->rule))) {
		w.somewhere = answer->filtered = may_filter(info, verb);
		if (!answer->filtered || !find_rule(roles, role_count, &w, answer->rule, sizeof(answer->rule))) {
			answer->filtered = false;
			return;
		}
	}
	if (may_create(rq, verb)) {
		char create_rule[sizeof(answer->rule)];

		w.verb = "create";
		answer->only_existing = !find_rule(roles, role_count, &w, create_rule, sizeof(create_rule));
	}
	answer->allowed = true;
}

void authz_decide(const struct role *const *roles, size_t role_count, const struct authz_request *rq,
		  struct authz_answer *ret_answer)
{
	*ret_answer = (struct authz_answer){ 0 };
	if (rq->info->is_resource)
		decide_resource(roles, role_count, rq, ret_answer);
	else
		decide_path(roles, role_count, rq, ret_answer);
}

bool authz_is_change(const struct request_info *info)
{
	static const char *const harmless[] = { "get", "list", "watch", NULL };
	static const char *const harmless_methods[] = { "get", "head", "options", NULL };
	const char *role_verb;

	if (!info->is_resource)
		return !words_have(harmless_methods, info->verb);
	if (authz_is_self_review(info->verb, info->api_group, info->resource))
		return false;
	role_verb = authz_role_verb(info->verb, info->api_group, info->resource, info->subresource);
	/* The method says nothing about what happens behind exec, port-forward and proxy. */
	if (strcmp(role_verb, "exec") == 0 || strcmp(role_verb, "port-forward") == 0 ||
	    strcmp(role_verb, "proxy") == 0 || strcmp(info->subresource, "proxy") == 0)
		return true;
	return !words_have(harmless, info->verb);
}

/* Cut where a peer could make it long, so that the roles still fit behind it. */
static void put_request(struct buf *into, const struct request_info *info)
{
	const char *verb = *info->verb ? info->verb : "use this method on";

	if (!info->is_resource) {
		(void)buf_printf(into, "cannot %s path \"%.100s\"", verb, info->path);
		return;
	}
	(void)buf_printf(into, "cannot %s resource \"%.80s%s%.80s\" in API group \"%.80s\"", verb, info->resource,
			 *info->subresource ? "/" : "", info->subresource, info->api_group);
	if (*info->namespace)
		(void)buf_printf(into, " in the namespace \"%.80s\" of", info->namespace);
	else
		(void)buf_put_str(into, " at the scope of");
}

static void put_roles(struct buf *into, const struct role *const *roles, size_t role_count)
{
	(void)buf_put_str(into, role_count > 0 ? ": roles looked at: " : ": roles looked at: none");
	for (size_t i = 0; i < role_count; i++)
		(void)buf_printf(into, "%s%s", i > 0 ? ", " : "", roles[i]->name);
}

void authz_denial(const char *user, const struct role *const *roles, size_t role_count, const struct authz_request *rq,
		  const struct authz_answer *answer, char *into, size_t into_size)
{
	AUTO_BUF struct buf text;

	buf_init(&text, 16 * 1024);
	(void)buf_printf(&text, "user \"%s\" ", user);
	put_request(&text, rq->info);
	(void)buf_printf(&text, rq->info->is_resource ? " cluster \"%s\"" : " of cluster \"%s\"", rq->cluster);
	if (*answer->verb && strcmp(answer->verb, rq->info->verb) != 0)
		(void)buf_printf(&text, " (it needs the verb \"%s\")", answer->verb);
	put_roles(&text, roles, role_count);
	(void)snprintf(into, into_size, "%s", buf_str(&text));
	for (char *c = into; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
}
