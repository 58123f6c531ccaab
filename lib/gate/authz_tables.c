/*
 * Const tables of Kubernetes' built-in resources and of the contract's verbs (spec/mk8s.md,
 * Authorization).
 */
#include "lib/gate/authz_tables.h"

#include <stddef.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/gate/words.h"

/*
 * As served by the API server's own groups, v1 and beta; a plural may stand in several groups, one
 * row each.
 */
static const struct {
	const char *plural, *group;
	bool cluster_scoped;
} builtin[] = {
	{ "bindings", "", false },
	{ "componentstatuses", "", true },
	{ "configmaps", "", false },
	{ "endpoints", "", false },
	{ "events", "", false },
	{ "events", "events.k8s.io", false },
	{ "limitranges", "", false },
	{ "namespaces", "", true },
	{ "nodes", "", true },
	{ "persistentvolumeclaims", "", false },
	{ "persistentvolumes", "", true },
	{ "pods", "", false },
	{ "podtemplates", "", false },
	{ "replicationcontrollers", "", false },
	{ "resourcequotas", "", false },
	{ "secrets", "", false },
	{ "serviceaccounts", "", false },
	{ "services", "", false },
	{ "controllerrevisions", "apps", false },
	{ "daemonsets", "apps", false },
	{ "deployments", "apps", false },
	{ "replicasets", "apps", false },
	{ "statefulsets", "apps", false },
	{ "cronjobs", "batch", false },
	{ "jobs", "batch", false },
	{ "horizontalpodautoscalers", "autoscaling", false },
	{ "poddisruptionbudgets", "policy", false },
	{ "podsecuritypolicies", "policy", true },
	{ "ingressclasses", "networking.k8s.io", true },
	{ "ingresses", "networking.k8s.io", false },
	{ "ipaddresses", "networking.k8s.io", true },
	{ "networkpolicies", "networking.k8s.io", false },
	{ "servicecidrs", "networking.k8s.io", true },
	{ "clusterrolebindings", "rbac.authorization.k8s.io", true },
	{ "clusterroles", "rbac.authorization.k8s.io", true },
	{ "rolebindings", "rbac.authorization.k8s.io", false },
	{ "roles", "rbac.authorization.k8s.io", false },
	{ "csidrivers", "storage.k8s.io", true },
	{ "csinodes", "storage.k8s.io", true },
	{ "csistoragecapacities", "storage.k8s.io", false },
	{ "storageclasses", "storage.k8s.io", true },
	{ "volumeattachments", "storage.k8s.io", true },
	{ "volumeattributesclasses", "storage.k8s.io", true },
	{ "storageversionmigrations", "storagemigration.k8s.io", true },
	{ "leasecandidates", "coordination.k8s.io", false },
	{ "leases", "coordination.k8s.io", false },
	{ "endpointslices", "discovery.k8s.io", false },
	{ "mutatingadmissionpolicies", "admissionregistration.k8s.io", true },
	{ "mutatingadmissionpolicybindings", "admissionregistration.k8s.io", true },
	{ "mutatingwebhookconfigurations", "admissionregistration.k8s.io", true },
	{ "validatingadmissionpolicies", "admissionregistration.k8s.io", true },
	{ "validatingadmissionpolicybindings", "admissionregistration.k8s.io", true },
	{ "validatingwebhookconfigurations", "admissionregistration.k8s.io", true },
	{ "customresourcedefinitions", "apiextensions.k8s.io", true },
	{ "apiservices", "apiregistration.k8s.io", true },
	{ "certificatesigningrequests", "certificates.k8s.io", true },
	{ "clustertrustbundles", "certificates.k8s.io", true },
	{ "podcertificaterequests", "certificates.k8s.io", false },
	{ "selfsubjectreviews", "authentication.k8s.io", true },
	{ "tokenreviews", "authentication.k8s.io", true },
	{ "localsubjectaccessreviews", "authorization.k8s.io", false },
	{ "selfsubjectaccessreviews", "authorization.k8s.io", true },
	{ "selfsubjectrulesreviews", "authorization.k8s.io", true },
	{ "subjectaccessreviews", "authorization.k8s.io", true },
	{ "runtimeclasses", "node.k8s.io", true },
	{ "priorityclasses", "scheduling.k8s.io", true },
	{ "flowschemas", "flowcontrol.apiserver.k8s.io", true },
	{ "prioritylevelconfigurations", "flowcontrol.apiserver.k8s.io", true },
	{ "storageversions", "internal.apiserver.k8s.io", true },
	{ "deviceclasses", "resource.k8s.io", true },
	{ "devicetaintrules", "resource.k8s.io", true },
	{ "resourceclaims", "resource.k8s.io", false },
	{ "resourceclaimtemplates", "resource.k8s.io", false },
	{ "resourceslices", "resource.k8s.io", true },
};

/*
 * Requests that need `admin`. A subresource of NULL stands for the resource with or without one;
 * "*" for any one.
 */
static const struct {
	const char *group, *resource, *subresource;
	bool reads_too;
} admin_only[] = {
	{ "rbac.authorization.k8s.io", "roles", NULL, false },
	{ "rbac.authorization.k8s.io", "clusterroles", NULL, false },
	{ "rbac.authorization.k8s.io", "rolebindings", NULL, false },
	{ "rbac.authorization.k8s.io", "clusterrolebindings", NULL, false },
	{ "admissionregistration.k8s.io", "mutatingwebhookconfigurations", NULL, false },
	{ "admissionregistration.k8s.io", "validatingwebhookconfigurations", NULL, false },
	{ "apiregistration.k8s.io", "apiservices", NULL, false },
	{ "certificates.k8s.io", "certificatesigningrequests", NULL, false },
	{ "", "serviceaccounts", "token", true },
	{ "", "pods", "ephemeralcontainers", true },
	{ "", "nodes", "*", true },
};

/*
 * Subresources with a role verb of their own, whatever the method. A resource of NULL stands for
 * every one.
 */
static const struct {
	const char *resource, *subresource, *role_verb;
} own_verbs[] = {
	{ "pods", "log", "logs" },
	{ "pods", "exec", "exec" },
	{ "pods", "attach", "exec" },
	{ "pods", "portforward", "port-forward" },
	{ NULL, "proxy", "proxy" },
};

const char *const authz_plain_verbs[] = { "get",	 "list",   "watch",	       "create", "update",
					  "patch", "delete", "deletecollection", NULL };
static const char *const reading_verbs[] = { "get", "list", "watch", NULL };

static const struct {
	const char *group, *resource;
} self_reviews[] = {
	{ "authorization.k8s.io", "selfsubjectaccessreviews" },
	{ "authorization.k8s.io", "selfsubjectrulesreviews" },
	{ "authentication.k8s.io", "selfsubjectreviews" },
};

static const struct {
	const char *path;
	bool and_below;
} discovery[] = {
	{ "/version", false }, { "/api", true },      { "/apis", true },    { "/openapi", true },
	{ "/healthz", false }, { "/livez", false }, { "/readyz", false },
};

bool authz_group_is_builtin(const char *plural, const char *group)
{
	bool known = false;

	for (size_t i = 0; i < COUNT_OF(builtin); i++) {
		if (strcmp(builtin[i].plural, plural) != 0)
			continue;
		if (strcmp(builtin[i].group, group) == 0)
			return true;
		known = true;
	}
	return !known && *group == '\0';
}

const char *authz_builtin_group(const char *plural)
{
	for (size_t i = 0; i < COUNT_OF(builtin); i++)
		if (strcmp(builtin[i].plural, plural) == 0)
			return builtin[i].group;
	return "";
}

bool authz_builtin_at(size_t index, const char **ret_plural, const char **ret_group)
{
	if (index >= COUNT_OF(builtin))
		return false;
	*ret_plural = builtin[index].plural;
	*ret_group = builtin[index].group;
	return true;
}

bool authz_is_cluster_scoped(const char *group, const char *resource)
{
	for (size_t i = 0; i < COUNT_OF(builtin); i++)
		if (strcmp(builtin[i].plural, resource) == 0 && strcmp(builtin[i].group, group) == 0)
			return builtin[i].cluster_scoped;
	return false;
}

static bool subresource_fits(const char *pattern, const char *subresource)
{
	if (!pattern)
		return true;
	return strcmp(pattern, "*") == 0 ? *subresource != '\0' : strcmp(pattern, subresource) == 0;
}

static bool needs_admin(const char *verb, const char *group, const char *resource,
			const char *subresource)
{
	bool reads = words_have(reading_verbs, verb);

	/* The API server's old proxy verb reaches a node's kubelet without naming a subresource. */
	if (strcmp(verb, "proxy") == 0 && *group == '\0' && strcmp(resource, "nodes") == 0)
		return true;
	for (size_t i = 0; i < COUNT_OF(admin_only); i++)
		if (strcmp(admin_only[i].group, group) == 0 &&
		    strcmp(admin_only[i].resource, resource) == 0 &&
		    subresource_fits(admin_only[i].subresource, subresource))
			return admin_only[i].reads_too || !reads;
	return false;
}

/* No request does, but a review: of every verb, or of one whose meaning depends on the resource. */
static bool asks_for_any(const char *verb, const char *group, const char *resource, const char *subresource)
{
	bool any = strcmp(group, "*") == 0 || strcmp(resource, "*") == 0 || strcmp(subresource, "*") == 0;

	if (strcmp(verb, "*") == 0)
		return true;
	return any && strcmp(verb, "list") != 0 && strcmp(verb, "watch") != 0;
}

const char *authz_role_verb(const char *verb, const char *group, const char *resource,
			    const char *subresource)
{
	if (*verb == '\0' || *resource == '\0')
		return "";
	if (needs_admin(verb, group, resource, subresource))
		return "admin";
	if (strcmp(verb, "proxy") == 0)
		return "proxy";
	if (asks_for_any(verb, group, resource, subresource))
		return "*";
	for (size_t i = 0; i < COUNT_OF(own_verbs); i++) {
		bool fits = !own_verbs[i].resource ||
			    (*group == '\0' && strcmp(own_verbs[i].resource, resource) == 0);

		if (fits && strcmp(own_verbs[i].subresource, subresource) == 0)
			return own_verbs[i].role_verb;
	}
	for (size_t i = 0; authz_plain_verbs[i]; i++)
		if (strcmp(authz_plain_verbs[i], verb) == 0)
			return authz_plain_verbs[i];
	return "";
}

bool authz_is_self_review(const char *verb, const char *group, const char *resource)
{
	if (strcmp(verb, "create") != 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(self_reviews); i++)
		if (strcmp(self_reviews[i].group, group) == 0 &&
		    strcmp(self_reviews[i].resource, resource) == 0)
			return true;
	return false;
}

bool authz_is_discovery(const char *verb, const char *path)
{
	if (strcmp(verb, "get") != 0 && strcmp(verb, "head") != 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(discovery); i++) {
		size_t len = strlen(discovery[i].path);

		if (strncmp(path, discovery[i].path, len) != 0)
			continue;
		if (path[len] == '\0' ||
		    (path[len] == '/' && (discovery[i].and_below || path[len + 1] == '\0')))
			return true;
	}
	return false;
}
