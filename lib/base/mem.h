/*
 * Memory of fixed size, and the cleanup attribute for locals.
 *
 * What a peer can make grow lives in `struct buf`, which has a ceiling and reports ERR_NOMEM.
 * Everything else is small and of known size: where even that cannot be had, mem_new and its kin end the
 * process with one sentence and status 1 (durable state survives any death; the supervisor starts it again).
 */
#ifndef MK8S_BASE_MEM_H
#define MK8S_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include "lib/base/attr.h"

/* Ends the process with one sentence: for libraries whose small allocation came back empty. */
NORETURN void mem_die(size_t size);

/* Zeroed memory of `size` bytes; the caller owns it and gives it to free(). Never NULL. */
void *mem_new(size_t size);

/* Zeroed memory for `count` items of `size` bytes each. Never NULL. */
void *mem_new_array(size_t count, size_t size);

/* `at` grown to `count` items of `size` bytes each (for arrays of our own; never for secrets). Never NULL. */
void *mem_grow(void *at, size_t count, size_t size);

/* A copy of `len` bytes with a NUL behind them. Never NULL. */
char *mem_dup(const void *at, size_t len);

/* A copy of a string; NULL gives NULL. */
char *mem_dup_str(const char *text);

/* Printf into new memory. Never NULL. */
char *mem_printf(const char *fmt, ...) PRINTF(1, 2);
char *mem_vprintf(const char *fmt, va_list args) PRINTF(1, 0);

#define AUTO_FREE __attribute__((cleanup(mem_free_at)))
static inline void mem_free_at(void *slot)
{
	free(*(void **)slot);
}

#endif
