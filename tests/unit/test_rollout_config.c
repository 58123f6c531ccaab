/* deploy.yaml: what is taken, and what is refused with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/rollout/config.h"

#define SOURCE "onepassword: {item: i}\n"
#define CORE "targets: {core: {host: h, workdir: /w"

static void test_whole_file(void **state)
{
	static const char text[] = "onepassword: {item: i, vault: v v}\n"
				   "registry: {server: ghcr.io, user: k, token_field: t}\n"
				   "command_timeout: 90s\n"
				   "targets:\n"
				   "  core:\n"
				   "    host: u@h\n"
				   "    workdir: /w x\n"
				   "    services: [a, b]\n"
				   "    env: {X: \"1\"}\n"
				   "    secrets: {P: f g, Q: {field: q, delivery: tmpfs-file}}\n"
				   "  workers:\n"
				   "    nodes: {B: {host: b, workdir: /b}, C: {host: c, workdir: /c}}\n";
	struct rollout_config c;
	const struct rollout_target *t;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(rollout_config_parse("f", span_of(text), &c, &e), 0);
	assert_int_equal(c.command_timeout_ms, 90000);
	assert_string_equal(c.tag_variable, "IMAGE_TAG");
	assert_int_equal(rollout_config_find(&c, "core", &t, &e), 0);
	assert_false(t->has_nodes);
	assert_string_equal(t->node[0].workdir, "/w x");
	assert_int_equal(t->secret_count, 2);
	assert_string_equal(t->secret[0].field, "f g");
	assert_int_equal(t->secret[1].delivery, ROLLOUT_TMPFS);
	assert_int_equal(rollout_config_find(&c, "workers", &t, &e), 0);
	assert_true(t->has_nodes);
	assert_string_equal(t->node[1].name, "C");
	assert_int_equal(rollout_config_find(&c, "worker", &t, &e), -1);
	assert_non_null(strstr(e.text, "did you mean workers?"));
	rollout_config_free(&c);
	rollout_config_free(&c);
}

static const struct {
	const char *text, *says;
} bad[] = {
	{ "", "one YAML document" },
	{ "a: [", "f: " },
	{ "[]", "must be a map" },
	{ "targets: {}", "onepassword is missing" },
	{ SOURCE, "f:1:1: targets must be a map" },
	{ SOURCE "targets: {}\n", "targets must be a map of 1" },
	{ SOURCE "target: {}\n", "f:2:1: the file has no key \"target\"; did you mean targets?" },
	{ "onepassword: {vault: v}\n", "item is missing" },
	{ "onepassword: {item: -i}\n", "not a name in 1Password" },
	{ "onepassword: {item: }\n", "item must be" },
	{ SOURCE "registry: {server: ghcr.io}\n", "user is missing" },
	{ SOURCE "registry: {server: \"a b\", user: u, token_field: t}\n", "is not a registry" },
	{ SOURCE "registry: {server: g, user: \"u'\", token_field: t}\n", "not a user name" },
	{ SOURCE "tmpfs_dir: shm\n", "not an absolute path" },
	{ SOURCE "tag_variable: 1X\n", "is not a variable" },
	{ SOURCE "command_timeout: 5\n", "must be a duration" },
	{ SOURCE "command_timeout: 25h\n", "must be a duration" },
	{ SOURCE "targets: {\"a b\": {}}\n", "a target's name must be" },
	{ SOURCE "targets: {core: x}\n", "a target must be a map" },
	{ SOURCE "targets: {core: {workdir: /w}}\n", "host is missing" },
	{ SOURCE "targets: {core: {host: -oProxyCommand=x, workdir: /w}}\n", "is not [USER@]HOST" },
	{ SOURCE "targets: {core: {host: \"h;x\", workdir: /w}}\n", "is not [USER@]HOST" },
	{ SOURCE "targets: {core: {host: h, workdir: w}}\n", "not an absolute path" },
	{ SOURCE "targets: {core: {host: h, workdir: \"/w\\n\"}}\n", "not an absolute path" },
	{ SOURCE CORE ", nodes: {}}}\n", "host and workdir belong to each node" },
	{ SOURCE "targets: {core: {nodes: {}}}\n", "1 to 64 hosts" },
	{ SOURCE "targets: {core: {nodes: {B: {host: h}}}}\n", "workdir is missing" },
	{ SOURCE "targets: {core: {nodes: {B: {host: h, workdir: /w}}, services: [a]}}\n", "no list of services" },
	{ SOURCE CORE ", services: a}}\n", "must be a list" },
	{ SOURCE CORE ", services: [-a]}}\n", "each must be a name" },
	{ SOURCE CORE ", profiles: [\"a b\"]}}\n", "each must be a name" },
	{ SOURCE CORE ", compose_files: [-f]}}\n", "each must be a path" },
	{ SOURCE CORE ", health_url: ftp://x}}\n", "http:// or https://" },
	{ SOURCE CORE ", health_url: \"http://x'y\"}}\n", "http:// or https://" },
	{ SOURCE CORE ", health_timeout: 0s}}\n", "must be a duration" },
	{ SOURCE CORE ", env: {PATH: x}}}\n", "\"PATH\" is not a variable" },
	{ SOURCE CORE ", env: {LD_PRELOAD: x}}}\n", "is not a variable" },
	{ SOURCE CORE ", env: {DOCKER_HOST: x}}}\n", "is not a variable" },
	{ SOURCE CORE ", env: {mk8s_x: x}}}\n", "is not a variable" },
	{ SOURCE CORE ", env: {A: [x]}}}\n", "must be a text" },
	{ SOURCE CORE ", env: {A: x}, secrets: {A: f}}}\n", "A is set twice" },
	{ SOURCE CORE ", secrets: {IMAGE_TAG: f}}}\n", "IMAGE_TAG is set twice" },
	{ SOURCE CORE ", secrets: {REGISTRY_TOKEN: f}}}\n", "REGISTRY_TOKEN is set twice" },
	{ SOURCE CORE ", secrets: {A: \"\"}}}\n", "a secret needs" },
	{ SOURCE CORE ", secrets: {A: {delivery: env}}}}\n", "field is missing" },
	{ SOURCE CORE ", secrets: {A: {field: f, delivery: disk}}}}\n", "not env or tmpfs-file" },
	{ SOURCE CORE ", secrets: {A: {field: f, deliver: env}}}}\n", "did you mean delivery?" },
	{ SOURCE CORE ", secrets: [A]}}\n", "secrets must be a map" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct rollout_config c;
		struct err e = { 0 };

		if (rollout_config_parse("f", span_of(bad[i].text), &c, &e) == 0 || !strstr(e.text, bad[i].says))
			fail_msg("%s: \"%s\"", bad[i].text, e.text);
		assert_null(c.target);
	}
}

static void test_tags(void **state)
{
	static const char *const refused[] = { "", "-x", ".x", "a b", "a/b", "a:b", "a\n", "'" };

	(void)state;
	assert_true(rollout_tag_valid("sha-a1b2c3d"));
	assert_true(rollout_tag_valid("_v1.4.0"));
	for (size_t i = 0; i < COUNT_OF(refused); i++)
		assert_false(rollout_tag_valid(refused[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_file),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
