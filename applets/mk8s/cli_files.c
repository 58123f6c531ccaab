/* Small files in the folder of the configuration: of their owner only, replaced atomically, never
 * through a link. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "applets/mk8s/cli.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"

enum { LOCK_TRIES = 400, LOCK_WAIT_MS = 50 };

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

int cli_find_dir(struct cli *c, struct err *e)
{
	const char *given = c->config_option ? c->config_option : environment("MK8S_CONFIG");
	const char *home = environment("HOME"), *slash;

	if (c->config_path)
		return 0;
	if (!given && !home)
		return err_set(
			e, ERR_INPUT,
			"no place for the configuration: neither HOME nor MK8S_CONFIG is set");
	c->config_path = given ? mem_dup_str(given) : mem_printf("%s/.mk8s/config.yaml", home);
	slash = strrchr(c->config_path, '/');
	if (!slash)
		c->dir = mem_dup_str(".");
	else
		c->dir = mem_dup(c->config_path,
				 slash == c->config_path ? 1 : (size_t)(slash - c->config_path));
	return 0;
}

char *cli_file_path(const struct cli *c, const char *name)
{
	return mem_printf("%s/%s", c->dir, name);
}

static int check_owner(const char *path, const struct stat *st, struct err *e)
{
	if (S_ISLNK(st->st_mode))
		return err_set(e, ERR_DENIED, "%s is a symbolic link: it must be a file of its own",
			       path);
	if (!S_ISREG(st->st_mode))
		return err_set(e, ERR_DENIED, "%s is no file", path);
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return err_set(e, ERR_DENIED, "%s belongs to user %u, not to you", path,
			       (unsigned)st->st_uid);
	return 0;
}

/* Where others may put files, they could put theirs in place of ours. */
static int check_dir(const struct cli *c, struct err *e)
{
	struct stat st;

	if (stat(c->dir, &st) < 0)
		return errno == ENOENT ? 0 : err_set_errno(e, ERR_IO, errno, "%s", c->dir);
	if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
		return err_set(e, ERR_DENIED,
			       "everybody may write to %s: take that right away (chmod o-w)",
			       c->dir);
	return 0;
}

static int read_open(int fd, const char *path, bool is_private, struct buf *into, struct err *e)
{
	char chunk[4096];
	struct stat st;
	ssize_t got;

	if (fstat(fd, &st) < 0)
		return err_set_errno(e, ERR_IO, errno, "%s", path);
	if (check_owner(path, &st, e) < 0)
		return -1;
	if (is_private && (st.st_mode & 077))
		return err_set(e, ERR_DENIED,
			       "others may read %s: take that right away (chmod 600)", path);
	while ((got = read(fd, chunk, sizeof(chunk))) > 0)
		(void)buf_put(into, chunk, (size_t)got);
	explicit_bzero(chunk, sizeof(chunk));
	return got < 0 ? err_set_errno(e, ERR_IO, errno, "%s", path) : buf_ok(into, path, e);
}

int cli_file_read(struct cli *c, const char *name, bool is_private, struct buf *into, struct err *e)
{
	AUTO_FREE char *path = NULL;
	int fd, result;

	if (cli_find_dir(c, e) < 0 || check_dir(c, e) < 0)
		return -1;
	path = cli_file_path(c, name);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ELOOP)
		return err_set(e, ERR_DENIED, "%s is a symbolic link: it must be a file of its own",
			       path);
	if (fd < 0)
		return err_set_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s",
				     path);
	result = read_open(fd, path, is_private, into, e);
	(void)close(fd);
	return result;
}

static int make_dir(struct cli *c, struct err *e)
{
	if (cli_find_dir(c, e) < 0)
		return -1;
	if (mkdir(c->dir, 0700) < 0 && errno != EEXIST)
		return err_set_errno(e, ERR_IO, errno, "the folder %s cannot be made", c->dir);
	return check_dir(c, e);
}

int cli_file_write(struct cli *c, const char *name, struct span content, struct err *e)
{
	AUTO_FREE char *path = NULL;
	struct stat st;

	if (make_dir(c, e) < 0)
		return -1;
	path = cli_file_path(c, name);
	if (lstat(path, &st) == 0 && check_owner(path, &st, e) < 0)
		return -1;
	return file_write_atomic(path, content, 0600, e);
}

int cli_file_remove(struct cli *c, const char *name, struct err *e)
{
	AUTO_FREE char *path = NULL;

	if (cli_find_dir(c, e) < 0)
		return -1;
	path = cli_file_path(c, name);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set_errno(e, ERR_IO, errno, "%s cannot be removed", path);
	return 0;
}

int cli_lock(struct cli *c, struct err *e)
{
	const struct timespec wait = { .tv_nsec = LOCK_WAIT_MS * 1000000L };
	AUTO_FREE char *path = NULL;

	if (c->lock_fd >= 0)
		return err_set(e, ERR_BUSY, "the lock is held by this process already");
	if (make_dir(c, e) < 0)
		return -1;
	path = cli_file_path(c, "lock");
	c->lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (c->lock_fd < 0)
		return err_set_errno(e, ERR_IO, errno, "%s", path);
	for (int i = 0; flock(c->lock_fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES) {
			err_set_errno(e, ERR_BUSY, errno, "%s: another mk8s holds it", path);
			cli_unlock(c);
			return -1;
		}
		(void)nanosleep(&wait, NULL);
	}
	return 0;
}

void cli_unlock(struct cli *c)
{
	if (c->lock_fd >= 0)
		(void)close(c->lock_fd); /* which drops the lock */
	c->lock_fd = -1;
}
