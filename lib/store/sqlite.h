/* The inside of a store on SQLite, shared by the engine's files. */
#ifndef MK8S_STORE_SQLITE_H
#define MK8S_STORE_SQLITE_H

#include <pthread.h>
#include <stdbool.h>

#include <sqlite3.h>

#include "lib/store/store.h"

enum {
	SLOTS = 1024, /* statements kept prepared; those beyond three quarters are prepared each time */
	TRIES = 5,    /* of a transaction */
};

/* One prepared statement. */
struct statement {
	const char *sql; /* its address is the key */
	sqlite3_stmt *at;
	bool is_kept; /* in a slot */
	bool in_use;
};

struct store {
	sqlite3 *db;
	char *path;
	pthread_mutex_t mutex; /* recursive */
	unsigned depth;        /* of transactions */
	bool conflict;         /* the engine reported one inside the current transaction */
	struct statement *slots[SLOTS];
	size_t slot_count;
};

/* Makes an error of a result code, `doing` says what failed. Always returns -1. */
int sqlite_fail(struct store *s, int rc, const char *doing, struct err *e);

#endif
