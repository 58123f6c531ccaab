/* Hosts side by side: an ssh of the test's own runs what comes on standard input, as a remote shell would. */
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

#include "lib/base/clock.h"
#include "lib/rollout/fleet.h"

static char folder[] = "/tmp/test_fleet.XXXXXX";

struct seen {
	size_t lines, longest;
	char last[64];
};

static void on_line(struct fleet_task *t, enum process_stream stream, struct span line)
{
	struct seen *s = t->owner;

	(void)stream;
	s->lines++;
	s->longest = line.len > s->longest ? line.len : s->longest;
	(void)snprintf(s->last, sizeof(s->last), "%.*s", line.len < 60 ? (int)line.len : 60, line.at);
}

static struct fleet *open_fleet(int cancel_fd)
{
	struct err e = { 0 };
	struct fleet *f = fleet_new(cancel_fd, &e);

	assert_non_null(f);
	return f;
}

static const struct row {
	const char *script;
	int64_t timeout_ms;
	enum fleet_end end;
	int status;
	size_t lines;
	const char *last;
} rows[] = {
	{ "echo got; echo more >&2; exit\n", 9000, FLEET_EXITED, 0, 2, NULL },
	{ "exit 7\n", 9000, FLEET_EXITED, 7, 0, NULL },
	{ "kill -9 $$\n", 9000, FLEET_EXITED, 137, 0, NULL },
	{ "printf 'no end'; exit\n", 9000, FLEET_EXITED, 0, 1, "no end" },
	{ "printf 'crlf\\r\\n'; exit\n", 9000, FLEET_EXITED, 0, 1, "crlf" },
	{ "sleep 30 & exit 3\n", 9000, FLEET_EXITED, 3, 0, NULL }, /* holds our pipes open, as ssh's master may */
	{ "cat >/dev/null; echo ended; exit\n", 300, FLEET_TIMED_OUT, 0, 1, "ended" }, /* by the end of its input */
	{ "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo next; exit\n", 9000, FLEET_EXITED, 0, 2, "next" },
	{ "test -z \"$OP_TEST\" && test -n \"$OTHER_TEST\"; exit\n", 9000, FLEET_EXITED, 0, 0, NULL },
};

static void scripts_run_side_by_side(void **state)
{
	struct fleet *f = open_fleet(-1);
	struct fleet_task *tasks = fleet_tasks_new(COUNT_OF(rows));
	struct seen seen[COUNT_OF(rows)] = { 0 };
	struct err e = { 0 };
	uint64_t began = clock_mono_ms();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		tasks[i].host = "host";
		(void)buf_put_str(&tasks[i].script, rows[i].script);
		tasks[i].timeout_ms = rows[i].timeout_ms;
		tasks[i].on_line = on_line;
		tasks[i].owner = &seen[i];
	}
	assert_int_equal(fleet_run(f, tasks, COUNT_OF(rows), &e), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (tasks[i].end != rows[i].end || tasks[i].status != rows[i].status || seen[i].lines != rows[i].lines ||
		    (rows[i].last && strcmp(seen[i].last, rows[i].last) != 0) || seen[i].longest > FLEET_LINE_MAX)
			fail_msg("%s: end %d status %d lines %zu last %s", rows[i].script, (int)tasks[i].end,
				 tasks[i].status, seen[i].lines, seen[i].last);
	}
	assert_true(clock_mono_ms() - began < 9000);
	fleet_tasks_free(tasks, COUNT_OF(rows));
	fleet_free(f);
}

static void run_one(struct fleet *f, const char *script, struct fleet_task **ret)
{
	struct err e = { 0 };

	*ret = fleet_tasks_new(1);
	(*ret)->host = "host";
	(*ret)->timeout_ms = 9000;
	(void)buf_put_str(&(*ret)->script, script);
	assert_int_equal(fleet_run(f, *ret, 1, &e), 0);
}

static void what_is_cancelled_stays_so(void **state)
{
	struct fleet_task *t;
	struct fleet *f;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	f = open_fleet(fds[0]);
	for (int i = 0; i < 2; i++) {
		run_one(f, "cat >/dev/null; echo tidied; exit\n", &t);
		assert_int_equal(t->end, FLEET_INTERRUPTED);
		assert_string_equal(buf_str(&t->out), "tidied\n");
		fleet_tasks_free(t, 1);
	}
	fleet_free(f);
	close(fds[0]);
	close(fds[1]);
}

static void a_script_that_is_too_long_runs_nothing(void **state)
{
	struct fleet *f = open_fleet(-1);
	struct fleet_task *t = fleet_tasks_new(1);
	struct err e = { 0 };

	(void)state;
	t->host = "host";
	for (size_t i = 0; i <= FLEET_SCRIPT_MAX / 16; i++)
		(void)buf_put_str(&t->script, "0123456789abcdef");
	assert_int_equal(fleet_run(f, t, 1, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	fleet_tasks_free(t, 1);
	fleet_free(f);
}

static void without_ssh(void **state)
{
	char *path = strdup(getenv("PATH"));
	struct fleet_task *t;
	struct fleet *f;

	(void)state;
	setenv("PATH", "/nonexistent", 1);
	f = open_fleet(-1);
	run_one(f, "exit\n", &t);
	assert_int_equal(t->end, FLEET_NOT_STARTED);
	assert_int_equal(t->error.code, ERR_NOT_FOUND);
	fleet_tasks_free(t, 1);
	fleet_free(f);
	setenv("PATH", path, 1);
	free(path);
}

static int make_ssh(void **state)
{
	char path[64], search[600];
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/ssh", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("#!/bin/sh\n[ \"$1\" != -O ] || exit 0\nexec sh\n", file);
	fclose(file);
	assert_int_equal(chmod(path, 0700), 0);
	(void)snprintf(search, sizeof(search), "%s:%.500s", folder, getenv("PATH"));
	setenv("PATH", search, 1);
	setenv("OP_TEST", "token", 1);
	setenv("OTHER_TEST", "passes", 1);
	return 0;
}

static int remove_ssh(void **state)
{
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/ssh", folder);
	(void)unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_run_side_by_side),
		cmocka_unit_test(what_is_cancelled_stays_so),
		cmocka_unit_test(a_script_that_is_too_long_runs_nothing),
		cmocka_unit_test(without_ssh),
	};

	return cmocka_run_group_tests(tests, make_ssh, remove_ssh);
}
