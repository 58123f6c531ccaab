/* A borrowed run of bytes: comparing, splitting, copying. */
#include "lib/base/span.h"

#include <string.h>
#include <strings.h>

#include "lib/base/mem.h"

struct span span_of(const char *text)
{
	return (struct span){ text, text ? strlen(text) : 0 };
}

struct span span_from(const void *at, size_t len)
{
	return (struct span){ at, len };
}

bool span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool span_equal_str(struct span a, const char *text)
{
	return span_equal(a, span_of(text));
}

bool span_equal_nocase(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || strncasecmp(a.at, b.at, a.len) == 0);
}

bool span_starts(struct span text, struct span with)
{
	return text.len >= with.len && span_equal((struct span){ text.at, with.len }, with);
}

bool span_ends(struct span text, struct span with)
{
	return text.len >= with.len &&
	       span_equal((struct span){ text.at + (text.len - with.len), with.len }, with);
}

ptrdiff_t span_find(struct span text, char c)
{
	const char *found = text.len ? memchr(text.at, c, text.len) : NULL;

	return found ? found - text.at : -1;
}

struct span span_trim(struct span text)
{
	while (text.len && (text.at[0] == ' ' || text.at[0] == '\t'))
		text = (struct span){ text.at + 1, text.len - 1 };
	while (text.len && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
		text.len--;
	return text;
}

bool span_take_part(struct span *rest, char separator, struct span *ret_part)
{
	ptrdiff_t end;

	if (!rest->at)
		return false;
	end = span_find(*rest, separator);
	if (end < 0) {
		*ret_part = *rest;
		*rest = SPAN_NONE;
		return true;
	}
	*ret_part = (struct span){ rest->at, (size_t)end };
	*rest = (struct span){ rest->at + end + 1, rest->len - (size_t)end - 1 };
	return true;
}

int span_to_u64(struct span text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (text.len == 0)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		uint64_t digit = (uint64_t)(unsigned char)text.at[i] - '0';

		if (digit > 9 || value > (UINT64_MAX - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	if (value > max)
		return -1;
	*ret_value = value;
	return 0;
}

char *span_dup(struct span text)
{
	return mem_dup(text.at, text.len);
}

int span_to_str(struct span text, char *into, size_t into_size)
{
	if (text.len >= into_size || span_find(text, '\0') >= 0)
		return -1;
	if (text.len)
		memcpy(into, text.at, text.len);
	into[text.len] = '\0';
	return 0;
}
