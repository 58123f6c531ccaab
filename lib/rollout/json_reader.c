/* JSON read in order; the grammar has been checked. */
#include "lib/rollout/json_reader.h"

#include <stdint.h>
#include <string.h>

static char peek(struct json_reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
		r->at++;
	return r->at < r->end ? *r->at : '\0';
}

bool json_reader_open(struct json_reader *r, char bracket)
{
	if (peek(r) != bracket)
		return false;
	r->at++;
	return true;
}

/* Behind the string whose quote is at `at`. */
static const char *string_end(const struct json_reader *r)
{
	const char *p = r->at + 1;

	while (p < r->end && *p != '"')
		p += *p == '\\' && r->end - p > 1 ? 2 : 1;
	return p < r->end ? p + 1 : r->end;
}

/* Takes a comma, if there is one; false at the end of the container. */
static bool next_entry(struct json_reader *r)
{
	char c = peek(r);

	if (c == ',') {
		r->at++;
		c = peek(r);
	}
	if (c != '}' && c != ']' && c != '\0')
		return true;
	if (c != '\0')
		r->at++;
	return false;
}

bool json_reader_name(struct json_reader *r, struct span *ret_name)
{
	const char *end;

	if (!next_entry(r))
		return false;
	end = string_end(r);
	*ret_name = span_from(r->at + 1, (size_t)(end - r->at) - 2);
	r->at = end;
	(void)peek(r);
	r->at++; /* the colon */
	return true;
}

bool json_reader_element(struct json_reader *r)
{
	return next_entry(r);
}

void json_reader_skip(struct json_reader *r)
{
	size_t depth = 0;

	do {
		char c = peek(r);

		if (c == '"') {
			r->at = string_end(r);
			continue;
		}
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		else if (c != ',' && c != ':' && c != '\0')
			while (r->at + 1 < r->end && !strchr(",:}] \t\r\n", r->at[1]))
				r->at++;
		if (r->at < r->end)
			r->at++;
	} while (depth > 0 && r->at < r->end);
}

static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
}

static unsigned take_hex(const char **p)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 4 | hex_digit(*(*p)++);
	return value;
}

static char *put_utf8(char *to, unsigned code)
{
	if (code < 0x80) {
		*to++ = (char)code;
	} else if (code < 0x800) {
		*to++ = (char)(0xC0 | code >> 6);
		*to++ = (char)(0x80 | (code & 0x3F));
	} else if (code < 0x10000) {
		*to++ = (char)(0xE0 | code >> 12);
		*to++ = (char)(0x80 | (code >> 6 & 0x3F));
		*to++ = (char)(0x80 | (code & 0x3F));
	} else {
		*to++ = (char)(0xF0 | code >> 18);
		*to++ = (char)(0x80 | (code >> 12 & 0x3F));
		*to++ = (char)(0x80 | (code >> 6 & 0x3F));
		*to++ = (char)(0x80 | (code & 0x3F));
	}
	return to;
}

/* *p is behind the backslash. */
static char *put_escape(char *to, const char **p)
{
	static const char from[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	char c = *(*p)++;
	unsigned code;

	if (c != 'u') {
		*to = meant[strchr(from, c) - from];
		return to + 1;
	}
	code = take_hex(p);
	if (code >= 0xD800 && code < 0xDC00) { /* the scan saw that its other half follows */
		*p += 2;
		code = 0x10000 + ((code - 0xD800) << 10) + (take_hex(p) - 0xDC00);
	}
	return put_utf8(to, code);
}

struct span json_reader_string(struct json_reader *r)
{
	const char *p, *end;
	char *to = r->room;

	if (peek(r) != '"') {
		json_reader_skip(r);
		return SPAN_NONE;
	}
	end = string_end(r);
	for (p = r->at + 1; p < end - 1;) {
		if (*p != '\\') {
			*to++ = *p++;
			continue;
		}
		p++;
		to = put_escape(to, &p);
	}
	*to = '\0';
	r->at = end;
	p = r->room;
	r->room = to + 1;
	return span_from(p, (size_t)(to - p));
}
