/* Roles and their documents: what parses, what is refused and with which words, canonical bytes, globs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/yaml.h"
#include "lib/gate/role.h"

#define RULE(members) "{\"name\":\"r\",\"clusters\":[{\"name\":\"c\"" members "}]}"

static const struct {
	const char *text;
	const char *says; /* NULL: good; else a part of the sentence */
} rows[] = {
	{ "{\"name\":\"r\"}", NULL },
	{ "{\"name\":\"r\",\"clusters\":[]}", NULL },
	{ "{\"name\":\"A.b-c_9\",\"clusters\":[]}", NULL },
	{ RULE(""), NULL },
	{ RULE(",\"namespaces\":[],\"verbs\":[],\"resources\":[]"), NULL },
	{ RULE(",\"namespaces\":[\"*\"],\"verbs\":[\"*\"],\"resources\":[\"*\"]"), NULL },
	{ RULE(",\"resources\":[\"pods\",\"deployments.apps\",\"pods/status\",\"ingresses.networking.k8s.io/status\"]"),
	  NULL },
	{ RULE(",\"verbs\":[\"get\",\"list\",\"watch\",\"create\",\"update\",\"patch\",\"delete\",\"deletecollection\","
	       "\"logs\",\"exec\",\"port-forward\",\"proxy\",\"admin\"]"),
	  NULL },
	{ "[]", "must be an object" },
	{ "\"developer\"", "must be an object" },
	{ "null", "must be an object" },
	{ "{}", "name must be" },
	{ "{\"name\":\"\"}", "name must be" },
	{ "{\"name\":7}", "name must be" },
	{ "{\"name\":\"system:masters\"}", "name must be" },
	{ "{\"name\":\"a,b\"}", "name must be" },
	{ "{\"name\":\"a b\"}", "name must be" },
	{ "{\"name\":\"a\\r\\nb\"}", "name must be" },
	{ "{\"name\":\"-a\"}", "name must be" },
	{ "{\"name\":\"\xc3\xa9\"}", "name must be" },
	{ "{\"name\":\"r\",\"cluster\":[]}", "did you mean \"clusters\"" },
	{ "{\"name\":\"r\",\"x\":[]}", "unknown member \"x\"" },
	{ "{\"name\":\"r\",\"Name\":\"s\"}", "unknown member \"Name\"" },
	{ "{\"name\":\"r\",\"clusters\":{}}", "clusters must be a list" },
	{ "{\"name\":\"r\",\"clusters\":\"dev-*\"}", "clusters must be a list" },
	{ "{\"name\":\"r\",\"clusters\":[\"dev-*\"]}", "clusters[0]: must be an object" },
	{ "{\"name\":\"r\",\"clusters\":[{}]}", "clusters[0]: name must be" },
	{ "{\"name\":\"r\",\"clusters\":[{\"name\":\"\"}]}", "clusters[0]: name must be" },
	{ "{\"name\":\"r\",\"clusters\":[{\"name\":\"Dev-*\"}]}", "clusters[0]: name must be" },
	{ "{\"name\":\"r\",\"clusters\":[{\"name\":\"dev?\"}]}", "clusters[0]: name must be" },
	{ "{\"name\":\"r\",\"clusters\":[{\"name\":\"../x\"}]}", "clusters[0]: name must be" },
	{ RULE(",\"verb\":[\"get\"]"), "did you mean \"verbs\"" },
	{ RULE(",\"verbs\":\"*\""), "verbs must be a list" },
	{ RULE(",\"verbs\":[1]"), "verbs[0]: must be a string" },
	{ RULE(",\"verbs\":[\"get\",null]"), "verbs[1]: must be a string" },
	{ RULE(",\"verbs\":[\"\"]"), "is no verb" },
	{ RULE(",\"verbs\":[\"GET\"]"), "did you mean \"get\"" },
	{ RULE(",\"verbs\":[\"log\"]"), "did you mean \"logs\"" },
	{ RULE(",\"verbs\":[\"portforward\"]"), "did you mean \"port-forward\"" },
	{ RULE(",\"verbs\":[\"impersonate\"]"), "is no verb" },
	{ RULE(",\"verbs\":[\"get \"]"), "is no verb" },
	{ RULE(",\"verbs\":[\"g*\"]"), "is no verb" },
	{ RULE(",\"namespaces\":[\"kube-*\"]"), "is no namespace" },
	{ RULE(",\"namespaces\":[\"\"]"), "is no namespace" },
	{ RULE(",\"namespaces\":[\"Default\"]"), "is no namespace" },
	{ RULE(",\"namespaces\":[\"a.b\"]"), "is no namespace" },
	{ RULE(",\"namespaces\":[\"-a\"]"), "is no namespace" },
	{ RULE(",\"resources\":[\"\"]"), "is no resource" },
	{ RULE(",\"resources\":[\"Pods\"]"), "is no resource" },
	{ RULE(",\"resources\":[\"pods/\"]"), "is no resource" },
	{ RULE(",\"resources\":[\"pods.\"]"), "is no resource" },
	{ RULE(",\"resources\":[\".apps\"]"), "is no resource" },
	{ RULE(",\"resources\":[\"/status\"]"), "is no resource" },
	{ RULE(",\"resources\":[\"pods/a/b\"]"), "is no resource" },
	{ RULE(",\"resources\":[\"*.apps\"]"), "is no resource" },
	{ RULE(",\"resources\":[\"pods/*\"]"), "is no resource" },
	{ RULE(",\"resources\":[\"po*\"]"), "is no resource" },
	{ RULE(",\"resources\":[\"deployments.apps.\"]"), "is no resource" },
	{ RULE(",\"resources\":[\"deployments..apps\"]"), "is no resource" },
	{ RULE(",\"resources\":[\"pods\\nsecrets\"]"), "is no resource" },
};

static struct json *parse(const char *text)
{
	struct json *doc = NULL;
	struct err e = { 0 };

	if (json_parse(span_of(text), JSON_LIMITS(1024 * 1024), &doc, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	return doc;
}

static void each_role_is_taken_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_JSON struct json *doc = parse(rows[i].text);
		struct role *role = NULL;
		struct err e = { 0 };
		int rc = role_parse(doc, &role, &e);

		if (!rows[i].says && rc < 0)
			fail_msg("%s: refused: %s", rows[i].text, e.text);
		if (rows[i].says && (rc == 0 || e.code != ERR_INPUT || !strstr(e.text, rows[i].says)))
			fail_msg("%s: rc %d, code %d: %s", rows[i].text, rc, e.code, e.text);
		role_free(role);
	}
}

static void limits_hold(void **state)
{
	static const struct {
		size_t name_len;
		bool good;
	} lengths[] = { { 1, true }, { 62, true }, { 63, true }, { 64, false }, { 500, false } };
	char name[512];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		AUTO_FREE char *text = NULL;
		AUTO_JSON struct json *doc = NULL;
		struct role *role = NULL;
		struct err e = { 0 };

		memset(name, 'a', sizeof(name));
		name[lengths[i].name_len] = '\0';
		text = mem_printf("{\"name\":\"%s\"}", name);
		doc = parse(text);
		if ((role_parse(doc, &role, &e) == 0) != lengths[i].good)
			fail_msg("a name of %zu", lengths[i].name_len);
		role_free(role);
	}
}

static void printing_is_canonical(void **state)
{
	static const char ordered[] = "{\"name\":\"r\",\"clusters\":[{\"name\":\"dev-*\",\"namespaces\":[\"a\",\"*\"],"
				      "\"verbs\":[\"get\"],\"resources\":[\"pods\",\"deployments.apps/scale\"]},"
				      "{\"name\":\"*\",\"namespaces\":[],\"verbs\":[],\"resources\":[]}]}";
	static const char mixed[] = " {\"clusters\" : [{\"resources\":[\"pods\",\"deployments.apps/scale\"],"
				    "\"verbs\":[\"get\"],\"namespaces\":[\"a\",\"*\"],"
				    "\"name\":\"dev-*\"},{\"name\":\"*\"}],\n\"name\":\"r\"}";
	const char *const texts[] = { ordered, mixed };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		AUTO_JSON struct json *doc = parse(texts[i]);
		AUTO_BUF struct buf text;
		struct role *role = NULL;
		struct err e = { 0 };

		buf_init(&text, 4096);
		assert_int_equal(role_parse(doc, &role, &e), 0);
		role_print(role, &text);
		assert_string_equal(buf_str(&text), ordered);
		role_free(role);
	}
}

static const char seed_document[] = "roles:\n"
				    "  - name: developer\n"
				    "    clusters:\n"
				    "      - name: \"dev-*\"           # Wildcard matching\n"
				    "        namespaces: [\"*\"]       # All namespaces\n"
				    "        verbs: [\"get\", \"list\", \"logs\", \"exec\"]\n"
				    "        resources: [\"pods\", \"services\", \"deployments\"]\n"
				    "\n"
				    "  - name: viewer\n"
				    "    clusters:\n"
				    "      - name: \"*\"\n"
				    "        namespaces: [\"*\"]\n"
				    "        verbs: [\"get\", \"list\"]\n"
				    "        resources: [\"*\"]\n"
				    "\n"
				    "  - name: admin\n"
				    "    clusters:\n"
				    "      - name: \"*\"\n"
				    "        namespaces: [\"*\"]\n"
				    "        verbs: [\"*\"]\n"
				    "        resources: [\"*\"]\n"
				    "\n"
				    "# User assignment\n"
				    "users:\n"
				    "  - email: \"dev@example.com\"\n"
				    "    roles: [\"developer\"]\n"
				    "  - email: \"ops@example.com\"\n"
				    "    roles: [\"admin\"]\n";

static void the_seeds_document_parses(void **state)
{
	AUTO_JSON struct json *doc = NULL;
	struct role_document d;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(yaml_parse_json(SPAN(seed_document), YAML_LIMITS(65536), &doc, &e), 0);
	assert_int_equal(role_document_parse(doc, &d, &e), 0);
	assert_int_equal(d.role_count, 3);
	assert_string_equal(d.roles[0]->name, "developer");
	assert_string_equal(d.roles[0]->rules[0].cluster, "dev-*");
	assert_string_equal(d.roles[0]->rules[0].verbs[3], "exec");
	assert_null(d.roles[0]->rules[0].verbs[4]);
	assert_string_equal(d.roles[2]->rules[0].resources[0], "*");
	assert_int_equal(d.user_count, 2);
	assert_string_equal(d.users[1].email, "ops@example.com");
	assert_string_equal(d.users[1].roles[0], "admin");
	assert_null(d.users[1].roles[1]);
	role_document_free(&d);
	assert_int_equal(d.role_count, 0);
	role_document_free(&d);
}

static void documents_are_refused_with_a_place(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "[]", "must be an object" },
		{ "{\"role\":[]}", "did you mean \"roles\"" },
		{ "{\"roles\":{}}", "roles must be a list" },
		{ "{\"roles\":[{\"name\":\"a\"},{\"name\":\"\"}]}", "roles[1]: name must be" },
		{ "{\"roles\":[{\"name\":\"a\",\"clusters\":[{\"name\":\"c\",\"verbs\":[\"gett\"]}]}]}",
		  "roles[0]: role \"a\": clusters[0]: verbs[0]: \"gett\" is no verb; did you mean \"get\"" },
		{ "{\"roles\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", "roles[1]: role \"a\" stands in the document twice" },
		{ "{\"users\":7}", "users must be a list" },
		{ "{\"users\":[7]}", "users[0]: must be an object" },
		{ "{\"users\":[{\"roles\":[]}]}", "users[0]: email must be" },
		{ "{\"users\":[{\"email\":\"a@b\"}]}", "users[0]: roles must be a list" },
		{ "{\"users\":[{\"email\":\"a@b\",\"roles\":\"admin\"}]}", "users[0]: roles must be a list" },
		{ "{\"users\":[{\"email\":\"a@b\",\"roles\":[\"x:y\"]}]}", "users[0]: roles[0] must be the name" },
		{ "{\"users\":[{\"email\":\"a@b\",\"roles\":[\"x\",1]}]}", "users[0]: roles[1] must be the name" },
		{ "{\"users\":[{\"email\":\"a@b\",\"roles\":[],\"admin\":true}]}", "unknown member \"admin\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		AUTO_JSON struct json *doc = parse(bad[i].text);
		struct role_document d;
		struct err e = { 0 };

		if (role_document_parse(doc, &d, &e) == 0 || e.code != ERR_INPUT || !strstr(e.text, bad[i].says))
			fail_msg("%s: %s", bad[i].text, e.text);
	}
}

static void globs_match_by_stars_alone(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} globs[] = {
		{ "*", "", true },	      { "*", "anything", true },  { "", "", true },
		{ "", "a", false },	      { "a", "", false },	  { "a", "a", true },
		{ "a", "A", false },	      { "a", "aa", false },	  { "dev-*", "dev-1", true },
		{ "dev-*", "dev-", true },    { "dev-*", "dev", false },  { "dev-*", "xdev-1", false },
		{ "*-eu", "prod-eu", true },  { "*-eu", "prod-eux", false }, { "*-eu", "-eu", true },
		{ "a*b", "ab", true },	      { "a*b", "axxb", true },	  { "a*b", "axbx", false },
		{ "a*b*c", "aXbYc", true },   { "a*b*c", "acb", false },  { "**", "x", true },
		{ "***a", "bba", true },      { "*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
		{ "*ab", "aab", true },	      { "a.b", "axb", false },	  { "a?", "ab", false },
		{ "[a]", "a", false },	      { "prod-*", "Prod-1", false }, { "*.eu.*", "x.eu.y", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(globs); i++)
		if (role_glob_match(globs[i].pattern, globs[i].text) != globs[i].matches)
			fail_msg("%s on %s", globs[i].pattern, globs[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_role_is_taken_or_refused), cmocka_unit_test(limits_hold),
		cmocka_unit_test(printing_is_canonical),	 cmocka_unit_test(the_seeds_document_parses),
		cmocka_unit_test(documents_are_refused_with_a_place), cmocka_unit_test(globs_match_by_stars_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
