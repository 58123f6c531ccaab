/* Bytes as lower-case hexadecimal digits. */
#include "lib/format/hex.h"

void hex_encode(const void *bytes, size_t len, char *into)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++) {
		*into++ = digits[at[i] >> 4];
		*into++ = digits[at[i] & 15];
	}
	*into = '\0';
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(struct span text, void *into, size_t len)
{
	uint8_t *out = into;

	if (text.len % 2 || text.len / 2 != len)
		return -1;
	for (size_t i = 0; i < text.len; i++)
		if (hex_digit(text.at[i]) < 0)
			return -1;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(hex_digit(text.at[2 * i]) << 4 | hex_digit(text.at[2 * i + 1]));
	return 0;
}
