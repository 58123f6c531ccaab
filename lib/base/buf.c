/* A growing buffer with a ceiling. */
#include "lib/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/locked.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"

#define FIRST_LOCKED 4096 /* a page: less would waste the rest of it */

void buf_init(struct buf *b, size_t max_len)
{
	*b = (struct buf){ .max = max_len };
}

void buf_init_secret(struct buf *b, size_t max_len)
{
	*b = (struct buf){ .max = max_len, .secret = true };
}

void buf_init_locked(struct buf *b, size_t max_len)
{
	*b = (struct buf){ .max = max_len, .secret = true, .locked = true };
}

static void buf_drop(struct buf *b)
{
	if (b->locked) {
		locked_give(b->at, b->cap);
		return;
	}
	if (b->secret && b->at)
		secret_wipe(b->at, b->cap);
	free(b->at);
}

void buf_free(struct buf *b)
{
	buf_drop(b);
	*b = (struct buf){ .max = b->max, .secret = b->secret, .locked = b->locked };
}

/* Moves the content to a block of `cap` bytes; no realloc, which could leave a copy of a secret behind. */
static int buf_move(struct buf *b, size_t cap)
{
	char *at = b->locked ? locked_take(cap) : malloc(cap);

	if (!at) {
		b->failed = b->no_memory = true;
		return -1;
	}
	if (b->len)
		memcpy(at, b->at, b->len);
	buf_drop(b);
	b->at = at;
	b->cap = cap;
	return 0;
}

char *buf_reserve(struct buf *b, size_t len)
{
	size_t cap = b->cap ? b->cap : b->locked ? FIRST_LOCKED : 64;

	if (b->failed || len > b->max - b->len) {
		b->failed = true;
		return NULL;
	}
	while (cap < b->len + len + 1) /* one more for buf_str's NUL; len <= max keeps this far from overflow */
		cap *= 2;
	if (cap != b->cap && buf_move(b, cap) < 0)
		return NULL;
	return b->at + b->len;
}

void buf_commit(struct buf *b, size_t len)
{
	b->len += len;
}

int buf_put(struct buf *b, const void *at, size_t len)
{
	char *room = buf_reserve(b, len);

	if (!room)
		return -1;
	if (len)
		memcpy(room, at, len);
	b->len += len;
	return 0;
}

int buf_put_span(struct buf *b, struct span bytes)
{
	return buf_put(b, bytes.at, bytes.len);
}

int buf_put_str(struct buf *b, const char *text)
{
	return buf_put(b, text, strlen(text));
}

int buf_put_char(struct buf *b, char c)
{
	return buf_put(b, &c, 1);
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	char *room;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0 || !(room = buf_reserve(b, (size_t)len)))
		return -1;
	va_start(args, fmt);
	(void)vsnprintf(room, (size_t)len + 1, fmt, args); /* the NUL has its place by buf_reserve */
	va_end(args);
	b->len += (size_t)len;
	return 0;
}

void buf_consume(struct buf *b, size_t len)
{
	if (len > b->len)
		len = b->len;
	b->len -= len;
	if (b->len && len)
		memmove(b->at, b->at + len, b->len);
}

void buf_reset(struct buf *b)
{
	if (b->secret && b->at)
		secret_wipe(b->at, b->cap);
	b->len = 0;
	b->failed = b->no_memory = false;
}

int buf_ok(const struct buf *b, const char *what, struct err *e)
{
	if (!b->failed)
		return 0;
	if (b->no_memory)
		return err_set(e, ERR_NOMEM, "there is no memory for %s", what);
	return err_set(e, ERR_LIMIT, "%s is larger than %zu bytes", what, b->max);
}

struct span buf_span(const struct buf *b)
{
	return (struct span){ b->at, b->len };
}

const char *buf_str(struct buf *b)
{
	if (!b->at || (b->len == b->cap && buf_move(b, b->cap * 2) < 0))
		return "";
	b->at[b->len] = '\0';
	return b->at;
}

char *buf_take_str(struct buf *b)
{
	char *text = mem_dup(b->at, b->len);

	buf_free(b);
	return text;
}
