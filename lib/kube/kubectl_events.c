/* kubectl events: what has happened, the oldest first. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/table.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_change.h"

struct events_options {
	struct kubectl_change change;
	const char *namespace, *about, *types;
	bool all_namespaces, no_headers;
};

#define AT(member) offsetof(struct events_options, member)
static const struct option_row rows[] = {
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE", "the namespace to look in", NULL, 0, 0 },
	{ "all-namespaces", 'A', OPTION_FLAG, AT(all_namespaces), NULL, "across all namespaces", NULL, 0, 0 },
	{ "for", 0, OPTION_TEXT, AT(about), "TYPE/NAME", "only about this object", NULL, 0, 0 },
	{ "types", 0, OPTION_TEXT, AT(types), "TYPES", "only of these types: Normal,Warning", NULL, 0, 0 },
	{ "output", 'o', OPTION_TEXT, AT(change.output), "FORMAT", "json, yaml, name or jsonpath=TEMPLATE", NULL, 0, 0 },
	{ "no-headers", 0, OPTION_FLAG, AT(no_headers), NULL, "print no header line", NULL, 0, 0 },
};
#undef AT

/* "involvedObject.kind=Pod,involvedObject.name=x"; NULL after having noted the failure. */
static char *selector(struct kubectl *k, const char *about)
{
	const char *slash = strchr(about, '/');
	AUTO_FREE char *type = mem_dup(about, slash ? (size_t)(slash - about) : 0);
	const struct kube_resource *r;

	if (!slash || !slash[1]) {
		kubectl_failf(k, ERR_USAGE, "--for must be in resource/name form");
		return NULL;
	}
	r = kubectl_find(k, type);
	return r ? mem_printf("involvedObject.kind=%s,involvedObject.name=%s", r->kind, slash + 1) : NULL;
}

static const char *last_seen(const struct json *e)
{
	static const char *const paths[] = { "series.lastObservedTime", "lastTimestamp", "eventTime" };

	for (size_t i = 0; i < COUNT_OF(paths); i++)
		if (kubectl_text(e, paths[i])[0])
			return kubectl_text(e, paths[i]);
	return "";
}

static int compare_times(const void *a, const void *b)
{
	struct json *const *x = a, *const *y = b;

	return strcmp(last_seen(*x), last_seen(*y));
}

/* In order, and without the types that were not asked for. */
static void arrange(struct json *items, const char *types)
{
	size_t count = json_count(items), i = 0;
	AUTO_FREE struct json **all = mem_new_array(count + 1, sizeof(*all));

	for (struct json *e = json_first(items); e; e = json_next(e))
		all[i++] = e;
	qsort(all, count, sizeof(*all), compare_times);
	for (i = 0; i < count; i++) {
		struct json *e = json_detach(items, all[i]);

		if (!types || kube_words_have(types, kubectl_text(e, "type")))
			json_add_item(items, e);
		else
			json_free(e);
	}
}

static void put_event(struct table *t, const struct events_options *o, const struct json *e)
{
	AUTO_FREE char *seen = kubectl_event_interval(e);
	AUTO_FREE char *object = mem_printf("%s/%s", kubectl_text(e, "involvedObject.kind"),
					    kubectl_text(e, "involvedObject.name"));

	if (o->all_namespaces)
		table_put_text(t, kubectl_text(e, "metadata.namespace"));
	table_put_text(t, seen);
	table_put_text(t, kubectl_text(e, "type"));
	table_put_text(t, kubectl_text(e, "reason"));
	table_put_text(t, object);
	table_put_cell(t, span_trim(span_of(kubectl_text(e, "message"))));
	table_end_row(t);
}

static void print_table(struct kubectl *k, const struct events_options *o, const struct json *items)
{
	static const char *const names[] = { "NAMESPACE", "LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE" };
	struct table *t = kubectl_new_table(k);
	struct buf out;

	buf_init(&out, KUBECTL_TEXT_MAX);
	for (size_t i = o->all_namespaces ? 0 : 1; !o->no_headers && i < COUNT_OF(names); i++)
		table_put_text(t, names[i]);
	if (!o->no_headers)
		table_end_row(t);
	for (const struct json *e = json_first(items); e; e = json_next(e))
		put_event(t, o, e);
	(void)table_flush(t, &out);
	kubectl_write(k, KUBECTL_OUT, buf_span(&out));
	buf_free(&out);
	table_free(t);
}

static void events(struct kubectl *k, const struct events_options *o)
{
	const char *namespace = o->all_namespaces ? "" : kubectl_namespace(k, o->namespace);
	AUTO_FREE char *about = o->about ? selector(k, o->about) : NULL;
	struct json *list;

	if (k->first.code != ERR_NONE)
		return;
	list = kubectl_list(k, kube_discovery_find(NULL, "events"), namespace, NULL, about);
	if (!list)
		return;
	arrange(json_get(list, "items"), o->types);
	if (json_count(json_get(list, "items")) == 0 && o->all_namespaces)
		kubectl_printf(k, KUBECTL_ERR, "No events found.\n");
	else if (json_count(json_get(list, "items")) == 0)
		kubectl_printf(k, KUBECTL_ERR, "No events found in %s namespace.\n", namespace);
	else if (o->change.format == OUTPUT_TABLE || o->change.format == OUTPUT_WIDE)
		print_table(k, o, json_get(list, "items"));
	else
		kubectl_print_object(k, o->change.format, false, json_dup(list));
	json_free(list);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct events_options o = { .namespace = namespace };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (args.count)
		kubectl_failf(k, ERR_USAGE, "events: unexpected argument %s", args.at[0]);
	else if (kubectl_change_read(k, &o.change))
		events(k, &o);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_events = { "events", "[--for TYPE/NAME] [options]", "List events", rows,
					     COUNT_OF(rows), run };
