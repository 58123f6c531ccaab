/* The SQLite engine: opening, closing, copying a database, and what its result codes mean. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/store/engine.h"
#include "lib/store/sqlite.h"

enum { BUSY_TIMEOUT_MS = 5000, BUSY_TIMEOUT_MAX_MS = 600 * 1000 };

static const struct {
	int rc;
	enum err_code code;
	const char *what;
} meanings[] = {
	{ SQLITE_CONSTRAINT, ERR_EXISTS, "a rule of the table refuses it" },
	{ SQLITE_BUSY, ERR_BUSY, "another process keeps it locked" },
	{ SQLITE_LOCKED, ERR_BUSY, "another connection keeps it locked" },
	{ SQLITE_FULL, ERR_IO, "the disk is full" },
	{ SQLITE_IOERR, ERR_IO, "the disk reports an error" },
	{ SQLITE_CANTOPEN, ERR_IO, "the file cannot be opened" },
	{ SQLITE_PERM, ERR_IO, "the file may not be opened" },
	{ SQLITE_READONLY, ERR_IO, "the file may not be written" },
	{ SQLITE_CORRUPT, ERR_CORRUPT, "the file is damaged" },
	{ SQLITE_NOTADB, ERR_CORRUPT, "the file is no SQLite database" },
	{ SQLITE_NOMEM, ERR_NOMEM, "out of memory" },
	{ SQLITE_TOOBIG, ERR_LIMIT, "a value is too large" },
};

int sqlite_fail(struct store *s, int rc, const char *doing, struct err *e)
{
	enum err_code code = ERR_IO;
	const char *what = "unexpected";

	s->conflict = s->conflict || (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED;
	for (size_t i = 0; i < COUNT_OF(meanings); i++) {
		if (meanings[i].rc != (rc & 0xff))
			continue;
		code = meanings[i].code;
		what = meanings[i].what;
	}
	return err_set(e, code, "database %.150s: %s: %s (%.120s)", s->path, doing, what,
		       s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
}

static int path_of_url(const char *url, const char **ret_path, struct err *e)
{
	static const char scheme[] = "sqlite:///";
	const char *path = url;

	if (strncmp(url, scheme, sizeof(scheme) - 1) == 0)
		path = url + sizeof(scheme) - 1;
	else if (strstr(url, "://"))
		return err_set(e, ERR_INPUT, "database URL: the scheme is not known: expected a path "
					     "or sqlite:///path");
	if (path[0] == '\0')
		return err_set(e, ERR_INPUT, "database URL: no path: expected a path or sqlite:///path");
	*ret_path = path;
	return 0;
}

/*
 * SQLite would create the file for everyone to read; its log and index take over our mode. A file
 * that is there is left to SQLite: closing a descriptor of ours would drop the locks of this
 * process's other connections.
 */
static int create_private(const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)close(fd);
	else if (errno != EEXIST)
		return err_set_errno(e, ERR_IO, errno, "database %.150s: cannot be created", path);
	return 0;
}

static int set_pragmas(struct store *s, const struct store_options *o, struct err *e)
{
	static const char shared[] = "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; "
				     "PRAGMA cell_size_check = ON;";

	if (engine_run_script(s, shared, e))
		return -1;
	if (o->read_only)
		return 0;
	return engine_run_script(s,
				 o->relaxed ?
					 "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL" :
					 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
				 e);
}

static struct store *new_store(const char *path)
{
	struct store *s = mem_new(sizeof(*s));
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&s->mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
	s->path = mem_dup_str(path);
	return s;
}

static int open_and_migrate(struct store *s, const struct store_options *o, struct err *e)
{
	uint64_t wait_ms = o->busy_timeout_ms ? o->busy_timeout_ms : BUSY_TIMEOUT_MS;
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
		    (o->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	int rc;

	if (!o->read_only && create_private(s->path, e))
		return -1;
	rc = sqlite3_open_v2(s->path, &s->db, flags, NULL);
	if (rc != SQLITE_OK)
		return sqlite_fail(s, rc, "opening", e);
	if (wait_ms > BUSY_TIMEOUT_MAX_MS)
		wait_ms = BUSY_TIMEOUT_MAX_MS;
	(void)sqlite3_busy_timeout(s->db, (int)wait_ms);
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	if (set_pragmas(s, o, e))
		return -1;
	return store_migrate(s, o->migrations, o->migration_count, o->read_only, e);
}

int store_open(const char *url, const struct store_options *o, struct store **ret_store,
	       struct err *e)
{
	const char *path = NULL;
	struct store *s;

	if (path_of_url(url, &path, e))
		return -1;
	s = new_store(path);
	if (open_and_migrate(s, o, e)) {
		store_close(s);
		return -1;
	}
	*ret_store = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < SLOTS; i++) {
		if (s->slots[i])
			(void)sqlite3_finalize(s->slots[i]->at); /* repeats the error of the last step */
		free(s->slots[i]);
	}
	(void)sqlite3_close(s->db); /* fails only with open statements, which the contract forbids */
	pthread_mutex_destroy(&s->mutex);
	free(s->path);
	free(s);
}

/* Makes the name of a new file durable. */
static void sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *folder = slash ? mem_dup(path, (size_t)(slash - path) + 1) : mem_dup_str(".");
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)fsync(fd); /* some file systems refuse it on folders */
	(void)close(fd);
}

static int copy_pages(struct store *s, sqlite3 *to, struct err *e)
{
	sqlite3_backup *job = sqlite3_backup_init(to, "main", s->db, "main");
	int rc = SQLITE_ERROR;

	if (job) {
		rc = sqlite3_backup_step(job, -1);
		(void)sqlite3_backup_finish(job); /* repeats the step's error */
	}
	if (rc == SQLITE_DONE)
		return 0;
	return err_set(e, rc == SQLITE_NOMEM ? ERR_NOMEM : ERR_IO, "database %.150s: copying: %.150s",
		       s->path, job ? sqlite3_errstr(rc) : sqlite3_errmsg(to));
}

int store_backup(struct store *s, const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	sqlite3 *to = NULL;
	int rc;

	if (fd < 0)
		return err_set_errno(e, errno == EEXIST ? ERR_EXISTS : ERR_IO, errno,
				     "the copy %.150s cannot be created", path);
	pthread_mutex_lock(&s->mutex);
	rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE, NULL) == SQLITE_OK
		     ? copy_pages(s, to, e)
		     : err_set(e, ERR_IO, "the copy %.150s cannot be opened", path);
	pthread_mutex_unlock(&s->mutex);
	(void)sqlite3_close(to); /* the copy's result is known already */
	if (rc == 0 && fsync(fd))
		rc = err_set_errno(e, ERR_IO, errno, "the copy %.150s", path);
	(void)close(fd);
	if (rc)
		(void)unlink(path);
	else
		sync_folder_of(path);
	return rc;
}
