/* Edit distance with swaps (optimal string alignment) over short words. */
#include "lib/base/nearest.h"

#include <string.h>

#define WORD_MAX 64

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Rows of the distance table for the first i letters of a; only the last three are kept. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][WORD_MAX + 1];

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = least(change, least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
		}
	}
	return rows[a_len % 3][b_len];
}

const char *nearest_name(const char *word, const char *const *names, size_t n)
{
	size_t len = strlen(word);
	size_t best = len / 3 > 1 ? len / 3 : 1;
	const char *found = NULL;

	if (len == 0 || len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t name_len = strlen(names[i]);
		size_t distance;

		if (name_len > WORD_MAX)
			continue;
		distance = edit_distance(word, len, names[i], name_len);
		if (len >= 2 && name_len > len && memcmp(word, names[i], len) == 0)
			distance = 1;
		if (distance < len && (distance < best || (distance == best && found == NULL))) {
			best = distance;
			found = names[i];
		}
	}
	return found;
}
