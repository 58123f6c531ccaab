/* Discovery documents, names people give to resources, and the paths to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/kube/discovery.h"

static const char core[] =
	"{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{},\"versions\":[{\"version\":\"v1\","
	"\"resources\":[{\"resource\":\"pods\",\"responseKind\":{\"kind\":\"Pod\"},\"scope\":\"Namespaced\","
	"\"singularResource\":\"pod\",\"verbs\":[\"get\",\"list\"],\"shortNames\":[\"po\"],\"categories\":[\"all\"]},"
	"{\"resource\":\"nodes\",\"responseKind\":{\"kind\":\"Node\"},\"scope\":\"Cluster\",\"singularResource\":\"\"}"
	"]}]}]}";

/* A custom group that tries to take over names of the core, with two versions. */
static const char custom[] =
	"{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":\"x.example.com\"},\"versions\":["
	"{\"version\":\"v2\",\"resources\":[{\"resource\":\"widgets\",\"responseKind\":{\"kind\":\"Widget\"},"
	"\"scope\":\"Namespaced\",\"singularResource\":\"widget\",\"shortNames\":[\"po\",\"wi\"]},"
	"{\"resource\":\"pods\",\"responseKind\":{\"kind\":\"Pod\"},\"scope\":\"Cluster\"},"
	"{\"resource\":\"widgets/status\",\"responseKind\":{\"kind\":\"Widget\"}},{},"
	"{\"resource\":\"nokind\"}]},"
	"{\"version\":\"v1\",\"resources\":[{\"resource\":\"widgets\",\"responseKind\":{\"kind\":\"Widget\"},"
	"\"scope\":\"Namespaced\",\"singularResource\":\"widget\"}]}]}]}";

static const char legacy[] =
	"{\"kind\":\"APIResourceList\",\"groupVersion\":\"old/v1\",\"resources\":[{\"name\":\"things\",\"kind\":\"Thing\","
	"\"namespaced\":true,\"singularName\":\"\",\"verbs\":[\"get\"]},{\"name\":\"things/log\",\"kind\":\"Log\"}]}";

static void load(struct kube_discovery *d)
{
	struct err e = { 0 };

	assert_int_equal(kube_discovery_read(d, span_of(core), NULL, &e), 0);
	assert_int_equal(kube_discovery_read(d, span_of(custom), NULL, &e), 0);
	assert_int_equal(kube_discovery_read(d, span_of(legacy), "old/v1", &e), 0);
	assert_int_equal(d->count, 6);
}

static const struct {
	const char *name;
	const char *group, *version, *plural; /* NULL: not found */
} rows[] = {
	{ "pods", "", "v1", "pods" },
	{ "pod", "", "v1", "pods" },
	{ "Pod", "", "v1", "pods" },
	{ "PODS", "", "v1", "pods" },
	{ "po", "", "v1", "pods" },
	{ "pods.x.example.com", "x.example.com", "v2", "pods" },
	{ "nodes", "", "v1", "nodes" },
	{ "node", "", "v1", "nodes" },
	{ "wi", "x.example.com", "v2", "widgets" },
	{ "widgets.x.example.com", "x.example.com", "v2", "widgets" },
	{ "widget.v1.x.example.com", "x.example.com", "v1", "widgets" },
	{ "wi.x.example.com", "x.example.com", "v2", "widgets" },
	{ "things", "old", "v1", "things" },
	{ "thing", "old", "v1", "things" },
	{ "thing.v1.old", "old", "v1", "things" },
	{ "", NULL, NULL, NULL },
	{ ".", NULL, NULL, NULL },
	{ ".x.example.com", NULL, NULL, NULL },
	{ "widgets.", NULL, NULL, NULL },
	{ "widgets.example.com", NULL, NULL, NULL },
	{ "widgets.v3.x.example.com", NULL, NULL, NULL },
	{ "widgets/status", NULL, NULL, NULL },
	{ "nokind", NULL, NULL, NULL },
	{ "pod*", NULL, NULL, NULL },
	{ "podss", NULL, NULL, NULL },
	{ "things/log", NULL, NULL, NULL },
};

static void test_find(void **state)
{
	struct kube_discovery d = { 0 };

	(void)state;
	load(&d);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct kube_resource *r = kube_discovery_find(&d, rows[i].name);

		if (!r != !rows[i].plural ||
		    (r && (strcmp(r->group, rows[i].group) != 0 || strcmp(r->version, rows[i].version) != 0 ||
			   strcmp(r->plural, rows[i].plural) != 0)))
			fail_msg("'%s': %s", rows[i].name, r ? r->plural : "none");
	}
	assert_true(kube_discovery_find(&d, "pods")->is_namespaced);
	assert_false(kube_discovery_find(&d, "nodes")->is_namespaced);
	assert_true(kube_words_have(kube_discovery_find(&d, "pods")->categories, "all"));
	assert_false(kube_words_have(kube_discovery_find(&d, "nodes")->categories, "all"));
	assert_false(kube_words_have("getx,list", "get"));
	assert_non_null(kube_discovery_find_kind(&d, "v1", "Pod"));
	assert_non_null(kube_discovery_find_kind(&d, "x.example.com/v1", "Widget"));
	assert_null(kube_discovery_find_kind(&d, "v1", "pod"));
	assert_null(kube_discovery_find_kind(&d, "v2", "Pod"));
	assert_null(kube_discovery_find_kind(&d, "x.example.com/v3", "Widget"));
	assert_null(kube_discovery_find_kind(&d, "x.example.com", "Widget"));
	assert_null(kube_discovery_find_kind(&d, "/v1", "Widget"));
	kube_discovery_free(&d);
	kube_discovery_free(&d);
}

static const struct {
	const char *name, *path;
} builtin_rows[] = {
	{ "po", "/api/v1/pods" },
	{ "deploy", "/apis/apps/v1/deployments" },
	{ "deployments.apps", "/apis/apps/v1/deployments" },
	{ "deployment.v1.apps", "/apis/apps/v1/deployments" },
	{ "cj", "/apis/batch/v1/cronjobs" },
	{ "role", "/apis/rbac.authorization.k8s.io/v1/roles" },
	{ "ev", "/api/v1/events" },
	{ "deployments.extensions", NULL },
	{ "widgets", NULL },
};

static void test_builtin(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(builtin_rows); i++) {
		const struct kube_resource *r = kube_discovery_find(NULL, builtin_rows[i].name);
		struct err e = { 0 };
		struct buf path;

		buf_init(&path, 1024);
		if (!r != !builtin_rows[i].path)
			fail_msg("'%s'", builtin_rows[i].name);
		if (r) {
			assert_int_equal(kube_resource_put_path(&path, r, NULL, NULL, &e), 0);
			assert_string_equal(buf_str(&path), builtin_rows[i].path);
		}
		buf_free(&path);
	}
}

static const struct {
	const char *resource, *namespace, *name, *path; /* path NULL: refused */
} path_rows[] = {
	{ "pods", "", NULL, "/api/v1/pods" },
	{ "pods", "n", NULL, "/api/v1/namespaces/n/pods" },
	{ "pods", "n", "x", "/api/v1/namespaces/n/pods/x" },
	{ "nodes", "n", "x", "/api/v1/nodes/x" },
	{ "clusterroles", NULL, "system:node", "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode" },
	{ "pods", "n", "a b?c#d", "/api/v1/namespaces/n/pods/a%20b%3Fc%23d" },
	{ "pods", "n", "\xc3\xa4", "/api/v1/namespaces/n/pods/%C3%A4" },
	{ "pods", "n", "..\\x", "/api/v1/namespaces/n/pods/..%5Cx" },
	{ "pods", "n", "", NULL },
	{ "pods", "n", ".", NULL },
	{ "pods", "n", "..", NULL },
	{ "pods", "n", "a/b", NULL },
	{ "pods", "n", "../../secrets/x", NULL },
	{ "pods", "n", "a%2fb", NULL },
	{ "pods", "..", "x", NULL },
	{ "pods", "a/b", NULL, NULL },
	{ "pods", "%6e", NULL, NULL },
};

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(path_rows); i++) {
		const struct kube_resource *r = kube_discovery_find(NULL, path_rows[i].resource);
		struct err e = { 0 };
		struct buf path;
		int rc;

		buf_init(&path, 1024);
		rc = kube_resource_put_path(&path, r, path_rows[i].namespace, path_rows[i].name, &e);
		if ((rc == 0) != (path_rows[i].path != NULL) || (rc && e.code != ERR_INPUT) ||
		    (rc == 0 && strcmp(buf_str(&path), path_rows[i].path) != 0))
			fail_msg("row %zu: %d '%s' '%s'", i, rc, buf_str(&path), e.text);
		buf_free(&path);
	}
}

static const char *const bad_rows[] = {
	"", "[]", "{}", "null", "x", "{\"kind\":\"Status\"}", "{\"kind\":\"APIGroupList\",\"groups\":[]}",
	"{\"kind\":7}", "{\"kind\":\"APIGroupDiscoveryList\"", "{\"kind\":\"\\u0000\"}",
};

static void test_bad(void **state)
{
	struct kube_discovery d = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		struct err e = { 0 };

		if (kube_discovery_read(&d, span_of(bad_rows[i]), NULL, &e) != -1 || e.code == ERR_NONE)
			fail_msg("'%s'", bad_rows[i]);
	}
	assert_int_equal(d.count, 0);
	kube_discovery_free(&d);
}

static void test_odd(void **state)
{
	static const char odd[] = "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[7,{},{\"metadata\":7,\"versions\":[null,"
				  "{\"version\":7,\"resources\":[{\"resource\":\"x\",\"responseKind\":{\"kind\":\"X\"},"
				  "\"shortNames\":[7,\"a,b\",\"ok\"],\"verbs\":\"get\"}]}]}]}";
	struct kube_discovery d = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(kube_discovery_read(&d, span_of(odd), NULL, &e), 0);
	assert_int_equal(d.count, 1);
	assert_string_equal(d.at[0].short_names, "ok");
	assert_string_equal(d.at[0].verbs, "");
	assert_string_equal(d.at[0].group, "");
	kube_discovery_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),  cmocka_unit_test(test_builtin), cmocka_unit_test(test_paths),
		cmocka_unit_test(test_bad),   cmocka_unit_test(test_odd),
	};

	return cmocka_run_group_tests_name("discovery", tests, NULL, NULL);
}
