/* kubectl get: objects and lists, as tables or documents. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_get.h"
#include "lib/kube/table_print.h"

#define AT(member) offsetof(struct get_options, member)
static const struct option_row rows[] = {
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE", "the namespace to look in", NULL, 0, 0 },
	{ "all-namespaces", 'A', OPTION_FLAG, AT(all_namespaces), NULL, "list across all namespaces", NULL, 0, 0 },
	{ "output", 'o', OPTION_TEXT, AT(output), "FORMAT",
	  "wide, json, yaml, name, jsonpath=TEMPLATE or custom-columns=SPEC", NULL, 0, 0 },
	{ "sort-by", 0, OPTION_TEXT, AT(sort_by), "PATH", "order the list by the field at this JSONPath", NULL, 0, 0 },
	{ "selector", 'l', OPTION_TEXT, AT(selector), "SELECTOR", "labels to filter on", NULL, 0, 0 },
	{ "field-selector", 0, OPTION_TEXT, AT(field_selector), "SELECTOR", "fields to filter on", NULL, 0, 0 },
	{ "filename", 'f', OPTION_LIST, AT(files), "FILE", "get what this manifest names", NULL, 0, 0 },
	{ "watch", 'w', OPTION_FLAG, AT(watch), NULL, "then watch for changes", NULL, 0, 0 },
	{ "watch-only", 0, OPTION_FLAG, AT(watch_only), NULL, "watch without listing first", NULL, 0, 0 },
	{ "output-watch-events", 0, OPTION_FLAG, AT(output_watch_events), NULL,
	  "print each event with its type", NULL, 0, 0 },
	{ "no-headers", 0, OPTION_FLAG, AT(no_headers), NULL, "print no header line", NULL, 0, 0 },
	{ "show-labels", 0, OPTION_FLAG, AT(show_labels), NULL, "add a column with all labels", NULL, 0, 0 },
	{ "show-managed-fields", 0, OPTION_FLAG, AT(managed_fields), NULL,
	  "keep metadata.managedFields in json and yaml", NULL, 0, 0 },
	{ "ignore-not-found", 0, OPTION_FLAG, AT(ignore_not_found), NULL,
	  "exit with 0 when an object does not exist", NULL, 0, 0 },
	{ "chunk-size", 0, OPTION_INT, AT(chunk_size), "N", "objects a request, 0 for all at once", NULL, 0,
	  1000000 },
};
#undef AT

static bool several_kinds(const struct get *g)
{
	for (size_t i = 1; i < g->page_count; i++)
		if (g->pages[i].resource != g->pages[0].resource)
			return true;
	return false;
}

static char *prefix_of(const struct kube_resource *r)
{
	struct buf prefix;

	buf_init(&prefix, 1024);
	kube_resource_put_kind(&prefix, r);
	(void)buf_put_char(&prefix, '/');
	return buf_take_str(&prefix);
}

static struct table_print *new_table(const struct get *g, const struct kube_resource *r, const char *prefix)
{
	const struct table_print_options o = {
		.wide = g->output == OUTPUT_WIDE,
		.with_namespace = g->o->all_namespaces && r->is_namespaced,
		.no_headers = g->o->no_headers,
		.with_event = g->o->output_watch_events,
		.kind_prefix = prefix,
		.show_labels = g->o->show_labels,
		.records = g->k->io->is_fleet,
	};

	return table_print_new(&o);
}

static void flush_table(struct get *g, struct table_print *table)
{
	struct buf out;
	struct err failure = { 0 };

	buf_init(&out, KUBECTL_TEXT_MAX);
	if (table_print_flush(table, &out, &failure))
		kubectl_fail(g->k, &failure);
	kubectl_write(g->k, KUBECTL_OUT, buf_span(&out));
	buf_free(&out);
}

/* The pages [from, to) of one resource. The number of rows. */
static size_t print_table(struct get *g, size_t from, size_t to, bool with_prefix, bool separate)
{
	AUTO_FREE char *prefix = with_prefix ? prefix_of(g->pages[from].resource) : NULL;
	struct table_print *table = new_table(g, g->pages[from].resource, prefix);
	struct err failure = { 0 };
	size_t rows_printed;

	for (size_t i = from; i < to; i++) {
		if (g->o->sort_by)
			kubectl_sort_items(g->k, json_get(g->pages[i].document, "rows"), "object", g->o->sort_by);
		if (table_print_add(table, g->pages[i].document, &failure))
			kubectl_fail(g->k, &failure);
	}
	rows_printed = table_print_count(table);
	if (rows_printed && separate && !g->o->no_headers)
		kubectl_write(g->k, KUBECTL_OUT, SPAN("\n"));
	flush_table(g, table);
	table_print_free(table);
	return rows_printed;
}

static void say_nothing_found(struct get *g, const char *namespace)
{
	bool namespaced = !g->o->all_namespaces;

	for (size_t i = 0; i < g->page_count; i++)
		namespaced = namespaced && g->pages[i].resource->is_namespaced;
	if (namespaced)
		kubectl_printf(g->k, KUBECTL_ERR, "No resources found in %s namespace.\n", namespace);
	else
		kubectl_printf(g->k, KUBECTL_ERR, "No resources found\n");
}

static void print_tables(struct get *g, const char *namespace)
{
	bool with_prefix = several_kinds(g);
	size_t rows_printed = 0, to;

	for (size_t from = 0; from < g->page_count; from = to) {
		for (to = from + 1; to < g->page_count && g->pages[to].resource == g->pages[from].resource;)
			to++;
		rows_printed += print_table(g, from, to, with_prefix, rows_printed > 0);
	}
	if (rows_printed == 0 && !g->o->ignore_not_found && g->k->first.code == ERR_NONE)
		say_nothing_found(g, namespace);
}

/* One object asked for by name is printed alone, anything else as one List. */
static void print_documents(struct get *g)
{
	struct json *list;

	if (g->page_count == 0 && (g->o->ignore_not_found || g->k->first.code != ERR_NONE))
		return;
	if (g->targets.count == 1 && g->page_count == 1 && !g->pages[0].is_list) {
		kubectl_print_object(g->k, g->output, g->o->managed_fields, g->pages[0].document);
		g->pages[0].document = NULL;
		return;
	}
	list = kubectl_new_list();
	for (size_t i = 0; i < g->page_count; i++) {
		if (g->pages[i].is_list)
			kubectl_collect_items(list, g->pages[i].document);
		else
			json_add_item(json_get(list, "items"), g->pages[i].document);
		g->pages[i].document = g->pages[i].is_list ? g->pages[i].document : NULL;
	}
	if (g->o->sort_by)
		kubectl_sort_items(g->k, json_get(list, "items"), NULL, g->o->sort_by);
	kubectl_print_object(g->k, g->output, g->o->managed_fields, list);
}

/* What there is before the watch: a list's items one by one, as kubectl prints them then. */
static void print_first(struct get *g, struct table_print *table)
{
	struct err failure = { 0 };

	for (size_t i = 0; i < g->page_count; i++) {
		AUTO_JSON struct json *list = NULL;
		struct json *item;

		if (kubectl_get_is_table(g->output)) {
			if (table_print_add(table, g->pages[i].document, &failure))
				kubectl_fail(g->k, &failure);
			continue;
		}
		list = kubectl_new_list();
		if (g->pages[i].is_list)
			kubectl_collect_items(list, g->pages[i].document);
		else
			json_add_item(json_get(list, "items"), json_dup(g->pages[i].document));
		while ((item = json_first(json_get(list, "items"))))
			kubectl_print_object(g->k, g->output, g->o->managed_fields,
					     json_detach(json_get(list, "items"), item));
	}
	if (kubectl_get_is_table(g->output))
		flush_table(g, table);
}

static void watch(struct get *g)
{
	const struct kubectl_target *t = &g->targets.at[0];
	struct table_print *table;
	const char *version;

	kubectl_get_fetch(g);
	if (g->page_count == 0)
		return;
	table = new_table(g, t->resource, NULL);
	table_print_set_event(table, "ADDED");
	version = json_find_str(g->pages[g->page_count - 1].document, "metadata.resourceVersion");
	if (!g->o->watch_only)
		print_first(g, table);
	if (g->k->first.code == ERR_NONE)
		kubectl_run_watch(g->k, &(struct kubectl_watch){
						.target = t,
						.output = g->output,
						.selector = g->o->selector,
						.field_selector = g->o->field_selector,
						.resource_version = t->name || !version ? "0" : version,
						.table = table,
						.skip_first = t->name != NULL,
						.with_event = g->o->output_watch_events,
						.managed_fields = g->o->managed_fields,
					});
	table_print_free(table);
}

/* What can be known to be wrong before anything is asked. */
static bool check_options(struct kubectl *k, const struct get_options *o, const struct options_rest *args)
{
	bool by_name = args->count > 1 || (args->count == 1 && strchr(args->at[0], '/'));

	if (args->count == 0 && o->files.count == 0)
		kubectl_failf(k, ERR_USAGE,
			      "You must specify the type of resource to get: kubectl get TYPE [NAME ...]");
	else if (args->count && o->files.count)
		kubectl_failf(k, ERR_USAGE, "when files are given, no TYPE or NAME may be given as well");
	else if (by_name && (o->selector || o->field_selector))
		kubectl_failf(k, ERR_USAGE, "name cannot be provided when a selector is specified");
	else if (k->io->is_fleet && (o->watch || o->watch_only))
		kubectl_failf(k, ERR_USAGE, "a watch is of one cluster: choose it with --cluster");
	else if (o->output_watch_events && !o->watch && !o->watch_only)
		kubectl_failf(k, ERR_USAGE, "--output-watch-events option can only be used with --watch or "
					    "--watch-only");
	else
		return true;
	return false;
}

/* Cluster-scoped objects may be named beside -A. */
static bool check_targets(struct kubectl *k, const struct get_options *o, const struct kubectl_targets *t)
{
	for (size_t i = 0; i < t->count && o->all_namespaces; i++)
		if (t->at[i].name && !t->at[i].object && t->at[i].resource->is_namespaced) {
			kubectl_failf(k, ERR_USAGE,
				      "a resource cannot be retrieved by name across all namespaces");
			return false;
		}
	return true;
}

static void get(struct kubectl *k, const struct get_options *o, const struct options_rest *args)
{
	const char *namespace = o->namespace ? o->namespace : kube_client_namespace(k->client);
	struct get g = { .k = k, .o = o };
	int rc;

	k->no_headers = o->no_headers;
	if (!check_options(k, o, args) || !kubectl_read_output(k, o->output, &g.output))
		return;
	rc = o->files.count ? kubectl_targets_of_files(k, &o->files, namespace, o->namespace != NULL, &g.targets)
			    : kubectl_targets_of_args(k, args->at, args->count,
						      o->all_namespaces ? "" : namespace, &g.targets);
	if (rc == 0 && !check_targets(k, o, &g.targets))
		rc = -1;
	if (rc == 0 && (o->watch || o->watch_only)) {
		if (g.targets.count == 1)
			watch(&g);
		else
			kubectl_failf(k, ERR_USAGE, "you may only specify a single resource type or object");
	} else if (rc == 0) {
		kubectl_get_fetch(&g);
		if (kubectl_get_is_table(g.output))
			print_tables(&g, namespace);
		else
			print_documents(&g);
	}
	kubectl_get_drop(&g, 0);
	free(g.pages);
	kubectl_targets_free(&g.targets);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct get_options o = { .namespace = namespace, .chunk_size = 500 };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else
		get(k, &o, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_get = {
	"get", "TYPE[,TYPE...] [NAME ...] | TYPE/NAME ... | -f FILE [options]", "Display one or many resources", rows,
	COUNT_OF(rows), run
};
