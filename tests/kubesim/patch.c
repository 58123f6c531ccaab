/* The patches of the Kubernetes API, on JSON trees. */
#include "tests/kubesim/patch.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"

#define TEXT_MAX ((size_t)16 * 1024 * 1024)

void patch_merge(struct json *into, const struct json *patch)
{
	for (const struct json *i = json_first(patch); i; i = json_next(i)) {
		struct json *old = json_get(into, json_name(i));

		if (json_kind(i) == JSON_NULL) {
			json_remove(into, json_name(i));
		} else if (!json_is_object(i)) {
			json_set_item(into, json_name(i), json_dup(i));
		} else {
			if (!json_is_object(old)) {
				json_set_item(into, json_name(i), json_new_object());
				old = json_get(into, json_name(i));
			}
			patch_merge(old, i);
		}
	}
}

/* The member by which elements of such a list are told apart; NULL when they are not. */
static const char *merge_key(const struct json *list)
{
	static const char *const keys[] = { "name", "mountPath", "containerPort", "port", "type", "ip", "uid", "key" };
	const struct json *first = json_first(list);

	for (size_t i = 0; first && json_is_object(first) && i < COUNT_OF(keys); i++)
		if (json_get(first, keys[i]))
			return keys[i];
	return NULL;
}

static bool is_equal(const struct json *a, const struct json *b)
{
	AUTO_BUF struct buf left, right;

	buf_init(&left, TEXT_MAX);
	buf_init(&right, TEXT_MAX);
	json_print(a, JSON_COMPACT, &left);
	json_print(b, JSON_COMPACT, &right);
	return span_equal(buf_span(&left), buf_span(&right));
}

static struct json *find_element(const struct json *list, const char *key, const struct json *like)
{
	for (struct json *i = json_first(list); i; i = json_next(i))
		if (json_is_object(i) && is_equal(json_get(i, key), json_get(like, key)))
			return i;
	return NULL;
}

static void merge_lists(struct json *into, const struct json *patch, const char *key)
{
	for (const struct json *i = json_first(patch); i; i = json_next(i)) {
		struct json *old = find_element(into, key, i);
		const char *directive = json_str(i, "$patch");

		if (directive && strcmp(directive, "delete") == 0) {
			if (old)
				json_remove_item(into, old);
		} else if (old) {
			patch_strategic(old, i);
		} else {
			json_add_item(into, json_dup(i));
		}
	}
}

static void strategic_member(struct json *into, const struct json *member)
{
	const char *name = json_name(member), *directive = json_str(member, "$patch");
	struct json *old = json_get(into, name);
	const char *key = json_is_array(member) ? merge_key(member) : NULL;

	if (json_kind(member) == JSON_NULL || (directive && strcmp(directive, "delete") == 0)) {
		json_remove(into, name);
	} else if (key && json_is_array(old)) {
		merge_lists(old, member, key);
	} else if (json_is_object(member) && json_is_object(old) && !directive) {
		patch_strategic(old, member);
	} else {
		json_set_item(into, name, json_dup(member));
		json_remove(json_get(into, name), "$patch");
	}
}

void patch_strategic(struct json *into, const struct json *patch)
{
	for (const struct json *i = json_first(patch); i; i = json_next(i))
		if (json_name(i)[0] != '$')
			strategic_member(into, i);
}

/* One segment of a JSON pointer (RFC 6901); the caller frees it. */
static char *take_segment(struct span *rest)
{
	struct span part;
	char *text, *to;

	if (!span_take_part(rest, '/', &part))
		return NULL;
	text = to = span_dup(part);
	for (const char *from = text; *from; from++, to++) {
		*to = *from;
		if (*from == '~' && (from[1] == '0' || from[1] == '1'))
			*to = *++from == '0' ? '~' : '/';
	}
	*to = '\0';
	return text;
}

static struct json *child_of(struct json *parent, const char *segment)
{
	uint64_t index;

	if (!json_is_array(parent))
		return json_get(parent, segment);
	return span_to_u64(span_of(segment), UINT32_MAX, &index) < 0 ? NULL : json_at(parent, (size_t)index);
}

/* The container of the last segment, which the caller frees; NULL when the way there is missing. */
static struct json *walk(struct json *root, const char *pointer, char **ret_last)
{
	struct span rest = span_of(pointer);
	char *segment;

	*ret_last = NULL;
	if (pointer[0] != '/')
		return NULL;
	rest = span_of(pointer + 1);
	while ((segment = take_segment(&rest))) {
		if (!rest.at) {
			*ret_last = segment;
			return root;
		}
		root = child_of(root, segment);
		free(segment);
	}
	return NULL;
}

static void insert_at(struct json *array, size_t index, struct json *value)
{
	struct json *old = json_new_array(), *item;

	while ((item = json_first(array)))
		json_add_item(old, json_detach(array, item));
	for (size_t i = 0; (item = json_first(old)); i++) {
		if (i == index)
			json_add_item(array, value);
		json_add_item(array, json_detach(old, item));
	}
	json_free(old);
}

static int add_value(struct json *parent, const char *last, const struct json *value)
{
	uint64_t index;

	if (!value)
		return -1;
	if (json_is_object(parent)) {
		json_set_item(parent, last, json_dup(value));
		return 0;
	}
	if (!json_is_array(parent))
		return -1;
	if (strcmp(last, "-") == 0) {
		json_add_item(parent, json_dup(value));
		return 0;
	}
	if (span_to_u64(span_of(last), json_count(parent), &index) < 0)
		return -1;
	if (index == json_count(parent))
		json_add_item(parent, json_dup(value));
	else
		insert_at(parent, (size_t)index, json_dup(value));
	return 0;
}

static int do_operation(struct json *root, const struct json *operation)
{
	const char *op = json_str(operation, "op"), *pointer = json_str(operation, "path");
	const struct json *value = json_get(operation, "value");
	AUTO_FREE char *last = NULL;
	struct json *parent, *old;

	if (!op || !pointer || !(parent = walk(root, pointer, &last)))
		return -1;
	if (strcmp(op, "add") == 0)
		return add_value(parent, last, value);
	old = child_of(parent, last);
	if (strcmp(op, "test") == 0)
		return is_equal(old, value) ? 0 : -1;
	if (!old || (strcmp(op, "replace") != 0 && strcmp(op, "remove") != 0))
		return -1;
	if (strcmp(op, "replace") == 0 && json_is_object(parent))
		return add_value(parent, last, value);
	json_remove_item(parent, old);
	return strcmp(op, "remove") == 0 ? 0 : add_value(parent, last, value);
}

int patch_json(struct json **into, const struct json *patch, struct err *e)
{
	for (const struct json *i = json_first(patch); i; i = json_next(i))
		if (do_operation(*into, i) < 0)
			return err_set(e, ERR_INPUT, "an operation of the patch does not apply");
	return 0;
}

static void remove_unapplied(struct json *into, const struct json *before, const struct json *now)
{
	for (const struct json *i = json_first(before); i; i = json_next(i)) {
		const char *name = json_name(i);
		const struct json *kept = json_get(now, name);

		if (!kept)
			json_remove(into, name);
		else if (json_is_object(i) && json_is_object(kept))
			remove_unapplied(json_get(into, name), i, kept);
		else if (json_is_array(i) && merge_key(i))
			for (const struct json *x = json_first(i); x; x = json_next(x))
				if (!find_element(kept, merge_key(i), x) && find_element(json_get(into, name), merge_key(i), x))
					json_remove_item(json_get(into, name), find_element(json_get(into, name), merge_key(i), x));
	}
}

void patch_apply(struct json *into, const struct json *before, const struct json *now)
{
	remove_unapplied(into, before, now);
	patch_strategic(into, now);
}

size_t patch_conflicts(const struct json *now, const struct json *other, const char *path, struct json *ret_fields)
{
	size_t count = 0;

	for (const struct json *i = json_first(now); i; i = json_next(i)) {
		const struct json *theirs = json_get(other, json_name(i));
		AUTO_FREE char *full = mem_printf("%s.%s", path, json_name(i));

		if (!theirs || strcmp(full, ".metadata") == 0 || strcmp(full, ".kind") == 0 ||
		    strcmp(full, ".apiVersion") == 0)
			continue;
		if (json_is_object(i) && json_is_object(theirs)) {
			count += patch_conflicts(i, theirs, full, ret_fields);
		} else if (!is_equal(i, theirs)) {
			json_add_str(ret_fields, full);
			count++;
		}
	}
	return count;
}
