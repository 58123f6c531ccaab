/* UTF-8 as RFC 3629 defines it. */
#include "lib/format/utf8.h"

/* The table of RFC 3629 section 4: what may follow the first byte narrows the second one. */
static const struct lead {
	unsigned char first, last;          /* range of the first byte */
	unsigned char second_min, second_max;
	size_t len;
} leads[] = {
	{ 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 }, { 0xE1, 0xEC, 0x80, 0xBF, 3 },
	{ 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 }, { 0xF0, 0xF0, 0x90, 0xBF, 4 },
	{ 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
};

static const struct lead *find_lead(unsigned char byte)
{
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
		if (byte >= leads[i].first && byte <= leads[i].last)
			return &leads[i];
	return NULL;
}

size_t utf8_char_len(struct span text)
{
	const unsigned char *at = (const unsigned char *)text.at;
	const struct lead *lead;

	if (text.len == 0)
		return 0;
	if (at[0] < 0x80)
		return 1;
	lead = find_lead(at[0]);
	if (!lead || text.len < lead->len || at[1] < lead->second_min || at[1] > lead->second_max)
		return 0;
	for (size_t i = 2; i < lead->len; i++)
		if ((at[i] & 0xC0) != 0x80)
			return 0;
	return lead->len;
}

size_t utf8_find_bad(struct span text)
{
	size_t at = 0, len;

	while (at < text.len && (len = utf8_char_len(span_from(text.at + at, text.len - at))) > 0)
		at += len;
	return at;
}

bool utf8_valid(struct span text)
{
	return utf8_find_bad(text) == text.len;
}
