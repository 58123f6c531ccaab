/*
 * Whole small files: read with a ceiling, written so that a reader sees the old content or the new,
 * never a part.
 */
#ifndef MK8S_BASE_FILE_H
#define MK8S_BASE_FILE_H

#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

/*
 * Appends the content of the regular file (or pipe) at `path` to `into`, whose ceiling is the
 * limit. ERR_NOT_FOUND when there is none, ERR_LIMIT when it is larger, else ERR_IO; `into` is as
 * before then.
 */
int file_read(const char *path, struct buf *into, struct err *e);

/*
 * Replaces `path` by a file of mode `mode` that holds `content`: a temporary file in the same
 * folder, fsync, rename, fsync of the folder. On failure (ERR_IO) the old file stands. The file
 * belongs to the effective user.
 */
int file_write_atomic(const char *path, struct span content, mode_t mode, struct err *e);

#endif
