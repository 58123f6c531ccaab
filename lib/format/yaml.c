/* YAML into nodes, over libyaml's events: depth, aliases and duplicate keys are ours to judge. */
#include "lib/format/yaml.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "lib/base/mem.h"
#include "lib/format/yaml_node.h"
#include "lib/format/yaml_scalar.h"

#define ANCHORS_MAX 1000

struct anchor {
	char *name;
	struct yaml *node;
};

struct reader {
	yaml_parser_t parser;
	struct yaml_limits limits;
	struct yaml_docs *docs;
	struct anchor anchors[ANCHORS_MAX];
	size_t anchor_count;
	struct yaml_weight total; /* of finished nodes, aliases expanded */
	struct err *e;
};

static int read_node(struct reader *r, yaml_event_t *event, size_t depth, struct yaml **ret);

static int fail_at(struct reader *r, yaml_mark_t mark, enum err_code code, const char *what)
{
	return err_set(r->e, code, "line %zu, column %zu: %s", mark.line + 1, mark.column + 1, what);
}

static int fail_parser(struct reader *r)
{
	const char *problem = r->parser.problem ? r->parser.problem : "malformed";

	if (r->parser.error == YAML_MEMORY_ERROR)
		return err_set(r->e, ERR_NOMEM, "no memory for the YAML reader");
	if (r->parser.error == YAML_READER_ERROR)
		return err_set(r->e, ERR_INPUT, "byte %zu: %s", r->parser.problem_offset, problem);
	return fail_at(r, r->parser.problem_mark, ERR_INPUT, problem);
}

static int next_event(struct reader *r, yaml_event_t *event)
{
	return yaml_parser_parse(&r->parser, event) ? 0 : fail_parser(r);
}

static struct yaml *new_node(struct reader *r, enum yaml_kind kind, yaml_mark_t mark)
{
	struct yaml *node = mem_new(sizeof(*node));

	*node = (struct yaml){ .kind = kind, .line = mark.line + 1, .column = mark.column + 1 };
	node->owned_next = r->docs->owned;
	r->docs->owned = node;
	node->weight.nodes = 1;
	return node;
}

/* Counts what a finished node, or an alias to it, adds once expanded. */
static int count_weight(struct reader *r, struct yaml_weight adds, yaml_mark_t mark)
{
	if (adds.nodes > r->limits.max_nodes - r->total.nodes)
		return fail_at(r, mark, ERR_LIMIT, "too many nodes (aliases count expanded)");
	if (adds.bytes > r->limits.max_len - r->total.bytes)
		return fail_at(r, mark, ERR_LIMIT, "too much text (aliases count expanded)");
	r->total.nodes += adds.nodes;
	r->total.bytes += adds.bytes;
	return 0;
}

/* The tags we know; a scalar's !!str makes it a string. */
static int check_tag(struct reader *r, const yaml_char_t *tag, yaml_mark_t mark, bool *ret_string)
{
	static const char core[] = "tag:yaml.org,2002:";
	static const char *const known[] = { "str", "int", "float", "bool", "null", "map", "seq" };
	const char *name = (const char *)tag;

	if (!tag)
		return 0;
	*ret_string = strcmp(name, "!") == 0;
	if (*ret_string)
		return 0;
	if (strncmp(name, core, sizeof(core) - 1) != 0)
		return fail_at(r, mark, ERR_INPUT, "unknown tag; only !!str, !!int and their like are");
	name += sizeof(core) - 1;
	*ret_string = strcmp(name, "str") == 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(name, known[i]) == 0)
			return 0;
	return fail_at(r, mark, ERR_INPUT, "unknown tag; only !!str, !!int and their like are");
}

static int add_anchor(struct reader *r, const yaml_char_t *name, struct yaml *node,
		      yaml_mark_t mark)
{
	if (!name)
		return 0;
	if (r->anchor_count == ANCHORS_MAX)
		return fail_at(r, mark, ERR_LIMIT, "more than 1000 anchors");
	r->anchors[r->anchor_count++] = (struct anchor){ mem_dup_str((const char *)name), node };
	return 0;
}

static void forget_anchors(struct reader *r)
{
	while (r->anchor_count)
		free(r->anchors[--r->anchor_count].name);
}

static int read_alias(struct reader *r, const yaml_event_t *event, size_t depth, struct yaml **ret)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct yaml *node = NULL;

	for (size_t i = r->anchor_count; i > 0 && !node; i--)
		if (strcmp(r->anchors[i - 1].name, name) == 0)
			node = r->anchors[i - 1].node;
	if (!node)
		return fail_at(r, event->start_mark, ERR_INPUT, "an alias without its anchor");
	if (node->open)
		return fail_at(r, event->start_mark, ERR_INPUT, "an alias inside its own anchor");
	if (node->height > r->limits.max_depth - depth)
		return fail_at(r, event->start_mark, ERR_LIMIT, "nested too deep");
	*ret = node;
	return count_weight(r, node->weight, event->start_mark);
}

static int read_scalar(struct reader *r, const yaml_event_t *event, struct yaml **ret)
{
	struct yaml *node = new_node(r, YAML_TEXT, event->start_mark);
	bool tagged = false;

	if (check_tag(r, event->data.scalar.tag, event->start_mark, &tagged) < 0)
		return -1;
	if (memchr(event->data.scalar.value, '\0', event->data.scalar.length))
		return fail_at(r, event->start_mark, ERR_INPUT, "a NUL character is not accepted in texts");
	node->quoted = tagged || (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE &&
				  !event->data.scalar.tag);
	node->text = mem_dup(event->data.scalar.value, event->data.scalar.length);
	node->weight.bytes = event->data.scalar.length;
	*ret = node;
	if (add_anchor(r, event->data.scalar.anchor, node, event->start_mark) < 0)
		return -1;
	return count_weight(r, node->weight, event->start_mark);
}

static void add_child(struct yaml *node, struct yaml *child)
{
	if (node->slots == node->slots_cap) {
		node->slots_cap = node->slots_cap ? node->slots_cap * 2 : 4;
		node->slot = mem_grow(node->slot, node->slots_cap, sizeof(struct yaml *));
	}
	node->slot[node->slots++] = child;
	node->weight.nodes += child->weight.nodes;
	node->weight.bytes += child->weight.bytes;
	if (node->height < child->height + 1)
		node->height = child->height + 1;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp((*(struct yaml *const *)a)->text, (*(struct yaml *const *)b)->text);
}

/* Keys must be scalars, each once. */
static int check_keys(struct reader *r, const struct yaml *map)
{
	size_t count = map->slots / 2;
	AUTO_FREE struct yaml **keys = mem_new_array(count, sizeof(*keys));

	for (size_t i = 0; i < count; i++) {
		keys[i] = map->slot[2 * i];
		if (keys[i]->kind != YAML_TEXT)
			return err_set(r->e, ERR_INPUT, "line %zu, column %zu: a key must be a text",
				       keys[i]->line, keys[i]->column);
	}
	qsort(keys, count, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < count; i++) {
		const struct yaml *a = keys[i - 1], *b = keys[i];
		bool a_later = a->line > b->line || (a->line == b->line && a->column > b->column);

		if (strcmp(a->text, b->text) == 0)
			return err_set(r->e, ERR_INPUT, "line %zu, column %zu: the key '%.60s' is there twice",
				       a_later ? a->line : b->line, a_later ? a->column : b->column, b->text);
	}
	return 0;
}

static int read_children(struct reader *r, struct yaml *node, size_t depth)
{
	for (;;) {
		struct yaml *child = NULL;
		yaml_event_t event;
		bool end;
		int rc = 0;

		if (next_event(r, &event) < 0)
			return -1;
		end = event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
		if (!end)
			rc = read_node(r, &event, depth, &child);
		yaml_event_delete(&event);
		if (end || rc < 0)
			return rc;
		add_child(node, child);
	}
}

static int read_container(struct reader *r, const yaml_event_t *event, size_t depth,
			  struct yaml **ret)
{
	bool map = event->type == YAML_MAPPING_START_EVENT, ignored = false;
	const yaml_char_t *tag = map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
	const yaml_char_t *anchor = map ? event->data.mapping_start.anchor
					: event->data.sequence_start.anchor;
	struct yaml *node = new_node(r, map ? YAML_MAP : YAML_LIST, event->start_mark);

	if (depth >= r->limits.max_depth)
		return fail_at(r, event->start_mark, ERR_LIMIT, "nested too deep");
	if (check_tag(r, tag, event->start_mark, &ignored) < 0 ||
	    add_anchor(r, anchor, node, event->start_mark) < 0 ||
	    count_weight(r, node->weight, event->start_mark) < 0)
		return -1;
	node->open = true;
	if (read_children(r, node, depth + 1) < 0)
		return -1;
	node->open = false;
	*ret = node;
	if (!map)
		return 0;
	return check_keys(r, node) < 0 ? -1 : yaml_merge(node, r->e);
}

static int read_node(struct reader *r, yaml_event_t *event, size_t depth, struct yaml **ret)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return read_alias(r, event, depth, ret);
	case YAML_SCALAR_EVENT:
		return read_scalar(r, event, ret);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return read_container(r, event, depth, ret);
	default:
		return fail_at(r, event->start_mark, ERR_INPUT, "malformed");
	}
}

/* One event between documents; 1 at the end of the stream. */
static int read_top(struct reader *r, yaml_event_t *event)
{
	struct yaml_docs *docs = r->docs;
	struct yaml *root;

	switch (event->type) {
	case YAML_STREAM_END_EVENT:
		return 1;
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		forget_anchors(r);
		return 0;
	default:
		if (read_node(r, event, 0, &root) < 0)
			return -1;
		docs->doc = mem_grow(docs->doc, docs->count + 1, sizeof(struct yaml *));
		docs->doc[docs->count++] = root;
		return 0;
	}
}

static int read_all(struct reader *r)
{
	int rc = 0;

	while (rc == 0) {
		yaml_event_t event;

		if (next_event(r, &event) < 0)
			return -1;
		rc = read_top(r, &event);
		yaml_event_delete(&event);
	}
	return rc < 0 ? -1 : 0;
}

int yaml_parse(struct span text, struct yaml_limits limits, struct yaml_docs **ret, struct err *e)
{
	AUTO_FREE struct reader *r = mem_new(sizeof(*r));
	int rc;

	if (text.len > limits.max_len)
		return err_set(e, ERR_LIMIT, "YAML of %zu bytes; at most %zu are accepted", text.len,
			       limits.max_len);
	r->limits = limits;
	if (r->limits.max_depth > YAML_DEPTH_CEILING)
		r->limits.max_depth = YAML_DEPTH_CEILING;
	r->e = e;
	if (!yaml_parser_initialize(&r->parser))
		return err_set(e, ERR_NOMEM, "no memory for the YAML reader");
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text.at ? text.at : ""),
				     text.len);
	r->docs = mem_new(sizeof(*r->docs));
	rc = read_all(r);
	forget_anchors(r);
	yaml_parser_delete(&r->parser);
	if (rc < 0)
		yaml_docs_free(r->docs);
	else
		*ret = r->docs;
	return rc;
}
