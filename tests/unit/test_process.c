/* Child processes: what goes in and comes out, how they end and are stopped; locked memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/locked.h"
#include "lib/base/process.h"

struct run {
	struct buf out, err;
	struct process_result end;
	struct err e;
	int rc;
};

static void run_shell(struct run *r, const char *script, struct process_request rq)
{
	const char *argv[] = { "sh", "-c", script, NULL };

	*r = (struct run){ .rc = 0 };
	buf_init(&r->out, 1 << 20);
	buf_init(&r->err, 1000);
	rq.program = "/bin/sh";
	rq.argv = argv;
	r->rc = process_run(&rq, &r->out, &r->err, &r->end, &r->e);
}

static void end(struct run *r)
{
	buf_free(&r->out);
	buf_free(&r->err);
}

static void streams_and_status(void **state)
{
	static const struct {
		const char *script, *input, *out, *err;
		int status;
	} rows[] = {
		{ "cat; echo e >&2; exit 3", "in", "in", "e\n", 3 },
		{ "exec <&-; exit 0", "nobody reads this", "", "", 0 },
		{ "kill -9 $$", "", "", "", 128 + 9 },
		{ "kill -PIPE $$", "", "", "", 128 + 13 },
		{ "ulimit -c", "", "0\n", "", 0 },
		{ "ls /proc/self/fd | wc -l", "", "4\n", "", 0 }, /* 0, 1, 2 and that of ls */
		{ "echo ${PROCESS_SECRET-none} ${PROCESS_GIVEN-none} $PROCESS_MORE", "", "none yes more\n", "", 0 },
	};
	static const char *const names[] = { "PROCESS_G*", NULL }, *const more[] = { "PROCESS_MORE=more", NULL };
	int stray = open("/dev/null", O_RDONLY); /* without close-on-exec: the child must not have it */

	(void)state;
	setenv("PROCESS_SECRET", "x", 1);
	setenv("PROCESS_GIVEN", "yes", 1);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct run r;

		run_shell(&r, rows[i].script,
			  (struct process_request){ .input = span_of(rows[i].input), .env_names = names, .env_more = more });
		if (r.rc != 0 || r.end.status != rows[i].status || strcmp(buf_str(&r.out), rows[i].out) != 0 ||
		    strcmp(buf_str(&r.err), rows[i].err) != 0)
			fail_msg("%s: %d %s|%s|%s", rows[i].script, r.end.status, buf_str(&r.out), buf_str(&r.err), r.e.text);
		end(&r);
	}
	close(stray);
}

static void much_passes_both_ways(void **state)
{
	struct run r;
	char *input = malloc(700000);

	(void)state;
	for (size_t i = 0; i < 700000; i++)
		input[i] = (char)(i * 7);
	run_shell(&r, "cat", (struct process_request){ .input = span_from(input, 700000) });
	assert_int_equal(r.rc, 0);
	assert_true(r.out.len == 700000 && memcmp(r.out.at, input, 700000) == 0);
	end(&r);
	free(input);
}

static void too_much_is_refused(void **state)
{
	struct run r;
	uint64_t start = clock_mono_ms();

	(void)state;
	run_shell(&r, "while :; do echo 0123456789 >&2; done", (struct process_request){ 0 });
	assert_int_equal(r.rc, -1);
	assert_int_equal(r.e.code, ERR_LIMIT);
	assert_true(clock_mono_ms() - start < 10000);
	end(&r);
}

static void time_runs_out(void **state)
{
	static const char *const rows[] = { "sleep 60", "trap '' TERM; sleep 60; sleep 60", "sleep 60 & wait" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct run r;
		uint64_t start = clock_mono_ms();

		run_shell(&r, rows[i], (struct process_request){ .timeout_ms = 100 });
		assert_int_equal(r.rc, 0);
		assert_true(r.end.timed_out && r.end.status != 0 && !r.end.cancelled);
		assert_true(clock_mono_ms() - start < 20000);
		end(&r);
	}
}

static void a_descriptor_cancels(void **state)
{
	int fds[2];
	struct run r;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	run_shell(&r, "sleep 60", (struct process_request){ .cancel_fd = fds[0] });
	assert_true(r.end.cancelled && !r.end.timed_out);
	end(&r);
	close(fds[0]);
	close(fds[1]);
}

static void held_input_stays_open(void **state)
{
	struct run r;

	(void)state;
	run_shell(&r, "read line; echo $line; read more && echo end || echo closed",
		  (struct process_request){ .input = SPAN("a\n"), .hold_input = true, .timeout_ms = 300 });
	assert_true(r.end.timed_out);
	assert_true(strncmp(buf_str(&r.out), "a\n", 2) == 0);
	end(&r);
	run_shell(&r, "read line; echo $line; read more && echo end || echo closed",
		  (struct process_request){ .input = SPAN("a\n") });
	assert_string_equal(buf_str(&r.out), "a\nclosed\n");
	end(&r);
}

static bool keep_errors(void *owner, enum process_stream stream, struct span bytes)
{
	if (stream == PROCESS_ERR)
		(void)buf_put_span(owner, bytes);
	return stream == PROCESS_ERR;
}

static void pieces_are_handed_over(void **state)
{
	AUTO_BUF struct buf errors = { .max = 1000 };
	struct run r;

	(void)state;
	run_shell(&r, "echo o; echo e >&2", (struct process_request){ .on_output = keep_errors, .owner = &errors });
	assert_string_equal(buf_str(&errors), "e\n");
	assert_string_equal(buf_str(&r.out), "o\n");
	assert_int_equal(r.err.len, 0);
	end(&r);
}

static void several_run_side_by_side(void **state)
{
	static const char *const except[] = { "PROCESS_S*", NULL }, *const all_names[] = { "*", NULL };
	static const char *const scripts[] = {
		"sleep 1; echo slow", "echo \"${PROCESS_SECRET-none} ${PROCESS_GIVEN-none}\"", "cat; echo tidied", "cat",
	};
	const char *argv[COUNT_OF(scripts)][4];
	struct process all[COUNT_OF(scripts)];
	struct buf out[COUNT_OF(scripts)];
	uint64_t start = clock_mono_ms();

	(void)state;
	setenv("PROCESS_SECRET", "x", 1);
	setenv("PROCESS_GIVEN", "yes", 1);
	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		memcpy(argv[i], (const char *[]){ "sh", "-c", scripts[i], NULL }, sizeof(argv[i]));
		buf_init(&out[i], 1000);
		all[i] = (struct process){ .rq = { .program = "/bin/sh", .argv = argv[i], .env_names = all_names,
						   .env_except = except },
					   .out = &out[i] };
	}
	all[2].rq.hold_input = true;
	all[2].rq.timeout_ms = 200;
	all[2].rq.grace_ms = 9000; /* asked by the end of its input, and waited for */
	all[3].rq.program = "/nonexistent/program";
	process_run_all(all, COUNT_OF(scripts));
	assert_string_equal(buf_str(&out[0]), "slow\n");
	assert_string_equal(buf_str(&out[1]), "none yes\n");
	assert_string_equal(buf_str(&out[2]), "tidied\n");
	assert_true(all[2].result.timed_out && all[2].result.status == 0);
	assert_int_equal(all[3].error.code, ERR_IO);
	assert_true(clock_mono_ms() - start < 8000);
	for (size_t i = 0; i < COUNT_OF(scripts); i++)
		buf_free(&out[i]);
}

static void what_it_leaves_behind_is_not_waited_for(void **state)
{
	struct run r;
	uint64_t start = clock_mono_ms();

	(void)state;
	run_shell(&r, "sleep 8 & echo mine", (struct process_request){ 0 });
	assert_string_equal(buf_str(&r.out), "mine\n");
	assert_true(clock_mono_ms() - start < 5000);
	end(&r);
	run_shell(&r, "trap '' TERM; sleep 60", (struct process_request){ .timeout_ms = 100, .grace_ms = 300 });
	assert_true(r.end.timed_out && r.end.status == 128 + 9);
	end(&r);
}

static void what_cannot_start_is_an_error(void **state)
{
	static const char *const rows[] = { "/nonexistent/program", "/etc/passwd", "/" };
	const char *argv[] = { "x", NULL };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct process_request rq = { .program = rows[i], .argv = argv };
		struct process_result result;
		struct err e = { 0 };

		assert_int_equal(process_run(&rq, NULL, NULL, &result, &e), -1);
		assert_int_equal(e.code, ERR_IO);
		assert_non_null(strstr(e.text, rows[i]));
	}
}

static void programs_are_found(void **state)
{
	char *path = NULL;
	struct err e = { 0 };

	(void)state;
	setenv("PATH", "/nonexistent::/bin:/usr/bin", 1);
	assert_int_equal(process_find("sh", &path, &e), 0);
	assert_string_equal(path, "/bin/sh");
	free(path);
	path = NULL;
	assert_int_equal(process_find("/bin/sh", &path, &e), 0);
	free(path);
	path = NULL;
	assert_int_equal(process_find("/proc/self/exe", &path, &e), -1); /* ourselves */
	assert_int_equal(process_find("no-such-program-here", &path, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_null(path);
	setenv("PATH", "", 1);
	assert_int_equal(process_find("sh", &path, &e), -1);
}

static void locked_memory_is_zero_and_grows(void **state)
{
	AUTO_BUF struct buf b;
	char *at = locked_take(5000);

	buf_init_locked(&b, 100000);
	(void)state;
	assert_non_null(at);
	for (size_t i = 0; i < 5000; i++)
		assert_int_equal(at[i], 0);
	locked_give(at, 5000);
	locked_give(NULL, 1);
	assert_null(locked_take(SIZE_MAX));
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf_put(&b, "0123456789", 10), 0);
	assert_int_equal(buf_put(&b, "x", 1), -1);
	assert_memory_equal(b.at + 99990, "0123456789", 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_and_status),	  cmocka_unit_test(much_passes_both_ways),
		cmocka_unit_test(too_much_is_refused),	  cmocka_unit_test(time_runs_out),
		cmocka_unit_test(a_descriptor_cancels),	  cmocka_unit_test(held_input_stays_open),
		cmocka_unit_test(pieces_are_handed_over), cmocka_unit_test(what_cannot_start_is_an_error),
		cmocka_unit_test(several_run_side_by_side), cmocka_unit_test(what_it_leaves_behind_is_not_waited_for),
		cmocka_unit_test(programs_are_found),	  cmocka_unit_test(locked_memory_is_zero_and_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
