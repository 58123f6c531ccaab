/* Which fields pass the gateway (gateway attacks A01 to A05). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/gate/header_filter.h"

static bool passes(void (*filter)(const struct http_head *, struct header_list *), const char *name,
		   const char *connection)
{
	struct http_field fields[] = {
		{ span_of(name), SPAN("value") },
		{ SPAN("connection"), span_of(connection) },
	};
	struct http_head head = { .fields = fields, .field_count = connection ? 2 : 1 };
	struct header_list list;

	filter(&head, &list);
	return list.count == 1 && span_equal_str(list.at[0].name, name);
}

static void request_fields_pass_by_name(void **state UNUSED)
{
	static const struct {
		const char *name;
		bool pass;
	} rows[] = {
		{ "accept", true },
		{ "accept-encoding", true },
		{ "content-type", true },
		{ "content-length", true },
		{ "user-agent", true },
		{ "if-match", true },
		{ "if-none-match", true },
		{ "kubectl-command", true },
		{ "kubectl-session", true },
		{ "traceparent", true },
		{ "tracestate", true },
		{ "authorization", false },
		{ "impersonate-user", false },
		{ "impersonate-group", false },
		{ "impersonate-uid", false },
		{ "impersonate-extra-scopes", false },
		{ "impersonate_user", false },
		{ "x-remote-user", false },
		{ "x-remote-group", false },
		{ "x-remote-extra-a", false },
		{ "x-forwarded-for", false },
		{ "x-forwarded-host", false },
		{ "forwarded", false },
		{ "x-real-ip", false },
		{ "cookie", false },
		{ "host", false },
		{ "audit-id", false },
		{ "mk8s-user", false },
		{ "mk8s-roles", false },
		{ "mk8s-rules", false },
		{ "connection", false },
		{ "te", false },
		{ "upgrade", false },
		{ "transfer-encoding", false },
		{ "proxy-authorization", false },
		{ "x-http-method-override", false },
		{ "", false },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (passes(header_filter_request, rows[i].name, NULL) != rows[i].pass)
			fail_msg("row %zu: %s", i, rows[i].name);
	}
}

static void a_field_that_connection_lists_does_not_pass(void **state UNUSED)
{
	assert_true(passes(header_filter_request, "user-agent", "close"));
	assert_false(passes(header_filter_request, "user-agent", "user-agent"));
	assert_false(passes(header_filter_request, "user-agent", "close, User-Agent"));
	assert_false(passes(header_filter_request, "user-agent", ", ,User-Agent ,close"));
}

static void answer_fields_pass_by_name(void **state UNUSED)
{
	static const struct {
		const char *name;
		bool pass;
	} rows[] = {
		{ "content-type", true },   { "content-encoding", true }, { "content-length", true },
		{ "warning", true },	    { "audit-id", true },	  { "retry-after", true },
		{ "etag", true },	    { "cache-control", true },	  { "set-cookie", false },
		{ "location", false },	    { "connection", false },	  { "transfer-encoding", false },
		{ "www-authenticate", false }, { "access-control-allow-origin", false }, { "alt-svc", false },
		{ "strict-transport-security", false },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (passes(header_filter_answer, rows[i].name, NULL) != rows[i].pass)
			fail_msg("row %zu: %s", i, rows[i].name);
	}
}

static void finds_apply_patches(void **state UNUSED)
{
	static const struct {
		const char *type;
		bool is_apply;
	} rows[] = {
		{ "application/apply-patch+yaml", true },
		{ "application/apply-patch+cbor", true },
		{ " application/apply-patch+yaml ; charset=utf-8", true },
		{ "application/merge-patch+json", false },
		{ "application/json; x=application/apply-patch+yaml", false },
		{ "", false },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct http_field field = { SPAN("content-type"), span_of(rows[i].type) };
		struct http_head head = { .fields = &field, .field_count = 1 };

		if (header_is_apply_patch(&head) != rows[i].is_apply)
			fail_msg("row %zu: %s", i, rows[i].type);
	}
	assert_false(header_is_apply_patch(&(struct http_head){ .field_count = 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_fields_pass_by_name),
		cmocka_unit_test(a_field_that_connection_lists_does_not_pass),
		cmocka_unit_test(answer_fields_pass_by_name),
		cmocka_unit_test(finds_apply_patches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
