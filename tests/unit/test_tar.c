/* Tar streams and the paths that cp makes of their names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/format/tar.h"
#include "lib/kube/kubectl_path.h"

/* What a reader found, as text: "kind name link size|content". */
static int on_entry(void *owner, const struct tar_entry *t, struct err *e UNUSED)
{
	(void)buf_printf(owner, "%d %s %s %llu|", (int)t->kind, t->name, t->link, (unsigned long long)t->size);
	return 0;
}

static int on_content(void *owner, struct span bytes, struct err *e UNUSED)
{
	return buf_put_span(owner, bytes);
}

static int on_entry_end(void *owner, struct err *e UNUSED)
{
	return buf_put_char(owner, '.');
}

static int read_tar(struct span bytes, size_t step, struct buf *out, bool *ret_done, struct err *e)
{
	const struct tar_sink sink = { out, on_entry, on_content, on_entry_end };
	struct tar_reader *r = tar_reader_new(&sink);
	int rc = 0;

	for (size_t at = 0; at < bytes.len && rc == 0; at += step)
		rc = tar_reader_put(r, span_from(bytes.at + at, bytes.len - at < step ? bytes.len - at : step), e);
	*ret_done = tar_reader_is_done(r);
	tar_reader_free(r);
	return rc;
}

static void put_file(struct buf *tar, const char *name, const char *content)
{
	struct tar_entry t = { .kind = TAR_FILE, .name = name, .size = strlen(content), .mode = 0644 };

	tar_put_header(tar, &t);
	(void)buf_put_str(tar, content);
	tar_put_padding(tar, t.size);
}

static void test_what_is_written_is_read(void **state UNUSED)
{
	AUTO_FREE char *longer = mem_new(301);
	AUTO_FREE char *wanted = NULL;
	struct buf tar, out;
	struct err e = { 0 };
	bool done;

	memset(longer, 'n', 300);
	wanted = mem_printf("0 a  3|abc.0 %s  0|.2 l %s 0|1 d  0|", longer, longer);
	buf_init(&tar, 1 << 20);
	put_file(&tar, "a", "abc");
	put_file(&tar, longer, "");
	tar_put_header(&tar, &(struct tar_entry){ .kind = TAR_LINK, .name = "l", .link = longer });
	tar_put_header(&tar, &(struct tar_entry){ .kind = TAR_FOLDER, .name = "d" });
	tar_put_end(&tar);
	for (size_t step = 1; step < 3000; step = step * 3 + 1) {
		buf_init(&out, 1 << 20);
		assert_int_equal(read_tar(buf_span(&tar), step, &out, &done, &e), 0);
		assert_string_equal(buf_str(&out), wanted);
		assert_true(done);
		buf_free(&out);
	}
	buf_free(&tar);
}

/* A byte of a good archive is changed and, where `sums`, the checksum made right again. */
static const struct {
	size_t at;
	const char *bytes;
	size_t len;
	bool sums;
	const char *says;
} bad[] = {
	{ 0, "b", 1, false, "checksum" },
	{ 148, "xxxxxx", 6, false, "octal" },
	{ 124, "0000000x003", 11, true, "octal" },
	{ 124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, true, "negative" },
	{ 124, "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, true, "too large" },
	{ 100, "rwxr-x-", 7, true, "octal" },
	{ 156, "S", 1, true, "sparse" },
	{ 156, "x", 1, true, "pax record" },
	{ 512, "0", 1, true, NULL },
};

static void make_sum(char *block)
{
	unsigned sum = 8 * ' ';

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? 0 : (unsigned char)block[i];
	(void)snprintf(block + 148, 8, "%06o", sum);
}

static void test_what_is_no_archive_is_refused(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct buf tar, out;
		struct err e = { 0 };
		bool done;
		int rc;

		buf_init(&tar, 1 << 20);
		buf_init(&out, 1 << 20);
		put_file(&tar, "a", "abc");
		tar_put_end(&tar);
		memcpy(tar.at + bad[i].at, bad[i].bytes, bad[i].len);
		if (bad[i].sums)
			make_sum(tar.at);
		rc = read_tar(buf_span(&tar), 1000, &out, &done, &e);
		if (rc != (bad[i].says ? -1 : 0) || (bad[i].says && !strstr(e.text, bad[i].says)))
			fail_msg("row %zu: %d %s", i, rc, e.text);
		buf_free(&tar);
		buf_free(&out);
	}
}

static const struct {
	const char *path, *clean, *dir, *base, *strip;
} paths[] = {
	{ "a", "a", ".", "a", "a" },
	{ "a/b", "a/b", "a", "b", "a/b" },
	{ "/a/b", "/a/b", "/a", "b", "a/b" },
	{ "/", "/", "/", "/", "" },
	{ "", ".", ".", ".", "" },
	{ ".", ".", ".", ".", "" },
	{ "..", "..", ".", "..", "" },
	{ "../..", "../..", "..", "..", "" },
	{ "../../a", "../../a", "../..", "a", "a" },
	{ "a/../../b", "../b", "..", "b", "a/../../b" },
	{ "/../a", "/a", "/", "a", "../a" },
	{ "a//b/./c/", "a/b/c", "a/b/c", "c", "a//b/./c/" },
	{ "a/b/../..", ".", "a", "..", "a/b/../.." },
};

static void test_paths(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		AUTO_FREE char *clean = kubectl_path_clean(paths[i].path), *dir = kubectl_path_dir(paths[i].path);
		AUTO_FREE char *base = kubectl_path_base(paths[i].path), *strip = kubectl_path_strip(paths[i].path);

		if (strcmp(clean, paths[i].clean) != 0 || strcmp(dir, paths[i].dir) != 0 ||
		    strcmp(base, paths[i].base) != 0 || strcmp(strip, paths[i].strip) != 0)
			fail_msg("%s: clean %s, dir %s, base %s, strip %s", paths[i].path, clean, dir, base, strip);
	}
}

static const struct {
	const char *folder, *name;
	bool below;
} places[] = {
	{ "t", "a", true },	{ "t", "", true },	 { "t", "/a", true },	   { "t", "a/../b", true },
	{ "t", "..", false },	{ "t", "../a", false },	 { "t", "../t/a", true },  { "t", "../tt", false },
	{ "t", "a/../../b", false }, { ".", "a", true }, { ".", "..", false },	   { ".", "../a", false },
	{ "/", "../../a", true }, { "/t", "../a", false }, { "..", "a", true },	   { "..", "../a", false },
	{ "../t", "../a", false }, { "../t", "a", true }, { "..", "..", false },   { "a/b", "../b/c", true },
};

static void test_places_below_a_folder(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		AUTO_FREE char *folder = kubectl_path_clean(places[i].folder);
		AUTO_FREE char *place = kubectl_path_join(places[i].folder, places[i].name);

		if (kubectl_path_is_below(folder, place) != places[i].below)
			fail_msg("%s in %s", place, folder);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_what_is_no_archive_is_refused),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_places_below_a_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
