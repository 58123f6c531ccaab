/* Local files as a tar stream, made as it is read: folders are walked with a stack, files are read by pieces. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/format/tar.h"
#include "lib/kube/kubectl_cp.h"

enum { LISTING_MAX = 256 * 1024 * 1024, OUT_MAX = 1024 * 1024, LINK_MAX = 64 * 1024, DEPTH_LIMIT = 1000 };

/* A folder whose names are being gone through. */
struct folder {
	struct buf names; /* each with a NUL behind it */
	size_t at;
	size_t path_len, name_len; /* of the folder's own path and name */
};

struct cp_source {
	struct kubectl *k;
	struct buf path, name; /* of what is being written */
	struct folder *stack;
	size_t depth;
	struct buf out; /* headers and padding that have not been read yet */
	int fd;         /* of the file whose content comes behind them; -1: none */
	uint64_t left, size;
	bool begun, ended;
};

struct cp_source *cp_source_new(struct kubectl *k, const char *path, const char *name)
{
	struct cp_source *s = mem_new(sizeof(*s));

	s->k = k;
	s->fd = -1;
	buf_init(&s->path, OUT_MAX);
	buf_init(&s->name, OUT_MAX);
	buf_init(&s->out, OUT_MAX);
	(void)buf_put_str(&s->path, path);
	(void)buf_put_str(&s->name, name);
	return s;
}

static void pop(struct cp_source *s)
{
	buf_free(&s->stack[--s->depth].names);
}

void cp_source_free(struct cp_source *s)
{
	if (!s)
		return;
	while (s->depth)
		pop(s);
	if (s->fd >= 0)
		(void)close(s->fd);
	buf_free(&s->path);
	buf_free(&s->name);
	buf_free(&s->out);
	free(s->stack);
	free(s);
}

static int push(struct cp_source *s, struct err *e)
{
	struct folder *f;

	if (s->depth == DEPTH_LIMIT)
		return err_set(e, ERR_LIMIT, "%.200s: more than %d folders in each other", buf_str(&s->path),
			       DEPTH_LIMIT);
	s->stack = mem_grow(s->stack, s->depth + 1, sizeof(*s->stack));
	f = &s->stack[s->depth++];
	*f = (struct folder){ .path_len = s->path.len, .name_len = s->name.len };
	buf_init(&f->names, LISTING_MAX);
	return s->k->io->files->list(s->k->io->owner, buf_str(&s->path), &f->names, e);
}

static int put_link(struct cp_source *s, struct tar_entry *entry, struct err *e)
{
	AUTO_BUF struct buf link;

	buf_init(&link, LINK_MAX);
	if (s->k->io->files->read_link(s->k->io->owner, buf_str(&s->path), &link, e) < 0)
		return -1;
	entry->kind = TAR_LINK;
	entry->link = buf_str(&link);
	tar_put_header(&s->out, entry);
	return 0;
}

static int put_file(struct cp_source *s, struct tar_entry *entry, uint64_t size, struct err *e)
{
	if (s->k->io->files->open(s->k->io->owner, buf_str(&s->path), &s->fd, e) < 0)
		return -1;
	entry->size = s->left = s->size = size;
	tar_put_header(&s->out, entry);
	return 0;
}

/* A folder has an entry of its own only when it is empty: tar makes the others for what is in them. */
static int put_folder(struct cp_source *s, struct tar_entry *entry, struct err *e)
{
	if (push(s, e) < 0)
		return -1;
	entry->kind = TAR_FOLDER;
	if (s->stack[s->depth - 1].names.len == 0)
		tar_put_header(&s->out, entry);
	return 0;
}

static int put_entry(struct cp_source *s, struct err *e)
{
	struct tar_entry entry = { .kind = TAR_FILE };
	struct kubectl_file file;

	if (buf_ok(&s->path, "a path", e) < 0 || buf_ok(&s->name, "a name", e) < 0 ||
	    s->k->io->files->look(s->k->io->owner, buf_str(&s->path), false, &file, e) < 0)
		return -1;
	entry.name = buf_str(&s->name);
	entry.mode = file.mode;
	entry.uid = file.uid;
	entry.gid = file.gid;
	entry.changed_unix_s = file.changed_unix_s;
	switch (file.kind) {
	case KUBECTL_FILE:
		return put_file(s, &entry, file.size, e);
	case KUBECTL_FOLDER:
		return put_folder(s, &entry, e);
	case KUBECTL_LINK:
		return put_link(s, &entry, e);
	case KUBECTL_OTHER:
		break;
	}
	kubectl_printf(s->k, KUBECTL_ERR, "warning: skipping \"%s\", which is no file, folder or link\n",
		       buf_str(&s->path));
	return 0;
}

/* The next name in the folder on top. False: there is none any more. */
static bool next_name(struct cp_source *s)
{
	while (s->depth) {
		struct folder *f = &s->stack[s->depth - 1];

		s->path.len = f->path_len;
		s->name.len = f->name_len;
		if (f->at < f->names.len) {
			const char *name = f->names.at + f->at;
			bool rooted = s->path.len && s->path.at[s->path.len - 1] == '/';

			f->at += strlen(name) + 1;
			(void)buf_printf(&s->path, "%s%s", rooted ? "" : "/", name);
			(void)buf_printf(&s->name, "/%s", name);
			return true;
		}
		pop(s);
	}
	return false;
}

static int next_entry(struct cp_source *s, struct err *e)
{
	if (s->begun && !next_name(s)) {
		tar_put_end(&s->out);
		s->ended = true;
		return 0;
	}
	s->begun = true;
	return put_entry(s, e);
}

static int read_content(struct cp_source *s, char *into, size_t size, size_t *ret_len, struct err *e)
{
	ssize_t len;

	if (size > s->left)
		size = (size_t)s->left;
	do {
		len = size ? read(s->fd, into, size) : 0;
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return err_set_errno(e, ERR_IO, errno, "%.200s", buf_str(&s->path));
	if (len == 0 && s->left)
		return err_set(e, ERR_IO, "%.200s has become smaller while it was copied", buf_str(&s->path));
	s->left -= (uint64_t)len;
	*ret_len = (size_t)len;
	if (s->left == 0) {
		(void)close(s->fd);
		s->fd = -1;
		tar_put_padding(&s->out, s->size);
	}
	return 0;
}

int cp_source_read(void *owner, char *into, size_t size, size_t *ret_len, struct err *e)
{
	struct cp_source *s = owner;

	*ret_len = 0;
	while (*ret_len == 0) {
		if (s->out.len) {
			*ret_len = size < s->out.len ? size : s->out.len;
			memcpy(into, s->out.at, *ret_len);
			buf_consume(&s->out, *ret_len);
		} else if (s->fd >= 0) {
			if (read_content(s, into, size, ret_len, e) < 0)
				return -1;
		} else if (s->ended) {
			return 0;
		} else if (next_entry(s, e) < 0 || buf_ok(&s->out, "a tar header", e) < 0) {
			return -1;
		}
	}
	return 0;
}
