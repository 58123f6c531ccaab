/* Objects printed with -o json, yaml and name as kubectl prints them. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/table.h"
#include "lib/format/json.h"
#include "lib/format/yaml.h"
#include "lib/kube/kubectl_inner.h"

static const struct {
	const char *text;
	enum kubectl_output output;
} outputs[] = {
	{ "", OUTPUT_TABLE },     { "wide", OUTPUT_WIDE }, { "json", OUTPUT_JSON },
	{ "yaml", OUTPUT_YAML }, { "name", OUTPUT_NAME },
};

bool kubectl_read_output(struct kubectl *k, const char *text, enum kubectl_output *ret)
{
	int is_template = text ? kubectl_template_read(k, text) : 0;

	if (is_template) {
		*ret = OUTPUT_TEMPLATE;
		return is_template > 0;
	}
	for (size_t i = 0; i < COUNT_OF(outputs); i++)
		if (strcmp(text ? text : "", outputs[i].text) == 0) {
			*ret = outputs[i].output;
			return true;
		}
	kubectl_failf(k, ERR_USAGE,
		      "unable to match a printer suitable for the output format \"%s\", the built-in kubectl "
		      "has: custom-columns,json,jsonpath,name,wide,yaml",
		      text);
	return false;
}

static void drop_managed_fields(struct json *object)
{
	struct json *item = json_first(json_get(object, "items"));

	json_remove(json_get(object, "metadata"), "managedFields");
	for (; item; item = json_next(item))
		json_remove(json_get(item, "metadata"), "managedFields");
}

static int compare_names(const void *a, const void *b)
{
	struct json *const *x = a, *const *y = b;

	return strcmp(json_name(*x), json_name(*y));
}

static void sort_members(struct json *object)
{
	size_t count = json_count(object), i = 0;
	AUTO_FREE struct json **members = mem_new_array(count + 1, sizeof(*members));
	bool sorted = true;

	for (struct json *m = json_first(object); m; m = json_next(m)) {
		sorted = sorted && (i == 0 || strcmp(json_name(members[i - 1]), json_name(m)) < 0);
		members[i++] = m;
	}
	if (sorted)
		return;
	qsort(members, count, sizeof(*members), compare_names);
	for (i = 0; i < count; i++) {
		AUTO_FREE char *name = mem_dup_str(json_name(members[i]));

		json_set_item(object, name, json_detach(object, members[i]));
	}
}

/* As Go prints maps: members by name, at every depth (the parser limits the depth). */
void kubectl_sort_members(struct json *item)
{
	if (json_is_object(item))
		sort_members(item);
	for (struct json *child = json_first(item); child; child = json_next(child))
		kubectl_sort_members(child);
}

/*
 * Go's encoder writes <, > and & in strings as \u003c and so on; nowhere else do they stand in
 * JSON.
 */
static void put_go_json(struct buf *out, struct span json)
{
	size_t done = 0;

	for (size_t i = 0; i < json.len; i++) {
		if (!strchr("<>&", json.at[i]) || json.at[i] == '\0')
			continue;
		(void)buf_put(out, json.at + done, i - done);
		(void)buf_printf(out, "\\u%04x", (unsigned)json.at[i]);
		done = i + 1;
	}
	(void)buf_put(out, json.at + done, json.len - done);
	(void)buf_put_char(out, '\n');
}

static void put_name(struct buf *out, const struct json *object)
{
	const char *kind = json_str(object, "kind"), *name = json_find_str(object, "metadata.name");
	const char *version = json_str(object, "apiVersion");
	const char *slash = version ? strchr(version, '/') : NULL;
	struct buf text;

	buf_init(&text, KUBECTL_TEXT_MAX);
	for (const char *at = kind ? kind : ""; *at; at++)
		(void)buf_put_char(&text, *at >= 'A' && *at <= 'Z' ? (char)(*at + ('a' - 'A')) : *at);
	if (slash)
		(void)buf_printf(&text, ".%.*s", (int)(slash - version), version);
	(void)buf_printf(&text, "/%s", name ? name : "");
	(void)table_put_escaped(out, buf_span(&text));
	(void)buf_put_char(out, '\n');
	buf_free(&text);
}

static void put_names(struct buf *out, const struct json *object)
{
	const struct json *items = json_get(object, "items");

	if (!json_is_array(items)) {
		put_name(out, object);
		return;
	}
	for (const struct json *item = json_first(items); item; item = json_next(item))
		put_name(out, item);
}

/* Takes `object`: the text needs as much memory as the tree, so that they are not there for long together. */
static void put_json(struct buf *out, struct json *object)
{
	struct buf text;

	buf_init(&text, KUBECTL_TEXT_MAX);
	kubectl_sort_members(object);
	json_print(object, JSON_PRETTY, &text);
	json_free(object);
	put_go_json(out, buf_span(&text));
	if (text.failed)
		out->failed = true;
	buf_free(&text);
}

void kubectl_print_object(struct kubectl *k, enum kubectl_output o, bool managed_fields,
			  struct json *object)
{
	struct buf out;
	struct err failure = { 0 };

	buf_init(&out, KUBECTL_TEXT_MAX);
	if (!managed_fields)
		drop_managed_fields(object);
	if (o == OUTPUT_NAME) {
		put_names(&out, object);
	} else if (o == OUTPUT_JSON) {
		put_json(&out, object);
		object = NULL;
	} else if (o == OUTPUT_TEMPLATE) {
		kubectl_sort_members(object);
		kubectl_template_print(k, object, &out);
	} else {
		if (k->documents++)
			(void)buf_put_str(&out, "---\n");
		if (json_to_yaml(object, &out, &failure))
			kubectl_fail(k, &failure);
	}
	if (buf_ok(&out, "the output", &failure))
		kubectl_fail(k, &failure);
	else
		kubectl_write(k, KUBECTL_OUT, buf_span(&out));
	buf_free(&out);
	json_free(object);
}

struct json *kubectl_new_list(void)
{
	struct json *list = json_new_object(), *metadata = json_new_object();

	json_set_str(list, "apiVersion", "v1");
	json_set_item(list, "items", json_new_array());
	json_set_str(list, "kind", "List");
	json_set_str(metadata, "resourceVersion", "");
	json_set_item(list, "metadata", metadata);
	return list;
}

/* Items of a server's list do not say what they are; the list's kind does. */
static void name_kind(struct json *item, const char *version, struct span list_kind)
{
	AUTO_FREE char *kind = mem_dup(list_kind.at, list_kind.len - (sizeof("List") - 1));

	if (!json_get(item, "kind"))
		json_set_str(item, "kind", kind);
	if (!json_get(item, "apiVersion"))
		json_set_str(item, "apiVersion", version);
}

void kubectl_collect_items(struct json *list, struct json *from)
{
	struct json *to = json_get(list, "items"), *items = json_get(from, "items"), *item;
	const char *version = json_str(from, "apiVersion"), *kind = json_str(from, "kind");

	while ((item = json_first(items))) {
		item = json_detach(items, item);
		if (version && kind && span_ends(span_of(kind), SPAN("List")))
			name_kind(item, version, span_of(kind));
		json_add_item(to, item);
	}
}
