/* Lists of words: NULL-terminated arrays of strings. */
#include "lib/gate/words.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

void words_free(char **words)
{
	for (char **word = words; word && *word; word++)
		free(*word);
	free(words);
}

size_t words_count(const char *const *words)
{
	size_t count = 0;

	while (words && words[count])
		count++;
	return count;
}

bool words_have(const char *const *words, const char *word)
{
	for (; words && *words; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

bool words_equal(const char *const *a, const char *const *b)
{
	for (const char *const *word = a; word && *word; word++)
		if (!words_have(b, *word))
			return false;
	return words_count(a) == words_count(b);
}

char **words_dup(const char *const *words)
{
	size_t count = words_count(words);
	char **copy = mem_new_array(count + 1, sizeof(*copy));

	for (size_t i = 0; i < count; i++)
		copy[i] = mem_dup_str(words[i]);
	return copy;
}

void words_add(char ***words, size_t count, const char *word)
{
	*words = mem_grow(*words, count + 2, sizeof(**words));
	(*words)[count] = mem_dup_str(word);
	(*words)[count + 1] = NULL;
}
