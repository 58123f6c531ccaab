/* kubectl get -w: the events of a watch, printed as they come. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_inner.h"
#include "lib/kube/table_print.h"

enum { EVENT_MAX = 64 * 1024 * 1024 };

struct watch {
	struct kubectl *k;
	const struct kubectl_watch *w;
	struct buf line; /* of an event that is not whole yet */
	bool skip;       /* the next event */
};

static void print_row(struct watch *w, const char *type, const struct json *object)
{
	struct err failure = { 0 };
	struct buf out;

	buf_init(&out, EVENT_MAX);
	table_print_set_event(w->w->table, type);
	if (table_print_add(w->w->table, object, &failure) ||
	    table_print_flush(w->w->table, &out, &failure))
		kubectl_fail(w->k, &failure);
	kubectl_write(w->k, KUBECTL_OUT, buf_span(&out));
	buf_free(&out);
}

/* Takes `object`. */
static void print_document(struct watch *w, const char *type, struct json *object)
{
	struct json *event;

	if (w->w->with_event && w->w->output != OUTPUT_NAME) {
		event = json_new_object();
		json_remove(json_get(object, "metadata"), w->w->managed_fields ? "" : "managedFields");
		json_set_str(event, "type", type);
		json_set_item(event, "object", object);
		object = event;
	}
	kubectl_print_object(w->k, w->w->output, w->w->managed_fields, object);
}

static void end_with_status(struct watch *w, const struct json *object)
{
	struct kube_status status;
	struct err failure = { 0 };
	struct buf text;
	int64_t code = 500;

	buf_init(&text, EVENT_MAX);
	json_print(object, JSON_COMPACT, &text);
	(void)json_int(object, "code", &code); /* absent: as set */
	kube_status_parse(buf_span(&text), (int)code, &status);
	(void)kube_status_to_err(&status, &failure);
	kubectl_fail_request(w->k, &status, &failure);
	buf_free(&text);
}

/* False when the watch is over. */
static bool take_event(struct watch *w, struct span line)
{
	AUTO_JSON struct json *event = NULL;
	struct err failure = { 0 };
	const char *type;
	struct json *object;

	if (json_parse(line, KUBECTL_JSON_LIMITS(EVENT_MAX), &event, &failure)) {
		kubectl_failf(w->k, ERR_PROTOCOL, "watch: an event is no JSON: %s", failure.text);
		return false;
	}
	type = json_str(event, "type");
	object = json_get(event, "object");
	if (!type || !json_is_object(object)) {
		kubectl_failf(w->k, ERR_PROTOCOL, "watch: an event has no type or object");
		return false;
	}
	if (strcmp(type, "ERROR") == 0) {
		end_with_status(w, object);
		return false;
	}
	if (strcmp(type, "BOOKMARK") == 0)
		return true;
	if (w->skip)
		w->skip = false;
	else if (w->w->output == OUTPUT_TABLE || w->w->output == OUTPUT_WIDE)
		print_row(w, type, object);
	else
		print_document(w, type, json_detach(event, object));
	return w->k->first.code == ERR_NONE;
}

static bool on_chunk(void *owner, struct span bytes)
{
	struct watch *w = owner;
	struct span rest = bytes, part;

	while (rest.len && kubectl_goes_on(w->k)) {
		const char *end = memchr(rest.at, '\n', rest.len);
		bool goes_on;

		part = span_from(rest.at, end ? (size_t)(end - rest.at) : rest.len);
		rest = end ? span_from(end + 1, rest.len - part.len - 1) : SPAN_NONE;
		if (buf_put_span(&w->line, part)) {
			kubectl_failf(w->k, ERR_LIMIT, "watch: an event has more than %d bytes", EVENT_MAX);
			return false;
		}
		if (!end)
			break;
		goes_on = span_trim(buf_span(&w->line)).len == 0 || take_event(w, buf_span(&w->line));
		buf_reset(&w->line);
		if (!goes_on)
			return false;
	}
	return !w->k->stopped;
}

/* A watch of one object is a watch of its collection by name. */
static bool put_path(struct kubectl *k, const struct kubectl_watch *w, struct buf *path)
{
	struct kubectl_target collection = *w->target;
	AUTO_FREE char *by_name = w->target->name ? mem_printf("metadata.name=%s", w->target->name) : NULL;

	collection.name = NULL;
	if (!kubectl_put_path(k, path, &collection))
		return false;
	kubectl_put_query(path, "fieldSelector", by_name ? by_name : w->field_selector);
	kubectl_put_query(path, "labelSelector", w->selector);
	kubectl_put_query(path, "resourceVersion", w->resource_version);
	kubectl_put_query(path, "watch", "true");
	return true;
}

void kubectl_run_watch(struct kubectl *k, const struct kubectl_watch *w)
{
	bool table = w->output == OUTPUT_TABLE || w->output == OUTPUT_WIDE;
	struct kube_request rq = { .accept = table ? KUBE_TABLE : KUBE_JSON };
	struct watch state = { .k = k, .w = w, .skip = w->skip_first };
	struct kube_status status = { 0 };
	struct err failure = { 0 };
	struct buf path;

	buf_init(&path, KUBECTL_FILE_MAX);
	buf_init(&state.line, EVENT_MAX);
	if (put_path(k, w, &path)) {
		rq.path = buf_str(&path);
		if (kube_stream(k->client, &rq, on_chunk, &state, &status, &failure))
			kubectl_fail_request(k, &status, &failure);
	}
	buf_free(&state.line);
	buf_free(&path);
}
