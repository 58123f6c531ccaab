/* The replacement of the CA: which files mean what, left by a kill, or damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/attr.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/gate/keys.h"

enum { CRT, KEY, NEXT_CRT, NEXT_KEY, CROSS, FILE_COUNT };

static const char *const names[FILE_COUNT] = { "ca.crt", "ca.key", "ca-next.crt", "ca-next.key",
					       "ca-cross.crt" };

/* A state directory in mid-replacement, whose files the rows arrange anew. */
struct place {
	char folder[64], state[80];
	struct buf whole[FILE_COUNT];
	char old_pin[72], new_pin[72];
};

static char *path_of(const struct place *p, int file)
{
	return mem_printf("%s/%s", p->state, names[file]);
}

static int set_up(void **state)
{
	struct place *p = mem_new(sizeof(*p));
	struct keys_ca_state s;
	struct keys *keys;
	struct err e = { 0 };

	(void)snprintf(p->folder, sizeof(p->folder), "/tmp/mk8s-ca-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->state, sizeof(p->state), "%s/state", p->folder);
	if (keys_open(p->state, &keys, &e) < 0 || keys_ca_rotate(p->state, &e) < 0 ||
	    keys_ca_state(p->state, &s, &e) < 0)
		fail_msg("%s", e.text);
	keys_free(keys);
	assert_true(s.rotating);
	(void)snprintf(p->old_pin, sizeof(p->old_pin), "%s", s.pin);
	(void)snprintf(p->new_pin, sizeof(p->new_pin), "%s", s.next_pin);
	for (int i = 0; i < FILE_COUNT; i++) {
		AUTO_FREE char *path = path_of(p, i);

		buf_init_secret(&p->whole[i], 64 * 1024);
		assert_int_equal(file_read(path, &p->whole[i], &e), 0);
	}
	*state = p;
	return 0;
}

static int remove_one(const char *path, const struct stat *st UNUSED, int kind UNUSED,
		      struct FTW *at UNUSED)
{
	return remove(path);
}

static int tear_down(void **state)
{
	struct place *p = *state;

	(void)nftw(p->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	for (int i = 0; i < FILE_COUNT; i++)
		buf_free(&p->whole[i]);
	free(p);
	return 0;
}

/*
 * A letter a file, in the order of the names: what it holds. '-' nothing; 'o' the old CA's, 'n' the
 * new one's (certificate or key as the name says), 'x' the cross certificate; '!' no PEM, '0' no
 * byte, '~' the first half.
 */
static struct span content_of(const struct place *p, int file, char letter)
{
	bool is_key = file == KEY || file == NEXT_KEY;

	switch (letter) {
	case 'o':
		return buf_span(&p->whole[is_key ? KEY : CRT]);
	case 'n':
		return buf_span(&p->whole[is_key ? NEXT_KEY : NEXT_CRT]);
	case 'x':
		return buf_span(&p->whole[CROSS]);
	case '~':
		return span_from(p->whole[file].at, p->whole[file].len / 2);
	case '!':
		return SPAN("no PEM\n");
	default:
		return SPAN("");
	}
}

static void arrange(const struct place *p, const char *letters)
{
	struct err e = { 0 };

	for (int i = 0; i < FILE_COUNT; i++) {
		AUTO_FREE char *path = path_of(p, i);

		if (letters[i] == '-')
			(void)unlink(path);
		else if (file_write_atomic(path, content_of(p, i, letters[i]), 0600, &e) < 0)
			fail_msg("%s", e.text);
	}
}

/* The files as letters; '?' for another content. */
static void read_letters(const struct place *p, char letters[FILE_COUNT + 1])
{
	for (int i = 0; i < FILE_COUNT; i++) {
		AUTO_FREE char *path = path_of(p, i);
		AUTO_BUF struct buf now;
		struct err e = { 0 };

		buf_init_secret(&now, 64 * 1024);
		letters[i] = '?';
		if (file_read(path, &now, &e) < 0)
			letters[i] = '-';
		for (const char *l = "onx!0~"; letters[i] == '?' && *l; l++)
			if (span_equal(buf_span(&now), content_of(p, i, *l)))
				letters[i] = *l;
	}
	letters[FILE_COUNT] = '\0';
}

static const struct {
	const char *files;
	int in_force; /* 'o' or 'n'; 0: it is refused */
	bool rotating;
	const char *rotated;  /* what rotate leaves; NULL: it is refused */
	const char *finished; /* what finish leaves; NULL: it is refused */
} rows[] = {
	/* the replacement from its start to its end: each is what a kill -9 may leave */
	{ "oo---", 'o', false, "oo???", "oo---" },
	{ "oo-n-", 'o', false, "oo???", "oo-n-" },
	{ "oonn-", 'o', false, "oonn?", "oonn-" },
	{ "oonnx", 'o', true, "oonnx", "nn---" },
	{ "nonnx", 'n', false, "nn???", "nn---" },
	{ "nnnnx", 'n', false, "nn???", "nn---" },
	{ "nnnn-", 'n', false, "nn???", "nn---" },
	{ "nn-n-", 'n', false, "nn???", "nn-n-" },
	{ "nn---", 'n', false, "nn???", "nn---" },
	/* half-made new ones that count for nothing are made anew */
	{ "oo!n-", 'o', false, "oo???", "oo!n-" },
	{ "oono-", 'o', false, "oo???", "oono-" },
	{ "oon--", 'o', false, "oo???", "oon--" },
	{ "oon!-", 'o', false, "oo???", "oon!-" },
	{ "oo0n-", 'o', false, "oo???", "oo0n-" },
	{ "oo~n-", 'o', false, "oo???", "oo~n-" },
	/* a CA in force that is none */
	{ "-----", 0, false, NULL, NULL },
	{ "-o---", 0, false, NULL, NULL },
	{ "o----", 0, false, NULL, NULL },
	{ "!o---", 0, false, NULL, NULL },
	{ "o!---", 0, false, NULL, NULL },
	{ "0o---", 0, false, NULL, NULL },
	{ "~o---", 0, false, NULL, NULL },
	{ "o~---", 0, false, NULL, NULL },
	{ "on---", 0, false, NULL, NULL },
	{ "no---", 0, false, NULL, NULL },
	{ "!onnx", 0, false, NULL, NULL },
	{ "-onnx", 0, false, NULL, NULL },
	/* a new CA that is trusted already, and none */
	{ "oo-nx", 0, false, NULL, NULL },
	{ "oon-x", 0, false, NULL, NULL },
	{ "oo--x", 0, false, NULL, NULL },
	{ "oonox", 0, false, NULL, NULL },
	{ "oo!nx", 0, false, NULL, NULL },
	{ "oon!x", 0, false, NULL, NULL },
	{ "oo~nx", 0, false, NULL, NULL },
	/* the new one's key is lost when its certificate is in force already */
	{ "non-x", 0, false, NULL, NULL },
	{ "non!x", 0, false, NULL, NULL },
	{ "nono-", 0, false, NULL, NULL },
};

static bool letters_match(const char *found, const char *wanted)
{
	for (int i = 0; i < FILE_COUNT; i++)
		if (found[i] != wanted[i] && !(wanted[i] == '?' && found[i] != '-'))
			return false;
	return true;
}

static void check_state(const struct place *p, size_t i)
{
	struct keys_ca_state s = { .rotating = true };
	struct err e = { 0 };
	int rc = keys_ca_state(p->state, &s, &e);

	if ((rc == 0) != (rows[i].in_force != 0))
		fail_msg("%s: state: %d %s", rows[i].files, rc, e.text);
	if (rc < 0) {
		assert_true(e.code != ERR_NONE && e.text[0]);
		assert_true(s.rotating); /* untouched */
		return;
	}
	assert_string_equal(s.pin, rows[i].in_force == 'o' ? p->old_pin : p->new_pin);
	assert_int_equal(s.rotating, rows[i].rotating);
	assert_string_equal(s.next_pin, s.rotating ? p->new_pin : "");
}

static void check_call(const struct place *p, const char *files, const char *wanted,
		       int (*call)(const char *, struct err *))
{
	char found[FILE_COUNT + 1];
	struct keys_ca_state s;
	struct err e = { 0 };
	int rc;

	arrange(p, files);
	rc = call(p->state, &e);
	if ((rc == 0) != (wanted != NULL))
		fail_msg("%s: %d %s", files, rc, e.text);
	read_letters(p, found);
	/* What is refused stays as it is, so that a hand can mend it. */
	if (wanted && !letters_match(found, wanted))
		fail_msg("%s became %s, not %s", files, found, wanted);
	if (wanted && keys_ca_state(p->state, &s, &e) < 0)
		fail_msg("%s became %s: %s", files, found, e.text);
	if (!wanted && files[0] != '-') /* the CA in force is not touched */
		assert_int_equal(found[0], files[0]);
}

static void each_state_is_whole_or_refused(void **state)
{
	struct place *p = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		arrange(p, rows[i].files);
		check_state(p, i);
		check_call(p, rows[i].files, rows[i].rotated, keys_ca_rotate);
		check_call(p, rows[i].files, rows[i].finished, keys_ca_finish);
	}
}

/* Central follows what the verbs do, and keeps what it has when the folder holds nothing whole. */
static void a_running_central_follows(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };
	struct keys *keys;
	bool changed = true;

	arrange(p, "oo---");
	assert_int_equal(keys_open(p->state, &keys, &e), 0);
	assert_int_equal(keys_reload_ca(keys, p->state, &changed, &e), 0);
	assert_false(changed);
	arrange(p, "oonnx");
	assert_int_equal(keys_reload_ca(keys, p->state, &changed, &e), 0);
	assert_true(changed);
	assert_string_equal(keys_ca_sha256(keys), p->new_pin);
	assert_int_equal(
		strncmp(keys_ca_pem(keys), buf_str(&p->whole[NEXT_CRT]), p->whole[NEXT_CRT].len),
		0);
	assert_non_null(strstr(keys_ca_pem(keys), buf_str(&p->whole[CRT])));
	arrange(p, "!!---");
	assert_int_equal(keys_reload_ca(keys, p->state, &changed, &e), -1);
	assert_string_equal(keys_ca_sha256(keys), p->new_pin);
	arrange(p, "nn---");
	err_clear(&e);
	assert_int_equal(keys_reload_ca(keys, p->state, &changed, &e), 0);
	assert_true(changed);
	assert_string_equal(keys_ca_pem(keys), buf_str(&p->whole[NEXT_CRT]));
	keys_free(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_is_whole_or_refused),
		cmocka_unit_test(a_running_central_follows),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
