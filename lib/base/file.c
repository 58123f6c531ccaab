/* Whole small files, read with a ceiling and replaced atomically. */
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/secret.h"

#define READ_STEP 4096

/* One read; 1 when more may come, 0 at the end, -1. */
static int read_step(int fd, const char *path, struct buf *into, struct err *e)
{
	char chunk[READ_STEP];
	ssize_t got;

	do
		got = read(fd, chunk, sizeof(chunk));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_set_errno(e, ERR_IO, errno, "reading %s", path);
	(void)buf_put(into, chunk, (size_t)got); /* buf_ok tells */
	if (into->secret)
		secret_wipe(chunk, sizeof(chunk));
	return buf_ok(into, path, e) < 0 ? -1 : got > 0;
}

int file_read(const char *path, struct buf *into, struct err *e)
{
	size_t len_before = into->len;
	int more = 1, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "opening %s",
				     path);
	while (more > 0)
		more = read_step(fd, path, into, e);
	(void)close(fd); /* nothing was written */
	if (more < 0) {
		into->len = len_before;
		into->failed = false;
	}
	return more;
}

static int write_all(int fd, struct span content)
{
	while (content.len) {
		ssize_t done = write(fd, content.at, content.len);

		if (done < 0 && errno != EINTR)
			return -1;
		if (done > 0)
			content = span_from(content.at + done, content.len - (size_t)done);
	}
	return 0;
}

/* Fills the open temporary file and closes it. */
static int fill(int fd, struct span content, mode_t mode)
{
	int saved;

	if (write_all(fd, content) == 0 && fchmod(fd, mode) == 0 && fsync(fd) == 0)
		return close(fd);
	saved = errno;
	(void)close(fd); /* the first error is the one to report */
	errno = saved;
	return -1;
}

/* Makes the rename durable. */
static int sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *folder = NULL;
	int fd, rc;

	if (!slash)
		folder = mem_dup_str(".");
	else
		folder = mem_dup(path, slash == path ? 1 : (size_t)(slash - path));
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	(void)close(fd); /* nothing was written through it */
	return rc;
}

int file_write_atomic(const char *path, struct span content, mode_t mode, struct err *e)
{
	AUTO_FREE char *temporary = mem_printf("%s.XXXXXX", path);
	int fd = mkostemp(temporary, O_CLOEXEC);

	if (fd < 0)
		return err_set_errno(e, ERR_IO, errno, "creating a file beside %s", path);
	if (fill(fd, content, mode) < 0 || rename(temporary, path) < 0) {
		err_set_errno(e, ERR_IO, errno, "writing %s", path);
		(void)unlink(temporary); /* the old file stands either way */
		return -1;
	}
	if (sync_folder_of(path) < 0)
		return err_set_errno(e, ERR_IO, errno, "syncing the folder of %s", path);
	return 0;
}
