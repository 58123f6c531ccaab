/*
 * The grammar of RFC 8259 without cJSON's leniency: white space, numbers, escapes, UTF-8, limits.
 */
#include "lib/format/json_scan.h"

#include <string.h>

#include "lib/format/utf8.h"

struct scan {
	struct span text;
	size_t at;
	size_t items, max_items;
	size_t max_depth;
	struct buf *tokens;
	struct err *e;
};

static int scan_value(struct scan *s, size_t depth);

int json_scan_fail(struct span text, size_t offset, enum err_code code, const char *what,
		   struct err *e)
{
	size_t line = 1, start = 0;

	for (size_t i = 0; i < offset && i < text.len; i++) {
		if (text.at[i] != '\n')
			continue;
		line++;
		start = i + 1;
	}
	return err_set(e, code, "line %zu, column %zu: %s", line, offset - start + 1, what);
}

static int fail(struct scan *s, enum err_code code, const char *what)
{
	return json_scan_fail(s->text, s->at, code, what, s->e);
}

static int peek(const struct scan *s)
{
	return s->at < s->text.len ? (unsigned char)s->text.at[s->at] : -1;
}

static void skip_blanks(struct scan *s)
{
	int c;

	while ((c = peek(s)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		s->at++;
}

static int keep_token(struct scan *s, size_t from)
{
	struct json_token token = { from, s->at - from };

	if (buf_put(s->tokens, &token, sizeof(token)) < 0)
		return fail(s, ERR_NOMEM, "out of memory");
	return 0;
}

static int scan_literal(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if (s->text.len - s->at < len || memcmp(s->text.at + s->at, word, len) != 0)
		return fail(s, ERR_INPUT, "a value is expected: true, false, null, number, string, [ or {");
	s->at += len;
	return 0;
}

/* At least one digit; false when there is none. */
static bool take_digits(struct scan *s)
{
	size_t from = s->at;
	int c;

	while ((c = peek(s)) >= '0' && c <= '9')
		s->at++;
	return s->at > from;
}

static int take_number(struct scan *s)
{
	if (peek(s) == '-')
		s->at++;
	if (peek(s) == '0')
		s->at++; /* nothing but . or e may follow; a digit fails as a missing comma would */
	else if (!take_digits(s))
		return fail(s, ERR_INPUT, "a digit is expected");
	if (peek(s) == '.') {
		s->at++;
		if (!take_digits(s))
			return fail(s, ERR_INPUT, "a digit is expected after the point");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (!take_digits(s))
			return fail(s, ERR_INPUT, "a digit is expected in the exponent");
	}
	return 0;
}

static int scan_number(struct scan *s)
{
	size_t from = s->at;

	if (take_number(s) < 0)
		return -1;
	if (s->at - from > JSON_NUMBER_MAX_LEN)
		return fail(s, ERR_INPUT, "a number has more than 63 characters");
	return keep_token(s, from);
}

/* Reads XXXX behind \u into *ret. */
static int take_hex4(struct scan *s, uint32_t *ret)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++, s->at++) {
		int c = peek(s);

		if (c >= '0' && c <= '9')
			value = value * 16 + (uint32_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value * 16 + (uint32_t)((c | 0x20) - 'a' + 10);
		else
			return fail(s, ERR_INPUT, "four hexadecimal digits are expected after \\u");
	}
	*ret = value;
	return 0;
}

static int scan_unicode(struct scan *s)
{
	uint32_t code, low;

	if (take_hex4(s, &code) < 0)
		return -1;
	if (code == 0)
		return fail(s, ERR_INPUT, "\\u0000 is not accepted in texts");
	if (code < 0xD800 || code > 0xDFFF)
		return 0;
	if (code > 0xDBFF || peek(s) != '\\')
		return fail(s, ERR_INPUT, "half a surrogate pair");
	s->at++;
	if (peek(s) != 'u')
		return fail(s, ERR_INPUT, "half a surrogate pair");
	s->at++;
	if (take_hex4(s, &low) < 0)
		return -1;
	if (low < 0xDC00 || low > 0xDFFF)
		return fail(s, ERR_INPUT, "half a surrogate pair");
	return 0;
}

static int scan_escape(struct scan *s)
{
	int c;

	s->at++;
	c = peek(s);
	if (c == 'u') {
		s->at++;
		return scan_unicode(s);
	}
	if (c <= 0 || !strchr("\"\\/bfnrt", c))
		return fail(s, ERR_INPUT, "unknown escape after \\");
	s->at++;
	return 0;
}

static int scan_string(struct scan *s)
{
	int c;

	s->at++;
	while ((c = peek(s)) != '"') {
		size_t len;

		if (c < 0)
			return fail(s, ERR_INPUT, "the string is not closed");
		if (c < 0x20)
			return fail(s, ERR_INPUT, "control characters need an escape");
		if (c == '\\') {
			if (scan_escape(s) < 0)
				return -1;
			continue;
		}
		len = utf8_char_len(span_from(s->text.at + s->at, s->text.len - s->at));
		if (len == 0)
			return fail(s, ERR_INPUT, "malformed UTF-8");
		s->at += len;
	}
	s->at++;
	return 0;
}

static int scan_member(struct scan *s, size_t depth)
{
	size_t from = s->at;

	if (peek(s) != '"')
		return fail(s, ERR_INPUT, "a member name in quotes is expected");
	if (scan_string(s) < 0 || keep_token(s, from) < 0)
		return -1;
	skip_blanks(s);
	if (peek(s) != ':')
		return fail(s, ERR_INPUT, "':' is expected after a member name");
	s->at++;
	return scan_value(s, depth);
}

/* Elements up to `close`; the opening bracket is at hand. */
static int scan_container(struct scan *s, size_t depth, int close)
{
	if (depth >= s->max_depth)
		return fail(s, ERR_LIMIT, "nested too deep");
	s->at++;
	skip_blanks(s);
	if (peek(s) == close) {
		s->at++;
		return 0;
	}
	for (;;) {
		int c;

		skip_blanks(s);
		if ((close == '}' ? scan_member(s, depth + 1) : scan_value(s, depth + 1)) < 0)
			return -1;
		skip_blanks(s);
		c = peek(s);
		if (c != ',' && c != close)
			return fail(s, ERR_INPUT,
				    close == '}' ? "',' or '}' is expected" : "',' or ']' is expected");
		s->at++;
		if (c == close)
			return 0;
	}
}

static int scan_value(struct scan *s, size_t depth)
{
	skip_blanks(s);
	if (s->max_items && s->items++ >= s->max_items)
		return fail(s, ERR_LIMIT, "too many values");
	switch (peek(s)) {
	case '{':
		return scan_container(s, depth, '}');
	case '[':
		return scan_container(s, depth, ']');
	case '"':
		return scan_string(s);
	case 't':
		return scan_literal(s, "true");
	case 'f':
		return scan_literal(s, "false");
	case '-': case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		return scan_number(s);
	default:
		return scan_literal(s, "null");
	}
}

int json_scan(struct span text, struct json_limits limits, struct buf *tokens, struct err *e)
{
	struct scan s = { .text = text, .max_items = limits.max_items, .tokens = tokens, .e = e };

	s.max_depth = limits.max_depth < JSON_DEPTH_CEILING ? limits.max_depth : JSON_DEPTH_CEILING;
	if (text.len > limits.max_len)
		return err_set(e, ERR_LIMIT, "JSON of %zu bytes; at most %zu are accepted", text.len,
			       limits.max_len);
	if (scan_value(&s, 0) < 0)
		return -1;
	skip_blanks(&s);
	if (s.at < text.len)
		return fail(&s, ERR_INPUT, "something follows the value");
	return 0;
}

bool json_number_valid(struct span text)
{
	struct err ignored;
	struct scan s = { .text = text, .e = &ignored };

	return text.len <= JSON_NUMBER_MAX_LEN && take_number(&s) == 0 && s.at == text.len;
}
