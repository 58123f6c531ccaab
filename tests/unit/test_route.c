/* route_find: which route a method and a path reach, what is refused, how parameters come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/net/route.h"

static int no_handler(struct request *rq, struct err *e)
{
	(void)rq;
	(void)e;
	return 0;
}

static void no_stream(void *app, struct http_stream *s, const char *const *params)
{
	(void)app;
	(void)s;
	(void)params;
}

#define REST(method, pattern)                                                                      \
	{                                                                                          \
		method, pattern, ACCESS_USER, no_handler, NULL, 0, ""                              \
	}
#define STREAM(method, pattern)                                                                    \
	{                                                                                          \
		method, pattern, ACCESS_USER, NULL, no_stream, 0, ""                               \
	}

static const struct route first[] = { REST("GET", "/healthz"), REST("GET", "/metrics") };
static const struct route second[] = {
	REST("GET", "/"),
	REST("GET", "/clusters"),
	REST("POST", "/clusters"),
	REST("GET", "/clusters/{id}"),
	REST("DELETE", "/clusters/{id}"),
	REST("POST", "/clusters/{id}/token"),
	STREAM("*", "/clusters/{id}/k8s/*"),
	STREAM("POST", "/clusters/{id}/exec"),
	REST("GET", "/users/me"),
	REST("PATCH", "/users/{id}"),
	REST("PUT", "/users/{id}/roles/{role}"),
	REST("GET", "/audit/verify"),
	REST("GET", "/audit/{id}/recording"),
	REST("GET", "/.well-known/jwks.json"),
};
static const struct route_table tables[] = { { first, COUNT_OF(first) },
					     { second, COUNT_OF(second) } };

static const struct {
	const char *method, *path;
	enum route_verdict verdict;
	const char *pattern; /* or the methods that are allowed */
	const char *params; /* joined by | */
} rows[] = {
	{ "GET", "/", ROUTE_FOUND, "/", "" },
	{ "GET", "/healthz", ROUTE_FOUND, "/healthz", "" },
	{ "HEAD", "/healthz", ROUTE_FOUND, "/healthz", "" },
	{ "POST", "/healthz", ROUTE_OTHER_METHOD, "GET, HEAD", "" },
	{ "get", "/healthz", ROUTE_OTHER_METHOD, "GET, HEAD", "" },
	{ "GET", "/clusters", ROUTE_FOUND, "/clusters", "" },
	{ "PUT", "/clusters", ROUTE_OTHER_METHOD, "GET, HEAD, POST", "" },
	{ "GET", "/Clusters", ROUTE_UNKNOWN, NULL, "" },
	{ "GET", "/clusters/", ROUTE_BAD, NULL, "" },
	{ "GET", "//clusters", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/prod", ROUTE_FOUND, "/clusters/{id}", "prod" },
	{ "GET", "/%63lusters/prod", ROUTE_FOUND, "/clusters/{id}", "prod" },
	{ "GET", "/clusters/a%20b", ROUTE_FOUND, "/clusters/{id}", "a b" },
	{ "GET", "/clusters/a+b", ROUTE_FOUND, "/clusters/{id}", "a+b" },
	{ "GET", "/clusters/%C3%A9", ROUTE_FOUND, "/clusters/{id}", "\xc3\xa9" },
	{ "GET", "/clusters/%25", ROUTE_FOUND, "/clusters/{id}", "%" },
	{ "GET", "/clusters/%252f", ROUTE_FOUND, "/clusters/{id}", "%2f" },
	{ "DELETE", "/clusters/a.b@c", ROUTE_FOUND, "/clusters/{id}", "a.b@c" },
	{ "GET", "/clusters/a%2fb", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/a%2Fb", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/a%00", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/a%0a", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/a%7f", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/%", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/%4", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/%zz", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/%ff", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/%c0%af", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/.", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/..", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/%2e%2E", ROUTE_BAD, NULL, "" },
	{ "GET", "/./clusters", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/...", ROUTE_FOUND, "/clusters/{id}", "..." },
	{ "GET", "clusters", ROUTE_BAD, NULL, "" },
	{ "OPTIONS", "*", ROUTE_BAD, NULL, "" },
	{ "GET", "", ROUTE_BAD, NULL, "" },
	{ "POST", "/clusters/x/token", ROUTE_FOUND, "/clusters/{id}/token", "x" },
	{ "GET", "/clusters/x/token", ROUTE_OTHER_METHOD, "POST", "" },
	{ "GET", "/clusters/x/token/y", ROUTE_UNKNOWN, NULL, "" },
	{ "GET", "/clusters/x/k8s/api/v1/pods", ROUTE_FOUND, "/clusters/{id}/k8s/*", "x" },
	{ "PATCH", "/clusters/x/k8s/api", ROUTE_FOUND, "/clusters/{id}/k8s/*", "x" },
	{ "GET", "/clusters/x/k8s", ROUTE_FOUND, "/clusters/{id}/k8s/*", "x" },
	{ "GET", "/clusters/x/k8s/", ROUTE_FOUND, "/clusters/{id}/k8s/*", "x" },
	{ "GET", "/clusters/x/k8s/a/../b//c%2f%00%zz", ROUTE_FOUND, "/clusters/{id}/k8s/*", "x" },
	{ "GET", "/clusters/x/k8s/1/2/3/4/5/6/7/8/9/10", ROUTE_FOUND, "/clusters/{id}/k8s/*", "x" },
	{ "GET", "/clusters/a%20b/k8s/x", ROUTE_FOUND, "/clusters/{id}/k8s/*", "a b" },
	{ "GET", "/clusters/../k8s/x", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters//k8s/x", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/a%2fb/k8s/x", ROUTE_BAD, NULL, "" },
	{ "GET", "/clusters/x/k8sx", ROUTE_UNKNOWN, NULL, "" },
	{ "POST", "/clusters/x/exec", ROUTE_FOUND, "/clusters/{id}/exec", "x" },
	{ "GET", "/clusters/x/exec", ROUTE_OTHER_METHOD, "POST", "" },
	{ "GET", "/users/me", ROUTE_FOUND, "/users/me", "" },
	{ "PATCH", "/users/me", ROUTE_FOUND, "/users/{id}", "me" },
	{ "PUT", "/users/me", ROUTE_OTHER_METHOD, "GET, HEAD, PATCH", "" },
	{ "GET", "/users/other", ROUTE_OTHER_METHOD, "PATCH", "" },
	{ "PUT", "/users/a/roles/b", ROUTE_FOUND, "/users/{id}/roles/{role}", "a|b" },
	{ "PUT", "/users/%7C/roles/b%25", ROUTE_FOUND, "/users/{id}/roles/{role}", "||b%" },
	{ "GET", "/audit/verify", ROUTE_FOUND, "/audit/verify", "" },
	{ "GET", "/audit/verify/recording", ROUTE_FOUND, "/audit/{id}/recording", "verify" },
	{ "GET", "/.well-known/jwks.json", ROUTE_FOUND, "/.well-known/jwks.json", "" },
	{ "GET", "/nothing", ROUTE_UNKNOWN, NULL, "" },
	{ "GET", "/1/2/3/4/5/6/7/8/9", ROUTE_UNKNOWN, NULL, "" },
};

static void check_row(size_t i, const struct route_match *m)
{
	char params[200] = "";
	size_t len = 0;

	for (size_t p = 0; p < ROUTE_PARAM_MAX && m->param[p]; p++)
		len += (size_t)snprintf(params + len, sizeof(params) - len, "%s%s", p ? "|" : "",
					m->param[p]);
	if (strcmp(params, rows[i].params) != 0)
		fail_msg("%s %s: parameters '%s'", rows[i].method, rows[i].path, params);
	if (strcmp(m->route->pattern, rows[i].pattern) != 0)
		fail_msg("%s %s: reached %s", rows[i].method, rows[i].path, m->route->pattern);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err e = { 0 };
		struct route_match m;
		enum route_verdict verdict =
			route_find(tables, COUNT_OF(tables), span_of(rows[i].method),
				   span_of(rows[i].path), &m, &e);

		if (verdict != rows[i].verdict)
			fail_msg("%s %s: verdict %d", rows[i].method, rows[i].path, (int)verdict);
		if (verdict == ROUTE_FOUND)
			check_row(i, &m);
		if (verdict == ROUTE_OTHER_METHOD)
			assert_string_equal(m.allow, rows[i].pattern);
		assert_int_equal(e.code != ERR_NONE, verdict == ROUTE_BAD);
	}
}

static void test_table_index(void **state)
{
	struct route_match m;
	struct err e;

	(void)state;
	assert_int_equal(route_find(tables, 2, SPAN("GET"), SPAN("/metrics"), &m, &e), ROUTE_FOUND);
	assert_int_equal(m.table, 0);
	assert_int_equal(route_find(tables, 2, SPAN("GET"), SPAN("/clusters"), &m, &e),
			 ROUTE_FOUND);
	assert_int_equal(m.table, 1);
	assert_int_equal(route_find(tables, 0, SPAN("GET"), SPAN("/clusters"), &m, &e),
			 ROUTE_UNKNOWN);
}

/* The longest parameter that fits, and one byte more. */
static void test_long_parameter(void **state)
{
	char path[ROUTE_TEXT_SIZE + 20] = "/clusters/";
	size_t start = strlen(path);
	struct route_match m;
	struct err e;

	(void)state;
	memset(path + start, 'a', ROUTE_TEXT_SIZE - 1);
	assert_int_equal(route_find(tables, 2, SPAN("GET"), span_of(path), &m, &e), ROUTE_FOUND);
	assert_int_equal(strlen(m.param[0]), ROUTE_TEXT_SIZE - 1);
	path[start + ROUTE_TEXT_SIZE - 1] = 'a';
	assert_int_equal(route_find(tables, 2, SPAN("GET"), span_of(path), &m, &e), ROUTE_BAD);
	assert_int_equal(e.code, ERR_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_table_index),
		cmocka_unit_test(test_long_parameter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
