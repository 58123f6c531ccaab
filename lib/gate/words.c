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

void words_add(char ***words, size_t count, const char *word)
{
	*words = mem_grow(*words, count + 2, sizeof(**words));
	(*words)[count] = mem_dup_str(word);
	(*words)[count + 1] = NULL;
}
