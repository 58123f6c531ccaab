/*
 * SQL storage behind one header: SQLite today, every statement in the dialect that PostgreSQL
 * accepts too.
 *
 * The dialect: parameters are $1, $2 ...; INSERT ... ON CONFLICT, RETURNING, CTEs and window
 * functions are fine; times are INTEGER with the unit in the column's name; no AUTOINCREMENT, no
 * INSERT OR REPLACE, no backquotes, no PRAGMA, no engine functions. Tables are declared with the
 * types INTEGER, REAL, TEXT, BLOB and end in STRICT: an engine that lacks those words replaces
 * them in migrations (INTEGER by BIGINT, BLOB by BYTEA, STRICT by nothing).
 *
 * Statements are string constants: the engine keeps each prepared under the address of its text.
 * Values are always bound, never printed into SQL.
 *
 * Threads: a store may be used from any thread; its calls are serialised by one recursive mutex,
 * which a result set holds from store_select to store_rows_end and a transaction holds to its end.
 * A second store_open of the same file is a second connection: one for a separate writer, or
 * read-only ones beside it.
 */
#ifndef MK8S_STORE_STORE_H
#define MK8S_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/attr.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

struct store;

/* Numbered from 1 without holes; a text may hold several statements. Forward only. */
struct store_migration {
	unsigned number;
	const char *sql;
};

struct store_options {
	bool read_only;           /* the file must exist; its migrations are checked, not run */
	bool relaxed;             /* synchronous NORMAL: the last commits may be lost with the power, never the order */
	uint64_t busy_timeout_ms; /* how long to wait for another connection's lock; 0: 5 s */
	const struct store_migration *migrations;
	size_t migration_count;
};

/*
 * `url` is a path or sqlite:///path (a path "/x" is sqlite:////x, as elsewhere). A new file has
 * mode 0600. Runs the migrations that are missing, all in one transaction; refuses a schema newer
 * than the table (ERR_CORRUPT, the sentence says both numbers). ERR_INPUT for another scheme,
 * ERR_IO, ERR_CORRUPT for what is no database.
 */
int store_open(const char *url, const struct store_options *o, struct store **ret_store,
	       struct err *e);
/* Every result set must have ended. Takes NULL. */
void store_close(struct store *s);

struct store_value {
	enum { STORE_NULL_VALUE, STORE_INT_VALUE, STORE_TEXT_VALUE, STORE_BLOB_VALUE } kind;
	int64_t number;
	struct span bytes; /* borrowed for the call */
};

#define STORE_NULL ((struct store_value){ STORE_NULL_VALUE, 0, { NULL, 0 } })
#define STORE_INT(value) ((struct store_value){ STORE_INT_VALUE, (int64_t)(value), { NULL, 0 } })
/* A NULL pointer binds NULL. */
#define STORE_TEXT(text) store_text(text)
#define STORE_SPAN(span) ((struct store_value){ STORE_TEXT_VALUE, 0, (span) })
#define STORE_BLOB(at, len) ((struct store_value){ STORE_BLOB_VALUE, 0, span_from((at), (len)) })
struct store_value store_text(const char *text);

/* The values of $1, $2 ... as the pair (pointer, count) that the calls below take. */
#define STORE_ARGS(...)                                  \
	((const struct store_value[]){ __VA_ARGS__ }),   \
		(sizeof((const struct store_value[]){ __VA_ARGS__ }) / sizeof(struct store_value))
#define STORE_NO_ARGS NULL, 0

/*
 * Errors of every call below: ERR_EXISTS when a constraint (unique, foreign key, check, not null)
 * refuses the row, ERR_BUSY when another connection keeps the lock, ERR_IO with a sentence for a
 * full disk or a failing one, ERR_CORRUPT for a damaged file, ERR_NOMEM. The number of values must
 * be that of the statement (an assert).
 */

/*
 * Runs one statement; result rows are skipped. `ret_changed` (may be NULL): rows inserted, updated
 * or deleted.
 */
int store_exec(struct store *s, const char *sql, const struct store_value *values,
	       size_t value_count, uint64_t *ret_changed, struct err *e);

/* A result set. Zeroed, or filled by store_select; declare it with AUTO_ROWS. */
struct store_rows {
	struct store *store;
	void *engine; /* the engine's cursor */
};

int store_select(struct store *s, const char *sql, const struct store_value *values,
		 size_t value_count, struct store_rows *ret_rows, struct err *e);
/* 1: a row is there; 0: no more; -1 and an error. */
int store_next(struct store_rows *rows, struct err *e);
/*
 * The first row of a one-row question: 0, or -1; ERR_NOT_FOUND, sentence "WHAT does not exist",
 * when there is none.
 */
int store_first(struct store_rows *rows, const char *what, struct err *e);
void store_rows_end(struct store_rows *rows);
#define AUTO_ROWS __attribute__((cleanup(store_rows_end)))

/*
 * Columns of the current row, from 0. Text and blobs are borrowed until the next store_next or
 * store_rows_end.
 */
int64_t store_int(const struct store_rows *rows, int column);
const char *store_str(const struct store_rows *rows, int column); /* "" for NULL */
struct span store_bytes(const struct store_rows *rows, int column); /* empty for NULL */
bool store_is_null(const struct store_rows *rows, int column);

/*
 * Runs `fn` inside a write transaction: commits when it returns 0, else rolls back. Nested calls
 * join the outer one. When the engine reports a conflict or a busy lock, everything is rolled back
 * and `fn` is called again (at most five times): it must have no effects outside of the store.
 */
int store_transaction(struct store *s, int (*fn)(struct store *s, void *arg, struct err *e),
		      void *arg, struct err *e);

/*
 * A consistent copy into a new file `path` (0600, synced; ERR_EXISTS when it is there) while
 * others write.
 */
int store_backup(struct store *s, const char *path, struct err *e);

#endif
