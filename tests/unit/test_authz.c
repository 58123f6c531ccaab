/* The one rule: every row of the verb table, resources, groups, namespaces, clusters, discovery, denials. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/gate/authz.h"
#include "lib/gate/words.h"

/* Rules as "CLUSTER NAMESPACES VERBS RESOURCES", lists by commas, "-" for an empty one; rules by ';'. */
static struct role *role_make(const char *name, const char *rules)
{
	AUTO_JSON struct json *doc = json_new_object();
	struct json *list = json_new_array();
	struct span rest = span_of(rules), rule;
	struct role *role = NULL;
	struct err e = { 0 };

	json_set_str(doc, "name", name);
	json_set_item(doc, "clusters", list);
	while (span_take_part(&rest, ';', &rule)) {
		static const char *const members[] = { "name", "namespaces", "verbs", "resources" };
		struct json *item = json_new_object();

		for (size_t i = 0; i < COUNT_OF(members); i++) {
			struct span part = SPAN_NONE, word;
			struct json *words = i ? json_new_array() : NULL;

			assert_true(span_take_part(&rule, ' ', &part));
			while (words && !span_equal_str(part, "-") && span_take_part(&part, ',', &word)) {
				AUTO_FREE char *text = span_dup(word);

				json_add_str(words, text);
			}
			if (words) {
				json_set_item(item, members[i], words);
			} else {
				AUTO_FREE char *text = span_dup(part);

				json_set_str(item, members[i], text);
			}
		}
		json_add_item(list, item);
	}
	if (role_parse(doc, &role, &e) < 0)
		fail_msg("%s: %s", rules, e.text);
	return role;
}

static void parse_request(const char *method, const char *target, struct request_info *ret_info)
{
	struct err e = { 0 };

	if (request_info_parse(ret_info, span_of(method), span_of(target), &e) < 0)
		fail_msg("%s %s: %s", method, target, e.text);
}

static struct authz_answer ask(const char *rules, const char *cluster, const char *method, const char *target,
			       bool apply_patch)
{
	struct role *role = rules ? role_make("tested", rules) : NULL;
	const struct role *const roles[] = { role };
	static struct request_info info; /* large */
	struct authz_request rq = { cluster, &info, apply_patch };
	struct authz_answer answer;

	parse_request(method, target, &info);
	authz_decide(roles, rules ? 1 : 0, &rq, &answer);
	role_free(role);
	assert_true(answer.allowed == (*answer.rule != '\0'));
	return answer;
}

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

static const struct {
	const char *namespaces, *method, *target; /* all verbs and resources */
	bool allowed;
} namespace_rows[] = {
	{ "a", "GET", "/api/v1/namespaces/a/pods", true },
	{ "a", "GET", "/api/v1/namespaces/b/pods", false },
	{ "a", "GET", "/api/v1/namespaces/A/pods", false },
	{ "a", "GET", "/api/v1/namespaces/aa/pods", false },
	{ "a,b", "DELETE", "/api/v1/namespaces/b/pods/p", true },
	{ "a,b", "DELETE", "/api/v1/namespaces/c/pods/p", false },
	{ "*", "GET", "/api/v1/namespaces/z/pods", true },
	{ "a,*", "GET", "/api/v1/namespaces/z/pods", true },
	{ "-", "GET", "/api/v1/namespaces/a/pods", false },
	/* whole lists over all namespaces */
	{ "a", "GET", "/api/v1/pods", false },
	{ "a", "GET", "/api/v1/pods?watch=true", false },
	{ "a", "GET", "/api/v1/watch/pods", false },
	{ "a", "GET", "/api/v1/pods?fieldSelector=metadata.namespace=a", false },
	{ "a", "GET", "/api/v1/pods?fieldSelector=metadata.name=a", false },
	{ "a", "DELETE", "/api/v1/pods", false },
	{ "a", "POST", "/api/v1/pods", false },
	{ "*", "GET", "/api/v1/pods", true },
	{ "a", "GET", "/apis/example.com/v1/widgets", false },
	{ "a", "GET", "/api/v1/watch/namespaces/a/pods", true },
	{ "a", "GET", "/api/v1/watch/namespaces/b/secrets", false },
	{ "a", "GET", "/api/v1/proxy/namespaces/b/pods/p", false },
	{ "a", "GET", "/api/v1/proxy/namespaces/a/pods/p", true },
	/* the cluster's scope */
	{ "a", "GET", "/api/v1/nodes", false },
	{ "a", "GET", "/api/v1/nodes/a", false },
	{ "a", "GET", "/apis/storage.k8s.io/v1/storageclasses", false },
	{ "a", "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", false },
	{ "a", "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings", true },
	{ "a", "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/b/rolebindings", false },
	{ "*", "GET", "/api/v1/nodes", true },
	{ "a", "GET", "/metrics", false },
	/* built-in cluster-scoped resources do not become the namespace's by the path */
	{ "a", "GET", "/api/v1/namespaces/a/nodes/n", false },
	{ "a", "GET", "/api/v1/namespaces/a/persistentvolumes", false },
	{ "a", "DELETE", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/clusterroles/x", false },
	{ "a", "POST", "/apis/apiextensions.k8s.io/v1/namespaces/a/customresourcedefinitions", false },
	{ "*", "GET", "/api/v1/namespaces/a/nodes/n", true },
	/* namespaces themselves */
	{ "a", "GET", "/api/v1/namespaces/a", true },
	{ "a", "HEAD", "/api/v1/namespaces/a", true },
	{ "a", "GET", "/api/v1/watch/namespaces/a", true },
	{ "a", "GET", "/api/v1/namespaces/a/status", true },
	{ "a", "GET", "/api/v1/namespaces/b", false },
	{ "a", "GET", "/api/v1/namespaces/b/status", false },
	{ "a", "GET", "/api/v1/watch/namespaces/b", false },
	{ "a", "GET", "/api/v1/namespaces", false },
	{ "a", "GET", "/api/v1/namespaces?watch=true", false },
	{ "a", "GET", "/api/v1/namespaces?fieldSelector=metadata.name=a", false },
	{ "a", "POST", "/api/v1/namespaces", false },
	{ "a", "DELETE", "/api/v1/namespaces", false },
	{ "a", "DELETE", "/api/v1/namespaces/a", false },
	{ "a", "PUT", "/api/v1/namespaces/a", false },
	{ "a", "PATCH", "/api/v1/namespaces/a", false },
	{ "a", "PUT", "/api/v1/namespaces/a/finalize", false },
	{ "a", "PATCH", "/api/v1/namespaces/a/status", false },
	{ "*", "DELETE", "/api/v1/namespaces/a", true },
	{ "*", "GET", "/api/v1/namespaces", true },
	/* namespaces with words of the path's grammar as names */
	{ "status", "GET", "/api/v1/namespaces/status/pods", true },
	{ "watch", "GET", "/api/v1/namespaces/watch/pods", true },
	{ "proxy", "GET", "/api/v1/namespaces/proxy/pods", true },
	{ "namespaces", "GET", "/api/v1/namespaces/namespaces/pods", true },
	{ "a", "GET", "/api/v1/namespaces/namespaces/pods", false },
	{ "pods", "GET", "/api/v1/namespaces/a/pods", false },
	{ "namespaces", "GET", "/api/v1/namespaces", false },
	/* another group's namespaces are no namespaces */
	{ "a", "GET", "/apis/example.com/v1/namespaces/a", true },
	{ "b", "GET", "/apis/example.com/v1/namespaces/a", false },
};

static void namespaces_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(namespace_rows); i++) {
		AUTO_FREE char *rules = mem_printf("c %s * *", namespace_rows[i].namespaces);
		struct authz_answer answer =
			ask(rules, "c", namespace_rows[i].method, namespace_rows[i].target, false);

		if ((answer.allowed && !answer.filtered) != namespace_rows[i].allowed)
			fail_msg("%s %s for %s: %s", namespace_rows[i].method, namespace_rows[i].target,
				 namespace_rows[i].namespaces, namespace_rows[i].allowed ? "denied" : "allowed");
	}
}

/* Over all namespaces: which ones' items an answer may show; NULL: denied, "": all of them. */
static const struct {
	const char *rules, *method, *target, *names;
} filter_rows[] = {
	{ "c a list pods", "GET", "/api/v1/pods", "a" },
	{ "c a list pods", "HEAD", "/api/v1/pods", "a" },
	{ "c a,b list pods", "GET", "/api/v1/pods", "a,b" },
	{ "c a,b list pods;c b,d * *", "GET", "/api/v1/pods", "a,b,d" },
	{ "c a watch pods", "GET", "/api/v1/pods?watch=1", "a" },
	{ "c a watch pods", "GET", "/api/v1/watch/pods", "a" },
	{ "c a * *", "GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx", "a" },
	{ "c a list pods;c b watch pods", "GET", "/api/v1/pods", "a" },
	{ "c a list pods;c b list secrets", "GET", "/api/v1/pods", "a" },
	{ "c a list pods;d b list pods", "GET", "/api/v1/pods", "a" },
	{ "c a list pods;* b list *", "GET", "/api/v1/pods", "a,b" },
	{ "c a list pods;c * list pods", "GET", "/api/v1/pods", "" },
	{ "c a,* list pods", "GET", "/api/v1/pods", "" },
	{ "c a list *", "GET", "/apis/example.com/v1/widgets", "a" },
	{ "c a list deployments", "GET", "/apis/apps/v1/deployments", "a" },
	{ "c a list namespaces", "GET", "/api/v1/namespaces", "a" },
	{ "c a watch namespaces", "GET", "/api/v1/namespaces?watch=true", "a" },
	{ "c a list *", "GET", "/api/v1/namespaces?fieldSelector=metadata.name=b", "a" },
	{ "c a list namespaces", "GET", "/api/v1/pods", NULL },
	{ "c a list pods", "GET", "/api/v1/namespaces", NULL },
	{ "c a list pods", "GET", "/api/v1/pods?watch=1", NULL },
	{ "c a watch pods", "GET", "/api/v1/pods", NULL },
	{ "c a get pods", "GET", "/api/v1/pods", NULL },
	{ "c - list pods", "GET", "/api/v1/pods", NULL },
	{ "c a list -", "GET", "/api/v1/pods", NULL },
	{ "d a list pods", "GET", "/api/v1/pods", NULL },
	{ "c a list deployments", "GET", "/apis/look.alike/v1/deployments", NULL },
	{ "c a * *", "GET", "/api/v1/nodes", NULL },
	{ "c a * *", "GET", "/api/v1/persistentvolumes?watch=1", NULL },
	{ "c a * *", "GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles", NULL },
	{ "c a * *", "GET", "/api/v1/namespaces/b/pods", NULL },
	{ "c a * *", "GET", "/api/v1/watch/namespaces/b", NULL },
	{ "c a * *", "DELETE", "/api/v1/pods", NULL },
	{ "c a * *", "POST", "/api/v1/pods", NULL },
	{ "c a * *", "GET", "/logs", NULL },
};

static void whole_lists_are_filtered(void **state)
{
	static struct request_info info;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(filter_rows); i++) {
		struct role *role = role_make("tested", filter_rows[i].rules);
		const struct role *const roles[] = { role };
		struct authz_request rq = { "c", &info, false };
		struct authz_answer answer;
		char text[100] = "";
		char **names;

		parse_request(filter_rows[i].method, filter_rows[i].target, &info);
		authz_decide(roles, 1, &rq, &answer);
		names = authz_filter_namespaces(roles, 1, &rq);
		for (char **name = names; answer.filtered && *name; name++)
			(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", *text ? "," : "", *name);
		if (answer.allowed != (filter_rows[i].names != NULL) || answer.filtered != (*text != '\0') ||
		    strcmp(text, filter_rows[i].names ? filter_rows[i].names : "") != 0)
			fail_msg("row %zu: %s %s with %s: %s \"%s\"", i, filter_rows[i].method, filter_rows[i].target,
				 filter_rows[i].rules, answer.allowed ? "allowed" : "denied", text);
		words_free(names);
		role_free(role);
	}
}

static void a_namespace_is_read_only_with_its_resource(void **state)
{
	(void)state;
	assert_true(ask("c a get namespaces", "c", "GET", "/api/v1/namespaces/a", false).allowed);
	assert_false(ask("c a get pods", "c", "GET", "/api/v1/namespaces/a", false).allowed);
	assert_false(ask("c a get namespaces", "c", "GET", "/api/v1/namespaces/a/status", false).allowed);
	assert_true(ask("c a get namespaces/status", "c", "GET", "/api/v1/namespaces/a/status", false).allowed);
}

static const struct {
	const char *method, *target;
} open_rows[] = {
	{ "GET", "/version" },	    { "HEAD", "/version" },	      { "GET", "/version/" },
	{ "GET", "/version?timeout=5s" }, { "GET", "/api" },	      { "GET", "/api/" },
	{ "GET", "/api/v1" },	    { "GET", "/apis" },		      { "GET", "/apis/apps" },
	{ "GET", "/apis/apps/v1" }, { "GET", "/apis/metrics.k8s.io/v1beta1" }, { "GET", "/openapi/v2" },
	{ "GET", "/openapi/v3/apis/apps/v1" }, { "GET", "/healthz" }, { "GET", "/livez?verbose" },
	{ "HEAD", "/readyz" },
	{ "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" },
	{ "POST", "/apis/authorization.k8s.io/v1beta1/selfsubjectaccessreviews" },
	{ "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews" },
	{ "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews" },
};

static void discovery_is_for_whoever_sees_the_cluster(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(open_rows); i++) {
		struct authz_answer answer = ask("c a get pods", "c", open_rows[i].method, open_rows[i].target, false);

		if (!answer.allowed || *answer.verb)
			fail_msg("%s %s: denied", open_rows[i].method, open_rows[i].target);
		if (ask("d * * *", "c", open_rows[i].method, open_rows[i].target, false).allowed ||
		    ask("c * * -", "c", open_rows[i].method, open_rows[i].target, false).allowed ||
		    ask("c * - *", "c", open_rows[i].method, open_rows[i].target, false).allowed ||
		    ask("c - * *", "c", open_rows[i].method, open_rows[i].target, false).allowed ||
		    ask(NULL, "c", open_rows[i].method, open_rows[i].target, false).allowed)
			fail_msg("%s %s: allowed to who does not see it", open_rows[i].method, open_rows[i].target);
	}
	assert_false(ask("c a get pods", "c", "GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", false)
			     .allowed);
	assert_false(ask("c a get pods", "c", "POST", "/apis/example.com/v1/selfsubjectaccessreviews", false).allowed);
	assert_false(
		ask("c a get pods", "c", "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x/y", false).allowed);
}

static const struct {
	const char *rules, *target;
	bool allowed;
	const char *verb;
} apply_rows[] = {
	{ "c * patch,create pods", "/api/v1/namespaces/a/pods/p", true, "patch" },
	{ "c * patch pods", "/api/v1/namespaces/a/pods/p", false, "create" },
	{ "c * create pods", "/api/v1/namespaces/a/pods/p", false, "patch" },
	{ "c * patch,update,get pods", "/api/v1/namespaces/a/pods/p", false, "create" },
	{ "c * patch pods;c a create pods", "/api/v1/namespaces/a/pods/p", true, "patch" },
	{ "c * patch pods;c b create pods", "/api/v1/namespaces/a/pods/p", false, "create" },
	{ "c * patch pods;d * create pods", "/api/v1/namespaces/a/pods/p", false, "create" },
	{ "c * patch pods/status", "/api/v1/namespaces/a/pods/p/status", true, "patch" },
	{ "c * * pods", "/api/v1/namespaces/a/pods/p", true, "patch" },
	{ "c * patch,create roles", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles/r", false, "admin" },
	{ "c * admin roles", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles/r", true, "admin" },
};

static void an_apply_patch_may_create(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(apply_rows); i++) {
		struct authz_answer answer = ask(apply_rows[i].rules, "c", "PATCH", apply_rows[i].target, true);

		if ((answer.allowed && !answer.only_existing) != apply_rows[i].allowed ||
		    strcmp(answer.only_existing ? "create" : answer.verb, apply_rows[i].verb) != 0)
			fail_msg("%s for %s: allowed %d, verb %s", apply_rows[i].target, apply_rows[i].rules,
				 answer.allowed, answer.verb);
	}
	assert_true(ask("c * patch pods", "c", "PATCH", "/api/v1/namespaces/a/pods/p", false).allowed);
}

static const struct {
	const char *glob, *cluster;
	bool sees;
} cluster_rows[] = {
	{ "*", "prod-1", true },      { "prod-*", "prod-1", true },  { "prod-*", "prod-", true },
	{ "prod-*", "prod", false },  { "prod-*", "PROD-1", false }, { "prod-*", "xprod-1", false },
	{ "prod-1", "prod-1", true }, { "prod-1", "prod-11", false }, { "*-eu", "prod-eu", true },
	{ "*-eu", "prod-eu-2", false }, { "*.eu.*", "a.eu.b", true }, { "prod-*", "", false },
};

static void clusters_match_by_glob_and_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cluster_rows); i++) {
		AUTO_FREE char *rules = mem_printf("%s a get pods", cluster_rows[i].glob);
		struct role *role = role_make("tested", rules);
		bool sees = authz_sees_cluster((const struct role *const[]){ role }, 1, cluster_rows[i].cluster);
		bool may = ask(rules, cluster_rows[i].cluster, "GET", "/api/v1/namespaces/a/pods/p", false).allowed;

		role_free(role);
		if (sees != cluster_rows[i].sees || may != sees)
			fail_msg("%s on %s: sees %d, may %d", cluster_rows[i].glob, cluster_rows[i].cluster, sees, may);
	}
	assert_false(authz_sees_cluster(NULL, 0, "c"));
}

static const struct {
	const char *rules;
	bool is_admin;
} admin_rows[] = {
	{ "* * * *", true },	    { "* * get *", false },	  { "* a * *", false },
	{ "* * * pods", false },    { "prod-* * * *", false },	  { "** * * *", false },
	{ "* * - *", false },	    { "c a get pods;* * * *", true }, { "* * * pods;* * get *", false },
	{ "* *,a get,* pods,*", true },
};

static void admin_is_everything_everywhere_in_one_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(admin_rows); i++) {
		struct role *role = role_make("tested", admin_rows[i].rules);

		if (authz_is_admin((const struct role *const[]){ role }, 1) != admin_rows[i].is_admin)
			fail_msg("%s", admin_rows[i].rules);
		role_free(role);
	}
	assert_false(authz_is_admin(NULL, 0));
}

static void one_rule_must_cover_all_of_a_request(void **state)
{
	static const struct {
		const char *rules;
		bool allowed;
	} combined[] = {
		{ "c a get pods", true },
		{ "c a list pods;c b get pods;d a get pods;c a get services", false },
		{ "c b get pods;c a get pods", true },
		{ "c a - pods;c a get -;c - get pods", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(combined); i++)
		if (ask(combined[i].rules, "c", "GET", "/api/v1/namespaces/a/pods/p", false).allowed != combined[i].allowed)
			fail_msg("%s", combined[i].rules);
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
		cmocka_unit_test(namespaces_limit),
		cmocka_unit_test(whole_lists_are_filtered),
		cmocka_unit_test(a_namespace_is_read_only_with_its_resource),
		cmocka_unit_test(discovery_is_for_whoever_sees_the_cluster),
		cmocka_unit_test(an_apply_patch_may_create),
		cmocka_unit_test(clusters_match_by_glob_and_case),
		cmocka_unit_test(admin_is_everything_everywhere_in_one_rule),
		cmocka_unit_test(one_rule_must_cover_all_of_a_request),
		cmocka_unit_test(the_answer_names_role_and_rule),
		cmocka_unit_test(changes_are_known),
		cmocka_unit_test(a_denial_names_user_request_and_roles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
