/* What commands on the agent hold: the shares, repetitions, and that all of it is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/gate/agent_command.h"

#define MIB ((size_t)1024 * 1024)

static const struct agent_config config = { .command_memory = 176 * 1024 * 1024 };

static struct agent_command *command_of(struct agent *a)
{
	struct agent_command *c = mem_new(sizeof(*c));

	a->config = &config;
	c->agent = a;
	return c;
}

static void leave(struct agent_command *c)
{
	agent_command_memory_free(c);
	free(c);
}

static enum err_code hold(struct agent_command *c, const char *accept, size_t bytes)
{
	const struct kube_request rq = { .accept = accept };
	struct err e = { 0 };

	return agent_command_hold(c, &rq, bytes, &e) == 0 ? ERR_NONE : e.code;
}

/* 176 MiB: 88 for one command, which is 4 MiB of JSON or 11 MiB of tables. */
static void a_command_has_half(void **state UNUSED)
{
	static const struct {
		const char *accept;
		size_t bytes;
		enum err_code code;
	} rows[] = {
		{ NULL, 4 * MIB, ERR_NONE },	     { NULL, 4 * MIB + 1, ERR_LIMIT },
		{ KUBE_JSON, 4 * MIB + 1, ERR_LIMIT }, { KUBE_TABLE, 11 * MIB, ERR_NONE },
		{ KUBE_TABLE, 11 * MIB + 1, ERR_LIMIT }, { "application/json;as=table", 5 * MIB, ERR_LIMIT },
		{ NULL, 64 * MIB, ERR_LIMIT },	     { NULL, 0, ERR_NONE },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct agent a = { 0 };
		struct agent_command *c = command_of(&a);

		agent_command_memory_begin(c, "/api/v1/pods");
		if (hold(c, rows[i].accept, rows[i].bytes) != rows[i].code)
			fail_msg("row %zu", i);
		assert_int_equal(a.command_held, c->held);
		assert_true(rows[i].code == ERR_NONE || c->held == 0);
		leave(c);
		assert_int_equal(a.command_held, 0);
	}
}

/* Pages add up, however small they are asked for. */
static void pages_add_up(void **state UNUSED)
{
	struct agent a = { 0 };
	struct agent_command *c = command_of(&a);
	char path[64];
	size_t pages = 0;

	do {
		(void)snprintf(path, sizeof(path), "/api/v1/pods?limit=1&continue=%zu", pages);
		agent_command_memory_begin(c, path);
	} while (hold(c, NULL, 4096) == ERR_NONE && ++pages < 100000);
	assert_int_equal(pages, 1024);
	leave(c);
	assert_int_equal(a.command_held, 0);
}

/* Waiting asks for the same again and again. */
static void repetition_does_not_add_up(void **state UNUSED)
{
	static const char *const paths[] = { "/api/v1/namespaces/a/pods/x", "/api/v1/namespaces/a/pods/y" };
	struct agent a = { 0 };
	struct agent_command *c = command_of(&a);

	for (size_t i = 0; i < 1000; i++) {
		agent_command_memory_begin(c, paths[i % 2]);
		assert_int_equal(hold(c, NULL, MIB), ERR_NONE);
		assert_int_equal(hold(c, NULL, MIB / 2), ERR_NONE);
	}
	assert_int_equal(c->held, 3 * MIB * 22);
	leave(c);
	assert_int_equal(a.command_held, 0);
}

static void commands_share(void **state UNUSED)
{
	struct agent a = { 0 };
	struct agent_command *c[3];
	struct err e = { 0 };

	for (size_t i = 0; i < 3; i++) {
		c[i] = command_of(&a);
		agent_command_memory_begin(c[i], "/");
	}
	assert_int_equal(hold(c[0], NULL, 4 * MIB), ERR_NONE);
	assert_int_equal(agent_command_hold_input(c[1], 3 * MIB, &e), 0);
	assert_int_equal(hold(c[1], NULL, MIB), ERR_NONE);
	assert_int_equal(hold(c[2], NULL, 1), ERR_BUSY);
	assert_int_equal(agent_command_hold_input(c[2], 1, &e), -1);
	assert_int_equal(e.code, ERR_BUSY);
	assert_int_equal(agent_command_hold_input(c[1], 1, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	leave(c[0]);
	assert_int_equal(hold(c[2], NULL, 4 * MIB), ERR_NONE);
	leave(c[1]);
	leave(c[2]);
	assert_int_equal(a.command_held, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_has_half),
		cmocka_unit_test(pages_add_up),
		cmocka_unit_test(repetition_does_not_add_up),
		cmocka_unit_test(commands_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
