/* How far a rule reaches: namespaces, whole lists, discovery, clusters, administrators, apply patches. */
#include "tests/unit/authz_ask.h"

#include "lib/gate/words.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(namespaces_limit),
		cmocka_unit_test(whole_lists_are_filtered),
		cmocka_unit_test(a_namespace_is_read_only_with_its_resource),
		cmocka_unit_test(discovery_is_for_whoever_sees_the_cluster),
		cmocka_unit_test(an_apply_patch_may_create),
		cmocka_unit_test(clusters_match_by_glob_and_case),
		cmocka_unit_test(admin_is_everything_everywhere_in_one_rule),
		cmocka_unit_test(one_rule_must_cover_all_of_a_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
