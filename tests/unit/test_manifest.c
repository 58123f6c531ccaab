/* The agent's manifest: what it makes, what stands in it, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/format/json.h"
#include "lib/format/yaml.h"
#include "lib/gate/manifest.h"

#define TEXT_MAX (1024 * 1024)

static const char *const role_names[] = { "admin", "developer", NULL };

static struct manifest sample(void)
{
	return (struct manifest){
		.central_url = "https://central.example.com:9090",
		.ca_sha256 = "sha256:00ff",
		.cluster = "dev-1",
		.token = "secret-token",
		.impersonate = true,
		.roles = role_names,
	};
}

/* The documents as a JSON array; whatever is printed must be YAML. */
static struct json *print(const struct manifest *m)
{
	struct json *list = json_new_array();
	AUTO_YAML struct yaml_docs *docs = NULL;
	AUTO_BUF struct buf text;
	struct err e = { 0 };

	buf_init(&text, TEXT_MAX);
	assert_int_equal(manifest_print(m, &text, &e), 0);
	assert_int_equal(yaml_parse(buf_span(&text), YAML_LIMITS(TEXT_MAX), &docs, &e), 0);
	for (size_t i = 0; i < yaml_docs_count(docs); i++) {
		struct json *doc;

		assert_int_equal(yaml_to_json(yaml_docs_at(docs, i), &doc, &e), 0);
		json_add_item(list, doc);
	}
	return list;
}

static const struct json *find(const struct json *list, const char *kind, const char *name)
{
	for (const struct json *doc = json_first(list); doc; doc = json_next(doc)) {
		if (strcmp(json_str(doc, "kind"), kind) == 0 &&
		    strcmp(json_find_str(doc, "metadata.name"), name) == 0)
			return doc;
	}
	return NULL;
}

static const struct json *container(const struct json *list)
{
	const struct json *deployment = find(list, "Deployment", "mk8s-agent");

	assert_non_null(deployment);
	return json_first(json_find(deployment, "spec.template.spec.containers"));
}

static const char *variable(const struct json *list, const char *name)
{
	const struct json *env = json_get(container(list), "env");

	for (const struct json *item = json_first(env); item; item = json_next(item)) {
		if (strcmp(json_str(item, "name"), name) == 0)
			return json_str(item, "value");
	}
	return NULL;
}

static void test_objects(void **state UNUSED)
{
	static const char *const kinds[][2] = {
		{ "Namespace", "mk8s-system" },
		{ "ServiceAccount", "mk8s-agent" },
		{ "Secret", "mk8s-agent" },
		{ "ClusterRole", "mk8s-agent-impersonate" },
		{ "ClusterRoleBinding", "mk8s-agent-impersonate" },
		{ "ClusterRoleBinding", "mk8s-users" },
		{ "Deployment", "mk8s-agent" },
	};
	struct manifest m = sample();
	AUTO_JSON struct json *list = print(&m);

	assert_int_equal(json_count(list), COUNT_OF(kinds));
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		const struct json *doc = json_at(list, i);

		assert_string_equal(json_str(doc, "kind"), kinds[i][0]);
		assert_string_equal(json_find_str(doc, "metadata.name"), kinds[i][1]);
	}
}

static void test_contents(void **state UNUSED)
{
	struct manifest m = sample();
	AUTO_JSON struct json *list = print(&m);
	const struct json *users = find(list, "ClusterRoleBinding", "mk8s-users");

	assert_string_equal(json_find_str(find(list, "Secret", "mk8s-agent"), "data.token"),
			    "c2VjcmV0LXRva2Vu");
	assert_string_equal(variable(list, "CENTRAL_URL"), m.central_url);
	assert_string_equal(variable(list, "CLUSTER_NAME"), "dev-1");
	assert_string_equal(variable(list, "MK8S_AGENT_TLS_CA_SHA256"), "sha256:00ff");
	assert_string_equal(variable(list, "MK8S_AGENT_IMPERSONATE"), "true");
	assert_null(variable(list, "AGENT_TOKEN")); /* from the Secret */
	assert_string_equal(json_str(container(list), "image"), "mk8s:" MK8S_VERSION);
	assert_string_equal(json_find_str(users, "roleRef.name"), "cluster-admin");
	assert_string_equal(json_str(json_first(json_get(users, "subjects")), "name"),
			    "mk8s:users");
}

/* system:masters would be every right in the cluster: the groups are named, one by one. */
static void test_groups_are_limited(void **state UNUSED)
{
	static const char *const groups[] = { "mk8s:users", "system:authenticated",
					      "mk8s:role:admin", "mk8s:role:developer" };
	struct manifest m = sample();
	AUTO_JSON struct json *list = print(&m);
	const struct json *rules =
		json_get(find(list, "ClusterRole", "mk8s-agent-impersonate"), "rules");
	const struct json *names = json_get(json_at(rules, 1), "resourceNames");

	assert_int_equal(json_count(rules), 2);
	assert_string_equal(json_text(json_first(json_get(json_at(rules, 1), "resources"))),
			    "groups");
	assert_int_equal(json_count(names), COUNT_OF(groups));
	for (size_t i = 0; i < COUNT_OF(groups); i++)
		assert_string_equal(json_text(json_at(names, i)), groups[i]);
}

static void test_without_impersonation(void **state UNUSED)
{
	struct manifest m = sample();
	AUTO_JSON struct json *list = NULL;
	const struct json *binding;

	m.impersonate = false;
	m.bind = "view";
	list = print(&m);
	assert_null(find(list, "ClusterRole", "mk8s-agent-impersonate"));
	assert_null(find(list, "ClusterRoleBinding", "mk8s-users"));
	binding = find(list, "ClusterRoleBinding", "mk8s-agent");
	assert_string_equal(json_find_str(binding, "roleRef.name"), "view");
	assert_string_equal(json_str(json_first(json_get(binding, "subjects")), "kind"),
			    "ServiceAccount");
	assert_string_equal(variable(list, "MK8S_AGENT_IMPERSONATE"), "false");
}

/* Values stay values, whatever YAML would make of them. */
static void test_hostile_values(void **state UNUSED)
{
	static const char *const names[] = {
		"1.5", "true", "null", "a: b", "- x", "\"", "a\n---\nkind: Pod", "#", "'"
	};

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct manifest m = sample();
		AUTO_JSON struct json *list = NULL;

		m.cluster = m.token = m.central_url = names[i];
		list = print(&m);
		assert_int_equal(json_count(list), 7);
		assert_string_equal(variable(list, "CLUSTER_NAME"), names[i]);
		assert_string_equal(variable(list, "CENTRAL_URL"), names[i]);
	}
}

static void test_refusals(void **state UNUSED)
{
	static const struct {
		const char *image, *bind, *says;
	} rows[] = {
		{ "", NULL, "image: it must have 1 to" },
		{ "a b", NULL, "image: character 2" },
		{ "a\nkind: Pod", NULL, "image: character 2" },
		{ "a\"b", NULL, "image: character 2" },
		{ "\xc3\xa9", NULL, "image: character 1" },
		{ NULL, "", "bind: it must have 1 to" },
		{ NULL, "a/b", "bind: character 2" },
		{ NULL, "a%2f", "bind: character 2" },
		{ NULL, "a\tb", "bind: character 2" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct manifest m = sample();
		struct err e = { 0 };
		AUTO_BUF struct buf text;

		buf_init(&text, TEXT_MAX);
		m.image = rows[i].image;
		m.bind = rows[i].bind;
		assert_int_equal(manifest_print(&m, &text, &e), -1);
		assert_int_equal(e.code, ERR_INPUT);
		assert_non_null(strstr(e.text, rows[i].says));
		assert_int_equal(text.len, 0);
	}
}

static void test_ceiling(void **state UNUSED)
{
	struct manifest m = sample();
	struct err e = { 0 };
	AUTO_BUF struct buf text;

	buf_init(&text, 1000);
	assert_int_equal(manifest_print(&m, &text, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_groups_are_limited),
		cmocka_unit_test(test_without_impersonation),
		cmocka_unit_test(test_hostile_values),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
