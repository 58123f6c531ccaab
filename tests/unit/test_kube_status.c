/* metav1.Status: what is written, and what is made of the answers of servers and of what stands before them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/kube/status.h"

static const struct {
	struct kube_failure failure;
	const char *json;
} put_rows[] = {
	{ { .code = 403, .message = "no" },
	  "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"no\","
	  "\"reason\":\"Forbidden\",\"code\":403}\n" },
	{ { .code = 404, .message = "\"x\"\n", .name = "x", .group = "apps", .kind = "deployments" },
	  "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"\\\"x\\\"\\n\","
	  "\"reason\":\"NotFound\",\"details\":{\"name\":\"x\",\"group\":\"apps\",\"kind\":\"deployments\"},"
	  "\"code\":404}\n" },
	{ { .code = 404, .group = "", .kind = "pods" },
	  "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"reason\":\"NotFound\","
	  "\"details\":{\"kind\":\"pods\"},\"code\":404}\n" },
	{ { .code = 503, .message = "full", .retry_after_s = 3 },
	  "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"full\","
	  "\"reason\":\"ServiceUnavailable\",\"details\":{\"retryAfterSeconds\":3},\"code\":503}\n" },
	{ { .code = 409, .reason = "AlreadyExists", .message = "" },
	  "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"\","
	  "\"reason\":\"AlreadyExists\",\"code\":409}\n" },
	{ { .code = 599 },
	  "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"code\":599}\n" },
};

static void test_put(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(put_rows); i++) {
		struct buf out;

		buf_init(&out, 4096);
		assert_int_equal(kube_status_put(&out, &put_rows[i].failure), 0);
		assert_string_equal(buf_str(&out), put_rows[i].json);
		buf_free(&out);
	}
}

static const struct {
	const char *body;
	int http_status, code;
	const char *reason, *message;
	enum err_code err;
} parse_rows[] = {
	{ "{\"kind\":\"Status\",\"message\":\"pods \\\"x\\\" not found\",\"reason\":\"NotFound\",\"code\":404}", 404,
	  404, "NotFound", "pods \"x\" not found", ERR_NOT_FOUND },
	{ "{\"kind\":\"Status\",\"message\":\"old\",\"reason\":\"Expired\",\"code\":410}", 410, 410, "Expired", "old",
	  ERR_NOT_FOUND },
	{ "{\"kind\":\"Status\",\"code\":403}", 403, 403, "", "the server does not allow this request", ERR_DENIED },
	{ "{\"kind\":\"Status\",\"message\":7,\"reason\":[],\"code\":\"x\"}", 500, 500, "",
	  "an error on the server has prevented the request from succeeding", ERR_IO },
	{ "{\"kind\":\"Status\",\"message\":\"m\",\"code\":99999999999}", 409, 409, "", "m", ERR_EXISTS },
	{ "{\"kind\":\"Pod\",\"message\":\"m\"}", 404, 404, "NotFound", "{\"kind\":\"Pod\",\"message\":\"m\"}",
	  ERR_NOT_FOUND },
	{ "404 page not found\n", 404, 404, "NotFound", "404 page not found", ERR_NOT_FOUND },
	{ "<html>bad gateway</html>", 502, 502, "", "a gateway got no good answer from the server", ERR_PROTOCOL },
	{ "", 401, 401, "Unauthorized", "the server has asked for the client to provide credentials", ERR_AUTH },
	{ "", 418, 418, "", "the server answered 418", ERR_INPUT },
	{ "", 302, 302, "", "the server answered 302", ERR_PROTOCOL },
	{ "[", 429, 429, "TooManyRequests", "[", ERR_BUSY },
	{ "[]", 422, 422, "Invalid", "[]", ERR_INPUT },
	{ "  \n", 413, 413, "RequestEntityTooLarge", "the request is too large", ERR_LIMIT },
	{ "null", 504, 504, "Timeout", "null", ERR_TIMEOUT },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(parse_rows); i++) {
		struct kube_status s;
		struct err e = { 0 };

		kube_status_parse(span_of(parse_rows[i].body), parse_rows[i].http_status, &s);
		if (s.code != parse_rows[i].code || strcmp(s.reason, parse_rows[i].reason) != 0 ||
		    strcmp(s.message, parse_rows[i].message) != 0)
			fail_msg("row %zu: %d '%s' '%s'", i, s.code, s.reason, s.message);
		assert_int_equal(kube_status_to_err(&s, &e), -1);
		assert_int_equal(e.code, parse_rows[i].err);
		kube_status_free(&s);
		kube_status_free(&s);
	}
}

static void test_details(void **state)
{
	struct kube_status s;

	(void)state;
	kube_status_parse(SPAN("{\"kind\":\"Status\",\"reason\":\"Invalid\",\"details\":{\"name\":\"d\",\"kind\":"
			       "\"Deployment\",\"uid\":\"u\",\"retryAfterSeconds\":2,\"causes\":[{\"reason\":\"R\","
			       "\"message\":\"M\",\"field\":\"F\"},{},7]}}"),
			  422, &s);
	assert_string_equal(s.name, "d");
	assert_string_equal(s.kind, "Deployment");
	assert_string_equal(s.uid, "u");
	assert_int_equal(s.retry_after_s, 2);
	assert_int_equal(s.cause_count, 3);
	assert_string_equal(s.causes[0].reason, "R");
	assert_string_equal(s.causes[0].message, "M");
	assert_string_equal(s.causes[0].field, "F");
	assert_string_equal(s.causes[2].field, "");
	kube_status_free(&s);
}

/* Written and read back. */
static void test_round(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(put_rows); i++) {
		struct kube_status s;
		struct buf out;

		buf_init(&out, 4096);
		assert_int_equal(kube_status_put(&out, &put_rows[i].failure), 0);
		kube_status_parse(buf_span(&out), 500, &s);
		assert_int_equal(s.code, put_rows[i].failure.code);
		assert_int_equal(s.retry_after_s, put_rows[i].failure.retry_after_s);
		if (put_rows[i].failure.message && put_rows[i].failure.message[0])
			assert_string_equal(s.message, put_rows[i].failure.message);
		kube_status_free(&s);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_put), cmocka_unit_test(test_parse),
					    cmocka_unit_test(test_details), cmocka_unit_test(test_round) };

	return cmocka_run_group_tests_name("kube_status", tests, NULL, NULL);
}
