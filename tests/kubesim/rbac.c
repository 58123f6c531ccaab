/* Who may do what: the RBAC objects that are stored, evaluated as the API server does. */
#include <stdio.h>
#include <string.h>

#include "tests/kubesim/access.h"

bool access_is_member(const struct json *user, const char *group)
{
	for (const struct json *g = json_first(json_get(user, "groups")); g; g = json_next(g))
		if (json_text(g) && strcmp(json_text(g), group) == 0)
			return true;
	return false;
}

static bool list_has(const struct json *list, const char *word)
{
	for (const struct json *i = json_first(list); i; i = json_next(i)) {
		const char *text = json_text(i);

		if (text && (strcmp(text, "*") == 0 || strcmp(text, word) == 0))
			return true;
	}
	return false;
}

static bool paths_have(const struct json *list, const char *path)
{
	for (const struct json *i = json_first(list); i; i = json_next(i)) {
		const char *text = json_text(i);
		size_t len = text ? strlen(text) : 0;

		if (!len)
			continue;
		if (strcmp(text, path) == 0 || (text[len - 1] == '*' && strncmp(text, path, len - 1) == 0))
			return true;
	}
	return false;
}

/* "pods", "pods/log", "*", and "*" with a subresource. */
static bool resources_have(const struct json *list, const struct question *q)
{
	char full[512], any[512];

	if (!q->subresource[0])
		return list_has(list, q->resource);
	if (snprintf(full, sizeof(full), "%s/%s", q->resource, q->subresource) >= (int)sizeof(full) ||
	    snprintf(any, sizeof(any), "*/%s", q->subresource) >= (int)sizeof(any))
		return false;
	for (const struct json *i = json_first(list); i; i = json_next(i)) {
		const char *text = json_text(i);

		if (text && (strcmp(text, "*") == 0 || strcmp(text, full) == 0 || strcmp(text, any) == 0))
			return true;
	}
	return false;
}

static bool rule_allows(const struct json *rule, const struct question *q)
{
	const struct json *names = json_get(rule, "resourceNames");

	if (!list_has(json_get(rule, "verbs"), q->verb))
		return false;
	if (q->path[0])
		return paths_have(json_get(rule, "nonResourceURLs"), q->path);
	if (!list_has(json_get(rule, "apiGroups"), q->group) || !resources_have(json_get(rule, "resources"), q))
		return false;
	if (!json_count(names))
		return true;
	for (const struct json *i = json_first(names); i; i = json_next(i))
		if (json_text(i) && strcmp(json_text(i), q->name) == 0)
			return true;
	return false;
}

static bool is_subject(const struct json *subject, const struct json *user, const char *binding_namespace)
{
	const char *kind = json_str(subject, "kind"), *name = json_str(subject, "name");
	const char *namespace = json_str(subject, "namespace"), *username = json_str(user, "username");
	char full[600];

	if (!kind || !name)
		return false;
	if (strcmp(kind, "Group") == 0)
		return access_is_member(user, name);
	if (strcmp(kind, "User") == 0)
		return strcmp(username, name) == 0;
	(void)snprintf(full, sizeof(full), "system:serviceaccount:%s:%s", namespace ? namespace : binding_namespace, name);
	return strcmp(username, full) == 0;
}

static const struct json *find_role(const struct access *a, const struct json *binding, const char *namespace)
{
	const char *kind = json_find_str(binding, "roleRef.kind"), *name = json_find_str(binding, "roleRef.name");
	bool is_cluster = kind && strcmp(kind, "ClusterRole") == 0;
	const struct kind *roles = resources_find(a->resources, "rbac.authorization.k8s.io", "v1",
						  is_cluster ? "clusterroles" : "roles");
	const struct object *role = name ? collection_find(&roles->objects, is_cluster ? "" : namespace, name) : NULL;

	return role ? role->json : NULL;
}

/* The first rule that the binding gives the user; NULL: none. */
static const struct json *binding_rules(const struct access *a, const struct object *binding, const struct json *user)
{
	const struct json *subject = json_first(json_get(binding->json, "subjects"));

	while (subject && !is_subject(subject, user, binding->namespace))
		subject = json_next(subject);
	if (!subject)
		return NULL;
	return json_first(json_get(find_role(a, binding->json, binding->namespace), "rules"));
}

static bool binding_allows(const struct access *a, const struct object *binding, const struct json *user,
			   const struct question *q)
{
	const struct json *rule = binding_rules(a, binding, user);

	while (rule && !rule_allows(rule, q))
		rule = json_next(rule);
	return rule != NULL;
}

static bool bindings_allow(const struct access *a, const char *plural, const char *namespace, const struct json *user,
			   const struct question *q)
{
	const struct collection *c =
		&resources_find(a->resources, "rbac.authorization.k8s.io", "v1", plural)->objects;

	for (size_t i = collection_seek(c, namespace, ""); i < c->count && strcmp(c->at[i]->namespace, namespace) == 0; i++)
		if (binding_allows(a, c->at[i], user, q))
			return true;
	return false;
}

bool access_allows(const struct access *a, const struct json *user, const struct question *q)
{
	if (access_is_member(user, "system:masters"))
		return true;
	if (bindings_allow(a, "clusterrolebindings", "", user, q))
		return true;
	return q->namespace[0] && bindings_allow(a, "rolebindings", q->namespace, user, q);
}

static void put_bindings(const struct access *a, const char *plural, const char *namespace, const struct json *user,
			 struct json *resources, struct json *paths)
{
	const struct collection *c =
		&resources_find(a->resources, "rbac.authorization.k8s.io", "v1", plural)->objects;

	for (size_t i = collection_seek(c, namespace, ""); i < c->count && strcmp(c->at[i]->namespace, namespace) == 0; i++)
		for (const struct json *r = binding_rules(a, c->at[i], user); r; r = json_next(r))
			json_add_item(json_get(r, "nonResourceURLs") ? paths : resources, json_dup(r));
}

void access_put_rules(const struct access *a, const struct json *user, const char *namespace, struct json *resources,
		      struct json *paths)
{
	put_bindings(a, "clusterrolebindings", "", user, resources, paths);
	put_bindings(a, "rolebindings", namespace, user, resources, paths);
}
