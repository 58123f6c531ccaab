/* Finds the route of a request in const tables. */
#include "lib/net/route.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/format/url.h"
#include "lib/format/utf8.h"

struct route_path {
	struct span segment[ROUTE_SEGMENT_MAX]; /* decoded, into `text` */
	bool is_bad[ROUTE_SEGMENT_MAX];
	size_t count; /* ROUTE_SEGMENT_MAX + 1 when there are more */
	struct buf text;
};

static bool route_segment_ok(struct span segment)
{
	if (segment.len == 0 || span_equal_str(segment, ".") || span_equal_str(segment, ".."))
		return false;
	for (size_t i = 0; i < segment.len; i++)
		if ((unsigned char)segment.at[i] < 0x20 || segment.at[i] == 0x7f ||
		    segment.at[i] == '/')
			return false;
	return utf8_valid(segment);
}

static void route_path_split(struct span path, struct route_path *ret)
{
	size_t start[ROUTE_SEGMENT_MAX], end[ROUTE_SEGMENT_MAX];
	struct span rest = { path.at + 1, path.len - 1 }, part;
	struct err ignored;

	ret->count = 0;
	buf_init(&ret->text, path.len);
	while (path.len > 1 && ret->count <= ROUTE_SEGMENT_MAX &&
	       span_take_part(&rest, '/', &part)) {
		size_t at = ret->count++;

		if (at == ROUTE_SEGMENT_MAX) /* one more says that there are more */
			break;
		start[at] = ret->text.len;
		ret->is_bad[at] = url_decode(part, URL_PATH, &ret->text, &ignored) < 0;
		end[at] = ret->text.len;
	}
	for (size_t i = 0; i < ret->count && i < ROUTE_SEGMENT_MAX; i++) {
		/* only now does the text stay where it is */
		ret->segment[i] =
			span_from(ret->text.at ? ret->text.at + start[i] : "", end[i] - start[i]);
		ret->is_bad[i] = ret->is_bad[i] || !route_segment_ok(ret->segment[i]);
	}
}

/* How well a pattern fits: 0 not at all; a literal counts more than a parameter, that more than
 * "*", leftmost first. */
static unsigned route_rank(const char *pattern, const struct route_path *path)
{
	struct span rest = span_of(pattern + 1), part;
	unsigned rank = 1U << (2 * (ROUTE_SEGMENT_MAX + 1));
	size_t at = 0;

	for (; rest.len > 0 && span_take_part(&rest, '/', &part); at++) {
		unsigned shift = 2 * (ROUTE_SEGMENT_MAX - (unsigned)at);

		if (span_equal_str(part, "*"))
			return rank | 1U << shift;
		assert(at < ROUTE_SEGMENT_MAX);
		if (at >= path->count || path->is_bad[at] ||
		    (part.at[0] != '{' && !span_equal(part, path->segment[at])))
			return 0;
		rank |= (part.at[0] == '{' ? 2U : 3U) << shift;
	}
	return at == path->count ? rank : 0;
}

static bool route_serves(const struct route *route, struct span method)
{
	return span_equal_str(method, route->method) || strcmp(route->method, "*") == 0 ||
	       (span_equal_str(method, "HEAD") && strcmp(route->method, "GET") == 0);
}

static void route_allow_one(char *allow, size_t allow_size, const char *method)
{
	size_t len = strlen(allow);

	if (strstr(allow, method)) /* no method that is served is a part of another */
		return;
	(void)snprintf(allow + len, allow_size - len, "%s%s", len ? ", " : "", method);
}

static void route_allow(struct route_match *ret, const struct route *route)
{
	route_allow_one(ret->allow, sizeof(ret->allow), route->method);
	if (strcmp(route->method, "GET") == 0)
		route_allow_one(ret->allow, sizeof(ret->allow), "HEAD");
}

/* Copies the parameters as strings; -1 when they are too long together. */
static int route_params(struct route_match *ret, const struct route_path *path, struct err *e)
{
	struct span rest = span_of(ret->route->pattern + 1), part;
	size_t used = 0, param = 0;

	for (size_t at = 0; at < ROUTE_SEGMENT_MAX && span_take_part(&rest, '/', &part); at++) {
		if (part.len == 0 || part.at[0] != '{')
			continue;
		assert(param < ROUTE_PARAM_MAX);
		if (span_to_str(path->segment[at], ret->text + used, sizeof(ret->text) - used) < 0)
			return err_set(e, ERR_INPUT,
				       "the parts of the path are longer than %d bytes",
				       ROUTE_TEXT_SIZE);
		ret->param[param++] = ret->text + used;
		used += path->segment[at].len + 1;
	}
	return 0;
}

static enum route_verdict route_refuse(const struct route_path *path, struct route_match *ret,
				       struct err *e)
{
	if (ret->allow[0])
		return ROUTE_OTHER_METHOD;
	for (size_t i = 0; i < path->count && i < ROUTE_SEGMENT_MAX; i++) {
		if (!path->is_bad[i])
			continue;
		(void)err_set(e, ERR_INPUT,
			      "part %zu of the path is empty, a dot segment, or holds a malformed "
			      "escape, a "
			      "control character or an encoded slash",
			      i + 1);
		return ROUTE_BAD;
	}
	return ROUTE_UNKNOWN;
}

static void route_search(const struct route_table *tables, size_t table_count, struct span method,
			 const struct route_path *path, struct route_match *ret)
{
	unsigned best = 0;

	for (size_t t = 0; t < table_count; t++) {
		for (size_t i = 0; i < tables[t].count; i++) {
			const struct route *route = &tables[t].routes[i];
			unsigned rank = route_rank(route->pattern, path);

			if (rank && !route_serves(route, method)) {
				route_allow(ret, route);
			} else if (rank > best || (rank && rank == best &&
						   span_equal_str(method, route->method))) {
				best = rank;
				ret->route = route;
				ret->table = t;
			}
		}
	}
}

enum route_verdict route_find(const struct route_table *tables, size_t table_count,
			      struct span method, struct span path, struct route_match *ret,
			      struct err *e)
{
	struct route_path parts;
	enum route_verdict verdict = ROUTE_FOUND;

	*ret = (struct route_match){ 0 };
	if (path.len == 0 || path.at[0] != '/') {
		(void)err_set(e, ERR_INPUT, "the path does not begin with /");
		return ROUTE_BAD;
	}
	route_path_split(path, &parts);
	route_search(tables, table_count, method, &parts, ret);
	if (!ret->route)
		verdict = route_refuse(&parts, ret, e);
	else if (route_params(ret, &parts, e) < 0)
		verdict = ROUTE_BAD;
	buf_free(&parts.text);
	return verdict;
}
