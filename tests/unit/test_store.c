/* The store on SQLite: statements, transactions, migrations, failures, two connections, copies. */
#include <pthread.h>
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

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/store/store.h"

static const struct store_migration migrations[] = {
	{ 1, "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, age INTEGER CHECK (age >= 0), "
	     "key BLOB) STRICT;"
	     "CREATE INDEX users_age ON users (age)" },
	{ 2, "CREATE TABLE notes (user_id INTEGER NOT NULL REFERENCES users (id), text TEXT) STRICT" },
};

struct fixture {
	char dir[64];
	char *path;
	struct store *store;
};

static struct store *open_at(const char *path, size_t migration_count, bool read_only, struct err *e)
{
	const struct store_options o = { .migrations = migrations,
					 .migration_count = migration_count,
					 .read_only = read_only,
					 .busy_timeout_ms = 50 };
	struct store *s = NULL;

	return store_open(path, &o, &s, e) ? NULL : s;
}

static int set_up(void **state)
{
	struct fixture *f = mem_new(sizeof(*f));
	struct err e = { 0 };

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/mk8s-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->path = mem_printf("%s/state.db", f->dir);
	f->store = open_at(f->path, 2, false, &e);
	if (!f->store)
		fail_msg("%s", e.text);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "state.db", "state.db-wal", "state.db-shm", "copy.db", "copy.db-wal",
					     "copy.db-shm" };
	struct fixture *f = *state;

	store_close(f->store);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		AUTO_FREE char *path = mem_printf("%s/%s", f->dir, names[i]);

		(void)unlink(path); /* most are not there */
	}
	assert_int_equal(rmdir(f->dir), 0);
	free(f->path);
	free(f);
	return 0;
}

#define INSERT "INSERT INTO users (email, age, key) VALUES ($1, $2, $3)"

static int add_user(struct store *s, const char *email, int age, struct err *e)
{
	return store_exec(s, INSERT, STORE_ARGS(STORE_TEXT(email), STORE_INT(age), STORE_NULL), NULL, e);
}

static int64_t count_users(struct store *s)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	struct err e = { 0 };

	assert_int_equal(store_select(s, "SELECT COUNT(*) FROM users", STORE_NO_ARGS, &rows, &e), 0);
	assert_int_equal(store_first(&rows, "a count", &e), 0);
	return store_int(&rows, 0);
}

static void test_values(void **state)
{
	struct fixture *f = *state;
	AUTO_ROWS struct store_rows rows = { 0 };
	struct err e = { 0 };
	uint64_t changed = 7;

	assert_int_equal(store_exec(f->store, INSERT,
				    STORE_ARGS(STORE_SPAN(SPAN("a\0b")), STORE_INT(INT64_MAX), STORE_BLOB("\0\xff", 2)),
				    &changed, &e),
			 0);
	assert_int_equal(changed, 1);
	assert_int_equal(store_exec(f->store, INSERT, STORE_ARGS(STORE_TEXT(""), STORE_NULL, STORE_BLOB("", 0)),
				    NULL, &e),
			 0);
	/* A parameter may come twice and in any order. */
	assert_int_equal(store_select(f->store,
				      "SELECT email, age, key, $2 FROM users WHERE $1 = $1 AND id > $2 ORDER BY id",
				      STORE_ARGS(STORE_TEXT("x"), STORE_INT(0)), &rows, &e),
			 0);
	assert_int_equal(store_next(&rows, &e), 1);
	assert_true(span_equal(store_bytes(&rows, 0), SPAN("a\0b")));
	assert_int_equal(store_int(&rows, 1), INT64_MAX);
	assert_true(span_equal(store_bytes(&rows, 2), SPAN("\0\xff")));
	assert_int_equal(store_next(&rows, &e), 1);
	assert_string_equal(store_str(&rows, 0), "");
	assert_false(store_is_null(&rows, 0));
	assert_true(store_is_null(&rows, 1));
	assert_string_equal(store_str(&rows, 1), "");
	assert_int_equal(store_bytes(&rows, 2).len, 0);
	assert_false(store_is_null(&rows, 2));
	assert_int_equal(store_next(&rows, &e), 0);
}

static void test_constraints(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };

	assert_int_equal(add_user(f->store, "a", 1, &e), 0);
	assert_int_equal(add_user(f->store, "a", 1, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_non_null(strstr(e.text, "users.email"));
	assert_int_equal(add_user(f->store, "b", -1, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(add_user(f->store, NULL, 1, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(store_exec(f->store, "INSERT INTO notes (user_id, text) VALUES ($1, 'x')",
				    STORE_ARGS(STORE_INT(99)), NULL, &e),
			 -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(store_exec(f->store, "INSERT INTO users (email, age) VALUES ('c', 'old')", STORE_NO_ARGS,
				    NULL, &e),
			 -1);
	assert_int_equal(e.code, ERR_EXISTS); /* STRICT */
	assert_int_equal(store_exec(f->store, "SELECT nothing FROM nowhere", STORE_NO_ARGS, NULL, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	assert_int_equal(count_users(f->store), 1);
}

static void test_first(void **state)
{
	struct fixture *f = *state;
	AUTO_ROWS struct store_rows rows = { 0 };
	struct err e = { 0 };

	assert_int_equal(store_select(f->store, "SELECT id FROM users WHERE email = $1", STORE_ARGS(STORE_TEXT("x")),
				      &rows, &e),
			 0);
	assert_int_equal(store_first(&rows, "user 'x'", &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_string_equal(e.text, "user 'x' does not exist");
}

/* The same statement inside its own rows gets a cursor of its own. */
static void test_nested_rows(void **state)
{
	static const char sql[] = "SELECT id FROM users ORDER BY id";
	struct fixture *f = *state;
	AUTO_ROWS struct store_rows outer = { 0 };
	struct err e = { 0 };
	int seen = 0;

	assert_int_equal(add_user(f->store, "a", 1, &e), 0);
	assert_int_equal(add_user(f->store, "b", 1, &e), 0);
	assert_int_equal(store_select(f->store, sql, STORE_NO_ARGS, &outer, &e), 0);
	while (store_next(&outer, &e) == 1) {
		AUTO_ROWS struct store_rows inner = { 0 };

		assert_int_equal(store_select(f->store, sql, STORE_NO_ARGS, &inner, &e), 0);
		while (store_next(&inner, &e) == 1)
			seen++;
	}
	assert_int_equal(seen, 4);
}

struct step {
	int calls;
	int result;
	bool nested;
};

static int two_users(struct store *s, void *arg, struct err *e)
{
	struct step *step = arg;

	step->calls++;
	if (add_user(s, "first", 1, e) || add_user(s, "second", 2, e))
		return -1;
	if (step->nested) {
		struct step inner = { .result = 0 };

		return store_transaction(s, two_users, &inner, e);
	}
	return step->result ? err_set(e, ERR_DENIED, "the test says no") : 0;
}

static void test_transaction(void **state)
{
	struct fixture *f = *state;
	struct step no = { .result = -1 }, yes = { 0 }, nested = { .nested = true };
	struct err e = { 0 };

	assert_int_equal(store_transaction(f->store, two_users, &no, &e), -1);
	assert_int_equal(e.code, ERR_DENIED);
	assert_int_equal(no.calls, 1);
	assert_int_equal(count_users(f->store), 0);
	/* The inner one meets the unique rule; all is rolled back. */
	assert_int_equal(store_transaction(f->store, two_users, &nested, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(count_users(f->store), 0);
	err_clear(&e);
	assert_int_equal(store_transaction(f->store, two_users, &yes, &e), 0);
	assert_int_equal(e.code, ERR_NONE);
	assert_int_equal(count_users(f->store), 2);
}

static int hold_and_fail(struct store *s, void *arg, struct err *e)
{
	struct store *other = arg;
	struct err busy = { 0 };

	assert_int_equal(add_user(s, "mine", 1, e), 0);
	assert_int_equal(add_user(other, "theirs", 1, &busy), -1);
	assert_int_equal(busy.code, ERR_BUSY);
	assert_int_equal(count_users(other), 0); /* readers see the old state */
	return 0;
}

static void test_second_connection(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	struct store *other = open_at(f->path, 2, false, &e);

	assert_non_null(other);
	assert_int_equal(store_transaction(f->store, hold_and_fail, other, &e), 0);
	assert_int_equal(count_users(other), 1);
	assert_int_equal(add_user(other, "theirs", 1, &e), 0);
	assert_int_equal(count_users(f->store), 2);
	store_close(other);
}

static int say_busy(struct store *s UNUSED, void *arg, struct err *e)
{
	struct step *step = arg;

	step->calls++;
	return step->calls < 3 ? err_set(e, ERR_BUSY, "not the engine's conflict") : 0;
}

/* Only what the engine reports is tried again, not what the function decides. */
static void test_no_retry(void **state)
{
	struct fixture *f = *state;
	struct step step = { 0 };
	struct err e = { 0 };

	assert_int_equal(store_transaction(f->store, say_busy, &step, &e), -1);
	assert_int_equal(step.calls, 1);
}

static void test_migrations(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	struct store *again;

	assert_int_equal(add_user(f->store, "kept", 1, &e), 0);
	assert_null(open_at(f->path, 1, false, &e));
	assert_int_equal(e.code, ERR_CORRUPT);
	assert_non_null(strstr(e.text, "schema 2"));
	assert_non_null(strstr(e.text, "up to 1"));
	again = open_at(f->path, 2, false, &e);
	assert_non_null(again);
	assert_int_equal(count_users(again), 1);
	store_close(again);
}

static void test_migration_steps(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	AUTO_FREE char *path = mem_printf("%s/copy.db", f->dir);
	AUTO_FREE char *url = mem_printf("sqlite:///%s", path);
	struct store *s = open_at(path, 1, false, &e);

	assert_non_null(s);
	store_close(s);
	assert_null(open_at(path, 2, true, &e)); /* read-only does not migrate */
	assert_int_equal(e.code, ERR_CORRUPT);
	s = open_at(url, 2, false, &e);
	assert_non_null(s);
	assert_int_equal(store_exec(s, "INSERT INTO notes (user_id, text) SELECT id, 'x' FROM users", STORE_NO_ARGS,
				    NULL, &e),
			 0);
	store_close(s);
	s = open_at(path, 2, true, &e);
	assert_non_null(s);
	assert_int_equal(add_user(s, "x", 1, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	assert_int_equal(count_users(s), 0);
	store_close(s);
}

/* A migration that fails leaves nothing of itself. */
static void test_failed_migration(void **state)
{
	static const struct store_migration broken[] = {
		{ 1, "CREATE TABLE a (id INTEGER) STRICT" },
		{ 2, "CREATE TABLE b (id INTEGER) STRICT; CREATE TABLE a (id INTEGER) STRICT" },
	};
	const struct store_options all = { .migrations = broken, .migration_count = 2 };
	const struct store_options first = { .migrations = broken, .migration_count = 1 };
	struct fixture *f = *state;
	AUTO_FREE char *path = mem_printf("%s/copy.db", f->dir);
	struct err e = { 0 };
	struct store *s = NULL;

	assert_int_equal(store_open(path, &all, &s, &e), -1);
	assert_null(s);
	assert_non_null(strstr(e.text, "migration 2"));
	assert_int_equal(store_open(path, &first, &s, &e), 0);
	assert_int_equal(store_exec(s, "SELECT * FROM b", STORE_NO_ARGS, NULL, &e), -1);
	store_close(s);
}

static void test_bad_opens(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *garbage = mem_printf("%s/copy.db", f->dir);
	const struct {
		const char *url;
		bool read_only;
		enum err_code code;
	} rows[] = {
		{ "", false, ERR_INPUT },
		{ "sqlite:///", false, ERR_INPUT },
		{ "mysql://host/db", false, ERR_INPUT },
		{ "postgres://host/db", false, ERR_INPUT },
		{ "/nonexistent/dir/x.db", false, ERR_IO },
		{ "/nonexistent.db", true, ERR_IO },
		{ f->dir, false, ERR_IO },
		{ garbage, false, ERR_CORRUPT },
		{ garbage, true, ERR_CORRUPT },
	};
	FILE *file = fopen(garbage, "w");

	assert_non_null(file);
	for (int i = 0; i < 4096; i++)
		(void)fputc('x', file);
	assert_int_equal(fclose(file), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err e = { 0 };

		if (open_at(rows[i].url, 2, rows[i].read_only, &e) || e.code != rows[i].code)
			fail_msg("'%s': %d %s", rows[i].url, e.code, e.text);
	}
}

static void test_modes(void **state)
{
	static const char *const names[] = { "state.db", "state.db-wal", "state.db-shm" };
	struct fixture *f = *state;
	struct err e = { 0 };

	assert_int_equal(add_user(f->store, "a", 1, &e), 0);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		AUTO_FREE char *path = mem_printf("%s/%s", f->dir, names[i]);
		struct stat st;

		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
}

static void test_backup(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *path = mem_printf("%s/copy.db", f->dir);
	struct err e = { 0 };
	struct store *copy;
	struct stat st;

	assert_int_equal(add_user(f->store, "a", 1, &e), 0);
	assert_int_equal(store_backup(f->store, path, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(store_backup(f->store, path, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(store_backup(f->store, "/nonexistent/copy.db", &e), -1);
	assert_int_equal(e.code, ERR_IO);
	assert_int_equal(add_user(f->store, "b", 1, &e), 0);
	copy = open_at(path, 2, false, &e);
	assert_non_null(copy);
	assert_int_equal(count_users(copy), 1);
	store_close(copy);
}

/* A page limit stands in for a full disk: the same result code. */
static void test_full(void **state)
{
	struct fixture *f = *state;
	char *large = mem_new(100000);
	struct err e = { 0 };

	memset(large, 'x', 99999);
	assert_int_equal(store_exec(f->store, "PRAGMA max_page_count = 20", STORE_NO_ARGS, NULL, &e), 0);
	assert_int_equal(add_user(f->store, large, 1, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	assert_non_null(strstr(e.text, "the disk is full"));
	assert_int_equal(add_user(f->store, "small", 1, &e), 0);
	free(large);
}

static void test_damaged(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	FILE *file;

	for (int i = 0; i < 500; i++) {
		char email[32];

		(void)snprintf(email, sizeof(email), "user-%d", i);
		assert_int_equal(add_user(f->store, email, i, &e), 0);
	}
	store_close(f->store);
	file = fopen(f->path, "r+");
	assert_non_null(file);
	for (long page = 1; page < 6; page++) {
		assert_int_equal(fseek(file, page * 4096, SEEK_SET), 0);
		for (int i = 0; i < 4096; i++)
			(void)fputc(0xa5, file);
	}
	assert_int_equal(fclose(file), 0);
	f->store = open_at(f->path, 2, false, &e);
	if (f->store)
		assert_int_equal(store_exec(f->store, "SELECT * FROM users ORDER BY email", STORE_NO_ARGS, NULL, &e),
				 -1);
	assert_int_equal(e.code, ERR_CORRUPT);
}

enum { THREADS = 4, ROUNDS = 50 };

struct worker {
	struct store *store;
	int number;
	int failures;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct err e = { 0 };
		char email[32];

		(void)snprintf(email, sizeof(email), "%d-%d", w->number, i);
		w->failures += add_user(w->store, email, i, &e) != 0;
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct fixture *f = *state;
	struct worker workers[THREADS];
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ f->store, i, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(workers[i].failures, 0);
	}
	assert_int_equal(count_users(f->store), THREADS * ROUNDS);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_values),     ROW(test_constraints),     ROW(test_first),
		ROW(test_nested_rows), ROW(test_transaction),    ROW(test_second_connection),
		ROW(test_no_retry),   ROW(test_migrations),      ROW(test_migration_steps),
		ROW(test_failed_migration), ROW(test_bad_opens), ROW(test_modes),
		ROW(test_backup), ROW(test_full),
		ROW(test_damaged),    ROW(test_threads),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
