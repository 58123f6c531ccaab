/* A tar stream as local files, by kubectl's rules: nothing outside of the target, no links. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/table.h"
#include "lib/format/tar.h"
#include "lib/kube/kubectl_cp.h"
#include "lib/kube/kubectl_path.h"

enum { WARNING_MAX = 256 * 1024 };

struct cp_target {
	struct kubectl *k;
	char *path, *prefix, *from;
	struct tar_sink sink;
	struct tar_reader *reader;
	char *current; /* the file that is being written */
	int fd;        /* of it; -1: the content is dropped */
	uint64_t len;
	bool has_warned;
};

static void put_quoted(struct buf *out, const char *text)
{
	(void)buf_put_char(out, '"');
	(void)table_put_escaped(out, span_of(text));
	(void)buf_put_char(out, '"');
}

static void warn(struct cp_target *t, const char *what, const char *name, const char *behind, const char *link)
{
	AUTO_BUF struct buf text;

	buf_init(&text, WARNING_MAX);
	(void)buf_printf(&text, "warning: %s", what);
	put_quoted(&text, name);
	(void)buf_put_str(&text, behind);
	if (link)
		put_quoted(&text, link);
	if (link && !t->has_warned)
		(void)buf_printf(&text, " (consider using \"kubectl exec %s | tar xf -\")", t->from);
	t->has_warned |= link != NULL;
	(void)buf_put_char(&text, '\n');
	kubectl_write(t->k, KUBECTL_ERR, buf_span(&text));
}

/* Where an entry goes; NULL: it stays out, or (*ret_rc -1) the archive is not what was asked for. */
static char *place_of(struct cp_target *t, const char *name, int *ret_rc, struct err *e)
{
	size_t len = strlen(t->prefix);
	AUTO_FREE char *folder = kubectl_path_clean(t->path), *rest = NULL;
	char *place;

	*ret_rc = 0;
	if (strncmp(name, t->prefix, len) != 0) {
		*ret_rc = err_set(e, ERR_INPUT, "tar contents corrupted");
		return NULL;
	}
	rest = mem_dup_str(name + len);
	for (char *c = rest; *c; c++)
		if (*c == '\\')
			*c = '/';
	place = kubectl_path_join(t->path, rest);
	if (kubectl_path_is_below(folder, place))
		return place;
	warn(t, "file ", place, " is outside target destination, skipping", NULL);
	free(place);
	return NULL;
}

static int make_file(struct cp_target *t, const char *place, struct err *e)
{
	if (t->k->io->files->create(t->k->io->owner, place, &t->fd, e) < 0)
		return -1;
	t->current = mem_dup_str(place);
	return 0;
}

/* A hard link has no content in the archive, and kubectl makes an empty file of it. */
static int make_empty(struct cp_target *t, const char *place, const struct tar_entry *entry, struct err *e)
{
	int fd;

	if (entry->kind == TAR_HARD_LINK)
		warn(t, "hard link becomes an empty file: ", place, " -> ", entry->link);
	if (t->k->io->files->create(t->k->io->owner, place, &fd, e) < 0)
		return -1;
	(void)close(fd);
	return 0;
}

static int on_entry(void *owner, const struct tar_entry *entry, struct err *e)
{
	struct cp_target *t = owner;
	int rc;
	AUTO_FREE char *place = place_of(t, entry->name, &rc, e);
	AUTO_FREE char *folder = place ? kubectl_path_dir(place) : NULL;

	if (!place)
		return rc;
	if (t->k->io->files->make_folders(t->k->io->owner, folder, e) < 0)
		return -1;
	switch (entry->kind) {
	case TAR_FOLDER:
		return t->k->io->files->make_folders(t->k->io->owner, place, e);
	case TAR_LINK:
		warn(t, "skipping symlink: ", place, " -> ", entry->link);
		return 0;
	case TAR_FILE:
		return make_file(t, place, e);
	case TAR_HARD_LINK:
	case TAR_OTHER:
		break;
	}
	return make_empty(t, place, entry, e);
}

static int on_content(void *owner, struct span bytes, struct err *e)
{
	struct cp_target *t = owner;

	while (bytes.len && t->fd >= 0) {
		ssize_t done = write(t->fd, bytes.at, bytes.len);

		if (done < 0 && errno != EINTR)
			return err_set_errno(e, ERR_IO, errno, "%.200s", t->current);
		if (done > 0)
			bytes = span_from(bytes.at + done, bytes.len - (size_t)done);
	}
	return 0;
}

static int close_file(struct cp_target *t)
{
	int result = t->fd >= 0 ? close(t->fd) : 0;

	t->fd = -1;
	return result;
}

static int on_entry_end(void *owner, struct err *e)
{
	struct cp_target *t = owner;
	int result = 0;

	if (close_file(t) < 0)
		result = err_set_errno(e, ERR_IO, errno, "%.200s", t->current);
	free(t->current);
	t->current = NULL;
	return result;
}

struct cp_target *cp_target_new(struct kubectl *k, const char *path, const char *prefix, const char *from)
{
	struct cp_target *t = mem_new(sizeof(*t));

	t->k = k;
	t->fd = -1;
	t->path = mem_dup_str(path);
	t->prefix = mem_dup_str(prefix);
	t->from = mem_dup_str(from);
	t->sink = (struct tar_sink){ t, on_entry, on_content, on_entry_end };
	t->reader = tar_reader_new(&t->sink);
	return t;
}

void cp_target_free(struct cp_target *t)
{
	if (!t)
		return;
	(void)close_file(t);
	tar_reader_free(t->reader);
	free(t->current);
	free(t->path);
	free(t->prefix);
	free(t->from);
	free(t);
}

int cp_target_put(struct cp_target *t, struct span bytes, struct err *e)
{
	t->len += bytes.len;
	return tar_reader_put(t->reader, bytes, e);
}

uint64_t cp_target_len(const struct cp_target *t)
{
	return t->len;
}

bool cp_target_is_done(const struct cp_target *t)
{
	return tar_reader_is_done(t->reader);
}

bool cp_target_may_end(const struct cp_target *t)
{
	return tar_reader_may_end(t->reader);
}
