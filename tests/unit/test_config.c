/* Configuration: where values come from, what is refused and how the sentence names the place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/format/config.h"
#include "lib/format/json.h"

struct settings {
	int64_t port, lifetime_ms, body_max;
	bool proxy;
	char *name, *level, *cert, *secret;
	struct config_list names;
	struct json *cap;
};

#define AT(member) offsetof(struct settings, member)
static const struct config_key keys[] = {
	{ "server.port", CONFIG_INT, AT(port), "8080", 1, 65535, "The port.", NULL, NULL },
	{ "server.behind_proxy", CONFIG_BOOL, AT(proxy), "false", 0, 0, "A proxy is in front.", NULL, NULL },
	{ "server.names", CONFIG_LIST, AT(names), NULL, 0, 0, "The names.", NULL, NULL },
	{ "server.body_max", CONFIG_SIZE, AT(body_max), "1Mi", 1024, 1 << 30, "Largest body.", NULL, NULL },
	{ "agent.lifetime", CONFIG_DURATION_MS, AT(lifetime_ms), "24h", 60000, 864000000, "Life.", NULL, NULL },
	{ "log.level", CONFIG_CHOICE, AT(level), "info", 0, 0, "How much.", NULL, "debug|info|warn" },
	{ "tls.cert_file", CONFIG_PATH, AT(cert), NULL, 0, 0, "The certificate.", NULL, NULL },
	{ "cluster", CONFIG_TEXT, AT(name), NULL, 0, 0, "The name.", "T_CLUSTER_NAME", NULL },
	{ "auth.token", CONFIG_SECRET, AT(secret), NULL, 0, 0, "The token.", "T_AGENT_TOKEN", NULL },
	{ "auth.jwt_secret", CONFIG_IGNORED, 0, NULL, 0, 0, "has no effect: RS256 has no secret", NULL, NULL },
	{ "cap", CONFIG_TREE, AT(cap), NULL, 0, 0, "A role document.", NULL, NULL },
};
static const struct config_table table = { keys, COUNT_OF(keys), "T_APP" };

static const char *const variables[] = { "T_APP_SERVER_PORT", "T_APP_AUTH_TOKEN", "T_APP_AUTH_TOKEN_FILE",
					 "T_CLUSTER_NAME", "T_APP_CLUSTER", "T_AGENT_TOKEN", "T_X",
					 "T_APP_SERVER_NAMES", "T_APP_LOG_LEVEL", "T_APP_AGENT_LIFETIME" };

static int forget_variables(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(variables); i++)
		unsetenv(variables[i]);
	return 0;
}

static void write_file(char path[64], const char *text)
{
	int fd;

	(void)snprintf(path, 64, "/tmp/mk8s-config-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int load(const char *yaml, struct settings *into, struct buf *warnings, struct err *e)
{
	char path[64];
	int rc;

	*into = (struct settings){ 0 };
	write_file(path, yaml);
	rc = config_load(&table, path, into, warnings, e);
	unlink(path);
	return rc;
}

static void defaults_stand_without_a_file(void **state)
{
	struct settings s = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(config_load(&table, NULL, &s, NULL, &e), 0);
	assert_int_equal(s.port, 8080);
	assert_int_equal(s.body_max, 1048576);
	assert_int_equal(s.lifetime_ms, 86400000);
	assert_string_equal(s.level, "info");
	assert_false(s.proxy);
	assert_null(s.cert);
	assert_null(s.secret);
	assert_int_equal(s.names.count, 0);
	config_free(&table, &s);
	assert_null(s.level);
	config_free(&table, &s);
}

static void a_file_sets_every_kind(void **state)
{
	struct settings s;
	struct err e = { 0 };
	struct buf warnings;

	(void)state;
	buf_init(&warnings, 1000);
	setenv("T_X", "val: #1", 1);
	if (load("server:\n  port: 9\n  behind_proxy: true\n  names: [a, \"${T_X}\", 7]\n  body_max: 64Ki\n"
		 "agent:\n  lifetime: 1h30m\nlog: {level: debug}\ntls:\n  cert_file: /x/${T_X}/$${T_X}\n"
		 "cluster: pre-${T_X}-$T_X\nauth:\n  token: tok\n  jwt_secret: old\ncap: {roles: [{name: \"${T_X}\"}]}\n",
		 &s, &warnings, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(s.port, 9);
	assert_true(s.proxy);
	assert_int_equal(s.names.count, 3);
	assert_string_equal(s.names.item[1], "val: #1");
	assert_string_equal(s.names.item[2], "7");
	assert_int_equal(s.body_max, 65536);
	assert_int_equal(s.lifetime_ms, 5400000);
	assert_string_equal(s.level, "debug");
	assert_string_equal(s.cert, "/x/val: #1/${T_X}");
	assert_string_equal(s.name, "pre-val: #1-$T_X");
	assert_string_equal(s.secret, "tok");
	assert_string_equal(json_str(json_at(json_get(s.cap, "roles"), 0), "name"), "${T_X}");
	assert_string_equal(buf_str(&warnings), "auth.jwt_secret: has no effect: RS256 has no secret\n");
	buf_free(&warnings);
	config_free(&table, &s);
}

static void variables_win_over_the_file(void **state)
{
	struct settings s;
	struct err e = { 0 };
	char path[64];

	(void)state;
	setenv("T_APP_SERVER_PORT", "1", 1);
	setenv("T_CLUSTER_NAME", "fixed", 1);
	setenv("T_APP_SERVER_NAMES", "a, b ,,c", 1);
	setenv("T_APP_LOG_LEVEL", "", 1);
	write_file(path, "from-file\r\n");
	setenv("T_AGENT_TOKEN", "weak", 1);
	setenv("T_APP_AUTH_TOKEN_FILE", path, 1);
	if (load("server: {port: 9, names: [z]}\ncluster: file\nlog: {level: warn}\nauth: {token: \"${T_UNSET}\"}\n",
		 &s, NULL, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(s.port, 1);
	assert_string_equal(s.name, "fixed");
	assert_int_equal(s.names.count, 3);
	assert_string_equal(s.names.item[2], "c");
	assert_string_equal(s.level, "warn");
	assert_string_equal(s.secret, "from-file");
	config_free(&table, &s);
	setenv("T_APP_CLUSTER", "own", 1);
	setenv("T_APP_AUTH_TOKEN", "strong", 1);
	assert_int_equal(load("cluster: file\n", &s, NULL, &e), 0);
	assert_string_equal(s.name, "own");
	assert_string_equal(s.secret, "strong");
	config_free(&table, &s);
	unlink(path);
}

static void faults_under_variables_are_told(void **state)
{
	struct settings s;
	struct err e = { 0 };
	struct buf warnings;

	(void)state;
	buf_init(&warnings, 1000);
	setenv("T_APP_SERVER_PORT", "1", 1);
	setenv("T_APP_SERVER_NAMES", "a,b", 1);
	setenv("T_CLUSTER_NAME", "fixed", 1);
	assert_int_equal(load("server: {port: x, names: [z]}\ncluster: ${T_UNSET}\n", &s, &warnings, &e), 0);
	assert_int_equal(s.port, 1);
	assert_int_equal(s.names.count, 2);
	assert_non_null(strstr(buf_str(&warnings), ":1:16: server.port: 'x': a whole number"));
	assert_non_null(strstr(buf_str(&warnings), "; the variable T_APP_SERVER_PORT is used instead\n"));
	assert_null(strstr(buf_str(&warnings), "names"));
	assert_null(strstr(buf_str(&warnings), "T_UNSET"));
	config_free(&table, &s);
	buf_reset(&warnings);
	assert_int_equal(load("server: {names: [a, [b]]}\ncluster: [x]\n", &s, &warnings, &e), 0);
	assert_non_null(strstr(buf_str(&warnings), "server.names: a list of texts"));
	assert_non_null(strstr(buf_str(&warnings), "cluster: one value is expected"));
	assert_non_null(strstr(buf_str(&warnings), "T_CLUSTER_NAME is used instead"));
	assert_int_equal(s.names.count, 2);
	assert_string_equal(s.name, "fixed");
	config_free(&table, &s);
	unsetenv("T_APP_SERVER_PORT");
	unsetenv("T_APP_SERVER_NAMES");
	unsetenv("T_CLUSTER_NAME");
	buf_free(&warnings);
}

static void a_secret_comes_from_a_file(void **state)
{
	struct settings s;
	struct err e = { 0 };
	char path[64], yaml[200];

	(void)state;
	write_file(path, "se cret\n\n");
	(void)snprintf(yaml, sizeof(yaml), "auth:\n  token_file: %s\n", path);
	assert_int_equal(load(yaml, &s, NULL, &e), 0);
	assert_string_equal(s.secret, "se cret\n");
	config_free(&table, &s);
	(void)snprintf(yaml, sizeof(yaml), "auth:\n  token_file: %s\n  token: x\n", path);
	assert_int_equal(load(yaml, &s, NULL, &e), -1);
	assert_non_null(strstr(e.text, ":2:15: auth.token_file: the file has auth.token, too"));
	assert_int_equal(truncate(path, 0), 0);
	(void)snprintf(yaml, sizeof(yaml), "auth: {token_file: %s}\n", path);
	assert_int_equal(load(yaml, &s, NULL, &e), -1);
	assert_non_null(strstr(e.text, "is empty"));
	unlink(path);
	assert_int_equal(load(yaml, &s, NULL, &e), -1);
	assert_non_null(strstr(e.text, "No such file"));
}

static const struct {
	const char *yaml, *says;
} bad[] = {
	{ "server:\n  prot: 1\n", ":2:3: unknown key 'server.prot'; did you mean 'server.port'?" },
	{ "sever: {}\n", ":1:1: unknown key 'sever'" },
	{ "zzz: 1\n", ":1:1: unknown key 'zzz'" },
	{ "server: 5\n", ":1:9: server: keys are expected below it" },
	{ "server: [1]\n", "server: keys are expected below it" },
	{ "cluster: {name: x}\n", ":1:10: cluster: one value is expected" },
	{ "cluster: [x]\n", "one value is expected" },
	{ "cap_file: x\n", "unknown key" },
	{ "cluster_file: x\n", "unknown key" },
	{ "server: {port: x}\n", ":1:16: server.port: 'x': a whole number" },
	{ "server: {port: 0}\n", "1 to 65535 is expected" },
	{ "server: {port: 65536}\n", "1 to 65535 is expected" },
	{ "server: {port: -1}\n", "1 to 65535 is expected" },
	{ "server: {port: 1.5}\n", "a whole number" },
	{ "server: {port: 99999999999999999999}\n", "a whole number" },
	{ "server: {port: [1]}\n", "one value" },
	{ "server: {behind_proxy: yes}\n", "true or false" },
	{ "server: {behind_proxy: 1}\n", "true or false" },
	{ "server: {body_max: 1mb}\n", "a size is expected" },
	{ "server: {body_max: -1}\n", "a size is expected" },
	{ "server: {body_max: 1.5Gi}\n", "a size is expected" },
	{ "server: {body_max: 9999999999Ti}\n", "a size is expected" },
	{ "server: {body_max: 1}\n", "1024 to 1073741824" },
	{ "server: {names: {a: b}}\n", "one value is expected" },
	{ "server:\n  names:\n  - a\n  - [b]\n", ":4:5: server.names: a list of texts" },
	{ "agent: {lifetime: 24}\n", "duration '24'" },
	{ "agent: {lifetime: 1s}\n", "1m0s to 240h0m0s is expected" },
	{ "log: {level: trace}\n", "one of debug|info|warn is expected" },
	{ "log: {level: debug|info}\n", "one of debug|info|warn is expected" },
	{ "log: {level: ''}\n", "one of" },
	{ "tls: {cert_file: ''}\n", "a path is expected" },
	{ "cluster: ${T_UNSET}\n", ":1:10: cluster: the variable ${T_UNSET} is not set" },
	{ "cluster: ${T_UNSET\n", "${ without a name and }" },
	{ "cluster: ${}\n", "${ without a name and }" },
	{ "cap: {a: .nan}\n", "cap: line 1" },
	{ "cluster: a\ncluster: b\n", "twice" },
	{ "- a\n", "keys are expected at the top" },
	{ "text\n", "keys are expected at the top" },
	{ "a: b: c\n", "line 1, column 5" },
	{ "cluster: a\n---\ncluster: b\n", "one YAML document" },
	{ "auth: {token: [secret]}\n", "one value is expected" },
};

static void bad_files_say_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		static const struct settings empty;
		struct settings s;
		struct err e = { 0 };

		if (load(bad[i].yaml, &s, NULL, &e) == 0)
			fail_msg("%s was taken", bad[i].yaml);
		if (!strstr(e.text, bad[i].says) || strncmp(e.text, "/tmp/mk8s-config-", 17) != 0)
			fail_msg("%s says '%s', not '%s'", bad[i].yaml, e.text, bad[i].says);
		assert_memory_equal(&s, &empty, sizeof(s));
	}
}

static void bad_variables_are_named(void **state)
{
	struct settings s = { 0 };
	struct err e = { 0 };

	(void)state;
	setenv("T_APP_SERVER_PORT", "http", 1);
	assert_int_equal(config_load(&table, NULL, &s, NULL, &e), -1);
	assert_string_equal(e.text, "variable T_APP_SERVER_PORT: 'http': a whole number is expected");
	forget_variables(NULL);
	setenv("T_APP_AGENT_LIFETIME", "1d1", 1);
	assert_int_equal(config_load(&table, NULL, &s, NULL, &e), -1);
	assert_non_null(strstr(e.text, "variable T_APP_AGENT_LIFETIME"));
	assert_int_equal(config_load(&table, "/nowhere/x.yaml", &s, NULL, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void empty_files_are_fine(void **state)
{
	static const char *const rows[] = { "", "# nothing\n", "---\n", "~\n", "server:\n", "server: {port: }\n" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct settings s;
		struct err e = { 0 };

		if (load(rows[i], &s, NULL, &e) < 0)
			fail_msg("'%s': %s", rows[i], e.text);
		assert_int_equal(s.port, 8080);
		config_free(&table, &s);
	}
}

static void options_set_one_key(void **state)
{
	struct settings s = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(config_load(&table, NULL, &s, NULL, &e), 0);
	assert_int_equal(config_set(&table, &s, "server.port", "77", &e), 0);
	assert_int_equal(s.port, 77);
	assert_int_equal(config_set(&table, &s, "server.port", "0", &e), -1);
	assert_int_equal(s.port, 77);
	assert_int_equal(config_set(&table, &s, "server", "1", &e), -1);
	assert_int_equal(config_set(&table, &s, "cap", "1", &e), -1);
	assert_int_equal(config_set(&table, &s, "auth.token_file", "x", &e), -1);
	setenv("HOME", "/home/x", 1);
	assert_int_equal(config_set(&table, &s, "tls.cert_file", "~/c.pem", &e), 0);
	assert_string_equal(s.cert, "/home/x/c.pem");
	config_free(&table, &s);
}

static void help_names_every_key(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	config_print_help(&table, out);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "server.port  (number, 1 to 65535, default 8080)\n    The port.\n"
				     "    variable T_APP_SERVER_PORT\n"));
	assert_non_null(strstr(text, "agent.lifetime  (duration, 1m0s to 240h0m0s, default 24h)\n"));
	assert_non_null(strstr(text, "variable T_APP_CLUSTER or T_CLUSTER_NAME\n"));
	assert_non_null(strstr(text, "log.level  (choice, debug|info|warn, default info)"));
	assert_non_null(strstr(text, "file: key auth.token_file, variable T_APP_AUTH_TOKEN_FILE\n"));
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		assert_non_null(strstr(text, keys[i].name));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(defaults_stand_without_a_file, forget_variables),
		cmocka_unit_test_teardown(a_file_sets_every_kind, forget_variables),
		cmocka_unit_test_teardown(variables_win_over_the_file, forget_variables),
		cmocka_unit_test_teardown(faults_under_variables_are_told, forget_variables),
		cmocka_unit_test_teardown(a_secret_comes_from_a_file, forget_variables),
		cmocka_unit_test_teardown(bad_files_say_where, forget_variables),
		cmocka_unit_test_teardown(bad_variables_are_named, forget_variables),
		cmocka_unit_test_teardown(empty_files_are_fine, forget_variables),
		cmocka_unit_test_teardown(options_set_one_key, forget_variables),
		cmocka_unit_test_teardown(help_names_every_key, forget_variables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
