/*
 * Lists of words: NULL-terminated arrays of strings, as roles and documents hold them. NULL is an
 * empty list.
 */
#ifndef MK8S_GATE_WORDS_H
#define MK8S_GATE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* Frees list and words; takes NULL. */
void words_free(char **words);
size_t words_count(const char *const *words);
/* Whether two lists without doubles hold the same words, in any order. */
bool words_equal(const char *const *a, const char *const *b);
bool words_have(const char *const *words, const char *word);
/* A copy that the caller owns; never NULL. */
char **words_dup(const char *const *words);
/*
 * Appends a copy of `word` to the list at `*words`, which may be NULL. `count` is what it holds
 * now.
 */
void words_add(char ***words, size_t count, const char *word);

#endif
