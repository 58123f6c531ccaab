/* Rules reviews: of the API server's rules never more stays than central's roles allow. */
#include "lib/format/json.h"
#include "lib/gate/rules_review.h"
#include "tests/unit/authz_ask.h"

static int limit(const char *role_text, const char *resource_rules, const char *path_rules,
		 struct buf *out, struct err *e)
{
	static struct request_info scratch; /* large */
	AUTO_FREE char *answer = mem_printf(
		"{\"kind\":\"SelfSubjectRulesReview\",\"spec\":{},\"status\":{"
		"\"resourceRules\":[%s],\"nonResourceRules\":[%s],\"incomplete\":false}}",
		resource_rules, path_rules);
	struct role *role = role_text ? role_make("tested", role_text) : NULL;
	const struct role *const roles[] = { role };
	struct rules_review r = { "c", "a", roles, role ? 1 : 0, &scratch };
	int rc = rules_review_limit(&r, span_of(answer), out, e);

	role_free(role);
	return rc;
}

/* What whoever sees the cluster may,, where the API server's rule is for any resource. */
#define OWN                                                                                        \
	"create selfsubjectreviews.authentication.k8s.io; "                                        \
	"create "                                                                                  \
	"selfsubjectaccessreviews.authorization.k8s.io,selfsubjectrulesreviews.authorization.k8s." \
	"io"

/* "get,list pods,services.apps[name]; ..." for each rule, "get /version" for each path; "!" where it is incomplete. */
static void put_words(struct buf *into, const struct json *list, const char *group)
{
	for (const struct json *i = json_first(list); i; i = json_next(i)) {
		(void)buf_printf(into, "%s%s", i == json_first(list) ? "" : ",", json_text(i));
		if (*group)
			(void)buf_printf(into, ".%s", group);
	}
}

static void put_rule(struct buf *into, const struct json *rule)
{
	const struct json *names = json_get(rule, "resourceNames"),
			  *groups = json_get(rule, "apiGroups");

	(void)buf_put_str(into, into->len ? "; " : "");
	put_words(into, json_get(rule, "verbs"), "");
	(void)buf_put_char(into, ' ');
	put_words(into, json_get(rule, "nonResourceURLs"), "");
	put_words(into, json_get(rule, "resources"), groups ? json_text(json_first(groups)) : "");
	if (!names)
		return;
	(void)buf_put_char(into, '[');
	put_words(into, names, "");
	(void)buf_put_char(into, ']');
}

static void put_summary(struct buf *into, struct span text)
{
	static const char *const lists[] = { "resourceRules", "nonResourceRules" };
	AUTO_JSON struct json *review = NULL;
	const struct json *status;
	struct err e = { 0 };

	assert_int_equal(json_parse(text, JSON_LIMITS(RULES_REVIEW_MAX), &review, &e), 0);
	status = json_get(review, "status");
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		assert_true(json_is_array(json_get(status, lists[i])));
		for (const struct json *r = json_first(json_get(status, lists[i])); r;
		     r = json_next(r))
			put_rule(into, r);
	}
	if (json_is_true(json_get(status, "incomplete"))) {
		assert_non_null(json_str(status, "evaluationError"));
		(void)buf_put_str(into, "!");
	}
}

#define RULE(verbs, groups, resources)                                                             \
	"{\"verbs\":[" verbs "],\"apiGroups\":[" groups "],\"resources\":[" resources "]}"
#define ALL RULE("\"*\"", "\"*\"", "\"*\"")
#define NAMED(verbs, resources, names)                                                             \
	"{\"verbs\":[" verbs "],\"apiGroups\":[\"\"],\"resources\":[" resources                    \
	"],\"resourceNames\":[" names "]}"
#define PATHS(verbs, paths) "{\"verbs\":[" verbs "],\"nonResourceURLs\":[" paths "]}"

static const struct {
	const char *role, *rules, *paths, *stays;
} rows[] = {
	/* all on both sides stays all */
	{ "* * * *", ALL, PATHS("\"*\"", "\"*\""), "* *.*; * *" },
	{ "c * * *", ALL, "", "* *.*" },
	/* the one side is wide, the other narrow: the narrow one */
	{ "c a get,list pods", ALL, "", "get,list pods; " OWN },
	{ "c a get pods,deployments", ALL, "", "get pods; get deployments.apps; " OWN },
	{ "c a get widgets.example.com", ALL, "", OWN "; get widgets.example.com" },
	{ "c a get pods/status", ALL, "", OWN "; get pods/status" },
	{ "c a logs,exec pods", RULE("\"get\",\"create\"", "\"\"", "\"*\""), "",
	  "get,create pods/attach,pods/exec,pods/log" },
	{ "* * * *", RULE("\"get\"", "\"\"", "\"pods\",\"secrets\""), "", "get pods,secrets" },
	{ "* * * *", NAMED("\"get\"", "\"pods\"", "\"web\",\"db\""), "", "get pods[web,db]" },
	{ "c a get pods", RULE("\"get\",\"list\"", "\"\",\"apps\"", "\"pods\",\"secrets\""), "",
	  "get pods" },
	{ "c a get pods", NAMED("\"*\"", "\"pods\"", "\"web\""), "", "get pods[web]" },
	{ "c a * deployments", RULE("\"patch\"", "\"*\"", "\"*/scale\",\"deployments\""), "",
	  "patch deployments.apps" },
	{ "c a patch deployments/scale", RULE("\"patch\"", "\"*\"", "\"*/scale\""), "",
	  "patch deployments/scale.apps" },
	/* subresources that other words grant are not the resource's */
	{ "c a get,create pods",
	  RULE("\"get\",\"create\"", "\"\"", "\"pods\",\"pods/exec\",\"pods/log\""), "",
	  "get,create pods" },
	/* what needs admin */
	{ "c a get,create roles",
	  RULE("\"get\",\"create\"", "\"rbac.authorization.k8s.io\"", "\"roles\""), "",
	  "get roles.rbac.authorization.k8s.io" },
	{ "c a create serviceaccounts,serviceaccounts/token",
	  RULE("\"create\"", "\"\"", "\"serviceaccounts/token\""), "", "" },
	/* a look-alike in another group */
	{ "c a get deployments", RULE("\"get\"", "\"look.alike\"", "\"deployments\""), "", "" },
	/* another namespace, the cluster's own, another cluster */
	{ "c b get pods", ALL, "", OWN },
	{ "c a get nodes", ALL, "", OWN },
	{ "c * get nodes", ALL, "", "get nodes; " OWN },
	{ "d a get pods", ALL, "", "" },
	{ NULL, ALL, PATHS("\"get\"", "\"/version\""), "" },
	/* the namespace itself */
	{ "c a get,list namespaces", ALL, "", "list namespaces; get namespaces[a]; " OWN },
	{ "c a get namespaces", NAMED("\"get\"", "\"namespaces\"", "\"a\",\"b\""), "",
	  "get namespaces[a]" },
	{ "c a get namespaces", NAMED("\"get\"", "\"namespaces\"", "\"b\""), "", "" },
	/* paths */
	{ "c a get pods", "",
	  PATHS("\"get\"", "\"/version\",\"/api/*\",\"/metrics\",\"/healthz/*\",\"/*\",\"/api*\""),
	  "get /version; get /api/*" },
	{ "c a get pods", "", PATHS("\"*\"", "\"/version\",\"/logs\""), "get,head /version" },
	{ "c a get pods", "", PATHS("\"post\"", "\"/version\""), "" },
	{ "c a get pods", "", PATHS("\"get\"", "\"*\""),
	  "get /api; get /api/*; get /apis; get /apis/*; get /healthz; get /livez; get /openapi; "
	  "get /openapi/*; "
	  "get /readyz; get /version; get /version/" },
	{ "c * * *", "", PATHS("\"get\"", "\"/metrics\""), "get /metrics" },
	/* own reviews are for whoever sees the cluster */
	{ "c a get pods",
	  RULE("\"create\"", "\"authorization.k8s.io\"", "\"selfsubjectaccessreviews\""), "",
	  "create selfsubjectaccessreviews.authorization.k8s.io" },
	/* members of another kind, and missing ones */
	{ "* * * *", "7", "\"x\"", "" },
	{ "* * * *", "{\"verbs\":\"get\",\"apiGroups\":\"\",\"resources\":\"pods\"}", "", "" },
	{ "* * * *", RULE("1", "2", "3"), PATHS("1", "2"), "1 2" }, /* a number's text */
	{ "* * * *", "{\"verbs\":[\"get\"],\"resources\":[\"pods\"]}", "", "" },
	{ "* * * *", RULE("null", "null", "null"), PATHS("null", "null,\"\""), "" },
};

static void only_what_both_allow_stays(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_BUF struct buf out, summary;
		struct err e = { 0 };

		buf_init(&out, RULES_REVIEW_MAX);
		buf_init(&summary, RULES_REVIEW_MAX);
		if (limit(rows[i].role, rows[i].rules, rows[i].paths, &out, &e) < 0)
			fail_msg("row %zu: %s", i, e.text);
		put_summary(&summary, buf_span(&out));
		if (strcmp(buf_str(&summary), rows[i].stays) != 0)
			fail_msg("row %zu, %s: \"%s\"", i, rows[i].role ? rows[i].role : "no role",
				 buf_str(&summary));
	}
}

/* Who may read everything may not read what other words grant: "*" does not stay, and what takes its place says so. */
static void a_wide_role_is_told_as_incomplete(void **state UNUSED)
{
	AUTO_BUF struct buf out, summary;
	struct err e = { 0 };

	buf_init(&out, RULES_REVIEW_MAX);
	buf_init(&summary, RULES_REVIEW_MAX);
	assert_int_equal(limit("c * get,list,watch *", ALL, "", &out, &e), 0);
	put_summary(&summary, buf_span(&out));
	assert_true(strncmp(buf_str(&summary), "list,watch *.*; get,list,watch ", 31) == 0);
	assert_non_null(strstr(buf_str(&summary), "deployments.apps"));
	assert_non_null(strstr(buf_str(&summary), "pods/status"));
	assert_null(strstr(buf_str(&summary), "pods/log"));
	assert_null(strstr(buf_str(&summary), "pods/exec"));
	assert_null(strstr(buf_str(&summary), "delete"));
	assert_int_equal(buf_str(&summary)[summary.len - 1], '!');
}

static void what_is_no_answer_is_refused(void **state UNUSED)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"7",
		"{}",
		"{\"kind\":\"SelfSubjectRulesReview\"}",
		"{\"kind\":\"SelfSubjectRulesReview\",\"status\":[]}",
		"{\"kind\":\"Status\",\"status\":{}}",
		"{\"kind\":\"SelfSubjectRulesReview\",\"status\":{}}x",
		"{\"kind\":\"SelfSubjectRulesReview\",\"status\":{},\"status\":{}}",
	};
	static struct request_info scratch; /* large */
	struct rules_review r = { "c", "a", NULL, 0, &scratch };

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		AUTO_BUF struct buf out;
		struct err e = { 0 };

		buf_init(&out, RULES_REVIEW_MAX);
		if (rules_review_limit(&r, span_of(bad[i]), &out, &e) == 0)
			fail_msg("row %zu passes", i);
		assert_int_equal(e.code, ERR_PROTOCOL);
		assert_int_equal(out.len, 0);
	}
}

/* A million pairs in few bytes: what is not decided is not told, and the answer says that there is more. */
static void the_work_is_bounded(void **state UNUSED)
{
	AUTO_BUF struct buf words, rule, out, summary;
	struct err e = { 0 };

	buf_init(&words, 64 * 1024);
	buf_init(&rule, 256 * 1024);
	buf_init(&out, RULES_REVIEW_MAX);
	buf_init(&summary, RULES_REVIEW_MAX);
	for (int i = 0; i < 1000; i++)
		(void)buf_printf(&words, "%s\"w%d\"", i ? "," : "", i);
	(void)buf_printf(&rule, "{\"verbs\":[\"*\"],\"apiGroups\":[%s],\"resources\":[%s]}",
			 buf_str(&words), buf_str(&words));
	assert_int_equal(limit("c a get pods", buf_str(&rule), "", &out, &e), 0);
	put_summary(&summary, buf_span(&out));
	assert_string_equal(buf_str(&summary), "!");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_both_allow_stays),
		cmocka_unit_test(a_wide_role_is_told_as_incomplete),
		cmocka_unit_test(what_is_no_answer_is_refused),
		cmocka_unit_test(the_work_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
