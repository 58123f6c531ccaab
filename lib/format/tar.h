/*
 * Tar archives as a stream (POSIX ustar and pax, GNU long names and large numbers): read in pieces of any size, written
 * entry by entry. Names are as they stand in the archive: whoever makes files of them judges them.
 */
#ifndef MK8S_FORMAT_TAR_H
#define MK8S_FORMAT_TAR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

enum { TAR_BLOCK = 512, TAR_NAME_MAX = 64 * 1024 };

enum tar_kind { TAR_FILE, TAR_FOLDER, TAR_LINK, TAR_HARD_LINK, TAR_OTHER };

struct tar_entry {
	enum tar_kind kind;
	const char *name, *link; /* link: what a link leads to, "" for others; no NUL inside */
	uint64_t size;           /* bytes of content; 0 for all but files */
	uint32_t mode, uid, gid; /* mode: the permissions alone */
	int64_t changed_unix_s;
};

/* Where a reader puts what it finds. -1 ends it. */
struct tar_sink {
	void *owner;
	int (*on_entry)(void *owner, const struct tar_entry *entry, struct err *e);
	int (*on_content)(void *owner, struct span bytes, struct err *e); /* of a file, in pieces */
	int (*on_entry_end)(void *owner, struct err *e); /* behind the content of a file */
};

struct tar_reader;

/* `sink` is borrowed for the reader's life. */
struct tar_reader *tar_reader_new(const struct tar_sink *sink);
void tar_reader_free(struct tar_reader *r);
/*
 * Reads on. ERR_INPUT for what is no archive (checksum, number, name), ERR_LIMIT for a name above TAR_NAME_MAX, or the
 * sink's error; the reader is then of no more use.
 */
int tar_reader_put(struct tar_reader *r, struct span bytes, struct err *e);
/* Whether the archive's end has been read; bytes behind it are ignored. */
bool tar_reader_is_done(const struct tar_reader *r);
/* Whether the bytes may end here: at the archive's end, or between two entries. */
bool tar_reader_may_end(const struct tar_reader *r);

/* Appends an entry's header; `size` bytes of content and tar_put_padding follow. */
void tar_put_header(struct buf *out, const struct tar_entry *entry);
void tar_put_padding(struct buf *out, uint64_t size);
/* Appends the archive's end. */
void tar_put_end(struct buf *out);

#endif
