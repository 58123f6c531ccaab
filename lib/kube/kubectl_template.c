/* kubectl -o jsonpath= and -o custom-columns=. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/table.h"
#include "lib/format/json.h"
#include "lib/format/jsonpath.h"
#include "lib/kube/kubectl_inner.h"

enum { COLUMNS_MAX = 200, CELL_MAX = 1024 * 1024 };

struct column {
	char *header;
	struct jsonpath *path;
};

struct kubectl_template {
	struct jsonpath *path; /* NULL: columns */
	struct column *columns;
	size_t column_count;
	struct table *table; /* keeps the widths of a watch */
	bool header_done;
};

void kubectl_template_free(struct kubectl_template *t)
{
	if (!t)
		return;
	jsonpath_free(t->path);
	for (size_t i = 0; i < t->column_count; i++) {
		free(t->columns[i].header);
		jsonpath_free(t->columns[i].path);
	}
	free(t->columns);
	table_free(t->table);
	free(t);
}

/* "NAME:.metadata.name,..." */
static int read_columns(struct kubectl_template *t, struct span spec, struct err *e)
{
	struct span part;

	if (span_trim(spec).len == 0)
		return err_set(e, ERR_USAGE, "custom-columns format specified but no custom columns given");
	while (span_take_part(&spec, ',', &part)) {
		ptrdiff_t colon = span_find(part, ':');
		struct column *c;

		if (colon < 0)
			return err_set(e, ERR_USAGE,
				       "unexpected custom-columns spec: %.100s, expected <header>:<json-path-expr>",
				       part.len ? part.at : "");
		if (t->column_count == COLUMNS_MAX)
			return err_set(e, ERR_LIMIT, "at most %d columns", COLUMNS_MAX);
		t->columns = mem_grow(t->columns, t->column_count + 1, sizeof(*t->columns));
		c = &t->columns[t->column_count++];
		*c = (struct column){ .header = mem_dup(part.at, (size_t)colon) };
		if (jsonpath_parse_field(span_from(part.at + colon + 1, part.len - (size_t)colon - 1), &c->path, e))
			return -1;
	}
	return 0;
}

int kubectl_template_read(struct kubectl *k, const char *text)
{
	struct span all = span_of(text), name;
	bool is_path, is_columns;
	struct kubectl_template *t;
	struct err failure = { 0 };
	int rc;

	(void)span_take_part(&all, '=', &name); /* without "=" all is empty */
	is_path = span_equal_str(name, "jsonpath");
	is_columns = span_equal_str(name, "custom-columns");
	if (!is_path && !is_columns)
		return 0;
	t = mem_new(sizeof(*t));
	if (is_path)
		rc = all.len ? jsonpath_parse(all, &t->path, &failure)
			     : err_set(&failure, ERR_USAGE, "template format specified but no template given");
	else
		rc = read_columns(t, all, &failure);
	if (rc) {
		kubectl_fail(k, &failure);
		kubectl_template_free(t);
		return -1;
	}
	t->table = kubectl_new_table(k);
	kubectl_template_free(k->template);
	k->template = t;
	return 1;
}

/* As Go's %v: map[a:1 b:[x y]]. */
static void put_go_value(struct buf *out, const struct json *item)
{
	bool is_object = json_is_object(item);

	if (json_text(item)) {
		(void)buf_put_str(out, json_text(item));
	} else if (is_object || json_is_array(item)) {
		(void)buf_put_str(out, is_object ? "map[" : "[");
		for (const struct json *child = json_first(item); child; child = json_next(child)) {
			if (is_object)
				(void)buf_printf(out, "%s:", json_name(child));
			put_go_value(out, child);
			if (json_next(child))
				(void)buf_put_char(out, ' ');
		}
		(void)buf_put_char(out, ']');
	} else if (json_kind(item) == JSON_BOOL) {
		(void)buf_put_str(out, json_is_true(item) ? "true" : "false");
	} else {
		(void)buf_put_str(out, "<nil>");
	}
}

static void put_cell(struct kubectl *k, const struct column *c, const struct json *object)
{
	struct jsonpath_found found = { 0 };
	struct err failure = { 0 };
	struct buf text;

	buf_init(&text, CELL_MAX);
	if (jsonpath_find(c->path, object, &found, &failure))
		kubectl_fail(k, &failure);
	for (size_t i = 0; i < found.count; i++) {
		if (i)
			(void)buf_put_char(&text, ',');
		put_go_value(&text, found.at[i]);
	}
	table_put_cell(k->template->table, found.count ? buf_span(&text) : SPAN("<none>"));
	free(found.at);
	buf_free(&text);
}

static void put_row(struct kubectl *k, const struct json *object)
{
	for (size_t i = 0; i < k->template->column_count; i++)
		put_cell(k, &k->template->columns[i], object);
	table_end_row(k->template->table);
}

static void print_columns(struct kubectl *k, const struct json *object, struct buf *out)
{
	struct kubectl_template *t = k->template;
	const struct json *items = json_get(object, "items");

	if (!k->no_headers && !t->header_done) {
		for (size_t i = 0; i < t->column_count; i++)
			table_put_text(t->table, t->columns[i].header);
		table_end_row(t->table);
	}
	t->header_done = true;
	if (!json_is_array(items))
		put_row(k, object);
	for (const struct json *item = json_is_array(items) ? json_first(items) : NULL; item; item = json_next(item))
		put_row(k, item);
	if (table_flush(t->table, out))
		out->failed = true;
}

void kubectl_template_print(struct kubectl *k, const struct json *object, struct buf *out)
{
	struct err failure = { 0 };

	if (!k->template->path)
		print_columns(k, object, out);
	else if (jsonpath_print(k->template->path, object, out, &failure))
		kubectl_fail(k, &failure);
}
