/* RequestInfo against what a real API server logged, rows of our own, and the policy on paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/kube/request_info.h"
#include "tests/unit/request_info_rows.h"

/* Rows that an audit log cannot show; expectations from NewRequestInfo of apiserver v0.36.3. */
static const struct request_info_row own_rows[] = {
	/* Selectors that do not parse: the name is lost, watch is still read. */
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx", 1, "list", "", "v1", "pods", "", "", "x" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx&limit=a", 1, "list", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx&limit=", 1, "list", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx&limit=-5", 1, "list", "", "v1", "pods", "", "", "x" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx&limit=%2B5", 1, "list", "", "v1", "pods", "", "", "x" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx&limit=9223372036854775807", 1, "list", "", "v1", "pods",
	  "", "", "x" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx&limit=9223372036854775808", 1, "list", "", "v1", "pods",
	  "", "", "" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx&limit=-9223372036854775808", 1, "list", "", "v1",
	  "pods", "", "", "x" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx&timeoutSeconds=1_0", 1, "list", "", "v1", "pods", "", "",
	  "" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx&labelSelector=a%3D%3D%3Db&watch=1", 1, "watch", "", "v1",
	  "pods", "", "", "" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx&labelSelector=-", 1, "list", "", "v1", "pods", "", "",
	  "" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Dx&labelSelector=a+in+(b,,c),!d", 1, "list", "", "v1",
	  "pods", "", "", "x" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name!%3Dx", 1, "list", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3D%3Dx,a%3Db", 1, "list", "", "v1", "pods", "", "", "x" },
	/* The terms are sorted, so "==" comes before "=b". */
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Db,metadata.name%3Da", 1, "list", "", "v1", "pods", "", "",
	  "a" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Da,metadata.name%3D%3Dz", 1, "list", "", "v1", "pods", "",
	  "", "z" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Da%5C%2Cb", 1, "list", "", "v1", "pods", "", "", "a,b" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Da%5Cb", 1, "list", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3D..", 1, "list", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods?fieldSelector=metadata.name%3Da%2Fb", 1, "list", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods?fieldSelector=x", 1, "list", "", "v1", "pods", "", "", "" },
	/* DELETE of a collection does not take the name from the selector. */
	{ "DELETE", "/api/v1/pods?fieldSelector=metadata.name%3Dx", 1, "deletecollection", "", "v1", "pods", "", "",
	  "" },
	/* Unicode folds a long s to an s, but only where everything decodes. */
	{ "GET", "/api/v1/pods?watch=fal%C5%BFe", 1, "list", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods?watch=fal%C5%BFe&limit=x", 1, "watch", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods?watch=FALSE&limit=x", 1, "list", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods?%77%61%74%63%68=yes", 1, "watch", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods?a=;&watch=1", 1, "watch", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods?watch=1;", 1, "list", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods?watch=%zz&watch=1", 1, "watch", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods?watch=0&watch=1", 1, "list", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods?watch+=1", 1, "list", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods?watch", 1, "watch", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/pods??watch=1", 1, "list", "", "v1", "pods", "", "", "" },
	/* Methods. */
	{ "get", "/api/v1/pods", 1, "", "", "v1", "pods", "", "", "" },
	{ "OPTIONS", "/api/v1/pods", 1, "", "", "v1", "pods", "", "", "" },
	{ "CONNECT", "/healthz", 0, "connect", "", "", "", "", "", "" },
	/* Slashes: the parts between them may be empty. */
	{ "GET", "//api/v1//pods", 1, "get", "", "v1", "", "", "", "pods" },
	{ "GET", "/api//pods", 1, "list", "", "", "pods", "", "", "" },
	{ "GET", "/api/v1/namespaces//pods", 1, "list", "", "v1", "pods", "", "", "" },
	{ "GET", "/api%2Fv1%2Fpods", 1, "list", "", "v1", "pods", "", "", "" },
	{ "GET", "/api/v1/proxy/namespaces/n/pods/p/a/b", 1, "proxy", "", "v1", "pods", "", "n", "p" },
	{ "GET", "/apis/apps/v1/watch/namespaces/n/deployments", 1, "watch", "apps", "v1", "deployments", "", "n", "" },
	{ "GET", "/", 0, "get", "", "", "", "", "", "" },
};

static void check_rows(const struct request_info_row *rows, size_t count)
{
	static struct request_info r; /* large */
	size_t failed = 0;

	for (size_t i = 0; i < count; i++) {
		const struct request_info_row *row = &rows[i];
		struct err e = { 0 };
		int rc = request_info_parse(&r, span_of(row->method), span_of(row->target), &e);

		if (rc == 0 && r.is_resource == row->is_resource && strcmp(r.verb, row->verb) == 0 &&
		    strcmp(r.api_group, row->group) == 0 && strcmp(r.api_version, row->version) == 0 &&
		    strcmp(r.resource, row->resource) == 0 && strcmp(r.subresource, row->subresource) == 0 &&
		    strcmp(r.namespace, row->namespace) == 0 && strcmp(r.name, row->name) == 0)
			continue;
		failed++;
		print_error("%s %.200s: %s; got %d '%s' group '%s' version '%s' resource '%s' sub '%s' "
			    "namespace '%s' name '%.100s'\n",
			    row->method, row->target, rc ? e.text : "differs", r.is_resource, r.verb,
			    r.api_group, r.api_version, r.resource, r.subresource, r.namespace, r.name);
	}
	assert_int_equal(failed, 0);
}

static void test_real_rows(void **state)
{
	(void)state;
	assert_true(COUNT_OF(request_info_rows) >= 300);
	check_rows(request_info_rows, COUNT_OF(request_info_rows));
}

static void test_own_rows(void **state)
{
	(void)state;
	check_rows(own_rows, COUNT_OF(own_rows));
}

static void test_selectors_and_rest(void **state)
{
	static struct request_info r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(request_info_parse(&r, SPAN("GET"),
					    SPAN("/api/v1/pods?labelSelector=a%3Db+&fieldSelector=x%3Dy"), &e),
			 0);
	assert_string_equal(r.label_selector, "a=b ");
	assert_string_equal(r.field_selector, "x=y");
	assert_int_equal(request_info_parse(&r, SPAN("GET"), SPAN("/api/v1/watch/pods?labelSelector=a"), &e), 0);
	assert_string_equal(r.label_selector, "");
	assert_int_equal(request_info_parse(&r, SPAN("GET"), SPAN("/api/v1/namespaces/n/pods/p/proxy/a//b/"), &e),
			 0);
	assert_string_equal(r.subresource, "proxy");
	assert_string_equal(r.rest, "a//b");
	assert_string_equal(r.path, "/api/v1/namespaces/n/pods/p/proxy/a//b/");
	assert_string_equal(r.api_prefix, "api");
}

static const struct {
	const char *method, *target, *says;
} bad_rows[] = {
	{ "GET", "", "does not start" },
	{ "GET", "api/v1/pods", "does not start" },
	{ "GET", "http://host/api/v1/pods", "does not start" },
	{ "GET", "?watch=1", "does not start" },
	{ "GET", "*", "does not start" },
	{ "GET", "/api/v1/watch", "no resource" },
	{ "GET", "/api/v1/proxy/", "no resource" },
	{ "GET", "/apis/apps/v1/watch", "no resource" },
	{ "GET", "/api/v1/pods/%", "hex digits" },
	{ "GET", "/api/v1/pods/%4", "hex digits" },
	{ "GET", "/api/v1/pods/%zz", "hex digits" },
	{ "GET", "/api/v1/pods/a%00b", "%00" },
	{ "GET", "/api/v1/pods?labelSelector=a%00b", "%00" },
	{ "GET", "/api/v1/pods\x01", "control" },
	{ "GET", "/api/v1/pods?a=\x7f", "control" },
	{ "GET", "/api/v1/pods?a=b\r\nHost: x", "control" },
	{ "", "/api/v1/pods", "method" },
	{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "/api/v1/pods", "method" },
};

static void test_bad_rows(void **state)
{
	static struct request_info r;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		struct err e = { 0 };

		if (request_info_parse(&r, span_of(bad_rows[i].method), span_of(bad_rows[i].target), &e) != -1 ||
		    e.code != ERR_INPUT || !strstr(e.text, bad_rows[i].says))
			fail_msg("%s %s: '%s'", bad_rows[i].method, bad_rows[i].target, e.text);
	}
}

/* `count` times `piece` behind `head`. */
static struct span repeat(char *into, size_t size, const char *head, const char *piece, size_t count)
{
	size_t len = (size_t)snprintf(into, size, "%s", head);

	for (size_t i = 0; i < count && len + strlen(piece) < size; i++)
		len += (size_t)snprintf(into + len, size - len, "%s", piece);
	return span_from(into, len);
}

static void test_limits(void **state)
{
	static struct request_info r;
	static char text[64 * 1024];
	struct err e = { 0 };

	(void)state;
	assert_int_equal(request_info_parse(&r, SPAN("GET"), repeat(text, sizeof(text), "/", "a", 8191), &e), 0);
	assert_int_equal(request_info_parse(&r, SPAN("GET"), repeat(text, sizeof(text), "/", "a", 8192), &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(request_info_parse(&r, SPAN("GET"), repeat(text, sizeof(text), "/", "/", 8191), &e), 0);
	assert_int_equal(request_info_parse(&r, SPAN("GET"), repeat(text, sizeof(text), "/api/v1", "/a", 4092), &e),
			 0);
	assert_int_equal(
		request_info_parse(&r, SPAN("GET"), repeat(text, sizeof(text), "/api/v1/pods?a", "&b=c", 999), &e), 0);
	assert_int_equal(
		request_info_parse(&r, SPAN("GET"), repeat(text, sizeof(text), "/api/v1/pods?a", "&b=c", 1000), &e),
		-1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(request_info_parse(&r, SPAN("GET"),
					    repeat(text, sizeof(text), "/api/v1/pods?labelSelector=a", "b", 15000), &e),
			 0);
	for (size_t len = 18000; len < 21000; len += 7)
		if (request_info_parse(&r, SPAN("GET"),
				       repeat(text, sizeof(text), "/api/v1/pods?fieldSelector=metadata.name=a", "b", len),
				       &e))
			assert_int_equal(e.code, ERR_LIMIT);
}

static const struct {
	const char *target;
	bool good;
} path_rows[] = {
	{ "/", true },
	{ "/healthz", true },
	{ "/api/v1/pods/", true },
	{ "/api/v1/namespaces/n/pods/p/log?follow=true&x=%2F%00", true },
	{ "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node", true },
	{ "/api/v1/pods/%61", true },
	{ "/api/v1/pods/\xc3\xa4", true },
	{ "/api/v1/pods/%C3%A4", true },
	{ "/api/v1/pods/...", true },
	{ "/api/v1/pods/.a", true },
	{ "", false },
	{ "api", false },
	{ "//", false },
	{ "//api/v1", false },
	{ "/api//v1", false },
	{ "/api/v1//", false },
	{ "/api/./v1", false },
	{ "/api/../v1", false },
	{ "/api/v1/..", false },
	{ "/api/v1/../", false },
	{ "/api/v1/.", false },
	{ "/api/v1/%2e%2e/secrets", false },
	{ "/api/v1/%2E/secrets", false },
	{ "/api/v1/.%2e", false },
	{ "/api/v1/%252e%252e", false },
	{ "/api/v1/..;/secrets", false },
	{ "/api/v1/pods;a=b", false },
	{ "/api/v1/pods%3Ba", false },
	{ "/api/v1/a%2fb", false },
	{ "/api/v1/a%2Fb", false },
	{ "/api/v1/a\\b", false },
	{ "/api/v1/a%5cb", false },
	{ "/api/v1/a%00", false },
	{ "/api/v1/a%0a", false },
	{ "/api/v1/a%7f", false },
	{ "/api/v1/a\x01", false },
	{ "/api/v1/a b", false },
	{ "/api/v1/a#b", false },
	{ "/api/v1/a%", false },
	{ "/api/v1/a%1", false },
	{ "/api/v1/a%g1", false },
	{ "/api/v1/\xc0\xae\xc0\xae/x", false },
	{ "/api/v1/%c0%ae", false },
	{ "/api/v1/\xff", false },
	{ "/api/v1/\xed\xa0\x80", false },
	{ "/api/v1/pods?a=%", false },
	{ "/api/v1/pods?a=%2", false },
	{ "/api/v1/pods?a=b c", false },
	{ "/api/v1/pods?a#b", false },
	{ "/api/v1/pods?a=\n", false },
	{ "http://x/api", false },
};

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(path_rows); i++) {
		struct err e = { 0 };
		int rc = request_path_check(span_of(path_rows[i].target), &e);

		if ((rc == 0) != path_rows[i].good || (rc == 0) != (e.code == ERR_NONE))
			fail_msg("%s: %d '%s'", path_rows[i].target, rc, e.text);
	}
}

static void test_query_values(void **state)
{
	static const struct span target = SPAN("/x?dryRun=All&force=&a=%41+b&c=%zz&c=2&n=%00&off=False");
	char text[16];

	(void)state;
	assert_true(request_query_value(target, "dryRun", text, sizeof(text)));
	assert_string_equal(text, "All");
	assert_true(request_query_value(target, "a", text, sizeof(text)));
	assert_string_equal(text, "A b");
	assert_true(request_query_value(target, "c", text, sizeof(text)));
	assert_string_equal(text, "2");
	assert_false(request_query_value(target, "n", text, sizeof(text)));
	assert_false(request_query_value(target, "dryRun", text, 3));
	assert_false(request_query_value(target, "absent", text, sizeof(text)));
	assert_true(request_query_bool(target, "force"));
	assert_false(request_query_bool(target, "off"));
	assert_false(request_query_bool(target, "absent"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_rows), cmocka_unit_test(test_own_rows),
		cmocka_unit_test(test_selectors_and_rest), cmocka_unit_test(test_bad_rows),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_paths), cmocka_unit_test(test_query_values),
	};

	return cmocka_run_group_tests_name("request_info", tests, NULL, NULL);
}
