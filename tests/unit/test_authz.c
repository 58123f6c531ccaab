/* The one rule: every row of the verb table, resources and groups, what an answer and a denial say. */
#include "tests/unit/authz_ask.h"

#include "lib/gate/words.h"

/* Every row of the contract's table: what a request needs. */
static const struct {
	const char *method, *target, *verb;
} verb_rows[] = {
	/* the same word */
	{ "GET", "/api/v1/namespaces/a/pods/p", "get" },
	{ "HEAD", "/api/v1/namespaces/a/pods/p", "get" },
	{ "GET", "/api/v1/namespaces/a/pods", "list" },
	{ "HEAD", "/api/v1/namespaces/a/pods", "list" },
	{ "GET", "/api/v1/pods", "list" },
	{ "GET", "/api/v1/namespaces/a/pods?watch=true", "watch" },
	{ "GET", "/api/v1/namespaces/a/pods?watch=1", "watch" },
	{ "GET", "/api/v1/namespaces/a/pods?watch=0", "list" },
	{ "GET", "/api/v1/watch/namespaces/a/pods", "watch" },
	{ "GET", "/api/v1/watch/namespaces/b/secrets", "watch" },
	{ "POST", "/api/v1/namespaces/a/pods", "create" },
	{ "PUT", "/api/v1/namespaces/a/pods/p", "update" },
	{ "PATCH", "/api/v1/namespaces/a/pods/p", "patch" },
	{ "DELETE", "/api/v1/namespaces/a/pods/p", "delete" },
	{ "DELETE", "/api/v1/namespaces/a/pods", "deletecollection" },
	{ "GET", "/apis/apps/v1/namespaces/a/deployments/d", "get" },
	{ "PUT", "/apis/apps/v1/namespaces/a/deployments/d/scale", "update" },
	{ "PATCH", "/apis/apps/v1/namespaces/a/deployments/d/scale", "patch" },
	{ "GET", "/apis/apps/v1/namespaces/a/deployments/d/status", "get" },
	{ "POST", "/api/v1/namespaces/a/pods/p/eviction", "create" },
	{ "POST", "/api/v1/namespaces/a/pods/p/binding", "create" },
	{ "PATCH", "/api/v1/namespaces/a/pods/p/status", "patch" },
	{ "PATCH", "/api/v1/namespaces/a/pods/p/resize", "patch" },
	{ "GET", "/api/v1/nodes", "list" },
	{ "GET", "/api/v1/nodes/n", "get" },
	{ "PATCH", "/api/v1/nodes/n", "patch" },
	{ "DELETE", "/api/v1/nodes/n", "delete" },
	{ "GET", "/api/v1/namespaces/a/secrets/s", "get" },
	{ "POST", "/api/v1/namespaces/a/serviceaccounts", "create" },
	{ "POST", "/api/v1/namespaces", "create" },
	{ "DELETE", "/api/v1/namespaces/a", "delete" },
	{ "PUT", "/api/v1/namespaces/a/finalize", "update" },
	{ "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", "create" },
	{ "POST", "/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews", "create" },
	{ "POST", "/apis/authentication.k8s.io/v1/tokenreviews", "create" },
	{ "GET", "/apis/metrics.k8s.io/v1beta1/namespaces/a/pods", "list" },
	{ "GET", "/apis/example.com/v1/namespaces/a/widgets/w", "get" },
	{ "GET", "/apis/subresources.kubevirt.io/v1/namespaces/a/virtualmachineinstances/v/console", "get" },
	/* logs */
	{ "GET", "/api/v1/namespaces/a/pods/p/log", "logs" },
	{ "GET", "/api/v1/namespaces/a/pods/p/log?follow=true", "logs" },
	{ "POST", "/api/v1/namespaces/a/pods/p/log", "logs" },
	/* exec, by any method */
	{ "GET", "/api/v1/namespaces/a/pods/p/exec", "exec" },
	{ "POST", "/api/v1/namespaces/a/pods/p/exec", "exec" },
	{ "PUT", "/api/v1/namespaces/a/pods/p/exec", "exec" },
	{ "DELETE", "/api/v1/namespaces/a/pods/p/exec", "exec" },
	{ "GET", "/api/v1/namespaces/a/pods/p/attach", "exec" },
	{ "POST", "/api/v1/namespaces/a/pods/p/attach", "exec" },
	/* port-forward */
	{ "GET", "/api/v1/namespaces/a/pods/p/portforward", "port-forward" },
	{ "POST", "/api/v1/namespaces/a/pods/p/portforward", "port-forward" },
	/* proxy */
	{ "GET", "/api/v1/namespaces/a/pods/p/proxy", "proxy" },
	{ "POST", "/api/v1/namespaces/a/pods/p:80/proxy/x/y", "proxy" },
	{ "GET", "/api/v1/namespaces/a/services/s/proxy", "proxy" },
	{ "DELETE", "/api/v1/namespaces/a/services/https:s:443/proxy/x", "proxy" },
	{ "GET", "/api/v1/proxy/namespaces/a/services/s", "proxy" },
	{ "GET", "/api/v1/proxy/namespaces/a/pods/p/x", "proxy" },
	{ "GET", "/apis/example.com/v1/namespaces/a/widgets/w/proxy", "proxy" },
	{ "GET", "/apis/x/v1/proxy/namespaces/a/widgets/w", "proxy" },
	/* admin: changes to what grants */
	{ "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles", "admin" },
	{ "PUT", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles/r", "admin" },
	{ "PATCH", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles/r", "admin" },
	{ "DELETE", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles/r", "admin" },
	{ "DELETE", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles", "admin" },
	{ "POST", "/apis/rbac.authorization.k8s.io/v1beta1/namespaces/a/roles", "admin" },
	{ "POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", "admin" },
	{ "PATCH", "/apis/rbac.authorization.k8s.io/v1/clusterroles/c", "admin" },
	{ "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings", "admin" },
	{ "PUT", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings/r", "admin" },
	{ "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "admin" },
	{ "DELETE", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/c", "admin" },
	{ "POST", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", "admin" },
	{ "PATCH", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/m", "admin" },
	{ "POST", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", "admin" },
	{ "DELETE", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/v", "admin" },
	{ "POST", "/apis/apiregistration.k8s.io/v1/apiservices", "admin" },
	{ "PUT", "/apis/apiregistration.k8s.io/v1/apiservices/v1.x/status", "admin" },
	{ "POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests", "admin" },
	{ "PUT", "/apis/certificates.k8s.io/v1/certificatesigningrequests/c/approval", "admin" },
	{ "PUT", "/apis/certificates.k8s.io/v1/certificatesigningrequests/c/status", "admin" },
	{ "POST", "/api/v1/namespaces/a/serviceaccounts/s/token", "admin" },
	{ "GET", "/api/v1/namespaces/a/serviceaccounts/s/token", "admin" },
	{ "PATCH", "/api/v1/namespaces/a/pods/p/ephemeralcontainers", "admin" },
	{ "GET", "/api/v1/namespaces/a/pods/p/ephemeralcontainers", "admin" },
	{ "GET", "/api/v1/nodes/n/proxy", "admin" },
	{ "GET", "/api/v1/nodes/n/proxy/run/a/b/c?cmd=id", "admin" },
	{ "POST", "/api/v1/nodes/n:10250/proxy/exec/a/b/c", "admin" },
	{ "GET", "/api/v1/proxy/nodes/n", "admin" },
	{ "GET", "/api/v1/proxy/nodes/n/metrics", "admin" },
	{ "GET", "/api/v1/nodes/n/status", "admin" },
	{ "PATCH", "/api/v1/nodes/n/status", "admin" },
	{ "GET", "/api/v1/nodes/n/log", "admin" },
	{ "GET", "/api/v1/nodes/n/metrics", "admin" },
	/* reading the same things is not admin */
	{ "GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles", "list" },
	{ "GET", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings/r", "get" },
	{ "GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles?watch=true", "watch" },
	{ "GET", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/m", "get" },
	{ "GET", "/apis/apiregistration.k8s.io/v1/apiservices/v1.x/status", "get" },
	{ "GET", "/apis/certificates.k8s.io/v1/certificatesigningrequests/c/approval", "get" },
	/* look-alikes in other groups have the plain verbs */
	{ "POST", "/apis/example.com/v1/namespaces/a/roles", "create" },
	{ "POST", "/api/v1/namespaces/a/roles", "create" },
	{ "POST", "/apis/example.com/v1/clusterroles", "create" },
	{ "GET", "/apis/example.com/v1/namespaces/a/pods/p/exec", "get" },
	{ "POST", "/apis/example.com/v1/namespaces/a/pods/p/exec", "create" },
	{ "GET", "/apis/metrics.k8s.io/v1beta1/namespaces/a/pods/p/log", "get" },
	{ "GET", "/api/v1/namespaces/a/replicationcontrollers/r/exec", "get" },
	{ "POST", "/apis/example.com/v1/namespaces/a/serviceaccounts/s/token", "create" },
	{ "GET", "/apis/metrics.k8s.io/v1beta1/nodes/n", "get" },
	{ "GET", "/apis/example.com/v1/nodes/n/status", "get" },
	/* paths that are no resources */
	{ "GET", "/metrics", "admin" },
	{ "GET", "/", "admin" },
	{ "GET", "/logs/kube-apiserver.log", "admin" },
	{ "GET", "/debug/pprof/heap", "admin" },
	{ "GET", "/configz", "admin" },
	{ "GET", "/healthz/etcd", "admin" },
	{ "GET", "/livez/ping", "admin" },
	{ "GET", "/readyz/poststarthook/x", "admin" },
	{ "GET", "/version/x", "admin" },
	{ "GET", "/versions", "admin" },
	{ "GET", "/apixyz", "admin" },
	{ "GET", "/apisx/apps", "admin" },
	{ "GET", "/openapis", "admin" },
	{ "GET", "/API", "admin" },
	{ "GET", "/Version", "admin" },
	{ "GET", "/x/version", "admin" },
	{ "POST", "/version", "admin" },
	{ "PUT", "/api", "admin" },
	{ "POST", "/apis", "admin" },
	{ "DELETE", "/healthz", "admin" },
	{ "OPTIONS", "/version", "admin" },
	{ "get", "/metrics", "admin" },
	{ "GET", "/.well-known/openid-configuration", "admin" },
	{ "GET", "/openid/v1/jwks", "admin" },
	{ "GET", "/swagger.json", "admin" },
};

static const char *const all_verbs[] = { "get",	   "list", "watch", "create",	    "update", "patch", "delete",
					 "deletecollection", "logs", "exec", "port-forward", "proxy",  "admin" };

static void each_request_needs_one_verb_and_no_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(verb_rows); i++) {
		const char *method = verb_rows[i].method, *target = verb_rows[i].target;
		AUTO_FREE char *only = mem_printf("* * %s *", verb_rows[i].verb);
		AUTO_BUF struct buf others;
		struct authz_answer answer = ask(only, "c", method, target, false);

		if (!answer.allowed || strcmp(answer.verb, verb_rows[i].verb) != 0)
			fail_msg("%s %s: %s only: allowed %d, verb \"%s\"", method, target, only, answer.allowed,
				 answer.verb);
		buf_init(&others, 1024);
		(void)buf_put_str(&others, "* * ");
		for (size_t k = 0, n = 0; k < COUNT_OF(all_verbs); k++)
			if (strcmp(all_verbs[k], verb_rows[i].verb) != 0)
				(void)buf_printf(&others, "%s%s", n++ ? "," : "", all_verbs[k]);
		(void)buf_put_str(&others, " *");
		answer = ask(buf_str(&others), "c", method, target, false);
		if (answer.allowed)
			fail_msg("%s %s: allowed without %s", method, target, verb_rows[i].verb);
		if (!ask("* * * *", "c", method, target, false).allowed)
			fail_msg("%s %s: denied to everything", method, target);
		if (ask(NULL, "c", method, target, false).allowed || ask("* * - *", "c", method, target, false).allowed ||
		    ask("* - * *", "c", method, target, false).allowed || ask("* * * -", "c", method, target, false).allowed)
			fail_msg("%s %s: allowed by nothing", method, target);
		if (ask("d * * *", "c", method, target, false).allowed)
			fail_msg("%s %s: allowed by another cluster's rule", method, target);
	}
}

static void unknown_methods_are_denied_to_everybody(void **state)
{
	static const struct {
		const char *method, *target;
	} bad[] = {
		{ "OPTIONS", "/api/v1/namespaces/a/pods" }, { "TRACE", "/api/v1/namespaces/a/pods/p" },
		{ "CONNECT", "/api/v1/namespaces/a/pods/p" }, { "get", "/api/v1/namespaces/a/pods/p" },
		{ "Get", "/api/v1/namespaces/a/pods" },	    { "LIST", "/api/v1/namespaces/a/pods" },
		{ "WATCH", "/api/v1/namespaces/a/pods" },   { "X", "/apis/apps/v1/deployments" },
		{ "OPTIONS", "/api/v1/namespaces/a/pods/p/exec" }, { "OPTIONS", "/api/v1/nodes/n/proxy" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (ask("* * * *", "c", bad[i].method, bad[i].target, false).allowed)
			fail_msg("%s %s", bad[i].method, bad[i].target);
}

static const struct {
	const char *resources, *target; /* with GET and all verbs */
	bool allowed;
} resource_rows[] = {
	{ "pods", "/api/v1/namespaces/a/pods", true },
	{ "pods", "/api/v1/namespaces/a/pods/p", true },
	{ "pods", "/apis/metrics.k8s.io/v1beta1/namespaces/a/pods", false },
	{ "pods", "/apis/example.com/v1/namespaces/a/pods", false },
	{ "pods", "/apis/v1/v1/namespaces/a/pods", false },
	{ "pods.metrics.k8s.io", "/apis/metrics.k8s.io/v1beta1/namespaces/a/pods", true },
	{ "pods.metrics.k8s.io", "/api/v1/namespaces/a/pods", false },
	{ "pods.metrics", "/apis/metrics.k8s.io/v1beta1/namespaces/a/pods", false },
	{ "nodes", "/apis/metrics.k8s.io/v1beta1/nodes", false },
	{ "deployments", "/apis/apps/v1/namespaces/a/deployments", true },
	{ "deployments", "/apis/apps/v1beta2/namespaces/a/deployments", true },
	{ "deployments", "/apis/extensions/v1beta1/namespaces/a/deployments", false },
	{ "deployments", "/api/v1/namespaces/a/deployments", false },
	{ "deployments", "/apis/example.com/v1/namespaces/a/deployments", false },
	{ "deployments.apps", "/apis/apps/v1/namespaces/a/deployments", true },
	{ "deployments.apps", "/apis/example.com/v1/namespaces/a/deployments", false },
	{ "deployments.example.com", "/apis/example.com/v1/namespaces/a/deployments", true },
	{ "deployments.example.com", "/apis/apps/v1/namespaces/a/deployments", false },
	{ "deployments.app", "/apis/apps/v1/namespaces/a/deployments", false },
	{ "deployments.appsx", "/apis/apps/v1/namespaces/a/deployments", false },
	{ "deployment", "/apis/apps/v1/namespaces/a/deployments", false },
	{ "deploymentsx", "/apis/apps/v1/namespaces/a/deployments", false },
	{ "events", "/api/v1/namespaces/a/events", true },
	{ "events", "/apis/events.k8s.io/v1/namespaces/a/events", true },
	{ "events", "/apis/example.com/v1/namespaces/a/events", false },
	{ "events.events.k8s.io", "/api/v1/namespaces/a/events", false },
	{ "jobs", "/apis/batch/v1/namespaces/a/jobs", true },
	{ "cronjobs", "/apis/batch/v1/namespaces/a/cronjobs", true },
	{ "jobs", "/apis/batch.volcano.sh/v1alpha1/namespaces/a/jobs", false },
	{ "ingresses", "/apis/networking.k8s.io/v1/namespaces/a/ingresses", true },
	{ "ingresses", "/apis/extensions/v1beta1/namespaces/a/ingresses", false },
	{ "ingresses.networking.k8s.io", "/apis/networking.k8s.io/v1/namespaces/a/ingresses", true },
	{ "networkpolicies", "/apis/networking.k8s.io/v1/namespaces/a/networkpolicies", true },
	{ "networkpolicies", "/apis/crd.projectcalico.org/v1/namespaces/a/networkpolicies", false },
	{ "poddisruptionbudgets", "/apis/policy/v1/namespaces/a/poddisruptionbudgets", true },
	{ "horizontalpodautoscalers", "/apis/autoscaling/v2/namespaces/a/horizontalpodautoscalers", true },
	{ "roles", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles", true },
	{ "roles", "/apis/iam.example.com/v1/namespaces/a/roles", false },
	{ "storageclasses", "/apis/storage.k8s.io/v1/storageclasses", true },
	{ "leases", "/apis/coordination.k8s.io/v1/namespaces/a/leases", true },
	{ "endpointslices", "/apis/discovery.k8s.io/v1/namespaces/a/endpointslices", true },
	{ "endpoints", "/apis/discovery.k8s.io/v1/namespaces/a/endpointslices", false },
	{ "mutatingwebhookconfigurations", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", true },
	{ "customresourcedefinitions", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", true },
	{ "apiservices", "/apis/apiregistration.k8s.io/v1/apiservices", true },
	{ "certificatesigningrequests", "/apis/certificates.k8s.io/v1/certificatesigningrequests", true },
	{ "certificates", "/apis/cert-manager.io/v1/namespaces/a/certificates", false },
	{ "runtimeclasses", "/apis/node.k8s.io/v1/runtimeclasses", true },
	{ "priorityclasses", "/apis/scheduling.k8s.io/v1/priorityclasses", true },
	{ "flowschemas", "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas", true },
	{ "resourceclaims", "/apis/resource.k8s.io/v1/namespaces/a/resourceclaims", true },
	{ "secrets", "/api/v1/namespaces/a/secrets/s", true },
	{ "secrets", "/api/v1/namespaces/a/configmaps/s", false },
	{ "services", "/api/v1/namespaces/a/services", true },
	{ "services", "/apis/serving.knative.dev/v1/namespaces/a/services", false },
	{ "namespaces", "/api/v1/namespaces", true },
	{ "namespaces", "/apis/example.com/v1/namespaces", false },
	/* a plural that Kubernetes does not bring means the core group alone */
	{ "widgets", "/apis/example.com/v1/namespaces/a/widgets", false },
	{ "widgets", "/api/v1/namespaces/a/widgets", true },
	{ "widgets.example.com", "/apis/example.com/v1/namespaces/a/widgets", true },
	{ "widgets.example.com", "/apis/example.org/v1/namespaces/a/widgets", false },
	{ "widgets.example.com", "/apis/x.example.com/v1/namespaces/a/widgets", false },
	/* subresources need their own entry */
	{ "pods", "/api/v1/namespaces/a/pods/p/status", false },
	{ "pods/status", "/api/v1/namespaces/a/pods/p/status", true },
	{ "pods/status", "/api/v1/namespaces/a/pods/p", false },
	{ "pods/status", "/api/v1/namespaces/a/pods/p/eviction", false },
	{ "pods/statu", "/api/v1/namespaces/a/pods/p/status", false },
	{ "pods,pods/eviction", "/api/v1/namespaces/a/pods/p/eviction", true },
	{ "deployments", "/apis/apps/v1/namespaces/a/deployments/d/scale", false },
	{ "deployments/scale", "/apis/apps/v1/namespaces/a/deployments/d/scale", true },
	{ "deployments.apps/scale", "/apis/apps/v1/namespaces/a/deployments/d/scale", true },
	{ "deployments.apps/scale", "/apis/apps/v1/namespaces/a/deployments/d", false },
	{ "deployments.apps/scale", "/apis/example.com/v1/namespaces/a/deployments/d/scale", false },
	{ "deployments.example.com/scale", "/apis/apps/v1/namespaces/a/deployments/d/scale", false },
	{ "*", "/apis/apps/v1/namespaces/a/deployments/d/scale", true },
	{ "*", "/apis/example.com/v1/namespaces/a/widgets/w/anything", true },
	{ "*", "/metrics", true },
	{ "pods,services", "/metrics", false },
	/* logs, exec, port-forward and proxy go by the parent's entry */
	{ "pods", "/api/v1/namespaces/a/pods/p/log", true },
	{ "pods", "/api/v1/namespaces/a/pods/p/exec", true },
	{ "pods", "/api/v1/namespaces/a/pods/p/attach", true },
	{ "pods", "/api/v1/namespaces/a/pods/p/portforward", true },
	{ "pods", "/api/v1/namespaces/a/pods/p/proxy/x", true },
	{ "services", "/api/v1/namespaces/a/services/s/proxy", true },
	{ "services", "/api/v1/namespaces/a/pods/p/proxy", false },
	{ "services", "/api/v1/proxy/namespaces/a/services/s", true },
	{ "pods/exec", "/api/v1/namespaces/a/pods/p/exec", true },
	{ "pods/exec", "/api/v1/namespaces/a/pods/p/attach", false },
	{ "pods/log", "/api/v1/namespaces/a/pods/p/log", true },
	{ "pods/log", "/api/v1/namespaces/a/pods/p/exec", false },
	{ "services", "/api/v1/namespaces/a/pods/p/log", false },
	{ "pods.metrics.k8s.io", "/api/v1/namespaces/a/pods/p/log", false },
	{ "pods", "/apis/metrics.k8s.io/v1beta1/namespaces/a/pods/p/exec", false },
	/* admin goes by own entries, too */
	{ "nodes", "/api/v1/nodes/n/proxy", false },
	{ "nodes/proxy", "/api/v1/nodes/n/proxy", true },
	{ "nodes/proxy", "/api/v1/nodes/n/status", false },
	{ "pods", "/api/v1/namespaces/a/pods/p/ephemeralcontainers", false },
	{ "pods/ephemeralcontainers", "/api/v1/namespaces/a/pods/p/ephemeralcontainers", true },
};

static void resources_match_with_their_group(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(resource_rows); i++) {
		AUTO_FREE char *rules = mem_printf("c * * %s", resource_rows[i].resources);

		if (ask(rules, "c", "GET", resource_rows[i].target, false).allowed != resource_rows[i].allowed)
			fail_msg("%s for %s: %s", resource_rows[i].target, resource_rows[i].resources,
				 resource_rows[i].allowed ? "denied" : "allowed");
	}
}

static void the_answer_names_role_and_rule(void **state)
{
	struct role *viewer = role_make("viewer", "* * get,list *");
	struct role *developer = role_make("developer", "x * * *;dev-* * exec pods");
	const struct role *const roles[] = { viewer, developer };
	static struct request_info info;
	struct authz_request rq = { "dev-1", &info, false };
	struct authz_answer answer;

	(void)state;
	parse_request("POST", "/api/v1/namespaces/a/pods/p/exec?command=id", &info);
	authz_decide(roles, 2, &rq, &answer);
	assert_true(answer.allowed);
	assert_string_equal(answer.verb, "exec");
	assert_string_equal(answer.rule, "developer, rule 2 (dev-*)");
	parse_request("DELETE", "/api/v1/namespaces/a/pods/p", &info);
	authz_decide(roles, 2, &rq, &answer);
	assert_false(answer.allowed);
	assert_string_equal(answer.rule, "");
	assert_string_equal(answer.verb, "delete");
	role_free(viewer);
	role_free(developer);
}

static const struct {
	const char *method, *target;
	bool is_change;
} change_rows[] = {
	{ "GET", "/api/v1/pods", false },
	{ "GET", "/api/v1/pods?watch=1", false },
	{ "GET", "/api/v1/namespaces/a/pods/p", false },
	{ "GET", "/api/v1/namespaces/a/pods/p/log?follow=true", false },
	{ "HEAD", "/api/v1/namespaces/a/pods/p", false },
	{ "POST", "/api/v1/namespaces/a/pods", true },
	{ "PUT", "/api/v1/namespaces/a/pods/p", true },
	{ "PATCH", "/api/v1/namespaces/a/pods/p", true },
	{ "DELETE", "/api/v1/namespaces/a/pods/p", true },
	{ "DELETE", "/api/v1/namespaces/a/pods", true },
	{ "GET", "/api/v1/namespaces/a/pods/p/exec", true },
	{ "POST", "/api/v1/namespaces/a/pods/p/exec", true },
	{ "GET", "/api/v1/namespaces/a/pods/p/attach", true },
	{ "GET", "/api/v1/namespaces/a/pods/p/portforward", true },
	{ "GET", "/api/v1/namespaces/a/services/s/proxy/x", true },
	{ "GET", "/api/v1/proxy/namespaces/a/services/s", true },
	{ "GET", "/api/v1/nodes/n/proxy/run/x", true },
	{ "POST", "/api/v1/namespaces/a/serviceaccounts/s/token", true },
	{ "OPTIONS", "/api/v1/pods", true },
	{ "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", false },
	{ "GET", "/version", false },
	{ "GET", "/metrics", false },
	{ "POST", "/metrics", true },
};

static void changes_are_known(void **state)
{
	static struct request_info info;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(change_rows); i++) {
		parse_request(change_rows[i].method, change_rows[i].target, &info);
		if (authz_is_change(&info) != change_rows[i].is_change)
			fail_msg("%s %s", change_rows[i].method, change_rows[i].target);
	}
}

static const struct {
	const char *method, *target, *says;
} denial_rows[] = {
	{ "DELETE", "/api/v1/namespaces/x/pods/p",
	  "user \"dev@example.com\" cannot delete resource \"pods\" in API group \"\" in the namespace \"x\" of cluster "
	  "\"c\": roles looked at: developer, viewer" },
	{ "GET", "/apis/apps/v1/deployments",
	  "user \"dev@example.com\" cannot list resource \"deployments\" in API group \"apps\" at the scope of cluster "
	  "\"c\": roles looked at: developer, viewer" },
	{ "GET", "/api/v1/namespaces/x/pods/p/log",
	  "user \"dev@example.com\" cannot get resource \"pods/log\" in API group \"\" in the namespace \"x\" of cluster "
	  "\"c\" (it needs the verb \"logs\"): roles looked at: developer, viewer" },
	{ "GET", "/metrics",
	  "user \"dev@example.com\" cannot get path \"/metrics\" of cluster \"c\" (it needs the verb \"admin\"): roles "
	  "looked at: developer, viewer" },
};

static void a_denial_names_user_request_and_roles(void **state)
{
	struct role *developer = role_make("developer", "d * * *"), *viewer = role_make("viewer", "e * * *");
	const struct role *const roles[] = { developer, viewer };
	static struct request_info info;
	struct authz_request rq = { "c", &info, false };
	struct authz_answer answer;
	char text[600], small[20];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(denial_rows); i++) {
		parse_request(denial_rows[i].method, denial_rows[i].target, &info);
		authz_decide(roles, 2, &rq, &answer);
		assert_false(answer.allowed);
		authz_denial("dev@example.com", roles, 2, &rq, &answer, text, sizeof(text));
		assert_string_equal(text, denial_rows[i].says);
	}
	authz_denial("dev@example.com", NULL, 0, &rq, &answer, text, sizeof(text));
	assert_non_null(strstr(text, ": roles looked at: none"));
	authz_denial("dev@example.com", roles, 2, &rq, &answer, small, sizeof(small));
	assert_string_equal(small, "user \"dev@example.c");
	parse_request("GET", "/api/v1/namespaces/a%1b%0ab/pods", &info);
	authz_denial("dev@example.com", roles, 2, &rq, &answer, text, sizeof(text));
	assert_non_null(strstr(text, "namespace \"a??b\""));
	role_free(developer);
	role_free(viewer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request_needs_one_verb_and_no_other),
		cmocka_unit_test(unknown_methods_are_denied_to_everybody),
		cmocka_unit_test(resources_match_with_their_group),
		cmocka_unit_test(the_answer_names_role_and_rule),
		cmocka_unit_test(changes_are_known),
		cmocka_unit_test(a_denial_names_user_request_and_roles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
