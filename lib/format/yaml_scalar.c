/*
 * What a plain YAML scalar means: nulls, booleans, numbers, and what older readers take for them.
 */
#include "lib/format/yaml_scalar.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/format/hex.h"
#include "lib/format/json.h"

static const struct word {
	const char *text;
	enum yaml_scalar means; /* here; what is STRING is a bool or a merge to others */
} words[] = {
	{ "", YAML_SCALAR_NULL },          { "~", YAML_SCALAR_NULL },
	{ "null", YAML_SCALAR_NULL },      { "Null", YAML_SCALAR_NULL },
	{ "NULL", YAML_SCALAR_NULL },      { "true", YAML_SCALAR_TRUE },
	{ "True", YAML_SCALAR_TRUE },      { "TRUE", YAML_SCALAR_TRUE },
	{ "false", YAML_SCALAR_FALSE },    { "False", YAML_SCALAR_FALSE },
	{ "FALSE", YAML_SCALAR_FALSE },    { ".nan", YAML_SCALAR_NOT_FINITE },
	{ ".NaN", YAML_SCALAR_NOT_FINITE },  { ".NAN", YAML_SCALAR_NOT_FINITE },
	{ ".inf", YAML_SCALAR_NOT_FINITE },  { ".Inf", YAML_SCALAR_NOT_FINITE },
	{ ".INF", YAML_SCALAR_NOT_FINITE },  { "+.inf", YAML_SCALAR_NOT_FINITE },
	{ "+.Inf", YAML_SCALAR_NOT_FINITE }, { "+.INF", YAML_SCALAR_NOT_FINITE },
	{ "-.inf", YAML_SCALAR_NOT_FINITE }, { "-.Inf", YAML_SCALAR_NOT_FINITE },
	{ "-.INF", YAML_SCALAR_NOT_FINITE }, { "y", YAML_SCALAR_STRING },
	{ "Y", YAML_SCALAR_STRING },       { "yes", YAML_SCALAR_STRING },
	{ "Yes", YAML_SCALAR_STRING },     { "YES", YAML_SCALAR_STRING },
	{ "on", YAML_SCALAR_STRING },      { "On", YAML_SCALAR_STRING },
	{ "ON", YAML_SCALAR_STRING },      { "n", YAML_SCALAR_STRING },
	{ "N", YAML_SCALAR_STRING },       { "no", YAML_SCALAR_STRING },
	{ "No", YAML_SCALAR_STRING },      { "NO", YAML_SCALAR_STRING },
	{ "off", YAML_SCALAR_STRING },     { "Off", YAML_SCALAR_STRING },
	{ "OFF", YAML_SCALAR_STRING },     { "<<", YAML_SCALAR_STRING },
};

static const struct word *find_word(const char *text)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].text, text) == 0)
			return &words[i];
	return NULL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *at)
{
	while (is_digit(*at))
		at++;
	return at;
}

/* The base that a prefix names and where its digits start; 0 for decimal. */
static unsigned base_of(const char *text, const char **ret_digits)
{
	*ret_digits = text + 2;
	if (text[0] != '0' || text[1] == '\0')
		return 0;
	if (text[1] == 'x' || text[1] == 'X')
		return 16;
	if (text[1] == 'o' || text[1] == 'O')
		return 8;
	if (text[1] == 'b' || text[1] == 'B')
		return 2;
	*ret_digits = text + 1;
	return 8;
}

/* An unsigned integer with a base prefix; false when it is none or above 64 bits. */
static bool read_based(const char *text, uint64_t *ret)
{
	const char *digits;
	unsigned base = base_of(text, &digits);
	uint64_t value = 0;

	if (base == 0 || *digits == '\0')
		return false;
	for (; *digits; digits++) {
		int digit = hex_digit(*digits);

		if (digit < 0 || (unsigned)digit >= base || value > (UINT64_MAX - (unsigned)digit) / base)
			return false;
		value = value * base + (unsigned)digit;
	}
	*ret = value;
	return true;
}

/*
 * The parts of an unsigned YAML float: digits[.digits][e[+-]digits], with a digit before or after
 * the point.
 */
struct parts {
	struct span whole, fraction, exponent;
};

static bool read_parts(const char *text, struct parts *ret)
{
	const char *end = skip_digits(text);

	*ret = (struct parts){ .whole = span_from(text, (size_t)(end - text)) };
	if (*end == '.') {
		const char *from = end + 1;

		end = skip_digits(from);
		ret->fraction = span_from(from, (size_t)(end - from));
	}
	if (ret->whole.len == 0 && ret->fraction.len == 0)
		return false;
	if (*end == 'e' || *end == 'E') {
		const char *from = end++;

		end += *end == '+' || *end == '-';
		if (!is_digit(*end))
			return false;
		end = skip_digits(end);
		ret->exponent = span_from(from, (size_t)(end - from));
	}
	return *end == '\0';
}

/* Writes a float as JSON wants it; false when that is too long. */
static bool write_parts(const struct parts *parts, bool minus, char number[YAML_NUMBER_SIZE])
{
	struct span whole = parts->whole;
	int len;

	while (whole.len > 1 && whole.at[0] == '0')
		whole = span_from(whole.at + 1, whole.len - 1);
	len = snprintf(number, YAML_NUMBER_SIZE, "%s%.*s%s%.*s%.*s", minus ? "-" : "",
		       whole.len ? (int)whole.len : 1, whole.len ? whole.at : "0",
		       parts->fraction.len ? "." : "", SPAN_ARG(parts->fraction),
		       SPAN_ARG(parts->exponent));
	return len < YAML_NUMBER_SIZE && json_number_valid(span_of(number));
}

static bool read_number(const char *text, char number[YAML_NUMBER_SIZE])
{
	bool minus = text[0] == '-';
	struct parts parts;
	uint64_t value;

	if (json_number_valid(span_of(text)))
		return span_to_str(span_of(text), number, YAML_NUMBER_SIZE) == 0;
	text += minus || text[0] == '+';
	if (read_based(text, &value))
		return snprintf(number, YAML_NUMBER_SIZE, "%s%" PRIu64, minus ? "-" : "", value) > 0;
	return read_parts(text, &parts) && write_parts(&parts, minus, number);
}

enum yaml_scalar yaml_scalar_read(const char *text, char number[YAML_NUMBER_SIZE])
{
	const struct word *word = find_word(text);

	if (word)
		return word->means;
	return read_number(text, number) ? YAML_SCALAR_NUMBER : YAML_SCALAR_STRING;
}

/* `count` digits at most, at least one; then one of `ends` (NUL may be one), which is skipped. */
static bool take_part(const char **at, size_t max_digits, const char *ends, size_t ends_len)
{
	const char *end = skip_digits(*at);

	if (end == *at || (size_t)(end - *at) > max_digits || !memchr(ends, *end, ends_len))
		return false;
	*at = *end ? end + 1 : end;
	return true;
}

/* 2001-1-2, with or without a time behind; a superset of what YAML 1.1 calls a timestamp. */
static bool is_timestamp(const char *at)
{
	if (skip_digits(at) - at != 4 || !take_part(&at, 4, "-", 1) || !take_part(&at, 2, "-", 1) ||
	    !take_part(&at, 2, "Tt ", 4))
		return false;
	if (*at == '\0')
		return true;
	if (!take_part(&at, 2, ":", 1) || !take_part(&at, 2, ":", 1))
		return false;
	return take_part(&at, 2, ".Zz+-", 6);
}

/* 12:30:45 with each part after the first below 60: a number to YAML 1.1. */
static bool is_base60(const char *at)
{
	bool colons = false;

	at += *at == '-' || *at == '+';
	if (!is_digit(*at))
		return false;
	while (is_digit(*at) || *at == '_')
		at++;
	while (*at == ':') {
		const char *part = at + 1, *end = skip_digits(part);

		if (end == part || end - part > 2 || (end - part == 2 && *part > '5'))
			return false;
		at = end;
		colons = true;
	}
	if (*at == '.')
		for (at++; is_digit(*at) || *at == '_';)
			at++;
	return colons && *at == '\0';
}

/* Older readers skip _ in numbers. */
static bool is_old_number(const char *text)
{
	char plain[YAML_NUMBER_SIZE], number[YAML_NUMBER_SIZE];
	size_t len = 0;

	if (!is_digit(text[0]) && text[0] != '-' && text[0] != '+' && text[0] != '.')
		return false;
	for (; *text; text++) {
		if (len == sizeof(plain) - 1)
			return false;
		if (*text != '_')
			plain[len++] = *text;
	}
	plain[len] = '\0';
	return read_number(plain, number);
}

bool yaml_scalar_needs_quotes(const char *text)
{
	return find_word(text) || is_old_number(text) || is_timestamp(text) || is_base60(text);
}
