/* kubectl describe: what all objects have in common, and their events. */
#include "lib/kube/kubectl_describe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/timefmt.h"
#include "lib/kube/tab_text.h"

enum { ANNOTATION_MAX = 140 };

struct describe_options {
	struct kubectl_choice choice;
	const char *show_events; /* NULL: as kubectl, only for a single object */
};

#define AT(member) offsetof(struct describe_options, member)
static const struct option_row rows[] = {
	KUBECTL_CHOICE_ROWS(struct describe_options, choice),
	{ "show-events", 0, OPTION_TEXT, AT(show_events), "BOOL",
	  "with events; by default for a single object", "true", 0, 0 },
};
#undef AT

void describe_line(struct describe *d, int level, const char *fmt, ...)
{
	va_list args;
	AUTO_FREE char *text = NULL;

	va_start(args, fmt);
	text = mem_vprintf(fmt, args);
	va_end(args);
	(void)buf_printf(&d->text, "%*s%s\n", level * 2, "", text);
}

const char *describe_date(const char *rfc3339, char into[40])
{
	struct err ignored = { 0 };
	int64_t unix_s;
	struct tm tm;
	time_t t;

	into[0] = '\0';
	if (timefmt_parse_date(span_of(rfc3339), &unix_s, &ignored))
		return into;
	t = (time_t)unix_s;
	if (!gmtime_r(&t, &tm) || !strftime(into, 40, "%a, %d %b %Y %H:%M:%S +0000", &tm))
		into[0] = '\0';
	return into;
}

const char *describe_or_none(const char *text)
{
	return text && text[0] ? text : "<none>";
}

static int compare_names(const void *a, const void *b)
{
	const struct json *const *x = a, *const *y = b;

	return strcmp(json_name(*x), json_name(*y));
}

/* The members by name; the caller frees the array. */
static const struct json **sorted(const struct json *object, size_t *ret_count)
{
	size_t count = json_is_object(object) ? json_count(object) : 0, i = 0;
	const struct json **members = mem_new_array(count + 1, sizeof(*members));

	for (const struct json *m = count ? json_first(object) : NULL; m; m = json_next(m))
		members[i++] = m;
	qsort(members, count, sizeof(*members), compare_names);
	*ret_count = count;
	return members;
}

void describe_labels(struct describe *d, const char *title, const struct json *labels)
{
	size_t count;
	AUTO_FREE const struct json **all = sorted(labels, &count);

	(void)buf_printf(&d->text, "%s:%s", title, count ? "" : "\t<none>\n");
	for (size_t i = 0; i < count; i++)
		(void)buf_printf(&d->text, "\t%s=%s\n", json_name(all[i]),
				 json_text(all[i]) ? json_text(all[i]) : "");
}

char *describe_selector(const struct json *labels)
{
	size_t count;
	AUTO_FREE const struct json **all = sorted(labels, &count);
	struct buf text;

	buf_init(&text, KUBECTL_FILE_MAX);
	(void)buf_put_str(&text, count ? "" : "<none>");
	for (size_t i = 0; i < count; i++)
		(void)buf_printf(&text, "%s%s=%s", i ? "," : "", json_name(all[i]),
				 json_text(all[i]) ? json_text(all[i]) : "");
	return buf_take_str(&text);
}

static void put_annotation(struct describe *d, const char *key, struct span value)
{
	struct span line;

	if (span_ends(value, SPAN("\n")))
		value.len--;
	if (value.len + strlen(key) + 2 <= ANNOTATION_MAX && span_find(value, '\n') < 0) {
		(void)buf_printf(&d->text, "\t%s: %.*s\n", key, SPAN_ARG(value));
		return;
	}
	(void)buf_printf(&d->text, "\t%s:\n", key);
	while (span_take_part(&value, '\n', &line)) {
		bool is_long = line.len > ANNOTATION_MAX - 2;

		(void)buf_printf(&d->text, "\t  %.*s%s\n",
				 is_long ? ANNOTATION_MAX - 2 : (int)line.len, line.at,
				 is_long ? "..." : "");
	}
}

void describe_annotations(struct describe *d, const char *title, const struct json *annotations)
{
	size_t count, shown = 0;
	AUTO_FREE const struct json **all = sorted(annotations, &count);

	(void)buf_printf(&d->text, "%s:", title);
	for (size_t i = 0; i < count; i++) {
		if (!json_text(all[i]) ||
		    strcmp(json_name(all[i]), "kubectl.kubernetes.io/last-applied-configuration") == 0)
			continue;
		put_annotation(d, json_name(all[i]), span_of(json_text(all[i])));
		shown++;
	}
	if (shown == 0)
		(void)buf_put_str(&d->text, "\t<none>\n");
}

static void age_of(const char *date, char into[TIMEFMT_SIZE])
{
	struct err ignored = { 0 };
	int64_t unix_s;

	(void)snprintf(into, TIMEFMT_SIZE, "<unknown>"); /* fits */
	if (date && timefmt_parse_date(span_of(date), &unix_s, &ignored) == 0)
		timefmt_age(clock_unix_s() - unix_s, into);
}

char *kubectl_event_interval(const struct json *e)
{
	const char *first = kubectl_text(e, "eventTime"), *last = kubectl_text(e, "lastTimestamp");
	long long count = kubectl_number(e, "count", 0);
	char since[TIMEFMT_SIZE], again[TIMEFMT_SIZE];

	first = first[0] ? first : kubectl_text(e, "firstTimestamp");
	if (json_is_object(json_get(e, "series"))) {
		count = kubectl_number(e, "series.count", 0);
		last = kubectl_text(e, "series.lastObservedTime");
	}
	age_of(first, since);
	age_of(last, again);
	return count > 1 ? mem_printf("%s (x%lld over %s)", again, count, since) : mem_dup_str(since);
}

static void put_event(struct describe *d, const struct json *e)
{
	const char *from = kubectl_text(e, "source.component"), *host = kubectl_text(e, "source.host");
	struct span message = span_trim(span_of(kubectl_text(e, "message")));
	AUTO_FREE char *age = kubectl_event_interval(e);

	from = from[0] ? from : kubectl_text(e, "reportingComponent");
	describe_line(d, 1, "%s\t%s\t%s\t%s%s%s\t%.*s", kubectl_text(e, "type"),
		      kubectl_text(e, "reason"), age, from, host[0] ? ", " : "", host,
		      SPAN_ARG(message));
}

static int compare_dates(const void *a, const void *b)
{
	const struct json *const *x = a, *const *y = b;

	return strcmp(kubectl_text(*x, "lastTimestamp"), kubectl_text(*y, "lastTimestamp"));
}

static void put_events(struct describe *d)
{
	const struct kube_resource *events = kube_discovery_find(NULL, "events");
	const char *namespace = kubectl_text(d->object, "metadata.namespace");
	AUTO_FREE char *about = mem_printf("involvedObject.name=%s,involvedObject.namespace=%s,involvedObject.kind=%s,"
					   "involvedObject.uid=%s",
					   d->target->name, namespace, d->target->resource->kind,
					   strcmp(d->target->resource->kind, "Node") == 0
						   ? d->target->name
						   : kubectl_text(d->object, "metadata.uid"));
	AUTO_JSON struct json *list = events ? kubectl_list(d->k, events, namespace, NULL, about) : NULL;
	size_t count = json_count(json_get(list, "items")), i = 0;
	AUTO_FREE const struct json **all = mem_new_array(count + 1, sizeof(*all));

	for (const struct json *e = json_first(json_get(list, "items")); e; e = json_next(e))
		all[i++] = e;
	qsort(all, count, sizeof(*all), compare_dates);
	if (count == 0) {
		(void)buf_put_str(&d->text, "Events:\t<none>\n");
		return;
	}
	(void)buf_put_str(&d->text, "Events:\n  Type\tReason\tAge\tFrom\tMessage\n  ----\t------\t----\t----\t-------\n");
	for (i = 0; i < count; i++)
		put_event(d, all[i]);
}

static const struct {
	const char *group, *kind;
	void (*describe)(struct describe *d);
} describers[] = {
	{ "", "Pod", describe_pod },       { "apps", "Deployment", describe_deployment },
	{ "", "Service", describe_service }, { "", "Node", describe_node },
	{ "", "ConfigMap", describe_config }, { "", "Secret", describe_config },
};

static void describe_one(struct kubectl *k, const struct kubectl_target *t, bool with_events)
{
	struct describe d = { .k = k, .target = t, .object = t->object };
	void (*how)(struct describe *) = describe_anything;
	struct buf out;

	buf_init(&d.text, KUBECTL_TEXT_MAX);
	buf_init(&out, KUBECTL_TEXT_MAX);
	for (size_t i = 0; i < COUNT_OF(describers); i++)
		if (strcmp(t->resource->group, describers[i].group) == 0 &&
		    strcmp(t->resource->kind, describers[i].kind) == 0)
			how = describers[i].describe;
	how(&d);
	if (with_events && strcmp(t->resource->kind, "Secret") != 0)
		put_events(&d);
	tab_text_align(buf_span(&d.text), &out);
	kubectl_write(k, KUBECTL_OUT, buf_span(&out));
	buf_free(&out);
	buf_free(&d.text);
}

static void describe(struct kubectl *k, const struct describe_options *o,
		     const struct options_rest *args)
{
	struct kubectl_targets targets = { 0 };

	if (kubectl_choose(k, &o->choice, args->at, args->count, false, &targets) == 0) {
		bool with_events = o->show_events ? strcmp(o->show_events, "true") == 0 :
						    targets.count == 1;

		for (size_t i = 0; i < targets.count && kubectl_goes_on(k); i++) {
			if (i)
				kubectl_write(k, KUBECTL_OUT, SPAN("\n\n"));
			describe_one(k, &targets.at[i], with_events);
		}
		if (targets.count == 0 && k->first.code == ERR_NONE && o->choice.all_namespaces)
			kubectl_printf(k, KUBECTL_ERR, "No resources found\n");
		else if (targets.count == 0 && k->first.code == ERR_NONE)
			kubectl_printf(k, KUBECTL_ERR, "No resources found in %s namespace.\n",
				       kubectl_namespace(k, o->choice.namespace));
	}
	kubectl_targets_free(&targets);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct describe_options o = { .choice.namespace = namespace };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else
		describe(k, &o, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_describe = {
	"describe", "(TYPE [NAME ...] | TYPE/NAME | TYPE -l SELECTOR | -f FILE) [options]",
	"Show an object's fields, conditions and events", rows, COUNT_OF(rows), run
};
