/*
 * What explain prints of a schema. Kinds of schemas: a reference, one with properties, an array
 * (items), a map (additionalProperties), alternatives (allOf). Any document ends: how deep and how
 * many schemas are looked at is limited, for references may lead round in circles.
 */
#include "lib/kube/explain.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/explain_schema.h"

enum { LINE_WIDTH = 80, TEXT_INDENT = 4, LEVEL_INDENT = 2, ENUMS_SHOWN = 4 };

/* References that led here: one that comes again is not followed. */
struct seen {
	const char *ref;
	const struct seen *before;
};

static bool has_seen(const struct seen *seen, const char *ref)
{
	for (; seen; seen = seen->before)
		if (ref && seen->ref && strcmp(seen->ref, ref) == 0)
			return true;
	return false;
}

static void put_indent(struct explain_walk *w, size_t blanks)
{
	while (blanks--)
		(void)buf_put_char(w->out, ' ');
}

static void put_descriptions(struct explain_walk *w, const struct json *schema, struct buf *into)
{
	const struct json *of = explain_resolve(w, schema);
	const char *text = json_str(of, "description");

	if (!explain_enter(w))
		return;
	if (text && text[0])
		(void)buf_printf(into, "%s\n", text);
	for (const struct json *s = json_first(explain_alternatives(of)); s; s = json_next(s))
		put_descriptions(w, s, into);
	if (explain_items(of))
		put_descriptions(w, explain_items(of), into);
	if (explain_values(of))
		put_descriptions(w, explain_values(of), into);
	explain_leave(w);
}

static void put_type(struct explain_walk *w, const struct json *schema)
{
	const struct json *all = explain_alternatives(schema);

	if (!explain_enter(w))
		return;
	if (explain_items(schema)) {
		(void)buf_put_str(w->out, "[]");
		put_type(w, explain_items(schema));
	} else if (explain_values(schema)) {
		(void)buf_put_str(w->out, "map[string]");
		put_type(w, explain_values(schema));
	} else if (json_count(all) == 1 && !explain_properties(schema)) {
		put_type(w, json_first(all));
	} else {
		(void)buf_put_str(w->out, explain_type_name(w, schema));
	}
	explain_leave(w);
}

static void put_enum_value(struct explain_walk *w, const struct json *value)
{
	const char *text = json_text(value);

	if (text)
		(void)buf_put_str(w->out, text[0] ? text : "\"\"");
	else if (json_kind(value) == JSON_BOOL)
		(void)buf_put_str(w->out, json_is_true(value) ? "true" : "false");
	else
		(void)buf_put_str(w->out, "<no value>");
}

/* One line behind a field. */
static void put_short_enum(struct explain_walk *w, const struct json *schema, size_t indent)
{
	const struct json *values = json_get(schema, "enum");
	size_t shown = 0;

	if (!json_is_array(values) || !json_first(values))
		return;
	(void)buf_put_char(w->out, '\n');
	put_indent(w, indent);
	(void)buf_put_str(w->out, "enum: ");
	for (const struct json *v = json_first(values); v; v = json_next(v)) {
		if (shown == ENUMS_SHOWN) {
			(void)buf_put_str(w->out, ", ....");
			return;
		}
		(void)buf_put_str(w->out, shown++ ? ", " : "");
		put_enum_value(w, v);
	}
}

static void put_long_enum(struct explain_walk *w, const struct json *schema)
{
	const struct json *values = json_get(schema, "enum");

	if (!json_is_array(values) || !json_first(values))
		return;
	(void)buf_put_str(w->out, "ENUM:");
	for (const struct json *v = json_first(values); v; v = json_next(v)) {
		(void)buf_put_char(w->out, '\n');
		put_indent(w, TEXT_INDENT);
		put_enum_value(w, v);
	}
}

static void put_external_docs(struct explain_walk *w, const struct json *schema, size_t indent,
			      size_t text_indent)
{
	const struct json *docs = json_get(schema, "externalDocs");
	const char *text = json_str(docs, "description"), *url = json_str(docs, "url");

	if (!json_is_object(docs) || !json_first(docs))
		return;
	(void)buf_put_char(w->out, '\n');
	put_indent(w, indent);
	(void)buf_put_str(w->out, "EXTERNAL DOCS:\n");
	if (text && text[0]) {
		explain_put_wrapped(span_of(text), LINE_WIDTH - text_indent, text_indent, w->out);
		(void)buf_put_char(w->out, '\n');
	}
	if (url && url[0]) {
		put_indent(w, text_indent);
		(void)buf_printf(w->out, "URL: %s\n", url);
	}
}

static void put_field(struct explain_walk *w, const struct json *owner, const struct json *field,
		      size_t level)
{
	size_t indent = level * LEVEL_INDENT;
	const char *text = json_str(field, "description");

	put_indent(w, indent);
	(void)buf_printf(w->out, "%s\t<", json_name(field));
	put_type(w, field);
	(void)buf_put_str(w->out, explain_requires(owner, json_name(field)) ? "> -required-" : ">");
	put_short_enum(w, field, indent);
	(void)buf_put_char(w->out, '\n');
	if (w->what->recursive)
		return;
	explain_put_wrapped(span_of(text && text[0] ? text : "<no description>"),
			    LINE_WIDTH - indent - LEVEL_INDENT, indent + LEVEL_INDENT, w->out);
	(void)buf_put_char(w->out, '\n');
	put_external_docs(w, field, indent + LEVEL_INDENT, indent + TEXT_INDENT);
	(void)buf_put_char(w->out, '\n');
}

static void put_fields(struct explain_walk *w, const struct json *schema, const struct seen *before,
		       size_t level)
{
	const struct seen seen = { json_str(schema, "$ref"), before };
	const struct json *of = explain_resolve(w, schema);
	AUTO_FREE const struct json **sorted = NULL;
	size_t count;

	if (has_seen(before, seen.ref) || !explain_enter(w))
		return;
	sorted = explain_sort(explain_properties(of), &count);
	for (size_t i = 0; i < count; i++) {
		put_field(w, of, sorted[i], level);
		if (w->what->recursive)
			put_fields(w, sorted[i], &seen, level + 1);
	}
	for (const struct json *s = json_first(explain_alternatives(of)); s; s = json_next(s))
		put_fields(w, s, &seen, level);
	if (explain_items(of))
		put_fields(w, explain_items(of), &seen, level);
	if (explain_values(of))
		put_fields(w, explain_values(of), &seen, level);
	explain_leave(w);
}

static void put_whole(struct explain_walk *w, const struct json *of)
{
	struct buf text;
	size_t before;

	buf_init(&text, w->out->max);
	put_descriptions(w, of, &text);
	(void)buf_put_str(w->out, "DESCRIPTION:\n");
	explain_put_wrapped(text.len ? buf_span(&text) : SPAN("<empty>"), LINE_WIDTH - TEXT_INDENT,
			    TEXT_INDENT, w->out);
	(void)buf_put_char(w->out, '\n');
	buf_free(&text);
	put_external_docs(w, of, 0, TEXT_INDENT);
	before = w->out->len;
	(void)buf_put_str(w->out, "FIELDS:\n");
	put_fields(w, of, NULL, 1);
	if (w->out->len == before + strlen("FIELDS:\n"))
		w->out->len = before;
}

static void put_field_head(struct explain_walk *w, const struct json *field)
{
	(void)buf_printf(w->out, "FIELD: %s <", json_name(field));
	put_type(w, field);
	(void)buf_put_str(w->out, ">\n");
	put_long_enum(w, field);
	(void)buf_put_str(w->out, "\n\n");
}

/* Follows the fields from number `at` on; what is not found puts nothing. */
static void follow(struct explain_walk *w, const struct json *schema, const struct seen *before,
		   size_t at)
{
	const struct seen seen = { json_str(schema, "$ref"), before };
	const struct json *of = explain_resolve(w, schema), *field;
	size_t len = w->out->len;

	if (!explain_enter(w))
		return;
	field = at < w->what->field_count ? json_get(explain_properties(of), w->what->fields[at]) :
					    NULL;
	if (at == w->what->field_count) {
		put_whole(w, of);
	} else if (has_seen(before, seen.ref)) {
		;
	} else if (field) {
		if (at + 1 == w->what->field_count)
			put_field_head(w, field);
		follow(w, field, NULL, at + 1);
	} else if (explain_items(of)) {
		follow(w, explain_items(of), &seen, at);
	} else if (explain_values(of)) {
		follow(w, explain_values(of), &seen, at);
	} else {
		for (const struct json *s = json_first(explain_alternatives(of));
		     s && w->out->len == len; s = json_next(s))
			follow(w, s, &seen, at);
	}
	explain_leave(w);
}

static const char *text_of(const struct json *kind, const char *member)
{
	const char *text = json_str(kind, member);

	return text ? text : "";
}

static void put_head(struct buf *out, const struct json *kind)
{
	if (text_of(kind, "group")[0])
		(void)buf_printf(out, "GROUP:      %s\n", text_of(kind, "group"));
	(void)buf_printf(out, "KIND:       %s\nVERSION:    %s\n\n", text_of(kind, "kind"),
			 text_of(kind, "version"));
}

int explain_print(const struct explain *what, struct buf *out, struct err *e)
{
	struct explain_walk w = { .what = what, .out = out };
	const struct json *kind = explain_find_kind(what), *schema;
	size_t len;

	if (!kind)
		return err_set(e, ERR_NOT_FOUND,
			       "GVR (%s/%s, Resource=%s) not found in OpenAPI schema", what->group,
			       what->version, what->plural);
	put_head(out, kind);
	len = out->len;
	schema = explain_find_schema(what, kind);
	if (!schema)
		return err_set(e, ERR_NOT_FOUND,
			       "GVK map[group:%s kind:%s version:%s] not found in OpenAPI schema",
			       text_of(kind, "group"), text_of(kind, "kind"),
			       text_of(kind, "version"));
	follow(&w, schema, NULL, 0);
	if (w.too_much)
		return err_set(e, ERR_LIMIT,
			       "the server's OpenAPI schema nests too deep, or has too many parts");
	if (out->len == len)
		return err_set(e, ERR_NOT_FOUND, "field \"%s\" does not exist",
			       what->field_count ? what->fields[what->field_count - 1] : "");
	(void)buf_put_char(out, '\n');
	return buf_ok(out, "the explanation", e);
}
