/* YAML nodes: looking at them, merge keys, and turning them into JSON. */
#include "lib/format/yaml_node.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/format/json.h"
#include "lib/format/yaml_scalar.h"

#define MERGED_KEYS_MAX 1000

void yaml_docs_free(struct yaml_docs *docs)
{
	if (!docs)
		return;
	while (docs->owned) {
		struct yaml *node = docs->owned;

		docs->owned = node->owned_next;
		secret_free(node->text); /* a configuration file may hold one */
		free(node->slot);
		free(node);
	}
	free(docs->doc);
	free(docs);
}

void yaml_docs_free_at(struct yaml_docs **slot)
{
	yaml_docs_free(*slot);
}

size_t yaml_docs_count(const struct yaml_docs *docs)
{
	return docs->count;
}

const struct yaml *yaml_docs_at(const struct yaml_docs *docs, size_t index)
{
	assert(index < docs->count);
	return docs->doc[index];
}

enum yaml_kind yaml_kind(const struct yaml *node)
{
	return node->kind;
}

const char *yaml_text(const struct yaml *node)
{
	return node->text;
}

bool yaml_is_quoted(const struct yaml *node)
{
	return node->quoted;
}

bool yaml_is_null(const struct yaml *node)
{
	char number[YAML_NUMBER_SIZE];

	return node->kind == YAML_TEXT && !node->quoted &&
	       yaml_scalar_read(node->text, number) == YAML_SCALAR_NULL;
}

size_t yaml_line(const struct yaml *node)
{
	return node->line;
}

size_t yaml_column(const struct yaml *node)
{
	return node->column;
}

size_t yaml_count(const struct yaml *node)
{
	return node->kind == YAML_MAP ? node->slots / 2 : node->slots;
}

const struct yaml *yaml_at(const struct yaml *node, size_t index)
{
	assert(index < yaml_count(node));
	return node->slot[node->kind == YAML_MAP ? 2 * index + 1 : index];
}

const struct yaml *yaml_key(const struct yaml *node, size_t index)
{
	assert(node->kind == YAML_MAP && index < yaml_count(node));
	return node->slot[2 * index];
}

static ptrdiff_t find_key(const struct yaml *map, const char *key)
{
	for (size_t i = 0; map->kind == YAML_MAP && i < map->slots; i += 2)
		if (strcmp(map->slot[i]->text, key) == 0)
			return (ptrdiff_t)i;
	return -1;
}

const struct yaml *yaml_get(const struct yaml *node, const char *key)
{
	ptrdiff_t at = find_key(node, key);

	return at < 0 ? NULL : node->slot[at + 1];
}

static int fail_at(const struct yaml *node, enum err_code code, const char *what, struct err *e)
{
	return err_set(e, code, "line %zu, column %zu: %s", node->line, node->column, what);
}

/*
 * Appends those pairs of `from` whose key `map` does not have; their weight was counted with `<<`.
 */
static int merge_map(struct yaml *map, const struct yaml *from, struct err *e)
{
	if (from->kind != YAML_MAP)
		return fail_at(from, ERR_INPUT, "<< takes a map, or a list of maps", e);
	for (size_t i = 0; i < from->slots; i += 2) {
		if (find_key(map, from->slot[i]->text) >= 0)
			continue;
		if (map->slots / 2 >= MERGED_KEYS_MAX)
			return fail_at(map, ERR_LIMIT, "<< makes the map too large", e);
		map->slot = mem_grow(map->slot, map->slots + 2, sizeof(struct yaml *));
		map->slot[map->slots++] = from->slot[i];
		map->slot[map->slots++] = from->slot[i + 1];
		map->slots_cap = map->slots;
	}
	return 0;
}

int yaml_merge(struct yaml *map, struct err *e)
{
	ptrdiff_t at = find_key(map, "<<");
	const struct yaml *from;

	if (at < 0 || map->slot[at]->quoted)
		return 0;
	from = map->slot[at + 1];
	memmove(map->slot + at, map->slot + at + 2,
		(map->slots - (size_t)at - 2) * sizeof(struct yaml *));
	map->slots -= 2;
	if (from->kind != YAML_LIST)
		return merge_map(map, from, e);
	for (size_t i = 0; i < from->slots; i++)
		if (merge_map(map, from->slot[i], e) < 0)
			return -1;
	return 0;
}

static int scalar_to_json(const struct yaml *node, struct json **ret, struct err *e)
{
	char number[YAML_NUMBER_SIZE];
	enum yaml_scalar type = YAML_SCALAR_STRING;

	if (!node->quoted)
		type = yaml_scalar_read(node->text, number);
	switch (type) {
	case YAML_SCALAR_STRING:
		*ret = json_new_str(node->text);
		return 0;
	case YAML_SCALAR_NULL:
		*ret = json_new_null();
		return 0;
	case YAML_SCALAR_TRUE:
	case YAML_SCALAR_FALSE:
		*ret = json_new_bool(type == YAML_SCALAR_TRUE);
		return 0;
	case YAML_SCALAR_NUMBER:
		*ret = json_new_number(span_of(number));
		return 0;
	case YAML_SCALAR_NOT_FINITE:
		break;
	}
	return fail_at(node, ERR_INPUT, "infinity and NaN cannot be told in JSON", e);
}

static int fill_json(const struct yaml *node, struct json *container, struct err *e)
{
	for (size_t i = 0; i < yaml_count(node); i++) {
		struct json *child;

		if (yaml_to_json(yaml_at(node, i), &child, e) < 0)
			return -1;
		if (node->kind == YAML_MAP)
			json_append_member(container, yaml_key(node, i)->text, child);
		else
			json_add_item(container, child);
	}
	return 0;
}

int yaml_to_json(const struct yaml *node, struct json **ret, struct err *e)
{
	struct json *container;

	if (node->kind == YAML_TEXT)
		return scalar_to_json(node, ret, e);
	container = node->kind == YAML_MAP ? json_new_object() : json_new_array();
	if (fill_json(node, container, e) < 0) {
		json_free(container);
		return -1;
	}
	*ret = container;
	return 0;
}

int yaml_parse_json(struct span text, struct yaml_limits limits, struct json **ret, struct err *e)
{
	AUTO_YAML struct yaml_docs *docs = NULL;

	if (yaml_parse(text, limits, &docs, e) < 0)
		return -1;
	if (docs->count != 1)
		return err_set(e, ERR_INPUT, "one YAML document is expected, there are %zu", docs->count);
	return yaml_to_json(docs->doc[0], ret, e);
}
