/* The source by op, and templates filled from it: an op of the test's own prints what a row says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/rollout/secret_source.h"
#include "lib/rollout/secret_template.h"

static const char item_text[] =
	"{\"id\":\"i1\",\"title\":\"app\",\"vault\":{\"id\":\"v1\",\"name\":\"V\"},"
	"\"sections\":[{\"id\":\"s1\",\"label\":\"one\"}],\"fields\":["
	"{\"id\":\"p\",\"type\":\"CONCEALED\",\"purpose\":\"PASSWORD\",\"label\":\"password\",\"value\":\"pa55\"},"
	"{\"id\":\"u\",\"section\":{\"id\":\"s1\"},\"type\":\"STRING\",\"label\":\"user\",\"value\":\"me\"},"
	"{\"id\":\"o\",\"type\":\"OTP\",\"label\":\"code\",\"value\":\"otpauth://x\",\"totp\":\"123456\"},"
	"{\"id\":\"e\",\"type\":\"CONCEALED\",\"label\":\"empty\"},"
	"{\"id\":\"k\",\"type\":\"SSHKEY\",\"label\":\"key\",\"value\":\"PKCS\","
	"\"ssh_formats\":{\"x\":[1,{}],\"openssh\":{\"value\":\"OSSH\"}}},"
	"{\"id\":\"n\",\"type\":\"SSHKEY\",\"label\":\"bare\",\"value\":\"PKCS\",\"ssh_formats\":7}],"
	"\"files\":[{\"id\":\"f1\",\"name\":\"cert.pem\",\"section\":{\"id\":\"s1\"}}]}";

static char folder[] = "/tmp/test_source.XXXXXX";

/* An op that does `body`; "ITEM" in it prints the item. */
static void write_op(const char *body)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/op", folder);
	(void)unlink(path);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\nITEM() { cat <<'E'\n%s\nE\n}\necho \"$*\" >>%s/calls\n%s\n", item_text, folder, body);
	fclose(file);
	assert_int_equal(chmod(path, 0700), 0);
}

static size_t count_calls(void)
{
	char path[64];
	size_t lines = 0;
	FILE *file;
	int c;

	(void)snprintf(path, sizeof(path), "%s/calls", folder);
	file = fopen(path, "r");
	if (!file)
		return 0;
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	(void)unlink(path);
	return lines;
}

static struct secret_source *open_source(void)
{
	struct secret_source_options o = { .timeout_ms = 20000 };
	struct err e = { 0 };
	struct secret_source *s = secret_source_new(&o, &e);

	assert_non_null(s);
	return s;
}

static const struct {
	const char *text, *expected;
} filled[] = {
	{ "", "" },
	{ "none of it: op:/x {{ .Go }}", "none of it: op:/x {{ .Go }}" },
	{ "p={{ op://V/app/password }}.", "p=pa55." },
	{ "{{op://V/app/one/user}}{{ op://V/app/user }}", "meme" },
	{ "op://V/app/user, then", "me, then" },
	{ "op://V/app/code?attribute=otp", "123456" },
	{ "op://V/app/code?attribute=value", "otpauth://x" },
	{ "op://V/app/password?attribute=purpose", "PASSWORD" },
	{ "op://V/app/password?attr=type", "CONCEALED" },
	{ "op://V/app/password?attribute=id", "p" },
	{ "op://V/app/password?attribute=label", "password" },
	{ "op://V/app/key?ssh-format=openssh", "OSSH" },
	{ "op://V/app/key", "PKCS" },
	{ "op://V/app/cert.pem", "FILE" },
	{ "op://V/app/one/cert.pem?attribute=content", "FILE" },
	{ "op://V/app/cert.pem?attribute=size", "4" },
	{ "op://V/app/cert.pem?attribute=name", "cert.pem" },
	{ "op://V/app/cert.pem?attribute=id", "f1" },
}, refused[] = {
	{ "a\nb\n{{ op://V/app/none }}", "line 3: item \"app\" has no field" },
	{ "{{ op://V/app/empty }}", "is empty" },
	{ "{{ op://V/app/password?attribute=otp }}", "not a one-time password" },
	{ "{{ op://V/app/password?attribute=size }}", "size is of files" },
	{ "{{ op://V/app/password?ssh-format=openssh }}", "is not an SSH key" },
	{ "{{ op://V/app/bare?ssh-format=openssh }}", "ssh-keygen -p" },
	{ "{{ op://V/app/cert.pem?attribute=otp }}", "is a file" },
	{ "{{ op://V/app/two/user }}", "has no field" },
	{ "\n{{ op://V/app", "line 2" },
	{ "x op://V/app", "too few parts" },
	{ "{{ op://-v/app/password }}", "begins with a dash" },
	{ "{{ op://V/-i/password }}", "begins with a dash" },
};

static void templates_are_filled_or_left(void **state)
{
	struct secret_source *s = open_source();

	(void)state;
	write_op("case $1 in item) ITEM ;; read) printf FILE ;; esac");
	for (size_t i = 0; i < COUNT_OF(filled) + COUNT_OF(refused); i++) {
		bool good = i < COUNT_OF(filled);
		const char *text = good ? filled[i].text : refused[i - COUNT_OF(filled)].text;
		const char *expected = good ? filled[i].expected : refused[i - COUNT_OF(filled)].expected;
		AUTO_BUF struct buf out;
		struct err e = { 0 };
		int rc;

		buf_init(&out, 1000);
		(void)buf_put_str(&out, "before ");
		rc = template_fill(span_of(text), s, &out, &e);
		if (good ? rc != 0 || strcmp(buf_str(&out) + 7, expected) != 0 :
			   rc != -1 || strcmp(buf_str(&out), "before ") != 0 || !strstr(e.text, expected))
			fail_msg("%s: %d %s | %s", text, rc, buf_str(&out), e.text);
	}
	secret_source_free(s);
	assert_true(count_calls() <= 6); /* the item once; four times a file, and one that was refused before */
}

static void a_full_output_is_refused(void **state)
{
	struct secret_source *s = open_source();
	AUTO_BUF struct buf out;
	struct err e = { 0 };

	(void)state;
	buf_init(&out, 3);
	write_op("ITEM");
	assert_int_equal(template_fill(SPAN("op://V/app/password"), s, &out, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	secret_source_free(s);
}

static const struct {
	const char *body;
	enum err_code code;
	enum secret_failure failure;
} failing[] = {
	{ "exit 1", ERR_IO, SECRET_FAILURE_OTHER },
	{ "echo '{}'", ERR_PROTOCOL, SECRET_FAILURE_OTHER },
	{ "echo '[]'", ERR_PROTOCOL, SECRET_FAILURE_OTHER },
	{ "echo 'no json'", ERR_PROTOCOL, SECRET_FAILURE_OTHER },
	{ "echo '[ERROR] 2026/11/21 09:00:00 account is not signed in' >&2; exit 1", ERR_AUTH, SECRET_FAILURE_SIGNED_OUT },
	{ "echo '[ERROR] 2026/11/21 09:00:00 \"x\" is not an item, or so' >&2; exit 1", ERR_IO, SECRET_FAILURE_OTHER },
	{ "echo '[ERROR] 2026/11/21 09:00:00 \"app\" isn'\"'\"'t an item. Specify' >&2; exit 1", ERR_NOT_FOUND,
	  SECRET_FAILURE_NO_ITEM },
	{ "echo '[ERROR] 2026/11/21 09:00:00 (429) Too Many Requests: retry in 2 minutes' >&2; exit 1", ERR_BUSY,
	  SECRET_FAILURE_RATE_LIMIT },
};

static void failures_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(failing); i++) {
		struct secret_source *s = open_source();
		const struct secret_item *item = NULL;
		struct err e = { 0 };

		write_op(failing[i].body);
		assert_int_equal(secret_source_item(s, "V", "app", &item, &e), -1);
		if (e.code != failing[i].code || secret_source_failure(s) != failing[i].failure || item)
			fail_msg("%s: %d %d %s", failing[i].body, (int)e.code, (int)secret_source_failure(s), e.text);
		(void)count_calls();
		if (failing[i].failure == SECRET_FAILURE_RATE_LIMIT) { /* nothing is asked while it lasts */
			assert_int_equal(secret_source_item(s, "V", "other", &item, &e), -1);
			assert_int_equal(e.code, ERR_BUSY);
			assert_int_equal(count_calls(), 0);
		}
		secret_source_free(s);
	}
}

static void the_choice_of_the_source(void **state)
{
	static const struct {
		const char *url, *token;
		enum err_code code; /* 0: taken */
	} rows[] = {
		{ "https://connect.example.com", "abc.def", 0 },
		{ "http://127.0.0.1:8080/", "abc", 0 },
		{ "http://connect:8080", "abc", 0 },
		{ "http://connect.example.com", "abc", ERR_USAGE },
		{ "ftp://connect", "abc", ERR_USAGE },
		{ "https://u@connect", "abc", ERR_USAGE },
		{ "https://connect/?q", "abc", ERR_USAGE },
		{ "https://connect", "", ERR_USAGE },
		{ "https://connect", "a b", ERR_USAGE },
		{ "https://connect", "a\nb", ERR_USAGE },
		{ "connect:80", "abc", ERR_INPUT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct secret_source_options o = { .connect_url = rows[i].url, .connect_token = rows[i].token };
		struct err e = { 0 };
		struct secret_source *s = secret_source_new(&o, &e);

		if ((s == NULL) != (rows[i].code != 0) || e.code != rows[i].code)
			fail_msg("%s: %d %s", rows[i].url, (int)e.code, e.text);
		if (s)
			assert_string_equal(secret_source_kind(s), "connect");
		secret_source_free(s);
	}
}

static void the_environment_names_both_or_none(void **state)
{
	struct secret_source_options o = { 0 };
	struct err e = { 0 };

	(void)state;
	unsetenv("OP_CONNECT_TOKEN");
	unsetenv("OP_CONNECT_HOST");
	assert_int_equal(secret_source_environment(&o, &e), 0);
	assert_null(o.connect_url);
	setenv("OP_CONNECT_HOST", "http://localhost", 1);
	assert_int_equal(secret_source_environment(&o, &e), -1);
	setenv("OP_CONNECT_TOKEN", "t", 1);
	assert_int_equal(secret_source_environment(&o, &e), 0);
	assert_string_equal(o.connect_token, "t");
	unsetenv("OP_CONNECT_HOST");
	assert_int_equal(secret_source_environment(&o, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	unsetenv("OP_CONNECT_TOKEN");
}

static int begin(void **state)
{
	char search[600];

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(search, sizeof(search), "%s:%.500s", folder, getenv("PATH"));
	setenv("PATH", search, 1);
	return 0;
}

static int finish(void **state)
{
	char path[64];

	(void)state;
	(void)count_calls();
	(void)snprintf(path, sizeof(path), "%s/op", folder);
	(void)unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_are_filled_or_left), cmocka_unit_test(a_full_output_is_refused),
		cmocka_unit_test(failures_are_told_apart),	cmocka_unit_test(the_choice_of_the_source),
		cmocka_unit_test(the_environment_names_both_or_none),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
