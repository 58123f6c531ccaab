/* The name that a mistyped word was probably meant to be. */
#ifndef MK8S_BASE_NEAREST_H
#define MK8S_BASE_NEAREST_H

#include <stddef.h>

/*
 * The one of `names` with the smallest edit distance to `word` (a swap of neighbours counts as one
 * edit; of equals the first), borrowed from `names`. NULL when nothing is near: more than a third
 * of the word's letters (at least one, never all) would change, or the word is empty or longer
 * than 64 bytes. A name that the word is a beginning of, of two letters or more, counts as one
 * edit away.
 */
const char *nearest_name(const char *word, const char *const *names, size_t n);

#endif
