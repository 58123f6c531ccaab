/*
 * A copy of the state directory while central runs on it: databases by the engine, files one by
 * one.
 */
#include "lib/gate/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/base/span.h"
#include "lib/gate/audit.h"
#include "lib/gate/notice.h"
#include "lib/store/store.h"

enum { COPY_STEP = 64 * 1024, DEPTH_MAX = 4 };

static int copy_folder(const char *from, const char *to, int depth, struct err *e);

/* Databases have their own way, and their logs belong to the running central. */
static bool is_left_out(const char *name)
{
	static const char *const endings[] = { ".db", ".db-wal", ".db-shm" };
	struct span text = span_of(name);

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, NOTICE_FOLDER) == 0 ||
	    strcmp(name, "lock") == 0)
		return true;
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		if (span_ends(text, span_of(endings[i])))
			return true;
	}
	return false;
}

static int write_all(int fd, const char *at, size_t len)
{
	while (len > 0) {
		ssize_t done = write(fd, at, len);

		if (done < 0 && errno != EINTR)
			return -1;
		if (done > 0) {
			at += done;
			len -= (size_t)done;
		}
	}
	return 0;
}

static int copy_bytes(int in, int out)
{
	char *chunk = mem_new(COPY_STEP);
	ssize_t got;
	int rc = 0;

	do {
		got = read(in, chunk, COPY_STEP);
		if (got > 0)
			rc = write_all(out, chunk, (size_t)got);
		else if (got < 0 && errno != EINTR)
			rc = -1;
	} while (rc == 0 && got != 0);
	secret_wipe(chunk, COPY_STEP); /* most files here are keys */
	free(chunk);
	return rc == 0 ? fsync(out) : -1;
}

static int copy_file(const char *from, const char *to, struct err *e)
{
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), out, rc;

	if (in < 0) /* a temporary file of the running central that has its final name now */
		return errno == ENOENT ? 0 : err_set_errno(e, ERR_IO, errno, "opening %s", from);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0) {
		err_set_errno(e, ERR_IO, errno, "creating %s", to);
		(void)close(in);
		return -1;
	}
	rc = copy_bytes(in, out);
	if (rc < 0)
		err_set_errno(e, ERR_IO, errno, "copying %s to %s", from, to);
	(void)close(in);
	if (close(out) < 0 && rc == 0)
		rc = err_set_errno(e, ERR_IO, errno, "writing %s", to);
	return rc;
}

static int copy_entry(const char *from, const char *to, int depth, struct err *e)
{
	struct stat st;

	if (lstat(from, &st) < 0)
		return errno == ENOENT ? 0 : err_set_errno(e, ERR_IO, errno, "looking at %s", from);
	if (S_ISREG(st.st_mode))
		return copy_file(from, to, e);
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (depth == DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "%s: folders lie more than %d deep", from, DEPTH_MAX);
	if (mkdir(to, 0700) < 0)
		return err_set_errno(e, ERR_IO, errno, "making %s", to);
	return copy_folder(from, to, depth + 1, e);
}

static int copy_folder(const char *from, const char *to, int depth, struct err *e)
{
	DIR *dir = opendir(from);
	const struct dirent *entry;
	int rc = 0;

	if (!dir)
		return err_set_errno(e, ERR_IO, errno, "reading %s", from);
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		AUTO_FREE char *source = mem_printf("%s/%s", from, entry->d_name);
		AUTO_FREE char *target = mem_printf("%s/%s", to, entry->d_name);

		if (!is_left_out(entry->d_name))
			rc = copy_entry(source, target, depth, e);
	}
	(void)closedir(dir);
	return rc;
}

/* Whether `to` may become the copy: it is not there yet, or an empty folder. */
static int check_target(const char *to, struct err *e)
{
	const struct dirent *entry;
	bool is_empty = true;
	struct stat st;
	DIR *dir;

	if (lstat(to, &st) < 0)
		return errno == ENOENT ? 0 : err_set_errno(e, ERR_IO, errno, "looking at %s", to);
	dir = S_ISDIR(st.st_mode) ? opendir(to) : NULL;
	if (!dir)
		return err_set(e, ERR_EXISTS,
			       "%s is no folder: a backup goes into a new or an empty folder", to);
	while ((entry = readdir(dir)) != NULL)
		is_empty = is_empty &&
			   (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
	(void)closedir(dir);
	return is_empty ? 0
			: err_set(e, ERR_EXISTS,
				  "%s is not empty: a backup goes into a new or an empty folder",
				  to);
}

static int remove_one(const char *path, const struct stat *st UNUSED, int kind,
		      struct FTW *at UNUSED)
{
	(void)(kind == FTW_DP ? rmdir(path)
			      : unlink(path)); /* what stays has a name that says what it is */
	return 0;
}

/* On disk before it has its name, and the name, too. Some file systems refuse it on folders. */
static void sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		(void)fsync(fd);
		(void)close(fd);
	}
}

static int sync_one(const char *path, const struct stat *st UNUSED, int kind, struct FTW *at UNUSED)
{
	if (kind == FTW_DP)
		sync_folder(path);
	return 0;
}

static int take_name(const char *made, const char *to, struct err *e)
{
	AUTO_FREE char *above = mem_printf("%s/..", to);

	(void)nftw(made, sync_one, DEPTH_MAX + 2, FTW_DEPTH | FTW_PHYS);
	if (rename(made, to) == 0) {
		sync_folder(above);
		return 0;
	}
	if (errno == EBUSY || errno == EXDEV)
		return err_set(e, ERR_IO, "%s is a file system of its own: name a new folder in it",
			       to);
	return err_set_errno(e, ERR_IO, errno, "naming the backup %s", to);
}

static int copy_state(const char *state_dir, struct store *db, const char *to, struct err *e)
{
	AUTO_FREE char *db_copy = mem_printf("%s/central.db", to);
	AUTO_FREE char *trail = mem_printf("%s/audit.db", state_dir);
	AUTO_FREE char *trail_copy = mem_printf("%s/audit.db", to);

	/*
	 * The files last: a key that was made meanwhile is in the copy before anything that needs
	 * it.
	 */
	if (store_backup(db, db_copy, e) < 0 || audit_file_copy(trail, trail_copy, e) < 0)
		return -1;
	return copy_folder(state_dir, to, 0, e);
}

int backup_state(const char *state_dir, struct store *db, const char *to, struct err *e)
{
	size_t len = strlen(to);
	AUTO_FREE char *name = NULL, *made = NULL;

	while (len > 1 && to[len - 1] == '/')
		len--;
	name = mem_dup(to, len);
	made = mem_printf("%s.partial-XXXXXX", name);
	if (check_target(name, e) < 0)
		return -1;
	if (!mkdtemp(made))
		return err_set_errno(e, ERR_IO, errno, "making a folder beside %s", name);
	if (copy_state(state_dir, db, made, e) == 0 && take_name(made, name, e) == 0)
		return 0;
	(void)nftw(made, remove_one, DEPTH_MAX + 2, FTW_DEPTH | FTW_PHYS);
	return -1;
}
