/* This machine's files, for the built-in kubectl's cp. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "applets/mk8s/kubectl_console.h"
#include "lib/base/attr.h"

static enum kubectl_file_kind kind_of(mode_t mode)
{
	if (S_ISREG(mode))
		return KUBECTL_FILE;
	if (S_ISDIR(mode))
		return KUBECTL_FOLDER;
	return S_ISLNK(mode) ? KUBECTL_LINK : KUBECTL_OTHER;
}

static int fail(const char *what, const char *path, struct err *e)
{
	return err_set_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s %.300s", what, path);
}

static int look(void *owner UNUSED, const char *path, bool follow, struct kubectl_file *ret, struct err *e)
{
	struct stat st;

	if ((follow ? stat(path, &st) : lstat(path, &st)) < 0)
		return fail("stat", path, e);
	*ret = (struct kubectl_file){ .kind = kind_of(st.st_mode),
				      .size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0,
				      .changed_unix_s = st.st_mtime,
				      .mode = st.st_mode & 0777,
				      .uid = st.st_uid,
				      .gid = st.st_gid };
	return 0;
}

static int is_listed(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int list(void *owner UNUSED, const char *path, struct buf *out, struct err *e)
{
	struct dirent **entries;
	int count = scandir(path, &entries, is_listed, alphasort);

	if (count < 0)
		return fail("open", path, e);
	for (int i = 0; i < count; i++) {
		(void)buf_put(out, entries[i]->d_name, strlen(entries[i]->d_name) + 1);
		free(entries[i]);
	}
	free(entries);
	return buf_ok(out, path, e);
}

static int read_link(void *owner UNUSED, const char *path, struct buf *out, struct err *e)
{
	char text[4096]; /* PATH_MAX: the kernel has no longer ones */
	ssize_t len = readlink(path, text, sizeof(text));

	if (len < 0)
		return fail("readlink", path, e);
	(void)buf_put(out, text, (size_t)len);
	return buf_ok(out, path, e);
}

static int open_file(void *owner UNUSED, const char *path, int *ret_fd, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return fail("open", path, e);
	*ret_fd = fd;
	return 0;
}

static int create(void *owner UNUSED, const char *path, int *ret_fd, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);

	if (fd < 0)
		return fail("open", path, e);
	*ret_fd = fd;
	return 0;
}

static int make_folders(void *owner UNUSED, const char *path, struct err *e)
{
	char *part = strdup(path);
	int result = part ? 0 : err_set(e, ERR_NOMEM, "no memory for a path");
	struct stat st;

	for (char *at = part; result == 0 && at && *at;) {
		char *slash = strchr(at + 1, '/');

		if (slash)
			*slash = '\0';
		if (mkdir(part, 0755) < 0 && (errno != EEXIST || (!slash && stat(part, &st) == 0 && !S_ISDIR(st.st_mode))))
			result = fail("mkdir", part, e);
		if (slash)
			*slash = '/';
		at = slash;
	}
	free(part);
	return result;
}

const struct kubectl_files kubectl_console_files = { look, list, read_link, open_file, create, make_folders };
