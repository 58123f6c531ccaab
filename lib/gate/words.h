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
bool words_have(const char *const *words, const char *word);
/*
 * Appends a copy of `word` to the list at `*words`, which may be NULL. `count` is what it holds
 * now.
 */
void words_add(char ***words, size_t count, const char *word);

#endif
