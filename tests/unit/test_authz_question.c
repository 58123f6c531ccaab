/* Questions about rights: what their words mean, and what a rule lacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/gate/authz.h"
#include "lib/gate/authz_question.h"

static const struct {
	const char *verb, *text;
	const char *asked, *group, *resource, *subresource, *path;
} rows[] = {
	{ "get", "pods", "get", "", "pods", "", "" },
	{ "get", "deployments", "get", "apps", "deployments", "", "" },
	{ "get", "deployments.apps", "get", "apps", "deployments", "", "" },
	{ "get", "deployments.look.alike", "get", "look.alike", "deployments", "", "" },
	{ "get", "deployments/scale", "get", "apps", "deployments", "scale", "" },
	{ "update", "deployments.apps/scale", "update", "apps", "deployments", "scale", "" },
	{ "list", "widgets", "list", "", "widgets", "", "" },
	{ "list", "widgets.example.com", "list", "example.com", "widgets", "", "" },
	{ "logs", "pods", "get", "", "pods", "log", "" },
	{ "exec", "pods", "create", "", "pods", "exec", "" },
	{ "port-forward", "pods", "create", "", "pods", "portforward", "" },
	{ "proxy", "services", "get", "", "services", "proxy", "" },
	{ "get", "pods/log", "get", "", "pods", "log", "" },
	{ "get", "/metrics", "get", "", "", "", "/metrics" },
	{ "*", "*", "*", "", "*", "", "" },
	{ "get", "", "get", "", "", "", "" },
	{ "get", ".", "get", "", "", "", "" },
	{ "get", "pods/", "get", "", "pods", "", "" },
};

static void words_become_a_request(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct authz_question q;
		char text[100];

		(void)snprintf(text, sizeof(text), "%s", rows[i].text);
		authz_question_parse(rows[i].verb, text, &q);
		if (strcmp(q.verb, rows[i].asked) || strcmp(q.group, rows[i].group) ||
		    strcmp(q.resource, rows[i].resource) ||
		    strcmp(q.subresource, rows[i].subresource) || strcmp(q.path, rows[i].path))
			fail_msg("%s %s: %s %s.%s/%s %s", rows[i].verb, rows[i].text, q.verb,
				 q.resource, q.group, q.subresource, q.path);
	}
}

static void a_namespace_lies_in_itself(void **state UNUSED)
{
	static struct request_info info;
	struct authz_question q = { "get", "", "namespaces", "", "other", "a", "" };

	authz_question_info(&q, &info);
	assert_true(info.is_resource);
	assert_string_equal(info.namespace, "a");
	q.group = "example.com";
	authz_question_info(&q, &info);
	assert_string_equal(info.namespace, "other");
	q.path = "/metrics";
	authz_question_info(&q, &info);
	assert_false(info.is_resource);
}

static const struct {
	const char *cluster, *verb, *text, *namespace;
	enum authz_lack lacks;
} lack_rows[] = {
	{ "dev-1", "get", "pods", "a", AUTHZ_LACKS_NOTHING },
	{ "dev-1", "list", "pods", "", AUTHZ_LACKS_NOTHING }, /* filtered */
	{ "dev-1", "logs", "pods", "a", AUTHZ_LACKS_NOTHING },
	{ "prod", "delete", "nodes", "", AUTHZ_LACKS_CLUSTER },
	{ "dev-1", "delete", "nodes", "", AUTHZ_LACKS_VERB },
	{ "dev-1", "get", "/metrics", "", AUTHZ_LACKS_VERB },
	{ "dev-1", "exec", "pods", "a", AUTHZ_LACKS_VERB },
	{ "dev-1", "get", "secrets", "a", AUTHZ_LACKS_RESOURCE },
	{ "dev-1", "get", "pods/status", "a", AUTHZ_LACKS_RESOURCE },
	{ "dev-1", "get", "pods.look.alike", "a", AUTHZ_LACKS_RESOURCE },
	{ "dev-1", "get", "pods", "b", AUTHZ_LACKS_NAMESPACE },
	{ "dev-1", "get", "pods", "", AUTHZ_LACKS_NAMESPACE },
	{ "dev-1", "list", "nodes", "", AUTHZ_LACKS_NAMESPACE },
};

static void a_rule_lacks_the_first_thing(void **state UNUSED)
{
	char *namespaces[] = { (char *)"a", NULL };
	char *verbs[] = { (char *)"get", (char *)"list", (char *)"logs", NULL };
	char *resources[] = { (char *)"pods", (char *)"nodes", NULL };
	struct role_rule rule = { (char *)"dev-*", namespaces, verbs, resources };
	const struct role role = { (char *)"r", &rule, 1 }, *const roles[] = { &role };
	static struct request_info info;

	for (size_t i = 0; i < COUNT_OF(lack_rows); i++) {
		struct authz_request rq = { lack_rows[i].cluster, &info, false };
		struct authz_answer answer;
		struct authz_question q;
		char text[100];

		(void)snprintf(text, sizeof(text), "%s", lack_rows[i].text);
		authz_question_parse(lack_rows[i].verb, text, &q);
		q.namespace = lack_rows[i].namespace;
		authz_question_info(&q, &info);
		authz_decide(roles, 1, &rq, &answer);
		if (authz_rule_lacks(&rule, &rq, answer.verb) != lack_rows[i].lacks)
			fail_msg("row %zu: %d", i, (int)authz_rule_lacks(&rule, &rq, answer.verb));
		assert_int_equal(answer.allowed, lack_rows[i].lacks == AUTHZ_LACKS_NOTHING);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_become_a_request),
		cmocka_unit_test(a_namespace_lies_in_itself),
		cmocka_unit_test(a_rule_lacks_the_first_thing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
