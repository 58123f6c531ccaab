/* The tables of kubectl top. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/table.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_change.h"
#include "lib/kube/kubectl_top.h"
#include "lib/kube/quantity.h"

enum { NANOS_A_MILLI = 1000 * 1000, MIB = 1024 * 1024, PERCENT = 100 };

static const struct {
	const char *name;
	int exponent; /* usage is in units of 10 to the power of minus that */
	const char *column, *percent_column;
} resources[TOP_RESOURCE_COUNT] = {
	{ "cpu", 9, "CPU(cores)", "CPU(%)" },
	{ "memory", 0, "MEMORY(bytes)", "MEMORY(%)" },
	{ "swap", 0, "SWAP(bytes)", "SWAP(%)" },
};

/* Adds what `list` ("usage", "allocatable") has of each resource; false after having noted the
 * failure. */
static bool add_usage(struct kubectl *k, const struct json *list, int64_t into[])
{
	for (int r = 0; r < TOP_RESOURCE_COUNT; r++) {
		const char *text = json_text(json_get(list, resources[r].name));
		int64_t value = 0;

		if (!text)
			continue;
		if (!quantity_read_scaled(span_of(text), resources[r].exponent, &value)) {
			kubectl_failf(k, ERR_PROTOCOL,
				      "the server's %s of \"%.40s\" is no quantity",
				      resources[r].name, text);
			return false;
		}
		if (__builtin_add_overflow(into[r], value, &into[r]))
			into[r] = INT64_MAX;
	}
	return true;
}

static int64_t millis(int64_t nanos)
{
	return nanos / NANOS_A_MILLI + (nanos % NANOS_A_MILLI > 0);
}

static int compare_descending(int64_t a, int64_t b)
{
	return (a < b) - (a > b);
}

static int compare_names(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;
	int order = strcmp(x->namespace, y->namespace);

	return order ? order : strcmp(x->name, y->name);
}

static int compare_cpu(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;
	int order = compare_descending(millis(x->usage[TOP_CPU]), millis(y->usage[TOP_CPU]));

	return order ? order : compare_names(a, b);
}

static int compare_memory(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;
	int order = compare_descending(x->usage[TOP_MEMORY], y->usage[TOP_MEMORY]);

	return order ? order : compare_names(a, b);
}

static void sort(const struct top_options *o, struct top_rows *rows)
{
	const char *by = o->sort_by ? o->sort_by : "";

	if (rows->count)
		qsort(rows->at, rows->count, sizeof(*rows->at),
		      strcmp(by, "cpu") == 0	? compare_cpu :
		      strcmp(by, "memory") == 0 ? compare_memory :
						  compare_names);
}

static bool add_pod(struct kubectl *k, const struct json *pod, int64_t into[])
{
	const struct json *c = json_first(json_get(pod, "containers"));

	while (c && add_usage(k, json_get(c, "usage"), into))
		c = json_next(c);
	return !c;
}

bool top_read(struct kubectl *k, const struct top_options *o, const struct json *items, bool pods,
	      struct top_rows *ret)
{
	ret->at = mem_new_array(json_count(items) + 1, sizeof(*ret->at));
	for (const struct json *i = json_first(items); i; i = json_next(i)) {
		struct top_row *row = &ret->at[ret->count++];
		const char *name = json_str(i, "name");

		row->namespace = kubectl_text(i, "metadata.namespace");
		row->name = name ? name : kubectl_text(i, "metadata.name");
		row->from = i;
		if (!(pods ? add_pod(k, i, row->usage) :
			     add_usage(k, json_get(i, "usage"), row->usage)))
			return false;
	}
	sort(o, ret);
	return true;
}

static int shown(const struct top_options *o)
{
	return o->show_swap ? TOP_RESOURCE_COUNT : TOP_SWAP;
}

static void put_usage(struct table *t, int r, int64_t usage)
{
	AUTO_FREE char *text = r == TOP_CPU ? mem_printf("%lldm", (long long)millis(usage)) :
					      mem_printf("%lldMi", (long long)(usage / MIB));

	table_put_text(t, text);
}

static void put_empty(struct table *t, int cells)
{
	while (cells-- > 0)
		table_put_text(t, "");
}

static void put_row(struct table *t, const struct top_options *o, const char *name,
		    const int64_t usage[])
{
	table_put_text(t, name);
	for (int r = 0; r < shown(o); r++)
		put_usage(t, r, usage[r]);
	table_end_row(t);
}

static void put_containers(struct kubectl *k, struct table *t, const struct top_options *o,
			   const struct top_row *pod)
{
	struct top_rows rows = { 0 };

	if (top_read(k, o, json_get(pod->from, "containers"), false, &rows))
		for (size_t i = 0; i < rows.count; i++) {
			if (o->all_namespaces)
				table_put_text(t, pod->namespace);
			table_put_text(t, pod->name);
			put_row(t, o, rows.at[i].name, rows.at[i].usage);
		}
	free(rows.at);
}

static void put_pods_header(struct table *t, const struct top_options *o)
{
	if (o->all_namespaces)
		table_put_text(t, "NAMESPACE");
	if (o->containers)
		table_put_text(t, "POD");
	table_put_text(t, "NAME");
	for (int r = 0; r < shown(o); r++)
		table_put_text(t, resources[r].column);
	table_end_row(t);
}

/* Two lines below the columns, where kubectl puts them: it counts no namespace and no pod without a
 * header. */
static void put_sum(struct table *t, const struct top_options *o, const struct top_rows *pods)
{
	int columns = 1 + shown(o) + (o->no_headers ? 0 : o->all_namespaces + o->containers);
	int64_t total[TOP_RESOURCE_COUNT] = { 0 };

	for (size_t i = 0; i < pods->count; i++)
		for (int r = 0; r < TOP_RESOURCE_COUNT; r++)
			if (__builtin_add_overflow(total[r], pods->at[i].usage[r], &total[r]))
				total[r] = INT64_MAX;
	put_empty(t, columns - 2);
	table_put_text(t, "________");
	table_put_text(t, "________");
	table_end_row(t);
	put_empty(t, columns - 3);
	put_row(t, o, "", total);
}

static void write_table(struct kubectl *k, struct table *t)
{
	struct buf out;

	buf_init(&out, KUBECTL_TEXT_MAX);
	(void)table_flush(t, &out);
	kubectl_write(k, KUBECTL_OUT, buf_span(&out));
	buf_free(&out);
	table_free(t);
}

void top_print_pods(struct kubectl *k, const struct top_options *o, const struct json *items)
{
	struct table *t = kubectl_new_table(k);
	struct top_rows pods = { 0 };

	if (!o->no_headers)
		put_pods_header(t, o);
	if (top_read(k, o, items, true, &pods)) {
		for (size_t i = 0; i < pods.count; i++) {
			if (o->containers) {
				put_containers(k, t, o, &pods.at[i]);
				continue;
			}
			if (o->all_namespaces)
				table_put_text(t, pods.at[i].namespace);
			put_row(t, o, pods.at[i].name, pods.at[i].usage);
		}
		if (o->sum)
			put_sum(t, o, &pods);
	}
	free(pods.at);
	write_table(k, t);
}

static const struct json *find_node(const struct json *nodes, const char *name)
{
	const struct json *node = json_first(nodes);

	while (node && strcmp(kubectl_text(node, "metadata.name"), name) != 0)
		node = json_next(node);
	return node;
}

static void put_percent(struct table *t, int r, int64_t usage, int64_t have)
{
	AUTO_FREE char *text = NULL;
	double used = r == TOP_CPU ? (double)millis(usage) : (double)usage;
	double all = r == TOP_CPU ? (double)millis(have) : (double)have;

	text = mem_printf("%lld%%", all > 0 ? (long long)(used / all * PERCENT) : 0LL);
	table_put_text(t, text);
}

static void put_node(struct kubectl *k, struct table *t, const struct top_options *o,
		     const struct top_row *row, const struct json *node)
{
	const struct json *has =
		json_find(node, o->show_capacity ? "status.capacity" : "status.allocatable");
	int64_t have[TOP_RESOURCE_COUNT] = { 0 };

	if (!add_usage(k, has, have))
		return;
	have[TOP_SWAP] = kubectl_number(node, "status.nodeInfo.swap.capacity", -1);
	table_put_text(t, row->name);
	for (int r = 0; r < shown(o); r++) {
		if (r == TOP_SWAP && node && have[r] < 0) {
			table_put_text(t, "<unknown>");
			table_put_text(t, "<unknown>");
			continue;
		}
		put_usage(t, r, row->usage[r]);
		if (r == TOP_SWAP ? have[r] >= 0 : json_get(has, resources[r].name) != NULL)
			put_percent(t, r, row->usage[r], have[r]);
	}
	table_end_row(t);
}

/* Nodes whose usage is not known. */
static void put_others(struct table *t, const struct top_options *o, const struct top_rows *rows,
		       const struct json *nodes)
{
	for (const struct json *n = json_first(nodes); n; n = json_next(n)) {
		const char *name = kubectl_text(n, "metadata.name");
		size_t i = 0;

		while (i < rows->count && strcmp(rows->at[i].name, name) != 0)
			i++;
		if (i < rows->count)
			continue;
		table_put_text(t, name);
		for (int cell = 0; cell < 2 * shown(o); cell++)
			table_put_text(t, "<unknown>");
		table_end_row(t);
	}
}

void top_print_nodes(struct kubectl *k, const struct top_options *o, const struct json *items,
		     const struct json *nodes)
{
	struct table *t = kubectl_new_table(k);
	struct top_rows rows = { 0 };

	if (!o->no_headers) {
		table_put_text(t, "NAME");
		for (int r = 0; r < shown(o); r++) {
			table_put_text(t, resources[r].column);
			table_put_text(t, resources[r].percent_column);
		}
		table_end_row(t);
	}
	if (top_read(k, o, items, false, &rows)) {
		for (size_t i = 0; i < rows.count; i++)
			put_node(k, t, o, &rows.at[i], find_node(nodes, rows.at[i].name));
		put_others(t, o, &rows, nodes);
	}
	free(rows.at);
	write_table(k, t);
}
