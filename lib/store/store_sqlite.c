/* The SQLite engine: statements and transactions. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/store/engine.h"
#include "lib/store/sqlite.h"

/* The slot of `sql`, or the free one where it would go. */
static struct statement **find_slot(struct store *s, const char *sql)
{
	size_t i = ((uintptr_t)sql >> 3) * 2654435761u % SLOTS;

	while (s->slots[i] && s->slots[i]->sql != sql)
		i = (i + 1) % SLOTS;
	return &s->slots[i];
}

static void free_statement(struct statement *st)
{
	(void)sqlite3_finalize(st->at); /* repeats the error of the last step */
	free(st);
}

static int prepare(struct store *s, const char *sql, struct statement **ret, struct err *e)
{
	struct statement **slot = find_slot(s, sql);
	struct statement *st;
	bool is_kept = !*slot && s->slot_count < SLOTS / 4 * 3;
	const char *tail;
	int rc;

	if (*slot && !(*slot)->in_use) {
		*ret = *slot;
		return 0;
	}
	st = mem_new(sizeof(*st));
	st->sql = sql;
	rc = sqlite3_prepare_v3(s->db, sql, -1, is_kept ? SQLITE_PREPARE_PERSISTENT : 0, &st->at,
				&tail);
	if (rc != SQLITE_OK) {
		free_statement(st);
		return sqlite_fail(s, rc, "preparing a statement", e);
	}
	assert(tail[strspn(tail, " \t\n;")] == '\0'); /* one statement */
	st->is_kept = is_kept;
	if (is_kept) {
		*slot = st;
		s->slot_count++;
	}
	*ret = st;
	return 0;
}

static void release(struct statement *st)
{
	(void)sqlite3_reset(st->at); /* repeats the error of the last step */
	(void)sqlite3_clear_bindings(st->at);
	st->in_use = false;
	if (!st->is_kept)
		free_statement(st);
}

static int bind_value(sqlite3_stmt *st, int at, const struct store_value *v)
{
	switch (v->kind) {
	case STORE_NULL_VALUE:
		return sqlite3_bind_null(st, at);
	case STORE_INT_VALUE:
		return sqlite3_bind_int64(st, at, v->number);
	case STORE_TEXT_VALUE:
		return sqlite3_bind_text64(st, at, v->bytes.len ? v->bytes.at : "", v->bytes.len,
					   SQLITE_TRANSIENT, SQLITE_UTF8);
	case STORE_BLOB_VALUE:
		return sqlite3_bind_blob64(st, at, v->bytes.len ? v->bytes.at : "", v->bytes.len,
					   SQLITE_TRANSIENT);
	}
	return SQLITE_MISUSE;
}

/*
 * "$3" may stand anywhere and more than once: SQLite numbers parameters as they come, we go by
 * name.
 */
static int bind_all(struct store *s, sqlite3_stmt *st, const struct store_value *values,
		    size_t count, struct err *e)
{
	uint64_t highest = 0;

	for (int at = 1; at <= sqlite3_bind_parameter_count(st); at++) {
		const char *name = sqlite3_bind_parameter_name(st, at);
		uint64_t number = 0;
		int rc;

		assert(name && name[0] == '$');
		rc = span_to_u64(span_of(name + 1), count, &number);
		assert(rc == 0 && number > 0); /* each parameter has its value */
		highest = number > highest ? number : highest;
		rc = bind_value(st, at, &values[number - 1]);
		if (rc != SQLITE_OK)
			return sqlite_fail(s, rc, "binding a value", e);
	}
	assert(highest == count); /* each value has its parameter */
	return 0;
}

int store_select(struct store *s, const char *sql, const struct store_value *values,
		 size_t value_count, struct store_rows *ret_rows, struct err *e)
{
	struct statement *st = NULL;

	pthread_mutex_lock(&s->mutex);
	if (prepare(s, sql, &st, e)) {
		pthread_mutex_unlock(&s->mutex);
		return -1;
	}
	st->in_use = true;
	if (bind_all(s, st->at, values, value_count, e)) {
		release(st);
		pthread_mutex_unlock(&s->mutex);
		return -1;
	}
	*ret_rows = (struct store_rows){ s, st };
	return 0;
}

int store_next(struct store_rows *rows, struct err *e)
{
	struct statement *st = rows->engine;
	int rc = sqlite3_step(st->at);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : sqlite_fail(rows->store, rc, "running a statement", e);
}

void store_rows_end(struct store_rows *rows)
{
	if (!rows->store)
		return;
	release(rows->engine);
	pthread_mutex_unlock(&rows->store->mutex);
	*rows = (struct store_rows){ 0 };
}

static sqlite3_stmt *row_of(const struct store_rows *rows, int column)
{
	sqlite3_stmt *st = ((const struct statement *)rows->engine)->at;

	assert(column >= 0 && column < sqlite3_data_count(st));
	return st;
}

int64_t store_int(const struct store_rows *rows, int column)
{
	return sqlite3_column_int64(row_of(rows, column), column);
}

const char *store_str(const struct store_rows *rows, int column)
{
	const unsigned char *text = sqlite3_column_text(row_of(rows, column), column);

	return text ? (const char *)text : "";
}

struct span store_bytes(const struct store_rows *rows, int column)
{
	sqlite3_stmt *st = row_of(rows, column);
	const void *at = sqlite3_column_blob(st, column);

	return span_from(at, (size_t)sqlite3_column_bytes(st, column));
}

bool store_is_null(const struct store_rows *rows, int column)
{
	return sqlite3_column_type(row_of(rows, column), column) == SQLITE_NULL;
}

int store_exec(struct store *s, const char *sql, const struct store_value *values,
	       size_t value_count, uint64_t *ret_changed, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };
	int got;

	if (store_select(s, sql, values, value_count, &rows, e))
		return -1;
	do
		got = store_next(&rows, e);
	while (got > 0);
	if (got < 0)
		return -1;
	if (ret_changed)
		*ret_changed = (uint64_t)sqlite3_changes64(s->db);
	return 0;
}

int engine_run_script(struct store *s, const char *sql, struct err *e)
{
	int rc;

	pthread_mutex_lock(&s->mutex);
	rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		(void)sqlite_fail(s, sqlite3_extended_errcode(s->db), "running SQL", e);
	pthread_mutex_unlock(&s->mutex);
	return rc == SQLITE_OK ? 0 : -1;
}

/* One try: 0, or -1 with everything rolled back. */
static int try_transaction(struct store *s, int (*fn)(struct store *, void *, struct err *),
			   void *arg, struct err *e)
{
	struct err ignored = { 0 };

	s->conflict = false;
	s->depth = 1;
	if (fn(s, arg, e) == 0 && store_exec(s, "COMMIT", STORE_NO_ARGS, NULL, e) == 0) {
		s->depth = 0;
		return 0;
	}
	s->depth = 0;
	if (!sqlite3_get_autocommit(s->db)) /* some failures have rolled back by themselves */
		(void)store_exec(s, "ROLLBACK", STORE_NO_ARGS, NULL, &ignored);
	return -1;
}

static int run_transaction(struct store *s, int (*fn)(struct store *, void *, struct err *),
			   void *arg, struct err *e)
{
	for (int tries = 1; ; tries++) {
		struct err failure = { 0 };

		if (store_exec(s, "BEGIN IMMEDIATE", STORE_NO_ARGS, NULL, e))
			return -1; /* the busy timeout has been waited for */
		if (try_transaction(s, fn, arg, &failure) == 0)
			return 0;
		if (tries < TRIES && s->conflict)
			continue;
		*e = failure;
		return -1;
	}
}

int store_transaction(struct store *s, int (*fn)(struct store *s, void *arg, struct err *e),
		      void *arg, struct err *e)
{
	int rc;

	pthread_mutex_lock(&s->mutex);
	rc = s->depth ? fn(s, arg, e) : run_transaction(s, fn, arg, e);
	pthread_mutex_unlock(&s->mutex);
	return rc;
}
