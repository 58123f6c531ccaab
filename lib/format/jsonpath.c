/* JSONPath templates: from steps and a tree to values and text. */
#include "lib/format/jsonpath.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/jsonpath_node.h"

enum { COMPACT_MAX = 64 * 1024 * 1024 };

static int find_path(const struct jsonpath_path *path, const struct json *from,
		     struct jsonpath_found *ret, struct err *e);

static int add(struct jsonpath_found *f, const struct json *item, struct err *e)
{
	if (f->count == JSONPATH_FOUND_MAX)
		return err_set(e, ERR_LIMIT, "JSONPath: more than %d results", JSONPATH_FOUND_MAX);
	if ((f->count & (f->count - 1)) == 0)
		f->at = mem_grow(f->at, f->count ? f->count * 2 : 1, sizeof(*f->at));
	f->at[f->count++] = item;
	return 0;
}

/* The value and everything below it; the parser has limited the depth. */
static int add_deep(struct jsonpath_found *f, const struct json *item, struct err *e)
{
	if (add(f, item, e))
		return -1;
	for (const struct json *child = json_first(item); child; child = json_next(child))
		if (add_deep(f, child, e))
			return -1;
	return 0;
}

static int find_children(const struct json *item, struct jsonpath_found *ret, struct err *e)
{
	for (const struct json *child = json_first(item); child; child = json_next(child))
		if (add(ret, child, e))
			return -1;
	return 0;
}

static int find_slice(const struct jsonpath_step *s, const struct json *item,
		      struct jsonpath_found *ret, struct err *e)
{
	int64_t len = (int64_t)json_count(item), from = s->from, to = s->has_to ? s->to : len, i = 0;

	if (json_kind(item) == JSON_NULL)
		return 0;
	if (!json_is_array(item))
		return err_set(e, ERR_INPUT, "JSONPath: an index is used on what is no array");
	from += from < 0 ? len : 0;
	to += to < 0 || (to == 0 && s->single) ? len : 0;
	if (from != to && (from >= len || from < 0))
		return err_set(e, ERR_INPUT, "array index out of bounds: index %lld, length %lld",
			       (long long)from, (long long)len);
	if (from != to && (to > len || to < 0))
		return err_set(e, ERR_INPUT, "array index out of bounds: index %lld, length %lld",
			       (long long)to - 1, (long long)len);
	if (from > to)
		return err_set(e, ERR_INPUT,
			       "starting index %lld is greater than ending index %lld",
			       (long long)from, (long long)to);
	if (s->step <= 0)
		return err_set(e, ERR_INPUT, "step must be > 0");
	for (const struct json *child = json_first(item); child && i < to;
	     child = json_next(child), i++)
		if (i >= from && (i - from) % s->step == 0 && add(ret, child, e))
			return -1;
	return 0;
}

/* Below, equal or above zero; false when they cannot be compared. */
static bool compare(const struct json *a, const struct json *b, int *ret)
{
	double x, y;

	if (json_kind(a) != json_kind(b) || json_is_array(a) || json_is_object(a))
		return false;
	if (json_kind(a) == JSON_STRING) {
		*ret = strcmp(json_text(a), json_text(b));
	} else if (json_kind(a) == JSON_NUMBER) {
		x = strtod(json_text(a), NULL);
		y = strtod(json_text(b), NULL);
		*ret = (x > y) - (x < y);
	} else {
		*ret = json_is_true(a) - json_is_true(b);
	}
	return true;
}

static bool holds(enum jsonpath_op op, int order)
{
	switch (op) {
	case OP_EQ:
		return order == 0;
	case OP_NE:
		return order != 0;
	case OP_LT:
		return order < 0;
	case OP_LE:
		return order <= 0;
	case OP_GT:
		return order > 0;
	case OP_GE:
		return order >= 0;
	default:
		return true;
	}
}

/* Whether an element passes: 1, 0, or -1 with the error. */
static int passes(const struct jsonpath_step *s, const struct json *item, struct err *e)
{
	struct jsonpath_found left = { 0 }, right = { 0 };
	int rc = find_path(&s->paths[0], item, &left, e), order;

	if (rc == 0 && s->op == OP_EXISTS) {
		rc = left.count > 0;
	} else if (rc == 0 && (rc = find_path(&s->paths[1], item, &right, e)) == 0) {
		if (left.count > 1 || right.count > 1)
			rc = err_set(e, ERR_INPUT, "can only compare one element at a time");
		else if (left.count == 0 || right.count == 0)
			rc = 0;
		else if (compare(left.at[0], right.at[0], &order))
			rc = holds(s->op, order);
		else if (s->op == OP_NE)
			rc = 1;
		else if (s->op != OP_EQ)
			rc = err_set(e, ERR_INPUT, "incompatible types for comparison");
	}
	free(left.at);
	free(right.at);
	return rc;
}

static int find_filter(const struct jsonpath_step *s, const struct json *item,
		       struct jsonpath_found *ret, struct err *e)
{
	if (json_kind(item) == JSON_NULL)
		return 0;
	if (!json_is_array(item))
		return err_set(e, ERR_INPUT, "JSONPath: a filter is used on what is no array");
	for (const struct json *child = json_first(item); child; child = json_next(child)) {
		int pass = passes(s, child, e);

		if (pass < 0 || (pass && add(ret, child, e)))
			return -1;
	}
	return 0;
}

static int find_step(const struct jsonpath_step *s, const struct json *item,
		     struct jsonpath_found *ret, struct err *e)
{
	switch (s->kind) {
	case PATH_FIELD:
		return json_get(item, s->text) ? add(ret, json_get(item, s->text), e) : 0;
	case PATH_WILDCARD:
		return find_children(item, ret, e);
	case PATH_RECURSIVE:
		return add_deep(ret, item, e);
	case PATH_SLICE:
		return find_slice(s, item, ret, e);
	case PATH_FILTER:
		return find_filter(s, item, ret, e);
	case PATH_CONSTANT:
		return add(ret, s->constant, e);
	case PATH_UNION:
		break; /* of the whole set: find_union */
	}
	return 0;
}

/* As client-go: what the first branch finds in every value, then what the next one finds. */
static int find_union(const struct jsonpath_step *s, const struct jsonpath_found *from,
		      struct jsonpath_found *ret, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->path_count * from->count; i++) {
		struct jsonpath_found some = { 0 };

		rc = find_path(&s->paths[i / from->count], from->at[i % from->count], &some, e);
		for (size_t j = 0; rc == 0 && j < some.count; j++)
			rc = add(ret, some.at[j], e);
		free(some.at);
	}
	return rc;
}

static int find_path(const struct jsonpath_path *path, const struct json *from,
		     struct jsonpath_found *ret, struct err *e)
{
	struct jsonpath_found now = { 0 };
	int rc = add(&now, from, e);

	for (size_t i = 0; rc == 0 && i < path->count; i++) {
		struct jsonpath_found next = { 0 };

		if (path->at[i].kind == PATH_UNION)
			rc = find_union(&path->at[i], &now, &next, e);
		for (size_t j = 0; rc == 0 && j < now.count; j++)
			rc = find_step(&path->at[i], now.at[j], &next, e);
		free(now.at);
		now = next;
	}
	if (rc) {
		free(now.at);
		return -1;
	}
	*ret = now;
	return 0;
}

/*
 * Go's encoder escapes what HTML could take for markup; nowhere but in strings do these stand in
 * JSON.
 */
static void put_compact(struct buf *out, const struct json *item)
{
	struct buf text;

	buf_init(&text, COMPACT_MAX);
	json_print(item, JSON_COMPACT, &text);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c == '<' || c == '>' || c == '&')
			(void)buf_printf(out, "\\u%04x", (unsigned)c);
		else
			(void)buf_put_char(out, c);
	}
	if (text.failed)
		out->failed = true;
	buf_free(&text);
}

static int print_path(const struct jsonpath_path *path, const struct json *root, struct buf *out,
		      struct err *e)
{
	struct jsonpath_found found = { 0 };

	if (find_path(path, root, &found, e))
		return -1;
	for (size_t i = 0; i < found.count; i++) {
		if (i)
			(void)buf_put_char(out, ' ');
		if (json_text(found.at[i]))
			(void)buf_put_str(out, json_text(found.at[i]));
		else
			put_compact(out, found.at[i]);
	}
	free(found.at);
	return 0;
}

static int print_parts(const struct jsonpath *p, size_t from, size_t to, const struct json *root,
		       struct buf *out, struct err *e);

static int print_range(const struct jsonpath *p, size_t at, const struct json *root,
		       struct buf *out, struct err *e)
{
	struct jsonpath_found found = { 0 };
	int rc = find_path(&p->at[at].path, root, &found, e);

	for (size_t i = 0; rc == 0 && i < found.count; i++)
		rc = print_parts(p, at + 1, p->at[at].end, found.at[i], out, e);
	free(found.at);
	return rc;
}

static int print_parts(const struct jsonpath *p, size_t from, size_t to, const struct json *root,
		       struct buf *out, struct err *e)
{
	int rc = 0;

	for (size_t i = from; rc == 0 && i < to; i++) {
		if (p->at[i].kind == PART_TEXT) {
			(void)buf_put_str(out, p->at[i].text);
		} else if (p->at[i].kind == PART_PATH) {
			rc = print_path(&p->at[i].path, root, out, e);
		} else if (p->at[i].kind == PART_RANGE) {
			rc = print_range(p, i, root, out, e);
			i = p->at[i].end;
		}
		if (rc == 0 && out->failed)
			rc = buf_ok(out, "the output", e);
	}
	return rc;
}

int jsonpath_print(const struct jsonpath *p, const struct json *root, struct buf *out,
		   struct err *e)
{
	return print_parts(p, 0, p->count, root, out, e);
}

int jsonpath_find(const struct jsonpath *p, const struct json *root, struct jsonpath_found *ret,
		  struct err *e)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->at[i].kind == PART_PATH)
			return find_path(&p->at[i].path, root, ret, e);
	*ret = (struct jsonpath_found){ 0 };
	return 0;
}
