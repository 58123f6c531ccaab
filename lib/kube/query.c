/* Paths and queries as Go's net/url reads them. */
#include "lib/kube/query.h"

#include <string.h>

#include "lib/kube/request_info.h"

int query_split_target(struct span target, struct span *ret_path, struct span *ret_query,
		       struct err *e)
{
	ptrdiff_t mark = span_find(target, '?');
	struct span path = mark < 0 ? target : span_from(target.at, (size_t)mark);

	if (path.len == 0 || path.at[0] != '/')
		return err_set(e, ERR_INPUT, "the request's target does not start with '/'");
	if (path.len > REQUEST_PATH_MAX)
		return err_set(e, ERR_LIMIT, "the request's path has %zu bytes, at most %d are taken",
			       path.len, REQUEST_PATH_MAX);
	for (size_t i = 0; i < target.len; i++)
		if ((unsigned char)target.at[i] < 0x20 || target.at[i] == 0x7f)
			return err_set(e, ERR_INPUT, "the request's target holds a control character");
	*ret_path = path;
	*ret_query = mark < 0 ? SPAN_NONE
			      : span_from(target.at + mark + 1, target.len - (size_t)mark - 1);
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that an escape at `at` means, or -1. */
static int escaped_byte(struct span raw, size_t at)
{
	int high, low;

	if (raw.len - at < 3)
		return -1;
	high = hex_digit(raw.at[at + 1]);
	low = hex_digit(raw.at[at + 2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

int query_decode(struct span raw, enum query_part part, char *into, size_t *ret_len)
{
	size_t len = 0;

	for (size_t i = 0; i < raw.len; i++) {
		char c = raw.at[i];

		if (c == '%') {
			int byte = escaped_byte(raw, i);

			if (byte < 0)
				return -1;
			c = (char)byte;
			i += 2;
		} else if (c == '+' && part == QUERY_VALUE) {
			c = ' ';
		}
		into[len++] = c;
	}
	*ret_len = len;
	return 0;
}

static bool has_bad_escape(struct span raw)
{
	for (size_t i = 0; i < raw.len; i++)
		if (raw.at[i] == '%' && escaped_byte(raw, i) < 0)
			return true;
	return false;
}

/* Whether the encoded name decodes to `name`. */
static bool is_name(struct span raw, const char *name)
{
	char text[64];
	size_t len;

	if (raw.len > sizeof(text) || query_decode(raw, QUERY_VALUE, text, &len))
		return false; /* none of the names asked for is that long, however encoded */
	return span_equal_str(span_from(text, len), name);
}

static void note_pair(struct span pair, const char *const *names, size_t count,
		      struct query_value *values)
{
	ptrdiff_t equals = span_find(pair, '=');
	struct span name = equals < 0 ? pair : span_from(pair.at, (size_t)equals);
	struct span value = equals < 0 ? span_from(pair.at, 0)
				       : span_from(pair.at + equals + 1, pair.len - (size_t)equals - 1);

	if (pair.len == 0 || span_find(pair, ';') >= 0 || has_bad_escape(pair))
		return;
	for (size_t i = 0; i < count; i++)
		if (!values[i].is_there && is_name(name, names[i]))
			values[i] = (struct query_value){ true, value };
}

int query_find(struct span query, const char *const *names, size_t count,
	       struct query_value *ret_values, struct err *e)
{
	struct span pair;
	size_t pairs = 0;

	memset(ret_values, 0, count * sizeof(*ret_values));
	while (span_take_part(&query, '&', &pair)) {
		if (++pairs > QUERY_PAIRS_MAX)
			return err_set(e, ERR_LIMIT, "the request's query has more than %d parameters",
				       QUERY_PAIRS_MAX);
		note_pair(pair, names, count, ret_values);
	}
	return 0;
}

bool query_value_copy(const struct query_value *v, char *into, size_t into_size)
{
	size_t len;

	if (v->raw.len >= into_size || query_decode(v->raw, QUERY_VALUE, into, &len) ||
	    memchr(into, '\0', len))
		return false;
	into[len] = '\0';
	return true;
}

bool query_value_is_true(const struct query_value *v, bool fold_unicode)
{
	char text[64];
	size_t len;

	if (!v->is_there)
		return false;
	if (v->raw.len > sizeof(text) || query_decode(v->raw, QUERY_VALUE, text, &len))
		return true;
	if (span_equal(span_from(text, len), SPAN("0")) ||
	    span_equal_nocase(span_from(text, len), SPAN("false")))
		return false;
	return !(fold_unicode && len == 6 && span_equal_nocase(span_from(text, 3), SPAN("fal")) &&
		 memcmp(text + 3, "\xc5\xbf", 2) == 0 && (text[5] | 0x20) == 'e');
}
