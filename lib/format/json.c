/* The JSON tree, kept by cJSON. Numbers are raw items, so that their text stays what it was. */
#include "lib/format/json.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json_scan.h"

static cJSON *tree(const struct json *item)
{
	return (cJSON *)(uintptr_t)item;
}

static struct json *item_of(cJSON *node)
{
	return (struct json *)(void *)node;
}

static struct json *made(cJSON *node)
{
	if (!node)
		mem_die(sizeof(cJSON));
	return item_of(node);
}

struct fix {
	struct span text;
	const struct json_token *next; /* the scanner's tokens, in the order this walk meets them */
	struct err *e;
};

struct member {
	const char *name;
	size_t offset;
};

static int compare_members(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static int check_names(const struct fix *f, struct member *members, size_t count)
{
	qsort(members, count, sizeof(*members), compare_members);
	for (size_t i = 1; i < count; i++) {
		size_t second = members[i].offset;

		if (strcmp(members[i].name, members[i - 1].name) != 0)
			continue;
		if (second < members[i - 1].offset)
			second = members[i - 1].offset;
		return json_scan_fail(f->text, second, ERR_INPUT, "the member name is there twice", f->e);
	}
	return 0;
}

static int fix_item(struct fix *f, cJSON *item);

static int fix_number(struct fix *f, cJSON *item)
{
	char *text = cJSON_malloc(f->next->len + 1);

	if (!text)
		return err_set(f->e, ERR_NOMEM, "no memory for the JSON tree");
	memcpy(text, f->text.at + f->next->offset, f->next->len);
	text[f->next->len] = '\0';
	f->next++;
	item->type = cJSON_Raw;
	item->valuestring = text;
	return 0;
}

static int fix_object(struct fix *f, cJSON *object)
{
	size_t count = json_count(item_of(object)), i = 0;
	struct member *members = malloc((count + 1) * sizeof(*members));
	int rc = 0;

	if (!members)
		return err_set(f->e, ERR_NOMEM, "no memory for the JSON tree");
	for (cJSON *child = object->child; child && rc == 0; child = child->next) {
		members[i++] = (struct member){ child->string, f->next->offset };
		f->next++;
		rc = fix_item(f, child);
	}
	if (rc == 0)
		rc = check_names(f, members, count);
	free(members);
	return rc;
}

static int fix_item(struct fix *f, cJSON *item)
{
	if (cJSON_IsNumber(item))
		return fix_number(f, item);
	if (cJSON_IsObject(item))
		return fix_object(f, item);
	for (cJSON *child = item->child; child; child = child->next)
		if (fix_item(f, child) < 0)
			return -1;
	return 0;
}

int json_parse(struct span text, struct json_limits limits, struct json **ret, struct err *e)
{
	AUTO_BUF struct buf tokens = { .max = SIZE_MAX / 4 };
	struct fix f = { .text = text, .e = e };
	cJSON *root;

	if (json_scan(text, limits, &tokens, e) < 0)
		return -1;
	root = cJSON_ParseWithLengthOpts(text.at, text.len, NULL, 0);
	if (!root)
		return err_set(e, ERR_NOMEM, "no memory for the JSON tree");
	f.next = (const struct json_token *)(const void *)tokens.at;
	if (fix_item(&f, root) < 0) {
		cJSON_Delete(root);
		return -1;
	}
	*ret = item_of(root);
	return 0;
}

void json_free(struct json *item)
{
	cJSON_Delete(tree(item));
}

void json_free_at(struct json **slot)
{
	json_free(*slot);
}

struct json *json_dup(const struct json *item)
{
	return made(cJSON_Duplicate(tree(item), 1));
}

enum json_kind json_kind(const struct json *item)
{
	switch (item ? tree(item)->type & 0xFF : cJSON_NULL) {
	case cJSON_False:
	case cJSON_True:
		return JSON_BOOL;
	case cJSON_Raw:
		return JSON_NUMBER;
	case cJSON_String:
		return JSON_STRING;
	case cJSON_Array:
		return JSON_ARRAY;
	case cJSON_Object:
		return JSON_OBJECT;
	default:
		return JSON_NULL;
	}
}

bool json_is_object(const struct json *item)
{
	return json_kind(item) == JSON_OBJECT;
}

bool json_is_array(const struct json *item)
{
	return json_kind(item) == JSON_ARRAY;
}

bool json_is_true(const struct json *item)
{
	return item && cJSON_IsTrue(tree(item));
}

struct json *json_get(const struct json *object, const char *name)
{
	if (!json_is_object(object))
		return NULL;
	return item_of(cJSON_GetObjectItemCaseSensitive(tree(object), name));
}

struct json *json_find(const struct json *root, const char *path)
{
	struct span rest = span_of(path), part;
	const struct json *item = root;

	while (item && span_take_part(&rest, '.', &part)) {
		struct json *child = json_is_object(item) ? json_first(item) : NULL;

		while (child && !span_equal_str(part, json_name(child)))
			child = json_next(child);
		item = child;
	}
	return (struct json *)(uintptr_t)item;
}

struct json *json_first(const struct json *container)
{
	return container ? item_of(tree(container)->child) : NULL;
}

struct json *json_next(const struct json *item)
{
	return item ? item_of(tree(item)->next) : NULL;
}

struct json *json_at(const struct json *container, size_t index)
{
	struct json *item = json_first(container);

	while (item && index--)
		item = json_next(item);
	return item;
}

size_t json_count(const struct json *container)
{
	size_t count = 0;

	for (struct json *item = json_first(container); item; item = json_next(item))
		count++;
	return count;
}

const char *json_name(const struct json *item)
{
	return item ? tree(item)->string : NULL;
}

const char *json_text(const struct json *item)
{
	enum json_kind kind = json_kind(item);

	return kind == JSON_STRING || kind == JSON_NUMBER ? tree(item)->valuestring : NULL;
}

const char *json_str(const struct json *object, const char *name)
{
	const struct json *item = json_get(object, name);

	return json_kind(item) == JSON_STRING ? json_text(item) : NULL;
}

const char *json_find_str(const struct json *root, const char *path)
{
	const struct json *item = json_find(root, path);

	return json_kind(item) == JSON_STRING ? json_text(item) : NULL;
}

int json_item_int(const struct json *item, int64_t *ret)
{
	struct span digits;
	uint64_t value;
	bool minus;

	if (json_kind(item) != JSON_NUMBER)
		return -1;
	digits = span_of(json_text(item));
	minus = digits.at[0] == '-';
	if (minus)
		digits = span_from(digits.at + 1, digits.len - 1);
	if (span_to_u64(digits, (uint64_t)INT64_MAX + minus, &value) < 0)
		return -1;
	*ret = minus ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}

int json_int(const struct json *object, const char *name, int64_t *ret)
{
	return json_item_int(json_get(object, name), ret);
}

int json_bool(const struct json *object, const char *name, bool *ret)
{
	const struct json *item = json_get(object, name);

	if (json_kind(item) != JSON_BOOL)
		return -1;
	*ret = json_is_true(item);
	return 0;
}

struct json *json_new_object(void)
{
	return made(cJSON_CreateObject());
}

struct json *json_new_array(void)
{
	return made(cJSON_CreateArray());
}

struct json *json_new_str(const char *text)
{
	return text ? made(cJSON_CreateString(text)) : json_new_null();
}

static struct json *new_int(int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	return made(cJSON_CreateRaw(text));
}

struct json *json_new_bool(bool value)
{
	return made(cJSON_CreateBool(value));
}

struct json *json_new_null(void)
{
	return made(cJSON_CreateNull());
}

struct json *json_new_number(struct span text)
{
	char number[JSON_NUMBER_MAX_LEN + 1];

	assert(json_number_valid(text));
	(void)span_to_str(text, number, sizeof(number)); /* json_number_valid looked at the length */
	return made(cJSON_CreateRaw(number));
}

void json_set_item(struct json *object, const char *name, struct json *item)
{
	assert(json_is_object(object));
	if (!json_get(object, name))
		json_append_member(object, name, item);
	else if (!cJSON_ReplaceItemInObjectCaseSensitive(tree(object), name, tree(item)))
		mem_die(strlen(name));
}

void json_append_member(struct json *object, const char *name, struct json *item)
{
	assert(json_is_object(object));
	if (!cJSON_AddItemToObject(tree(object), name, tree(item)))
		mem_die(strlen(name));
}

void json_set_str(struct json *object, const char *name, const char *text)
{
	json_set_item(object, name, json_new_str(text));
}

void json_set_int(struct json *object, const char *name, int64_t value)
{
	json_set_item(object, name, new_int(value));
}

void json_set_bool(struct json *object, const char *name, bool value)
{
	json_set_item(object, name, json_new_bool(value));
}

void json_set_null(struct json *object, const char *name)
{
	json_set_item(object, name, json_new_null());
}

void json_add_item(struct json *array, struct json *item)
{
	assert(json_is_array(array));
	(void)cJSON_AddItemToArray(tree(array), tree(item)); /* links only, nothing to fail */
}

void json_add_str(struct json *array, const char *text)
{
	json_add_item(array, json_new_str(text));
}

void json_remove(struct json *object, const char *name)
{
	struct json *item = json_get(object, name);

	if (item)
		json_remove_item(object, item);
}

void json_remove_item(struct json *container, struct json *item)
{
	json_free(json_detach(container, item));
}

struct json *json_detach(struct json *container, struct json *item)
{
	return item_of(cJSON_DetachItemViaPointer(tree(container), tree(item)));
}
