/* Which fields pass the gateway (gateway attacks A01 to A05). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/gate/upgrade.h"

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

/* Gateway attack A04: a credential as a subprotocol. */
static void subprotocols_pass_by_name(void **state UNUSED)
{
	static const struct {
		const char *asked, *passed; /* NULL: the field goes */
	} rows[] = {
		{ "v5.channel.k8s.io", "v5.channel.k8s.io" },
		{ "v5.channel.k8s.io,v4.channel.k8s.io , channel.k8s.io",
		  "v5.channel.k8s.io, v4.channel.k8s.io, channel.k8s.io" },
		{ "base64.channel.k8s.io, v4.base64.channel.k8s.io",
		  "base64.channel.k8s.io, v4.base64.channel.k8s.io" },
		{ "SPDY/3.1+portforward.k8s.io", "SPDY/3.1+portforward.k8s.io" },
		{ "base64.binary.k8s.io", "base64.binary.k8s.io" },
		{ "base64url.bearer.authorization.k8s.io.dG9rZW4", NULL },
		{ "base64url.bearer.authorization.k8s.io.dG9rZW4, v4.channel.k8s.io", "v4.channel.k8s.io" },
		{ "v4.channel.k8s.io,base64url.bearer.authorization.k8s.io.x", "v4.channel.k8s.io" },
		{ "base64url.bearer.authorization.k8s.io.x.channel.k8s.io", NULL },
		{ "base64url.bearer.authorization.k8s.io.channel.k8s.io", NULL },
		{ "V4.channel.k8s.io", NULL },
		{ "xchannel.k8s.io", NULL },
		{ "v4.channel.k8s.io.evil", NULL },
		{ "v4 channel.k8s.io", NULL },
		{ "spdy/3.1+portforward.k8s.io", NULL },
		{ "graphql-ws", NULL },
		{ ",, ,", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct http_field field = { SPAN("sec-websocket-protocol"), span_of(rows[i].asked) };
		struct http_head head = { .protocol = SPAN("websocket"), .fields = &field, .field_count = 1 };
		struct header_list list = { .count = 0 };
		struct buf texts;

		header_filter_upgrade(&head, &list, &texts);
		if (list.count != (rows[i].passed != NULL) ||
		    (rows[i].passed && !span_equal_str(list.at[0].value, rows[i].passed)))
			fail_msg("row %zu: %s", i, rows[i].asked);
		buf_free(&texts);
	}
}

static void upgrade_fields_pass_by_protocol(void **state UNUSED)
{
	static const struct http_field fields[] = {
		{ SPAN("sec-websocket-key"), SPAN("k") },
		{ SPAN("sec-websocket-version"), SPAN("13") },
		{ SPAN("sec-websocket-extensions"), SPAN("permessage-deflate") },
		{ SPAN("sec-websocket-accept"), SPAN("a") },
		{ SPAN("x-stream-protocol-version"), SPAN("v4.channel.k8s.io") },
		{ SPAN("x-stream-protocol-version"), SPAN("channel.k8s.io") },
		{ SPAN("origin"), SPAN("https://evil.example") },
		{ SPAN("authorization"), SPAN("Bearer x") },
		{ SPAN("content-length"), SPAN("0") },
		{ SPAN("mk8s-method"), SPAN("GET") },
		{ SPAN("upgrade"), SPAN("websocket") },
	};
	struct http_head head = { .fields = fields, .field_count = COUNT_OF(fields) };
	struct header_list list = { .count = 0 };
	struct buf texts;

	header_filter_upgrade(&head, &list, &texts);
	assert_int_equal(list.count, 0);
	buf_free(&texts);
	head.protocol = SPAN("websocket");
	header_filter_upgrade(&head, &list, &texts);
	assert_int_equal(list.count, 3);
	buf_free(&texts);
	list.count = 0;
	head.protocol = SPAN("spdy/3.1");
	header_filter_upgrade(&head, &list, &texts);
	assert_int_equal(list.count, 2);
	assert_true(span_equal_str(list.at[1].name, "x-stream-protocol-version"));
	buf_free(&texts);
	header_filter_request(&head, &list); /* a length would make HTTP/2 refuse the raw bytes */
	assert_int_equal(list.count, 0);
	header_filter_switch(&head, &list);
	assert_int_equal(list.count, 3);
}

static void upgrades_have_one_method(void **state UNUSED)
{
	static const struct {
		const char *protocol, *first, *second, *method;
	} rows[] = {
		{ "", NULL, NULL, "CONNECT" },
		{ "websocket", "GET", NULL, "GET" },
		{ "spdy/3.1", "POST", NULL, "POST" },
		{ "websocket", NULL, NULL, "" },
		{ "websocket", "GET", "POST", "" },
		{ "websocket", "GET", "GET", "" },
		{ "websocket", "DELETE", NULL, "" },
		{ "websocket", "get", NULL, "" },
		{ "websocket", "CONNECT", NULL, "" },
		{ "websocket", "", NULL, "" },
		{ "", "GET", NULL, "" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct http_field fields[] = {
			{ SPAN("mk8s-method"), span_of(rows[i].first) },
			{ SPAN("mk8s-method"), span_of(rows[i].second) },
		};
		struct http_head head = { .method = SPAN("CONNECT"), .protocol = span_of(rows[i].protocol), .fields = fields,
					  .field_count = (size_t)(rows[i].first != NULL) + (rows[i].second != NULL) };

		if (!span_equal_str(upgrade_method(&head), rows[i].method))
			fail_msg("row %zu", i);
	}
}

static void answers_grant_or_refuse(void **state UNUSED)
{
	static const struct {
		const char *method, *protocol;
		int status, passed; /* 0: refused */
		bool granted;
	} rows[] = {
		{ "GET", "websocket", 200, 101, true },   { "GET", "websocket", 204, 0, false },
		{ "GET", "websocket", 201, 0, false },    { "GET", "websocket", 302, 302, false },
		{ "POST", "spdy/3.1", 403, 403, false },  { "CONNECT", "spdy/3.1", 101, 200, true },
		{ "CONNECT", "websocket", 200, 0, false }, { "CONNECT", "websocket", 299, 0, false },
		{ "CONNECT", "websocket", 300, 300, false }, { "CONNECT", "websocket", 502, 502, false },
		{ "GET", "", 200, 200, false },		  { "GET", "", 404, 404, false },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct http_head request = { .method = span_of(rows[i].method), .protocol = span_of(rows[i].protocol) };
		struct http_head head = { .status = rows[i].status }, answer = { .status = rows[i].status };
		struct header_list list;
		bool granted, passes = upgrade_answer(&request, &head, &answer, &list, &granted);

		if (passes != (rows[i].passed != 0) || granted != rows[i].granted ||
		    (passes && answer.status != rows[i].passed))
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_fields_pass_by_name),
		cmocka_unit_test(a_field_that_connection_lists_does_not_pass),
		cmocka_unit_test(answer_fields_pass_by_name),
		cmocka_unit_test(finds_apply_patches),
		cmocka_unit_test(subprotocols_pass_by_name),
		cmocka_unit_test(upgrade_fields_pass_by_protocol),
		cmocka_unit_test(upgrades_have_one_method),
		cmocka_unit_test(answers_grant_or_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
