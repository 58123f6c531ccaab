/* Label and field selectors: ports of apimachinery's labels.Parse and fields.ParseSelector. */
#include "lib/kube/selector.h"

#include <stdint.h>
#include <string.h>

enum token { END, IDENTIFIER, IN, NOT_IN, COMMA, OPEN, CLOSE, NOT, EQUAL, NOT_EQUAL, ORDER };

struct lexer {
	struct span rest;
	enum token token; /* the current one, not yet consumed */
	struct span text; /* of an identifier */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(char c)
{
	return c == '=' || c == '!' || c == '(' || c == ')' || c == ',' || c == '>' || c == '<';
}

static void skip(struct span *text, size_t len)
{
	text->at += len;
	text->len -= len;
}

static enum token take_special(struct span *rest)
{
	char c = rest->at[0];
	bool equal_follows = rest->len > 1 && rest->at[1] == '=';

	skip(rest, (c == '=' || c == '!') && equal_follows ? 2 : 1);
	switch (c) {
	case '(':
		return OPEN;
	case ')':
		return CLOSE;
	case ',':
		return COMMA;
	case '!':
		return equal_follows ? NOT_EQUAL : NOT;
	case '=':
		return EQUAL;
	default:
		return ORDER;
	}
}

/*
 * As the server's lexer: a NUL ends an identifier and is swallowed, between tokens it ends the
 * text.
 */
static void advance(struct lexer *l)
{
	size_t len = 0;

	while (l->rest.len && is_blank(l->rest.at[0]))
		skip(&l->rest, 1);
	if (l->rest.len == 0 || l->rest.at[0] == '\0') {
		l->token = END;
		return;
	}
	if (is_special(l->rest.at[0])) {
		l->token = take_special(&l->rest);
		return;
	}
	while (len < l->rest.len && l->rest.at[len] && !is_special(l->rest.at[len]) &&
	       !is_blank(l->rest.at[len]))
		len++;
	l->text = span_from(l->rest.at, len);
	skip(&l->rest, len < l->rest.len && l->rest.at[len] == '\0' ? len + 1 : len);
	l->token = span_equal_str(l->text, "in") ? IN
		   : span_equal_str(l->text, "notin") ? NOT_IN
						      : IDENTIFIER;
}

/* Where the grammar wants a key or value, "in" and "notin" are ordinary words. */
static bool at_word(const struct lexer *l)
{
	return l->token == IDENTIFIER || l->token == IN || l->token == NOT_IN;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9], up to 63. */
static bool is_label_name(struct span text)
{
	if (text.len == 0 || text.len > 63 || !is_alnum(text.at[0]) ||
	    !is_alnum(text.at[text.len - 1]))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!is_alnum(text.at[i]) && !strchr("-_.", text.at[i]))
			return false;
	return memchr(text.at, '\0', text.len) == NULL;
}

static bool is_label_value(struct span text)
{
	return text.len == 0 || is_label_name(text);
}

/* One label of a DNS subdomain: lower case, digits, '-' inside. */
static bool is_dns_label(struct span text)
{
	if (text.len == 0 || text.at[0] == '-' || text.at[text.len - 1] == '-')
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!(text.at[i] == '-' ||
		      (is_alnum(text.at[i]) && !(text.at[i] >= 'A' && text.at[i] <= 'Z'))))
			return false;
	return true;
}

static bool is_subdomain(struct span text)
{
	struct span part;

	if (text.len == 0 || text.len > 253)
		return false;
	while (span_take_part(&text, '.', &part))
		if (!is_dns_label(part))
			return false;
	return true;
}

static bool is_label_key(struct span text)
{
	ptrdiff_t slash = span_find(text, '/');

	if (slash < 0)
		return is_label_name(text);
	return is_subdomain(span_from(text.at, (size_t)slash)) &&
	       is_label_name(span_from(text.at + slash + 1, text.len - (size_t)slash - 1));
}

static bool is_int64(struct span text)
{
	uint64_t value;

	return span_to_u64(text, INT64_MAX, &value) == 0;
}

/* What stands behind "in" or "notin": (a,,b), also "()" and "(,)". */
static bool take_values(struct lexer *l)
{
	if (l->token != OPEN)
		return false;
	advance(l);
	while (l->token != CLOSE) {
		if (at_word(l)) {
			if (!is_label_value(l->text))
				return false;
			advance(l);
			if (l->token == CLOSE)
				break;
		}
		if (l->token != COMMA)
			return false;
		advance(l);
	}
	advance(l);
	return true;
}

/* What stands behind = == != < >: one value, perhaps none. */
static bool take_value(struct lexer *l, bool as_number)
{
	struct span value = SPAN_NONE;

	if (l->token != END && l->token != COMMA) {
		if (!at_word(l))
			return false;
		value = l->text;
		advance(l);
	}
	return is_label_value(value) && (!as_number || is_int64(value));
}

static bool take_requirement(struct lexer *l)
{
	bool must_not_exist = l->token == NOT;
	enum token operator;

	if (must_not_exist)
		advance(l);
	if (!at_word(l) || !is_label_key(l->text))
		return false;
	advance(l);
	if (must_not_exist || l->token == END || l->token == COMMA)
		return true;
	operator = l->token;
	advance(l);
	switch (operator) {
	case IN:
	case NOT_IN:
		return take_values(l);
	case EQUAL:
	case NOT_EQUAL:
		return take_value(l, false);
	case ORDER:
		return take_value(l, true);
	default:
		return false;
	}
}

bool selector_is_label(struct span text)
{
	struct lexer l = { .rest = text };

	advance(&l);
	while (l.token != END) {
		if (!at_word(&l) && l.token != NOT)
			return false;
		if (!take_requirement(&l))
			return false;
		if (l.token == END)
			return true;
		if (l.token != COMMA)
			return false;
		advance(&l);
		if (!at_word(&l) && l.token != NOT)
			return false;
	}
	return true;
}

/* Up to the next ',' that no backslash precedes. False when nothing is left. */
static bool take_term(struct span *rest, struct span *ret_term)
{
	size_t len = 0;

	if (!rest->at)
		return false;
	while (len < rest->len && rest->at[len] != ',')
		len += rest->at[len] == '\\' ? 2 : 1;
	if (len >= rest->len) {
		*ret_term = *rest;
		*rest = SPAN_NONE;
		return true;
	}
	*ret_term = span_from(rest->at, len);
	skip(rest, len + 1);
	return true;
}

/* Splits at the first "!=", "==" or "=". */
static bool split_term(struct span term, struct span *ret_field, bool *ret_equal,
		       struct span *ret_value)
{
	for (size_t i = 0; i < term.len; i++) {
		bool equal_follows = i + 1 < term.len && term.at[i + 1] == '=';

		if (term.at[i] != '=' && !(term.at[i] == '!' && equal_follows))
			continue;
		*ret_field = span_from(term.at, i);
		*ret_equal = term.at[i] == '=';
		*ret_value = span_from(term.at + i, term.len - i);
		skip(ret_value, equal_follows ? 2 : 1);
		return true;
	}
	return false;
}

/* A backslash stands before '\\', ',' or '=' only, and the latter two never without one. */
static bool is_escaped_well(struct span value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] == ',' || value.at[i] == '=')
			return false;
		if (value.at[i] != '\\')
			continue;
		i++;
		if (i == value.len || (value.at[i] != '\\' && value.at[i] != ',' && value.at[i] != '='))
			return false;
	}
	return true;
}

static bool unescape(struct span value, char *into, size_t into_size)
{
	size_t len = 0;

	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] == '\\')
			i++;
		if (len + 1 >= into_size || value.at[i] == '\0')
			return false;
		into[len++] = value.at[i];
	}
	into[len] = '\0';
	return true;
}

static int compare(struct span a, struct span b)
{
	int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool selector_is_field(struct span text, char *into, size_t into_size)
{
	struct span rest = text, term, field, value;
	struct span first = SPAN_NONE, name = SPAN_NONE;
	bool is_equal;

	into[0] = '\0';
	while (take_term(&rest, &term)) {
		if (term.len == 0)
			continue;
		if (!split_term(term, &field, &is_equal, &value) || !is_escaped_well(value))
			return false;
		/* The server sorts the terms and takes the first that names metadata.name. */
		if (!is_equal || !span_equal_str(field, "metadata.name") ||
		    (first.at && compare(first, term) <= 0))
			continue;
		first = term;
		name = value;
	}
	return unescape(name, into, into_size);
}
