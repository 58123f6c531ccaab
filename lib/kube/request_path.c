/*
 * Our policy on request-targets: only what every parser reads alike; and single query parameters.
 */
#include <string.h>

#include "lib/format/utf8.h"
#include "lib/kube/query.h"
#include "lib/kube/request_info.h"

static int bad_path(struct err *e, const char *why)
{
	return err_set(e, ERR_INPUT, "the request's path is not canonical: %s", why);
}

static int check_raw(struct span path, struct err *e)
{
	for (size_t i = 0; i < path.len; i++)
		if (strchr(" ;\\#", path.at[i]))
			return bad_path(e, "it holds a blank, ';', '\\' or '#'");
	return 0;
}

/* `decoded` against `raw`: what an escape may not stand for. */
static int check_escapes(struct span raw, struct err *e)
{
	for (size_t i = 0; i < raw.len; i++) {
		char byte;
		size_t len;

		if (raw.at[i] != '%')
			continue;
		if (query_decode(span_from(raw.at + i, raw.len - i < 3 ? raw.len - i : 3),
				 QUERY_PATH, &byte, &len))
			return bad_path(e, "it holds a % without two hex digits");
		if ((unsigned char)byte < 0x20 || byte == 0x7f || strchr("/\\;%", byte))
			return bad_path(e, "an escape hides '/', '\\', ';', '%' or a control character");
		i += 2;
	}
	return 0;
}

static int check_segments(struct span decoded, struct err *e)
{
	struct span rest = span_from(decoded.at + 1, decoded.len - 1), part;

	if (rest.len && rest.at[rest.len - 1] == '/')
		rest.len--;
	else if (rest.len == 0)
		return 0;
	while (span_take_part(&rest, '/', &part))
		if (part.len == 0 || span_equal_str(part, ".") || span_equal_str(part, ".."))
			return bad_path(e, "it has an empty, '.' or '..' segment");
	return 0;
}

static int check_query(struct span query, struct err *e)
{
	char pair_text[3];
	size_t len;

	for (size_t i = 0; i < query.len; i++) {
		if (query.at[i] == '#' || query.at[i] == ' ')
			return err_set(e, ERR_INPUT, "the request's query holds a blank or '#'");
		if (query.at[i] != '%')
			continue;
		if (query_decode(span_from(query.at + i, query.len - i < 3 ? query.len - i : 3),
				 QUERY_VALUE, pair_text, &len))
			return err_set(e, ERR_INPUT,
				       "the request's query holds a %% without two hex digits");
	}
	return 0;
}

int request_path_check(struct span target, struct err *e)
{
	char text[REQUEST_PATH_MAX];
	struct span path, query, decoded;

	if (query_split_target(target, &path, &query, e) || check_raw(path, e) ||
	    check_escapes(path, e))
		return -1;
	(void)query_decode(path, QUERY_PATH, text, &decoded.len); /* its escapes are good */
	decoded.at = text;
	if (!utf8_valid(decoded))
		return bad_path(e, "it is no UTF-8");
	return check_segments(decoded, e) ? -1 : check_query(query, e);
}

static bool find_value(struct span target, const char *name, struct query_value *ret)
{
	struct err e = { 0 };
	struct span path, query;

	return query_split_target(target, &path, &query, &e) == 0 &&
	       query_find(query, &name, 1, ret, &e) == 0;
}

bool request_query_value(struct span target, const char *name, char *into, size_t into_size)
{
	struct query_value value;

	return find_value(target, name, &value) && value.is_there &&
	       query_value_copy(&value, into, into_size);
}

bool request_query_bool(struct span target, const char *name)
{
	struct query_value value;

	return find_value(target, name, &value) && query_value_is_true(&value, true);
}
