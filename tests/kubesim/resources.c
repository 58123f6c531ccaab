/* Which resources the simulated API server has; custom resource definitions add to them. */
#include "tests/kubesim/resources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"

#define RBAC "rbac.authorization.k8s.io"
#define AUTHZ "authorization.k8s.io"
#define AUTHN "authentication.k8s.io"
#define ADMISSION "admissionregistration.k8s.io"
#define POD_SUB "attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,resize,status"

/* The custom resource is there without its definition, for tests that need one. */
static const struct resource builtin[] = {
	{ "", "v1", "configmaps", "configmap", "ConfigMap", "cm", "", "", true, false },
	{ "", "v1", "endpoints", "endpoints", "Endpoints", "ep", "", "", true, false },
	{ "", "v1", "events", "event", "Event", "ev", "", "", true, false },
	{ "", "v1", "limitranges", "limitrange", "LimitRange", "limits", "", "", true, false },
	{ "", "v1", "namespaces", "namespace", "Namespace", "ns", "", "finalize,status", false, false },
	{ "", "v1", "nodes", "node", "Node", "no", "", "proxy,status", false, false },
	{ "", "v1", "persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim", "pvc", "", "status", true,
	  false },
	{ "", "v1", "persistentvolumes", "persistentvolume", "PersistentVolume", "pv", "", "status", false, false },
	{ "", "v1", "pods", "pod", "Pod", "po", "all", POD_SUB, true, false },
	{ "", "v1", "replicationcontrollers", "replicationcontroller", "ReplicationController", "rc", "all",
	  "scale,status", true, false },
	{ "", "v1", "resourcequotas", "resourcequota", "ResourceQuota", "quota", "", "status", true, false },
	{ "", "v1", "secrets", "secret", "Secret", "", "", "", true, false },
	{ "", "v1", "serviceaccounts", "serviceaccount", "ServiceAccount", "sa", "", "token", true, false },
	{ "", "v1", "services", "service", "Service", "svc", "all", "proxy,status", true, false },
	{ "apiregistration.k8s.io", "v1", "apiservices", "apiservice", "APIService", "", "api-extensions", "status",
	  false, false },
	{ "apps", "v1", "controllerrevisions", "controllerrevision", "ControllerRevision", "", "", "", true, false },
	{ "apps", "v1", "daemonsets", "daemonset", "DaemonSet", "ds", "all", "status", true, false },
	{ "apps", "v1", "deployments", "deployment", "Deployment", "deploy", "all", "scale,status", true, false },
	{ "apps", "v1", "replicasets", "replicaset", "ReplicaSet", "rs", "all", "scale,status", true, false },
	{ "apps", "v1", "statefulsets", "statefulset", "StatefulSet", "sts", "all", "scale,status", true, false },
	{ "events.k8s.io", "v1", "events", "event", "Event", "ev", "", "", true, false },
	{ AUTHN, "v1", "selfsubjectreviews", "selfsubjectreview", "SelfSubjectReview", "", "", "", false, false },
	{ AUTHN, "v1", "tokenreviews", "tokenreview", "TokenReview", "", "", "", false, false },
	{ AUTHZ, "v1", "localsubjectaccessreviews", "localsubjectaccessreview", "LocalSubjectAccessReview", "", "", "",
	  true, false },
	{ AUTHZ, "v1", "selfsubjectaccessreviews", "selfsubjectaccessreview", "SelfSubjectAccessReview", "", "", "",
	  false, false },
	{ AUTHZ, "v1", "selfsubjectrulesreviews", "selfsubjectrulesreview", "SelfSubjectRulesReview", "", "", "", false,
	  false },
	{ AUTHZ, "v1", "subjectaccessreviews", "subjectaccessreview", "SubjectAccessReview", "", "", "", false, false },
	{ "batch", "v1", "cronjobs", "cronjob", "CronJob", "cj", "all", "status", true, false },
	{ "batch", "v1", "jobs", "job", "Job", "", "all", "status", true, false },
	{ "certificates.k8s.io", "v1", "certificatesigningrequests", "certificatesigningrequest",
	  "CertificateSigningRequest", "csr", "", "approval,status", false, false },
	{ "coordination.k8s.io", "v1", "leases", "lease", "Lease", "", "", "", true, false },
	{ "networking.k8s.io", "v1", "ingresses", "ingress", "Ingress", "ing", "", "status", true, false },
	{ "networking.k8s.io", "v1", "networkpolicies", "networkpolicy", "NetworkPolicy", "netpol", "", "", true, false },
	{ RBAC, "v1", "clusterrolebindings", "clusterrolebinding", "ClusterRoleBinding", "", "", "", false, false },
	{ RBAC, "v1", "clusterroles", "clusterrole", "ClusterRole", "", "", "", false, false },
	{ RBAC, "v1", "rolebindings", "rolebinding", "RoleBinding", "", "", "", true, false },
	{ RBAC, "v1", "roles", "role", "Role", "", "", "", true, false },
	{ ADMISSION, "v1", "mutatingwebhookconfigurations", "mutatingwebhookconfiguration",
	  "MutatingWebhookConfiguration", "", "api-extensions", "", false, false },
	{ ADMISSION, "v1", "validatingwebhookconfigurations", "validatingwebhookconfiguration",
	  "ValidatingWebhookConfiguration", "", "api-extensions", "", false, false },
	{ "apiextensions.k8s.io", "v1", "customresourcedefinitions", "customresourcedefinition",
	  "CustomResourceDefinition", "crd,crds", "api-extensions", "status", false, false },
	{ "example.com", "v1", "widgets", "widget", "Widget", "wd", "", "status", true, true },
};

static void add(struct resources *rs, const struct resource *r)
{
	struct kind *k = mem_new(sizeof(*k));

	k->r = *r;
	k->is_review = strstr(r->kind, "Review") != NULL;
	(void)snprintf(k->api_version, sizeof(k->api_version), "%s%s%s", r->group, r->group[0] ? "/" : "", r->version);
	rs->at = mem_grow(rs->at, rs->count + 1, sizeof(*rs->at));
	rs->at[rs->count++] = k;
}

void resources_init(struct resources *rs)
{
	*rs = (struct resources){ 0 };
	for (size_t i = 0; i < COUNT_OF(builtin); i++)
		add(rs, &builtin[i]);
}

struct kind *resources_find(const struct resources *rs, const char *group, const char *version, const char *plural)
{
	for (size_t i = 0; i < rs->count; i++) {
		const struct resource *r = &rs->at[i]->r;

		if (strcmp(r->plural, plural) == 0 && strcmp(r->group, group) == 0 && strcmp(r->version, version) == 0)
			return rs->at[i];
	}
	return NULL;
}

bool resources_has_version(const struct resources *rs, const char *group, const char *version)
{
	for (size_t i = 0; i < rs->count; i++)
		if (strcmp(rs->at[i]->r.group, group) == 0 && strcmp(rs->at[i]->r.version, version) == 0)
			return true;
	return false;
}

/* Kept until the program ends: a served resource never goes. */
static const char *keep(const char *text)
{
	return text ? mem_dup_str(text) : "";
}

static const char *keep_words(const struct json *list)
{
	struct buf words;

	buf_init(&words, 1024);
	for (const struct json *i = json_first(list); i; i = json_next(i))
		(void)buf_printf(&words, "%s%s", words.len ? "," : "", json_text(i) ? json_text(i) : "");
	return buf_take_str(&words);
}

void resources_add_custom(struct resources *rs, const struct json *definition)
{
	const struct json *spec = json_get(definition, "spec"), *names = json_get(spec, "names");
	const char *group = json_str(spec, "group"), *plural = json_str(names, "plural"), *kind = json_str(names, "kind");
	const char *scope = json_str(spec, "scope");

	if (!group || !plural || !kind)
		return;
	for (const struct json *v = json_first(json_get(spec, "versions")); v; v = json_next(v)) {
		const char *version = json_str(v, "name");

		if (!version || resources_find(rs, group, version, plural))
			continue;
		add(rs, &(struct resource){ .group = keep(group),
					    .version = keep(version),
					    .plural = keep(plural),
					    .singular = keep(json_str(names, "singular")),
					    .kind = keep(kind),
					    .short_names = keep_words(json_get(names, "shortNames")),
					    .categories = keep_words(json_get(names, "categories")),
					    .subresources = "status",
					    .is_namespaced = !scope || strcmp(scope, "Cluster") != 0,
					    .is_custom = true });
	}
}

bool words_have(const char *words, struct span word)
{
	struct span rest = span_of(words), part;

	while (span_take_part(&rest, ',', &part))
		if (part.len && span_equal(part, word))
			return true;
	return false;
}

void resource_put_name(struct buf *out, const struct resource *r)
{
	(void)buf_printf(out, "%s%s%s", r->plural, r->group[0] ? "." : "", r->group);
}
