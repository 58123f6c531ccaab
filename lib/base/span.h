/* A borrowed run of bytes with its length: how everything from outside travels. */
#ifndef MK8S_BASE_SPAN_H
#define MK8S_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const char *at; /* borrowed; may be NULL when len is 0; no NUL behind it */
	size_t len;
};

#define SPAN_NONE ((struct span){ NULL, 0 })
/* A span over a string literal. */
#define SPAN(literal) ((struct span){ literal, sizeof(literal) - 1 })
/* For "%.*s". */
#define SPAN_ARG(span) (int)(span).len, (span).at

/* A span over a string; NULL gives an empty one. */
struct span span_of(const char *text);
struct span span_from(const void *at, size_t len);

/* Public bytes only: not in constant time (see secret_equal). */
bool span_equal(struct span a, struct span b);
bool span_equal_str(struct span a, const char *text);
/* ASCII letters compare without case. */
bool span_equal_nocase(struct span a, struct span b);
bool span_starts(struct span text, struct span with);
bool span_ends(struct span text, struct span with);

/* Offset of `c`, or -1. */
ptrdiff_t span_find(struct span text, char c);

/* Without blanks and tabs at both ends. */
struct span span_trim(struct span text);

/*
 * Takes the part up to the next `separator` off the front of `*rest` into `*ret_part` and drops
 * the separator. False when nothing is left (`rest->at` is NULL); "a,,b," gives "a", "", "b", "".
 */
bool span_take_part(struct span *rest, char separator, struct span *ret_part);

/* Decimal digits only, within 0..max. 0 or -1; the caller writes the sentence. */
int span_to_u64(struct span text, uint64_t max, uint64_t *ret_value);

/*
 * A copy with a NUL behind it; the caller frees it. Bytes may include NUL: check where it matters.
 */
char *span_dup(struct span text);

/* Copies into `into` with a NUL; -1 when it does not fit or holds a NUL byte. */
int span_to_str(struct span text, char *into, size_t into_size);

#endif
