/*
 * A growing buffer with a ceiling.
 *
 * Puts append all or nothing. A put that fails marks the buffer (`failed`), and every later put fails too, so a
 * writer of many pieces may ignore the single results and ask buf_ok() once at the end.
 */
#ifndef MK8S_BASE_BUF_H
#define MK8S_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/attr.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

struct buf {
	char *at;    /* owned; NULL while empty and never written */
	size_t len;  /* bytes held, from at */
	size_t cap;  /* bytes allocated */
	size_t max;  /* ceiling for len */
	bool secret; /* old blocks are wiped when it grows and at the end */
	bool locked; /* blocks are pages of lib/base/locked */
	bool failed; /* a put went over the ceiling or found no memory */
	bool no_memory; /* the latter */
};

/* An empty buffer that takes at most `max_len` bytes. Allocates nothing yet. */
void buf_init(struct buf *b, size_t max_len);
/* The same for secrets: every block is wiped before it is given back. */
void buf_init_secret(struct buf *b, size_t max_len);
/* The same in memory that is neither swapped nor dumped (lib/base/locked): whole pages, so for few. */
void buf_init_locked(struct buf *b, size_t max_len);
/* Gives the memory back; `b` is empty and usable again with the same ceiling. */
void buf_free(struct buf *b);

/* 0, or -1 above the ceiling or without memory. */
int buf_put(struct buf *b, const void *at, size_t len);
int buf_put_span(struct buf *b, struct span bytes);
int buf_put_str(struct buf *b, const char *text);
int buf_put_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);

/* `len` bytes of room behind the content, to write into directly and then buf_commit; NULL as buf_put fails. */
char *buf_reserve(struct buf *b, size_t len);
void buf_commit(struct buf *b, size_t len);

/* Drops `len` bytes (at most b->len) from the front. */
void buf_consume(struct buf *b, size_t len);
/* Drops everything, keeps the memory; clears `failed`. */
void buf_reset(struct buf *b);

/* 0 when no put failed; else -1 and ERR_LIMIT "WHAT is larger than N bytes" or ERR_NOMEM. */
int buf_ok(const struct buf *b, const char *what, struct err *e);

/* The content, borrowed until the next change. */
struct span buf_span(const struct buf *b);
/* The content as a string (a NUL is kept behind it); "" when empty or without memory. Borrowed likewise. */
const char *buf_str(struct buf *b);
/* Gives the content as a NUL-terminated string that the caller frees; `b` is empty afterwards. Never NULL. */
char *buf_take_str(struct buf *b);

#define AUTO_BUF __attribute__((cleanup(buf_free)))

#endif
