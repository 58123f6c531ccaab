/* Memory that cannot be had: buffers fail softly, what is small and fixed ends the process with a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/attr.h"
#include "lib/base/buf.h"
#include "lib/base/mem.h"

#define MORE_THAN_THERE_IS ((size_t)1 << 50)

/* A failing malloc gives NULL here, as it does without the sanitizer. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void a_buffer_without_memory_keeps_what_it_has(void **state)
{
	struct buf b AUTO_BUF;
	struct err e = { 0 };

	(void)state;
	buf_init(&b, MORE_THAN_THERE_IS);
	assert_int_equal(buf_put_str(&b, "kept"), 0);
	assert_null(buf_reserve(&b, MORE_THAN_THERE_IS - 10));
	assert_int_equal(buf_put_str(&b, "more"), -1); /* every later put fails, too */
	assert_int_equal(buf_ok(&b, "the answer", &e), -1);
	assert_int_equal(e.code, ERR_NOMEM);
	assert_string_equal(e.text, "there is no memory for the answer");
	assert_string_equal(buf_str(&b), "kept");
	buf_reset(&b);
	err_clear(&e);
	assert_int_equal(buf_put_str(&b, "again"), 0);
	assert_int_equal(buf_ok(&b, "the answer", &e), 0);
	assert_string_equal(buf_str(&b), "again");
}

static void a_buffer_takes_no_more_than_its_ceiling(void **state)
{
	static const struct {
		size_t max, puts; /* of three bytes each */
		bool fits;
	} rows[] = {
		{ 0, 0, true },  { 0, 1, false }, { 2, 1, false },     { 3, 1, true },
		{ 5, 2, false }, { 6, 2, true },  { 300, 101, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf b AUTO_BUF;
		struct err e = { 0 };

		buf_init(&b, rows[i].max);
		for (size_t n = 0; n < rows[i].puts; n++)
			(void)buf_put_str(&b, "abc");
		if ((buf_ok(&b, "it", &e) == 0) != rows[i].fits || b.len > rows[i].max || b.len % 3)
			fail_msg("row %zu: %zu bytes, %s", i, b.len, e.text);
		assert_int_equal(e.code, rows[i].fits ? ERR_NONE : ERR_LIMIT);
	}
}

static void die_new(void)
{
	(void)mem_new(MORE_THAN_THERE_IS);
}

static void die_array(void)
{
	(void)mem_new_array(SIZE_MAX / 2, 4); /* the product is more than a size_t holds */
}

static void die_grow(void)
{
	(void)mem_grow(NULL, SIZE_MAX / 2, 4);
}

static void die_grow_large(void)
{
	(void)mem_grow(mem_new(8), MORE_THAN_THERE_IS, 1);
}

static void die_dup(void)
{
	(void)mem_dup("x", MORE_THAN_THERE_IS);
}

static void what_is_fixed_ends_the_process_with_a_sentence(void **state)
{
	static void (*const rows[])(void) = { die_new, die_array, die_grow, die_grow_large, die_dup };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char said[4096] = "";
		int pipes[2], status;
		FILE *out;
		pid_t child;

		assert_int_equal(pipe(pipes), 0);
		child = fork();
		if (child == 0) {
			(void)dup2(pipes[1], STDERR_FILENO);
			(void)close(pipes[0]);
			(void)close(pipes[1]);
			rows[i]();
			_exit(0);
		}
		(void)close(pipes[1]);
		out = fdopen(pipes[0], "r");
		(void)fread(said, 1, sizeof(said) - 1, out);
		(void)fclose(out);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 1 || !strstr(said, "mk8s: out of memory: "))
			fail_msg("row %zu: status %x: %s", i, (unsigned)status, said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_without_memory_keeps_what_it_has),
		cmocka_unit_test(a_buffer_takes_no_more_than_its_ceiling),
		cmocka_unit_test(what_is_fixed_ends_the_process_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
