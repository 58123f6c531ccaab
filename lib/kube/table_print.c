/* Tables of the API server, printed as kubectl get prints them. */
#include "lib/kube/table_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/table.h"
#include "lib/format/json.h"
#include "lib/format/timefmt.h"

enum { TEXT_MAX = 64 * 1024 * 1024, COLUMNS_MAX = 256 };

struct table_print {
	struct table_print_options o;
	struct table *table;
	struct json *columns; /* of the last Table that had some; owned */
	char event[16];
	size_t row_count;
	bool header_done;
};

struct table_print *table_print_new(const struct table_print_options *o)
{
	struct table_print *p = mem_new(sizeof(*p));

	p->o = *o;
	p->table = table_new();
	if (o->records)
		table_set_records(p->table);
	return p;
}

void table_print_free(struct table_print *p)
{
	if (!p)
		return;
	table_free(p->table);
	json_free(p->columns);
	free(p);
}

void table_print_set_event(struct table_print *p, const char *event)
{
	(void)snprintf(p->event, sizeof(p->event), "%-8.8s", event); /* so that later types need no more room */
}

size_t table_print_count(const struct table_print *p)
{
	return p->row_count;
}

static bool is_shown(const struct table_print *p, const struct json *column)
{
	int64_t priority = 0;

	(void)json_int(column, "priority", &priority); /* absent means 0 */
	return p->o.wide || priority == 0;
}

static void put_upper(struct table_print *p, const char *name)
{
	AUTO_FREE char *upper = mem_dup_str(name ? name : "");

	for (char *at = upper; *at; at++)
		if (*at >= 'a' && *at <= 'z')
			*at = (char)(*at - ('a' - 'A'));
	table_put_text(p->table, upper);
}

static void put_header(struct table_print *p)
{
	if (p->o.no_headers || p->header_done)
		return;
	p->header_done = true;
	if (p->o.with_event)
		table_put_text(p->table, "EVENT");
	if (p->o.with_namespace)
		table_put_text(p->table, "NAMESPACE");
	for (const struct json *c = json_first(p->columns); c; c = json_next(c))
		if (is_shown(p, c))
			put_upper(p, json_str(c, "name"));
	if (p->o.show_labels)
		table_put_text(p->table, "LABELS");
	table_end_row(p->table);
}

static bool is_name_column(const struct json *column)
{
	const char *format = json_str(column, "format"), *type = json_str(column, "type");

	return format && type && strcmp(format, "name") == 0 && strcmp(type, "string") == 0;
}

/* A cell is a string, a number, a bool or null; anything else is shown as JSON. */
static void put_cell(struct table_print *p, const struct json *cell, const char *prefix)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	if (prefix)
		(void)buf_put_str(&text, prefix);
	if (json_text(cell))
		(void)buf_put_str(&text, json_text(cell));
	else if (cell && json_kind(cell) != JSON_NULL)
		json_print(cell, JSON_COMPACT, &text);
	table_put_cell(p->table, buf_span(&text));
	buf_free(&text);
}

static int compare_names(const void *a, const void *b)
{
	const struct json *const *x = a, *const *y = b;

	return strcmp(json_name(*x), json_name(*y));
}

static void put_labels(struct table_print *p, const struct json *labels)
{
	size_t count = json_is_object(labels) ? json_count(labels) : 0, i = 0;
	AUTO_FREE const struct json **sorted = mem_new_array(count + 1, sizeof(*sorted));
	struct buf text;

	buf_init(&text, TEXT_MAX);
	for (const struct json *l = count ? json_first(labels) : NULL; l; l = json_next(l))
		sorted[i++] = l;
	qsort(sorted, count, sizeof(*sorted), compare_names);
	for (i = 0; i < count; i++)
		(void)buf_printf(&text, "%s%s=%s", i ? "," : "", json_name(sorted[i]),
				 json_text(sorted[i]) ? json_text(sorted[i]) : "");
	table_put_cell(p->table, count ? buf_span(&text) : SPAN("<none>"));
	buf_free(&text);
}

/* What stands before and behind the server's cells comes from the row's metadata. */
static void put_row(struct table_print *p, const struct json *cells, const struct json *metadata)
{
	const struct json *column = json_first(p->columns), *cell = json_first(cells);
	bool prefixed = false;

	if (p->o.with_event)
		table_put_text(p->table, p->event);
	if (p->o.with_namespace)
		table_put_text(p->table, json_str(metadata, "namespace"));
	for (; column; column = json_next(column)) {
		bool with_prefix = p->o.kind_prefix && !prefixed && is_name_column(column);

		prefixed = prefixed || with_prefix;
		if (is_shown(p, column))
			put_cell(p, cell, with_prefix ? p->o.kind_prefix : NULL);
		cell = cell ? json_next(cell) : NULL;
	}
	if (p->o.show_labels)
		put_labels(p, json_get(metadata, "labels"));
	table_end_row(p->table);
	p->row_count++;
}

static int add_table(struct table_print *p, const struct json *document, struct err *e)
{
	const struct json *columns = json_get(document, "columnDefinitions");
	const struct json *rows = json_get(document, "rows");

	if (json_count(columns) > COLUMNS_MAX)
		return err_set(e, ERR_PROTOCOL, "the server's table has more than %d columns", COLUMNS_MAX);
	if (json_is_array(columns) && json_count(columns)) {
		json_free(p->columns);
		p->columns = json_dup(columns);
	}
	if (!json_is_array(rows) || json_count(rows) == 0)
		return 0;
	if (!p->columns)
		return err_set(e, ERR_PROTOCOL, "the server's table has rows, but no columns");
	put_header(p);
	for (const struct json *row = json_first(rows); row; row = json_next(row))
		put_row(p, json_get(row, "cells"), json_find(row, "object.metadata"));
	return 0;
}

static void add_object(struct table_print *p, const struct json *object)
{
	const struct json *metadata = json_get(object, "metadata");
	const char *created = json_str(metadata, "creationTimestamp");
	AUTO_JSON struct json *cells = json_new_array();
	char age[TIMEFMT_SIZE] = "<unknown>";
	struct err ignored = { 0 };
	int64_t created_s;

	if (created && timefmt_parse_date(span_of(created), &created_s, &ignored) == 0)
		timefmt_age(clock_unix_s() - created_s, age);
	json_add_str(cells, json_str(metadata, "name") ? json_str(metadata, "name") : "");
	json_add_str(cells, age);
	put_header(p);
	put_row(p, cells, metadata);
}

static struct json *plain_columns(void)
{
	static const char *const names[] = { "Name", "Age" };
	struct json *columns = json_new_array();

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct json *column = json_new_object();

		json_set_str(column, "name", names[i]);
		json_set_str(column, "type", "string");
		json_set_str(column, "format", i == 0 ? "name" : "");
		json_add_item(columns, column);
	}
	return columns;
}

/* From a server that ignores "as=Table". */
static int add_plain(struct table_print *p, const struct json *document, struct err *e)
{
	const struct json *items = json_get(document, "items");

	if (!items && !json_is_object(json_get(document, "metadata")))
		return err_set(e, ERR_PROTOCOL, "the server's answer is neither a table nor an object");
	if (!p->columns)
		p->columns = plain_columns();
	if (!items) {
		add_object(p, document);
		return 0;
	}
	for (const struct json *item = json_first(items); item; item = json_next(item))
		add_object(p, item);
	return 0;
}

int table_print_add(struct table_print *p, const struct json *document, struct err *e)
{
	const char *kind = json_str(document, "kind");

	if (!json_is_object(document))
		return err_set(e, ERR_PROTOCOL, "the server's answer is no object");
	if (kind && strcmp(kind, "Table") == 0)
		return add_table(p, document, e);
	return add_plain(p, document, e);
}

int table_print_flush(struct table_print *p, struct buf *out, struct err *e)
{
	return table_flush(p->table, out) ? buf_ok(out, "the output", e) : 0;
}
