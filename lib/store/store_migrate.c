/* Migrations: numbered, forward only, all missing ones in one transaction. */
#include <assert.h>

#include "lib/store/engine.h"

#define CREATE_VERSION "CREATE TABLE IF NOT EXISTS store_schema (number INTEGER NOT NULL) STRICT"

struct job {
	const struct store_migration *migrations;
	size_t count;
};

static int read_version(struct store *s, unsigned *ret_number, struct err *e)
{
	AUTO_ROWS struct store_rows rows = { 0 };

	if (store_select(s, "SELECT COALESCE(MAX(number), 0) FROM store_schema", STORE_NO_ARGS,
			 &rows, e) ||
	    store_first(&rows, "the schema's number", e))
		return -1;
	*ret_number = (unsigned)store_int(&rows, 0);
	return 0;
}

static int refuse_newer(unsigned found, size_t known, struct err *e)
{
	if (found <= known)
		return 0;
	return err_set(e, ERR_CORRUPT,
		       "the database has schema %u, this program knows schemas up to %zu: "
		       "run the newer program that wrote it",
		       found, known);
}

static int run_missing(struct store *s, void *arg, struct err *e)
{
	const struct job *job = arg;
	unsigned found;

	if (engine_run_script(s, CREATE_VERSION, e) || read_version(s, &found, e) ||
	    refuse_newer(found, job->count, e))
		return -1;
	for (size_t i = found; i < job->count; i++) {
		if (engine_run_script(s, job->migrations[i].sql, e))
			return err_context(e, "migration %u", job->migrations[i].number);
		if (store_exec(s, "INSERT INTO store_schema (number) VALUES ($1)",
			       STORE_ARGS(STORE_INT(job->migrations[i].number)), NULL, e))
			return -1;
	}
	return 0;
}

static int check(struct store *s, size_t known, struct err *e)
{
	unsigned found;

	if (read_version(s, &found, e) || refuse_newer(found, known, e))
		return -1;
	if (found < known)
		return err_set(e, ERR_CORRUPT,
			       "the database has schema %u, this program needs %zu: "
			       "start the server once, it brings the schema forward",
			       found, known);
	return 0;
}

int store_migrate(struct store *s, const struct store_migration *migrations, size_t count,
		  bool check_only, struct err *e)
{
	struct job job = { migrations, count };

	for (size_t i = 0; i < count; i++)
		assert(migrations[i].number == i + 1);
	if (count == 0)
		return 0;
	return check_only ? check(s, count, e) : store_transaction(s, run_missing, &job, e);
}
