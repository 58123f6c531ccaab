/* References, templates, output formats and maps of op; what op's words mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/rollout/op_error.h"
#include "lib/rollout/secret_format.h"
#include "lib/rollout/secret_template.h"

static void references_are_read(void **state)
{
	static const struct {
		const char *text, *vault, *item, *section, *field;
		enum secret_attribute attribute;
	} rows[] = {
		{ "op://v/i/f", "v", "i", "", "f", SECRET_ATTRIBUTE_NONE },
		{ "OP://My Vault/i.2/s_1/f-3", "My Vault", "i.2", "s_1", "f-3", SECRET_ATTRIBUTE_NONE },
		{ "op://v/i/f?attribute=otp", "v", "i", "", "f", SECRET_ATTRIBUTE_OTP },
		{ "op://v/i/f?attr=totp", "v", "i", "", "f", SECRET_ATTRIBUTE_OTP },
		{ "op://v/i/s/f?attribute=value", "v", "i", "s", "f", SECRET_ATTRIBUTE_VALUE },
		{ "op://v/i/f?attribute=type", "v", "i", "", "f", SECRET_ATTRIBUTE_TYPE },
		{ "op://v/i/f?attribute=id", "v", "i", "", "f", SECRET_ATTRIBUTE_ID },
		{ "op://v/i/f?attribute=title", "v", "i", "", "f", SECRET_ATTRIBUTE_TITLE },
		{ "op://v/i/f?attribute=label", "v", "i", "", "f", SECRET_ATTRIBUTE_TITLE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct secret_ref ref;
		struct err e = { 0 };

		if (secret_ref_parse(span_of(rows[i].text), &ref, &e) < 0)
			fail_msg("%s: %s", rows[i].text, e.text);
		assert_string_equal(ref.vault, rows[i].vault);
		assert_string_equal(ref.item, rows[i].item);
		assert_string_equal(ref.section, rows[i].section);
		assert_string_equal(ref.field, rows[i].field);
		assert_int_equal(ref.attribute, rows[i].attribute);
	}
}

static void bad_references_are_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "begins with op://" },	       { "op:/v/i/f", "begins with op://" },
		{ "http://v/i/f", "begins with op://" }, { "op://", "too few parts" },
		{ "op://v", "too few parts" },	       { "op://v/i", "too few parts" },
		{ "op://v/i/", "empty" },	       { "op:///i/f", "empty" },
		{ "op://v//f", "empty" },	       { "op://v/i/s/f/x", "too many" },
		{ "op://v/i/f?", "attribute=NAME" },   { "op://v/i/f?x=y", "attribute=NAME" },
		{ "op://v/i/f?attribute=", "one of" }, { "op://v/i/f?attribute=OTP ", "one of" },
		{ "op://v/i/f?ssh-format=pem", "only ssh-format" }, { "op://v/i/a&b", "use the ID" },
		{ "op://v/i/\xC3\xBC", "use the ID" },
		{ "op://v/i/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
		  "456789012345678901234567890123456789", "127 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct secret_ref ref;
		struct err e = { 0 };

		if (secret_ref_parse(span_of(rows[i].text), &ref, &e) == 0 || !strstr(e.text, rows[i].says))
			fail_msg("%s: %s", rows[i].text, e.text);
	}
}

/* Pieces as "text" and <reference>. */
static void templates_are_cut(void **state)
{
	static const struct {
		const char *text, *pieces; /* NULL: an error */
	} rows[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "{{op://a/b/c}}", "<op://a/b/c>" },
		{ "x{{ \top://a b/c/d\t }}y", "x<op://a b/c/d>y" },
		{ "op://a/b/c", "<op://a/b/c>" },
		{ "\"op://a/b/c?attribute=otp\",", "\"<op://a/b/c?attribute=otp>\"," },
		{ "op://a/b/c d", "<op://a/b/c> d" },
		{ "xop://a/b/c", "xop://a/b/c" },
		{ "{{ .Values }}{{}}{{", "{{ .Values }}{{}}{{" },
		{ "{{{op://a/b/c}}}", "{<op://a/b/c>}" },
		{ "{{ op://a }} {{ op://b }}", "<op://a> <op://b>" },
		{ "{{ op://a", NULL },
		{ "ok {{ op://a }", NULL },
		{ "{{ op://a\n}}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_BUF struct buf out = { .max = 1000 };
		struct span rest = span_of(rows[i].text);
		struct template_piece piece;
		struct err e = { 0 };
		int more;

		while ((more = template_next(&rest, &piece, &e)) > 0)
			(void)buf_printf(&out, piece.is_reference ? "<%.*s>" : "%.*s", SPAN_ARG(piece.text));
		if ((more < 0) != (rows[i].pieces == NULL) ||
		    (more == 0 && strcmp(buf_str(&out), rows[i].pieces) != 0))
			fail_msg("%s: %s %s", rows[i].text, buf_str(&out), e.text);
	}
}

static void values_are_formatted(void **state)
{
	static const struct {
		enum secret_format format;
		struct span value;
		const char *text; /* NULL: refused */
	} rows[] = {
		{ SECRET_FORMAT_ENV, SPAN("a b'\"$`\\"), "my_key=a b'\"$`\\\n" },
		{ SECRET_FORMAT_ENV, SPAN("zq\nb"), NULL },
		{ SECRET_FORMAT_ENV, SPAN("a\r"), NULL },
		{ SECRET_FORMAT_ENV, SPAN("zq\0b"), NULL },
		{ SECRET_FORMAT_ENV, SPAN(""), "my_key=\n" },
		{ SECRET_FORMAT_SHELL, SPAN("it's $x\n"), "export my_key='it'\\''s $x\n'\n" },
		{ SECRET_FORMAT_SHELL, SPAN("zq\0b"), NULL },
		{ SECRET_FORMAT_DOTENV, SPAN("a $b `c` \"d\""), "my_key='a $b `c` \"d\"'\n" },
		{ SECRET_FORMAT_DOTENV, SPAN("a'$`\"\\\n\r\tb"), "my_key=\"a'\\$\\`\\\"\\\\\\n\\r\\tb\"\n" },
		{ SECRET_FORMAT_DOTENV, SPAN("\0"), NULL },
		{ SECRET_FORMAT_JSON, SPAN("a\"\n"), "{\n    \"my key\": \"a\\\"\\n\"\n}\n" },
		{ SECRET_FORMAT_JSON, SPAN("\xFF"), NULL },
		{ SECRET_FORMAT_JSON, SPAN("\0"), NULL },
		{ SECRET_FORMAT_RAW, SPAN("a\n"), "a\n" },
		{ SECRET_FORMAT_RAW, SPAN("\xFF"), "\xFF" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_BUF struct buf out = { .max = 1000 };
		struct secret_pair pair = { "my key", rows[i].value };
		struct err e = { 0 };
		int rc = secret_format_put(rows[i].format, &pair, 1, &out, &e);

		if ((rc == 0) != (rows[i].text != NULL) || (rc == 0 && strcmp(buf_str(&out), rows[i].text) != 0))
			fail_msg("row %zu: %s %s", i, buf_str(&out), e.text);
		assert_null(strstr(e.text, "zq"));
	}
}

static void names_do_not_collide(void **state)
{
	struct secret_pair pairs[] = { { "a b", SPAN("1") }, { "a-b", SPAN("2") } };
	AUTO_BUF struct buf out = { .max = 1000 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(secret_format_put(SECRET_FORMAT_ENV, pairs, 2, &out, &e), -1);
	assert_non_null(strstr(e.text, "one name"));
	assert_int_equal(secret_format_put(SECRET_FORMAT_RAW, pairs, 2, &out, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_int_equal(secret_format_put(SECRET_FORMAT_RAW, pairs, 0, &out, &e), -1);
	assert_int_equal(out.len, 0);
	assert_int_equal(secret_format_put(SECRET_FORMAT_JSON, pairs, 2, &out, &e), 0);
	assert_string_equal(buf_str(&out), "{\n    \"a b\": \"1\",\n    \"a-b\": \"2\"\n}\n");
}

static void maps_are_read(void **state)
{
	static const struct {
		const char *text, *name, *field; /* name NULL: refused */
	} rows[] = {
		{ "A=b", "A", "b" },   { "_a1=b=c", "_a1", "b=c" }, { "A=s/f x", "A", "s/f x" }, { "", NULL, NULL },
		{ "A", NULL, NULL },   { "A=", NULL, NULL },	   { "=b", NULL, NULL },	{ "1A=b", NULL, NULL },
		{ "A B=c", NULL, NULL }, { "A-B=c", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_BUF struct buf name = { .max = 100 };
		const char *field = NULL;
		struct err e = { 0 };
		int rc = secret_map_parse(rows[i].text, &name, &field, &e);

		if ((rc == 0) != (rows[i].name != NULL))
			fail_msg("%s: %s", rows[i].text, e.text);
		if (rc == 0) {
			assert_string_equal(buf_str(&name), rows[i].name);
			assert_string_equal(field, rows[i].field);
		}
	}
}

static void labels_become_names(void **state)
{
	static const char *const rows[][2] = {
		{ "db_password", "db_password" }, { "one-time password", "one_time_password" }, { "2fa", "_2fa" },
		{ "", "_" }, { "\xC3\xBC" "b", "_b" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_BUF struct buf name = { .max = 100 };

		secret_name_put(rows[i][0], &name);
		assert_string_equal(buf_str(&name), rows[i][1]);
		assert_true(secret_name_valid(buf_str(&name)));
	}
}

#define STAMP "[ERROR] 2026/11/21 09:00:00 "

static void words_of_op_are_understood(void **state)
{
	static const struct {
		const char *words;
		enum secret_failure failure;
		enum err_code code;
		const char *says;
	} rows[] = {
		{ STAMP "You are not currently signed in. Please run `op signin --help`", SECRET_FAILURE_SIGNED_OUT, ERR_AUTH,
		  "op signin" },
		{ "notice\n" STAMP "\"X\" isn't an item. Specify\n", SECRET_FAILURE_NO_ITEM, ERR_NOT_FOUND,
		  "no item \"I\"" },
		{ STAMP "\"V\" isn't a vault in this account.", SECRET_FAILURE_NO_VAULT, ERR_NOT_FOUND,
		  "no vault of this name" },
		{ STAMP "too many '/': secret references should match op://", SECRET_FAILURE_REFERENCE, ERR_INPUT,
		  "op://VAULT" },
		{ STAMP "(429) Too Many Requests: retry in 1 hour", SECRET_FAILURE_RATE_LIMIT, ERR_BUSY, "60 minutes" },
		{ STAMP "(429) Too Many Requests: retry in 30 seconds", SECRET_FAILURE_RATE_LIMIT, ERR_BUSY, "30 seconds" },
		{ STAMP "(429) Too Many Requests", SECRET_FAILURE_RATE_LIMIT, ERR_BUSY, "later" },
		{ STAMP "dial tcp: lookup my.1password.com: no such host", SECRET_FAILURE_UNREACHABLE, ERR_UNREACHABLE,
		  "network" },
		{ STAMP "something \x1b[31mnew", SECRET_FAILURE_OTHER, ERR_IO, "something \\x1b[31mnew" },
		{ "", SECRET_FAILURE_OTHER, ERR_IO, "could not" },
	};
	const struct op_asked asked = { .item = "I" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err e = { 0 };

		if (op_error_set(span_of(rows[i].words), &asked, &e) != rows[i].failure || e.code != rows[i].code ||
		    !strstr(e.text, rows[i].says))
			fail_msg("%s: %s", rows[i].words, e.text);
	}
}

static void the_message_is_found(void **state)
{
	static const char *const rows[][2] = {
		{ STAMP "a b", "a b" }, { "x\n" STAMP "a\r\nlater\n", "a" }, { "one\ntwo\n\n", "two" }, { "", "" },
		{ "[ERROR] short", "[ERROR] short" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_true(span_equal_str(op_error_message(span_of(rows[i][0])), rows[i][1]));
	assert_int_equal(op_error_retry_s(SPAN("Please retry in 58 minutes")), 58 * 60);
	assert_int_equal(op_error_retry_s(SPAN("try again in 2 days")), 2 * 86400);
	assert_int_equal(op_error_retry_s(SPAN("retry in x minutes")), 0);
	assert_int_equal(op_error_retry_s(SPAN("retry in 5")), 0);
	assert_int_equal(op_error_retry_s(SPAN("retry in 5 parsecs")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_read),	   cmocka_unit_test(bad_references_are_refused),
		cmocka_unit_test(templates_are_cut),	   cmocka_unit_test(values_are_formatted),
		cmocka_unit_test(names_do_not_collide),	   cmocka_unit_test(maps_are_read),
		cmocka_unit_test(labels_become_names),	   cmocka_unit_test(words_of_op_are_understood),
		cmocka_unit_test(the_message_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
