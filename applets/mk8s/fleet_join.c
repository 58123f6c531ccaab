/* What many clusters said, as one output: tables under a CLUSTER column, one List, lines. */
#include <stdlib.h>
#include <string.h>

#include "applets/mk8s/kubectl.h"
#include "lib/base/mem.h"
#include "lib/base/table.h"

#define TEXT_MAX (1024u * 1024 * 1024)
#define DOCUMENT_MAX (256 * 1024 * 1024)

/* Tables with the same header are one. */
struct joined {
	char *header; /* the record, or "" of tables without headers */
	struct table *table;
};

struct join {
	struct joined *tables;
	size_t count;
	struct buf lines; /* what is no table */
	const char *mark[2]; /* around the cluster's name */
	bool has_headers;
};

static void put_record(struct table *t, const char *cluster, struct span record)
{
	struct span rest = span_from(record.at + 1, record.len - 1), cell;

	table_put_text(t, cluster);
	while (span_take_part(&rest, TABLE_CELL, &cell))
		table_put_cell(t, cell);
	table_end_row(t);
}

static struct table *find_table(struct join *j, struct span header)
{
	AUTO_FREE char *key = span_dup(j->has_headers ? header : SPAN_NONE);

	for (size_t i = 0; i < j->count; i++)
		if (strcmp(j->tables[i].header, key) == 0)
			return j->tables[i].table;
	j->tables = mem_grow(j->tables, j->count + 1, sizeof(*j->tables));
	j->tables[j->count] = (struct joined) { mem_dup_str(key), table_new() };
	if (j->has_headers)
		put_record(j->tables[j->count].table, "CLUSTER", header);
	return j->tables[j->count++].table;
}

static void put_line(struct join *j, const char *cluster, struct span line)
{
	(void)buf_printf(&j->lines, "%s%s%s", j->mark[0], cluster, j->mark[1]);
	(void)buf_put_span(&j->lines, line);
	(void)buf_put_char(&j->lines, '\n');
}

static void add_answer(struct join *j, const struct fleet_answer *a)
{
	struct span rest = buf_span(&a->out), line;
	struct table *table = NULL;

	while (rest.len && span_take_part(&rest, '\n', &line)) {
		bool is_record = line.len && line.at[0] == TABLE_ROW, begins = is_record && !table;

		if (begins)
			table = find_table(j, line);
		if (is_record && !(begins && j->has_headers))
			put_record(table, a->cluster, line);
		if (!is_record && (line.len || !table))
			put_line(j, a->cluster, line);
		table = is_record ? table : NULL;
	}
}

static int write_join(struct join *j, struct err *e)
{
	AUTO_BUF struct buf out;

	buf_init(&out, TEXT_MAX);
	for (size_t i = 0; i < j->count; i++) {
		if (i && j->has_headers)
			(void)buf_put_char(&out, '\n');
		(void)table_flush(j->tables[i].table, &out);
	}
	if (buf_ok(&out, "the output", e) < 0 || buf_ok(&j->lines, "the output", e) < 0 ||
	    cli_write(buf_span(&out), e) < 0)
		return -1;
	return cli_write(buf_span(&j->lines), e);
}

static int join_lines(const struct fleet_answer *answers, size_t count, struct join *j,
		      struct err *e)
{
	int result;

	buf_init(&j->lines, TEXT_MAX);
	for (size_t i = 0; i < count; i++)
		add_answer(j, &answers[i]);
	result = write_join(j, e);
	for (size_t i = 0; i < j->count; i++) {
		free(j->tables[i].header);
		table_free(j->tables[i].table);
	}
	free(j->tables);
	buf_free(&j->lines);
	return result;
}

/* One document each: an object, or a List of them. */

/* Takes `object`. The cluster is its first member. */
static void add_object(struct json *items, const char *cluster, struct json *object)
{
	struct json *marked = json_new_object(), *member;

	json_set_str(marked, "cluster", cluster);
	if (!json_is_object(object)) {
		json_set_item(marked, "value", object);
		json_add_item(items, marked);
		return;
	}
	json_remove(object, "cluster");
	while ((member = json_first(object))) {
		AUTO_FREE char *name = mem_dup_str(json_name(member));

		json_append_member(marked, name, json_detach(object, member));
	}
	json_free(object);
	json_add_item(items, marked);
}

static int add_document(struct json *items, const struct fleet_answer *a, struct err *e)
{
	const struct json_limits limits = { DOCUMENT_MAX, JSON_DEPTH_CEILING, 0 };
	AUTO_JSON struct json *document = NULL;
	const char *kind;
	struct json *item;

	if (a->out.len == 0)
		return 0;
	if (json_parse(buf_span(&a->out), limits, &document, e) < 0)
		return err_context(e, "cluster \"%s\": the output is no JSON", a->cluster);
	kind = json_str(document, "kind");
	if (!kind || strcmp(kind, "List") != 0 || !json_is_array(json_get(document, "items"))) {
		add_object(items, a->cluster, document);
		document = NULL;
		return 0;
	}
	while ((item = json_first(json_get(document, "items"))))
		add_object(items, a->cluster, json_detach(json_get(document, "items"), item));
	return 0;
}

static int join_documents(const struct fleet_answer *answers, size_t count, enum cli_format format,
			  struct err *e)
{
	AUTO_JSON struct json *list = json_new_object();
	struct json *items = json_new_array();

	json_set_str(list, "apiVersion", "v1");
	json_set_str(list, "kind", "List");
	json_set_item(list, "items", items);
	for (size_t i = 0; i < count; i++)
		if (add_document(items, &answers[i], e) < 0)
			return -1;
	return cli_print_json(format, list, e);
}

int cli_fleet_join(const struct fleet_answer *answers, size_t count, enum fleet_form form,
		   bool has_headers, struct err *e)
{
	struct join lines = { .mark = { "[", "] " }, .has_headers = has_headers };

	if (form == FLEET_JSON || form == FLEET_YAML)
		return join_documents(answers, count, form == FLEET_JSON ? CLI_JSON : CLI_YAML, e);
	if (form == FLEET_WORDS) {
		lines.mark[0] = "";
		lines.mark[1] = " ";
	}
	return join_lines(answers, count, &lines, e);
}
