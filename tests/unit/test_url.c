/* URLs, escapes and query strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/format/url.h"

static void escapes_are_decoded_strictly(void **state)
{
	static const struct {
		const char *text;
		const char *path, *query; /* NULL: refused */
	} rows[] = {
		{ "", "", "" },
		{ "a%20b+c", "a b+c", "a b c" },
		{ "%41%4a%4A", "AJJ", "AJJ" },
		{ "%2F%2e", "/.", "/." },
		{ "%2B", "+", "+" },
		{ "%", NULL, NULL },
		{ "%4", NULL, NULL },
		{ "%4g", NULL, NULL },
		{ "%%41", NULL, NULL },
		{ "% 41", NULL, NULL },
		{ "%+1", NULL, NULL },
		{ "%u0041", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
		enum url_part part = i % 2 ? URL_QUERY : URL_PATH;
		const char *want = i % 2 ? rows[i / 2].query : rows[i / 2].path;
		struct err e = { 0 };
		struct buf out;
		int rc;

		buf_init(&out, 100);
		rc = url_decode(span_of(rows[i / 2].text), part, &out, &e);
		if (rc != (want ? 0 : -1) || strcmp(buf_str(&out), want ? want : "") != 0)
			fail_msg("%s: %d %s %s", rows[i / 2].text, rc, buf_str(&out), e.text);
		buf_free(&out);
	}
}

static void a_nul_comes_out_as_a_byte(void **state)
{
	struct err e = { 0 };
	struct buf out;

	(void)state;
	buf_init(&out, 2);
	assert_int_equal(url_decode(SPAN("%00a"), URL_PATH, &out, &e), 0);
	assert_int_equal(out.len, 2);
	assert_int_equal(url_decode(SPAN("%00"), URL_PATH, &out, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	buf_free(&out);
}

static void all_but_unreserved_is_encoded(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	url_encode(SPAN("aZ09-._~ /+%&=\0\xC3\xA9"), URL_PATH, &out);
	assert_string_equal(buf_str(&out), "aZ09-._~%20%2F%2B%25%26%3D%00%C3%A9");
	buf_reset(&out);
	url_encode(SPAN("a b+"), URL_QUERY, &out);
	assert_string_equal(buf_str(&out), "a+b%2B");
	buf_free(&out);
}

static const struct {
	const char *text;
	const char *scheme, *userinfo, *host, *path, *query;
	unsigned port;
} urls[] = {
	{ "https://central", "https", "", "central", "", "", 0 },
	{ "https://central:9090/", "https", "", "central", "/", "", 9090 },
	{ "http://a.b-c_d/x/y?q=1&r", "http", "", "a.b-c_d", "/x/y", "q=1&r", 0 },
	{ "https://[::1]:8443/x", "https", "", "::1", "/x", "", 8443 },
	{ "https://[fe80::1.2.3.4]", "https", "", "fe80::1.2.3.4", "", "", 0 },
	{ "postgres://user:pa%40ss@localhost/mk8s", "postgres", "user:pa%40ss", "localhost", "/mk8s", "", 0 },
	{ "git+ssh://h?x", "git+ssh", "", "h", "", "x", 0 },
	{ "HTTPS://H:65535/?", "HTTPS", "", "H", "/", "", 65535 },
};

static void urls_are_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(urls); i++) {
		struct err e = { 0 };
		struct url url;

		if (url_split(span_of(urls[i].text), &url, &e) < 0)
			fail_msg("%s: %s", urls[i].text, e.text);
		if (!span_equal_str(url.scheme, urls[i].scheme) || !span_equal_str(url.host, urls[i].host) ||
		    !span_equal_str(url.userinfo, urls[i].userinfo) || url.port != urls[i].port ||
		    !span_equal_str(url.path, urls[i].path) || !span_equal_str(url.query, urls[i].query))
			fail_msg("%s", urls[i].text);
		assert_int_equal(url.host_is_ipv6, strchr(urls[i].text, '[') != NULL);
	}
}

static void bad_urls_are_refused(void **state)
{
	static const char *const rows[] = {
		"", "central", "central:9090", "//central", "https:", "https:/central", "https://",
		"https:///x", "https://:80", "https://h:", "https://h:0", "https://h:65536",
		"https://h:080000", "https://h:8x", "https://h:-1", "https://h:1:2", "https://[::1",
		"https://::1", "https://[]", "https://[1.2.3.4]", "https://[::1%25eth0]", "https://[::1]x",
		"https://[::1]:", "https://h#f", "https://h/#", "https://h x/", "https://h/\t",
		"https://h/\r\nX:", "https://h\\x", "https://h\xC3\xA9", "1http://h", "ht tp://h", "://h",
		"https://a@b@c", "https://u@", "https://h*", "https://h,i", "https://h'",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err e = { 0 };
		struct url url;

		if (url_split(span_of(rows[i]), &url, &e) == 0)
			fail_msg("%s was taken", rows[i]);
		assert_int_equal(e.code, ERR_INPUT);
	}
}

static const struct {
	const char *query;
	const char *pairs; /* "name=value|..." as decoded; NULL: refused */
} queries[] = {
	{ "", "" },
	{ "a=1", "a=1|" },
	{ "a=1&b=2&a=3", "a=1|b=2|a=3|" },
	{ "a", "a=|" },
	{ "=1", "=1|" },
	{ "=", "=|" },
	{ "a=b=c", "a=b=c|" },
	{ "&&a=1&", "a=1|" },
	{ "a+b=c+d%2B", "a b=c d+|" },
	{ "%26=%3D", "&==|" },
	{ "a=%3B", "a=;|" },
	{ "a=1;b=2", NULL },
	{ "a=1&b;", NULL },
	{ "a=%", NULL },
	{ "%zz=1", NULL },
	{ "a=1&b=%2", NULL },
};

static void queries_read_as_go_reads_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(queries); i++) {
		struct span rest = span_of(queries[i].query);
		struct buf name, value, all;
		struct err e = { 0 };
		int rc;

		buf_init(&name, 100);
		buf_init(&value, 100);
		buf_init(&all, 100);
		while ((rc = url_query_next(&rest, &name, &value, &e)) > 0)
			buf_printf(&all, "%s=%s|", buf_str(&name), buf_str(&value));
		if (rc != (queries[i].pairs ? 0 : -1) || (rc == 0 && strcmp(buf_str(&all), queries[i].pairs) != 0))
			fail_msg("%s: %d %s", queries[i].query, rc, buf_str(&all));
		buf_free(&name);
		buf_free(&value);
		buf_free(&all);
	}
}

static void one_name_is_looked_up(void **state)
{
	static const struct {
		const char *query;
		int rc;
		const char *value;
	} rows[] = {
		{ "x=1&follow=true&follow=false", 1, "true" }, { "follow", 1, "" }, { "Follow=1", 0, "" },
		{ "", 0, "" }, { "a;b&follow=1", -1, "" }, { "xfollow=1", 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err e = { 0 };
		struct buf value;

		buf_init(&value, 100);
		assert_int_equal(url_query_get(span_of(rows[i].query), "follow", &value, &e), rows[i].rc);
		if (rows[i].rc == 1)
			assert_string_equal(buf_str(&value), rows[i].value);
		buf_free(&value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_are_decoded_strictly),
		cmocka_unit_test(a_nul_comes_out_as_a_byte),
		cmocka_unit_test(all_but_unreserved_is_encoded),
		cmocka_unit_test(urls_are_split),
		cmocka_unit_test(bad_urls_are_refused),
		cmocka_unit_test(queries_read_as_go_reads_them),
		cmocka_unit_test(one_name_is_looked_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
