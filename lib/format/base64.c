/* Base64, strict in both alphabets. */
#include "lib/format/base64.h"

#include <stdint.h>
#include <string.h>

static const char *const alphabets[] = {
	[BASE64_STD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	[BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

/* Bytes in a group of 2, 3 or 4 characters: one less. */
static void encode_group(const uint8_t *at, size_t count, const char *letters, char out[4])
{
	uint32_t bits = (uint32_t)at[0] << 16;

	if (count > 1)
		bits |= (uint32_t)at[1] << 8;
	if (count > 2)
		bits |= at[2];
	for (size_t i = 0; i < 4; i++)
		out[i] = i <= count ? letters[bits >> (18 - 6 * i) & 63] : '=';
}

void base64_encode(struct span bytes, enum base64_alphabet alphabet, struct buf *into)
{
	const uint8_t *at = (const uint8_t *)bytes.at;

	for (size_t left = bytes.len; left;) {
		size_t count = left < 3 ? left : 3;
		char out[4];

		encode_group(at, count, alphabets[alphabet], out);
		buf_put(into, out, alphabet == BASE64_URL ? count + 1 : 4);
		at += count;
		left -= count;
	}
}

static int value_of(char c, enum base64_alphabet alphabet)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == alphabets[alphabet][62])
		return 62;
	return c == alphabets[alphabet][63] ? 63 : -1;
}

/* 1 to 4 characters into bytes; the count of bytes, or -1. */
static int decode_group(const char *at, size_t count, enum base64_alphabet alphabet, char out[3])
{
	uint32_t bits = 0;

	if (count == 1)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		int value = i < count ? value_of(at[i], alphabet) : 0;

		if (value < 0)
			return -1;
		bits = bits << 6 | (uint32_t)value;
	}
	if (bits & (count == 2 ? 0xFFFF : count == 3 ? 0xFF : 0))
		return -1; /* bits that no byte takes must be zero, or two texts would mean the same */
	out[0] = (char)(bits >> 16);
	out[1] = (char)(bits >> 8);
	out[2] = (char)bits;
	return (int)count - 1;
}

static size_t without_padding(struct span text)
{
	size_t len = text.len;

	for (int i = 0; i < 2 && len && text.at[len - 1] == '='; i++)
		len--;
	return len;
}

static int decode_all(struct span text, enum base64_alphabet alphabet, struct buf *into)
{
	for (size_t at = 0; at < text.len; at += 4) {
		size_t count = text.len - at < 4 ? text.len - at : 4;
		char out[3];
		int len = decode_group(text.at + at, count, alphabet, out);

		if (len < 0)
			return -1;
		buf_put(into, out, (size_t)len);
	}
	return 0;
}

int base64_decode(struct span text, enum base64_alphabet alphabet, struct buf *into, struct err *e)
{
	size_t len_before = into->len;

	if (alphabet == BASE64_STD && text.len % 4)
		return err_set(e, ERR_INPUT, "base64 of %zu characters: a multiple of four is expected",
			       text.len);
	if (alphabet == BASE64_STD)
		text.len = without_padding(text);
	if (decode_all(text, alphabet, into) < 0) {
		into->len = len_before;
		return err_set(e, ERR_INPUT, "not canonical base64%s",
			       alphabet == BASE64_URL ? "url without padding" : "");
	}
	return buf_ok(into, "the decoded base64", e);
}
