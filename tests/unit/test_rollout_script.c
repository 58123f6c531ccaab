/* Quoting for the shell, the record of deploys, and programs that run side by side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "lib/base/attr.h"
#include "lib/base/clock.h"
#include "lib/rollout/history.h"
#include "lib/rollout/jobs.h"
#include "lib/rollout/script.h"

static void test_quoting(void **state)
{
	static const struct {
		const char *text, *quoted;
	} rows[] = {
		{ "", "''" },
		{ "a b", "'a b'" },
		{ "it's", "'it'\\''s'" },
		{ "'", "''\\'''" },
		{ "''", "''\\'''\\'''" },
		{ "$x`y`\\\n", "'$x`y`\\\n'" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_BUF struct buf out;

		buf_init(&out, 100);
		script_put_quoted(&out, span_of(rows[i].text));
		assert_string_equal(buf_str(&out), rows[i].quoted);
	}
}

#define LINE(tag, outcome, image) \
	"{\"time\":\"t\",\"tag\":\"" tag "\",\"outcome\":\"" outcome "\",\"images\":{" image "}}\n"
#define A "\"web\":\"r/web@sha256:aa\""
#define B "\"web\":\"r/web@sha256:bb\""

static void test_what_a_rollback_goes_back_to(void **state)
{
	static const struct {
		const char *text, *tag, *found; /* found NULL: the sentence in `says` */
		const char *says;
	} rows[] = {
		{ "", NULL, NULL, "nothing was deployed" },
		{ LINE("a", "failed", ""), NULL, NULL, "nothing was deployed" },
		{ LINE("a", "deployed", A), NULL, NULL, "no other images" },
		{ LINE("a", "deployed", A) LINE("b", "deployed", B), NULL, "a", "" },
		{ LINE("a", "deployed", A) LINE("b", "deployed", B) LINE("a", "deployed", A), NULL, "b", "" },
		{ LINE("a", "deployed", A) LINE("b", "deployed", B) LINE("c", "rolled-back", B), NULL, "a", "" },
		{ LINE("a", "deployed", A) LINE("b", "deployed", B) LINE("c", "failed", ""), NULL, "a", "" },
		{ LINE("a", "deployed", A) LINE("b", "deployed", B), "b", "b", "" },
		{ LINE("a", "deployed", A) LINE("b", "rolled-back", B), "b", NULL, "never deployed" },
		{ "half a li\n" LINE("a", "deployed", A) LINE("b", "deployed", B), NULL, "a", "" },
		{ LINE("$(x)", "deployed", A) LINE("b", "deployed", B), NULL, NULL, "no other images" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct history_entry *found = NULL;
		struct history h;
		struct err e = { 0 };

		history_parse(span_of(rows[i].text), &h);
		(void)history_find_rollback(&h, rows[i].tag, &found, &e);
		if (rows[i].found ? !found || strcmp(found->tag, rows[i].found) != 0 :
				    found || !strstr(e.text, rows[i].says))
			fail_msg("row %zu: %s %s", i, found ? found->tag : "none", e.text);
		history_free(&h);
	}
}

static void test_images_of_a_record_are_checked(void **state)
{
	static const char *const bad[] = {
		"\"web\":\"x y\"", "\"web\":\"$(id)\"", "\"we b\":\"x\"",
		"\"web\":1",	   "\"\":\"x\"",	"\"web\":\"x\\ny\"",
	};

	(void)state;
	for (size_t i = 0; i <= COUNT_OF(bad); i++) {
		char line[200];
		struct history h;
		AUTO_BUF struct buf out;
		struct err e = { 0 };

		buf_init(&out, 1000);
		(void)snprintf(line, sizeof(line), "{\"images\":{%s}}", i < COUNT_OF(bad) ? bad[i] : A);
		history_parse(span_of(line), &h);
		assert_int_equal(h.count, 1);
		assert_int_equal(history_put_images(&h.at[0], &out, &e), i < COUNT_OF(bad) ? -1 : 0);
		history_free(&h);
		if (i == COUNT_OF(bad))
			assert_string_equal(buf_str(&out), "web r/web@sha256:aa\n");
	}
}

struct seen {
	size_t lines, longest;
	char last[64];
};

static void on_line(struct job *j, enum job_stream stream, struct span line)
{
	struct seen *s = j->user;

	(void)stream;
	s->lines++;
	s->longest = line.len > s->longest ? line.len : s->longest;
	(void)snprintf(s->last, sizeof(s->last), "%.*s", line.len < 60 ? (int)line.len : 60, line.at);
}

static void test_jobs(void **state)
{
	static const struct {
		const char *script;
		int64_t timeout_ms;
		enum job_end end;
		int status;
		size_t lines;
		const char *last;
	} rows[] = {
		{ "read x; echo \"got $x\"; echo more >&2", 9000, JOB_EXITED, 0, 2, NULL },
		{ "exit 7", 9000, JOB_EXITED, 7, 0, NULL },
		{ "kill -9 $$", 9000, JOB_EXITED, 137, 0, NULL },
		{ "printf 'no end'", 9000, JOB_EXITED, 0, 1, "no end" },
		{ "printf 'crlf\\r\\n'", 9000, JOB_EXITED, 0, 1, "crlf" },
		{ "sleep 30 & exit 3", 9000, JOB_EXITED, 3, 0, NULL }, /* holds our pipes open, as ssh's master does */
		{ "cat >/dev/null; echo ended", 300, JOB_TIMED_OUT, 0, 1, "ended" }, /* by the end of its input */
		{ "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo next", 9000, JOB_EXITED, 0, 2, "next" },
		{ "test -z \"$OP_TEST\" && test -n \"$PATH\"", 9000, JOB_EXITED, 0, 0, NULL },
	};
	struct job jobs[COUNT_OF(rows) + 1];
	const char *argv[COUNT_OF(rows)][4];
	const char *none[] = { "/nonexistent/program", NULL };
	struct seen seen[COUNT_OF(rows)] = { 0 };
	struct err e = { 0 };
	uint64_t began = clock_mono_ms();

	(void)state;
	assert_int_equal(setenv("OP_TEST", "token", 1), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		argv[i][0] = "sh";
		argv[i][1] = "-c";
		argv[i][2] = rows[i].script;
		argv[i][3] = NULL;
		jobs[i] = (struct job){ .argv = argv[i], .input = SPAN("word\n"), .timeout_ms = rows[i].timeout_ms,
					.on_line = on_line, .user = &seen[i] };
	}
	jobs[COUNT_OF(rows)] = (struct job){ .argv = none, .timeout_ms = 1000 };
	assert_int_equal(jobs_run(jobs, COUNT_OF(jobs), &e), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (jobs[i].end != rows[i].end || jobs[i].status != rows[i].status || seen[i].lines != rows[i].lines ||
		    (rows[i].last && strcmp(seen[i].last, rows[i].last) != 0) || seen[i].longest > JOBS_LINE_MAX)
			fail_msg("%s: end %d status %d lines %zu last %s", rows[i].script, (int)jobs[i].end,
				 jobs[i].status, seen[i].lines, seen[i].last);
	}
	assert_int_equal(jobs[COUNT_OF(rows)].end, JOB_NOT_STARTED);
	assert_int_equal(jobs[COUNT_OF(rows)].status, ENOENT);
	assert_true(clock_mono_ms() - began < 9000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quoting),
		cmocka_unit_test(test_what_a_rollback_goes_back_to),
		cmocka_unit_test(test_images_of_a_record_are_checked),
		cmocka_unit_test(test_jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
