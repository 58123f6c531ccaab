/* Whole files: read with a ceiling, replaced without a moment in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/file.h"

static char folder[64], path[100];

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/mk8s-file-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/f", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder); /* fails when a temporary file is left */
}

static void what_is_written_is_read(void **state)
{
	struct err e = { 0 };
	struct stat st;
	struct buf in;

	(void)state;
	buf_init(&in, 10);
	umask(077);
	assert_int_equal(file_write_atomic(path, SPAN("one\0two"), 0640, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(file_write_atomic(path, SPAN("0123456789"), 0600, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(file_read(path, &in, &e), 0);
	assert_string_equal(buf_str(&in), "0123456789");
	buf_free(&in);
}

static void an_empty_file_is_one(void **state)
{
	struct err e = { 0 };
	struct buf in;

	(void)state;
	buf_init(&in, 0);
	assert_int_equal(file_write_atomic(path, SPAN_NONE, 0600, &e), 0);
	assert_int_equal(file_read(path, &in, &e), 0);
	assert_int_equal(in.len, 0);
	buf_free(&in);
}

static void reading_fails_by_kind(void **state)
{
	struct err e = { 0 };
	struct buf in;

	(void)state;
	buf_init(&in, 9);
	assert_int_equal(file_read(path, &in, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(file_read(folder, &in, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	assert_int_equal(file_write_atomic(path, SPAN("0123456789"), 0600, &e), 0);
	buf_put_str(&in, "ab");
	assert_int_equal(file_read(path, &in, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_string_equal(buf_str(&in), "ab");
	buf_put_str(&in, "c");
	assert_string_equal(buf_str(&in), "abc");
	buf_free(&in);
}

static void a_failed_write_leaves_the_old_file(void **state)
{
	char below[200];
	struct err e = { 0 };

	(void)state;
	(void)snprintf(below, sizeof(below), "%s/none/f", folder);
	assert_int_equal(file_write_atomic(below, SPAN("x"), 0600, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	assert_int_equal(mkdir(path, 0700), 0); /* a folder stands where the file should go */
	assert_int_equal(file_write_atomic(path, SPAN("x"), 0600, &e), -1);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(an_empty_file_is_one, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(reading_fails_by_kind, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_failed_write_leaves_the_old_file, make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
