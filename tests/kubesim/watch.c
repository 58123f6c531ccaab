/* watch: the changes of a collection as a stream of events. */
#include "tests/kubesim/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "tests/kubesim/change.h"
#include "tests/kubesim/select.h"
#include "tests/kubesim/serve.h"
#include "tests/kubesim/table.h"

#define BOOKMARK_MS 60000
#define DEFAULT_WATCH_S 1800

struct watcher {
	struct call *call;
	struct watcher *next, **link; /* in the collection's list */
	struct selection selection;
	struct object **initial; /* owned with a reference each */
	size_t initial_count, initial_at;
	uint64_t next_event;
	uint64_t start_version; /* events up to here are in `initial`, or were not asked for */
	bool ends_initial; /* a bookmark is due behind the initial events */
	struct loop_timer *deadline;
};

static bool is_selected(const struct watcher *w, const struct object *o)
{
	const struct call *c = w->call;
	const char *namespace = change_namespace(c);

	return o && (!*namespace || strcmp(namespace, o->namespace) == 0) &&
	       (!c->info.name[0] || strcmp(c->info.name, o->name) == 0) && selection_matches(&w->selection, o->json);
}

static void put_event(struct call *c, const char *type, const struct object *o)
{
	struct buf *out = &c->out;

	(void)buf_printf(out, "{\"type\":\"%s\",\"object\":", type);
	if (c->form == FORM_TABLE)
		table_put(out, c, &(struct table_list){ .objects = &o, .count = 1, .version = o->version });
	else
		(void)buf_put_span(out, o->text);
	(void)buf_put_str(out, "}\n");
}

static void put_bookmark(struct watcher *w, uint64_t version, bool ends_initial)
{
	struct call *c = w->call;
	const char *note = ends_initial ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "";

	if (c->form == FORM_TABLE)
		(void)buf_printf(
			&c->out,
			"{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\","
			"\"metadata\":{\"resourceVersion\":\"%llu\"},\"columnDefinitions\":null,\"rows\":[{\"cells\":null,"
			"\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":{\"resourceVersion\":\"%llu\"%s}}}]"
			"}}\n",
			(unsigned long long)version, c->kind->r.kind, c->kind->api_version, (unsigned long long)version,
			note);
	else
		(void)buf_printf(
			&c->out,
			"{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":"
			"{\"resourceVersion\":\"%llu\"%s}}}\n",
			c->kind->r.kind, c->kind->api_version, (unsigned long long)version, note);
}

/* An object that stops or begins to match is deleted or added for this watcher. */
static bool put_change(struct watcher *w, const struct event *event)
{
	bool is_now = event->change != CHANGE_DELETED && is_selected(w, event->now);
	bool was = is_selected(w, event->before);

	if (event->version <= w->start_version || (!is_now && !was))
		return false;
	put_event(w->call, is_now ? (was ? "MODIFIED" : "ADDED") : "DELETED", event->now);
	return true;
}

static void put_expired(struct call *c, uint64_t version)
{
	AUTO_FREE char *message = mem_printf("too old resource version: %llu (%llu)", (unsigned long long)version,
					     (unsigned long long)c->kind->objects.forgotten_version);

	(void)buf_put_str(&c->out, "{\"type\":\"ERROR\",\"object\":");
	failure_put(&c->out, &(struct failure){ .code = 410, .reason = "Expired", .message = message });
	c->out.len--;
	(void)buf_put_str(&c->out, "}\n");
}

static bool more(struct call *c)
{
	struct watcher *w = c->work;
	struct collection *objects = &c->kind->objects;

	if (w->initial_at < w->initial_count) {
		put_event(c, "ADDED", w->initial[w->initial_at]);
		object_unref(w->initial[w->initial_at++]);
		return true;
	}
	if (w->ends_initial) {
		w->ends_initial = false;
		put_bookmark(w, w->start_version, true);
		return true;
	}
	if (w->next_event < objects->event_begin) { /* too slow: what it needs is gone */
		put_expired(c, w->start_version);
		c->is_whole = true;
		return true;
	}
	while (w->next_event < objects->event_end)
		if (put_change(w, collection_event(objects, w->next_event++)))
			return true;
	return false;
}

void watch_wake(struct collection *objects)
{
	for (struct watcher *w = objects->watchers, *next; w; w = next) {
		next = w->next;
		call_flush(w->call);
	}
}

static void on_gone(struct call *c)
{
	struct watcher *w = c->work;

	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	for (; w->initial_at < w->initial_count; w->initial_at++)
		object_unref(w->initial[w->initial_at]);
	loop_timer_free(w->deadline);
	selection_free(&w->selection);
	free(w->initial);
	free(w);
}

static void on_deadline(void *owner)
{
	call_finish(owner);
}

static void on_bookmark(void *owner)
{
	struct call *c = owner;

	put_bookmark(c->work, c->sim->version, false);
	call_flush(c);
}

static void take_initial(struct watcher *w)
{
	const struct collection *objects = &w->call->kind->objects;

	w->initial = mem_new_array(objects->count + 1, sizeof(struct object *));
	for (size_t i = 0; i < objects->count; i++)
		if (is_selected(w, objects->at[i]))
			w->initial[w->initial_count++] = object_ref(objects->at[i]);
	w->start_version = w->call->sim->version;
}

static void join(struct watcher *w)
{
	struct collection *objects = &w->call->kind->objects;

	w->next = objects->watchers;
	w->link = (struct watcher **)&objects->watchers;
	if (w->next)
		w->next->link = &w->next;
	objects->watchers = w;
}

static void set_timers(struct call *c, struct watcher *w)
{
	uint64_t seconds = DEFAULT_WATCH_S;
	char text[24];

	call_query(c, "timeoutSeconds", text, sizeof(text));
	if (!*text || span_to_u64(span_of(text), 86400, &seconds) < 0 || !seconds)
		seconds = DEFAULT_WATCH_S;
	w->deadline = loop_timer_new(c->sim->loop, on_deadline, c);
	loop_timer_start(w->deadline, seconds * 1000, 0);
	if (request_query_bool(c->head->target, "allowWatchBookmarks") && !c->timer) {
		c->timer = loop_timer_new(c->sim->loop, on_bookmark, c);
		loop_timer_start(c->timer, BOOKMARK_MS, BOOKMARK_MS);
	}
}

/* The version to watch from; 0: everything first. */
static uint64_t read_version(const struct call *c)
{
	uint64_t version = 0;
	char text[32];

	call_query(c, "resourceVersion", text, sizeof(text));
	(void)span_to_u64(span_of(text), UINT64_MAX / 2, &version); /* a bad one counts as none */
	return version;
}

void serve_watch(struct call *c)
{
	struct watcher *w;
	struct selection selection;
	uint64_t version = read_version(c);
	struct err e;

	if (selection_parse(&selection, c->info.label_selector, c->info.field_selector, &e) < 0) {
		call_fail(c, &(struct failure){ .code = 400, .message = e.text });
		return;
	}
	w = mem_new(sizeof(*w));
	*w = (struct watcher){ .call = c, .selection = selection, .next_event = c->kind->objects.event_begin };
	c->work = w;
	c->more = more;
	c->on_gone = on_gone;
	join(w);
	w->start_version = version;
	w->ends_initial = request_query_bool(c->head->target, "sendInitialEvents") ||
			  (!version && request_query_bool(c->head->target, "allowWatchBookmarks"));
	if (!version || request_query_bool(c->head->target, "sendInitialEvents"))
		take_initial(w);
	else if (version < c->kind->objects.forgotten_version) {
		put_expired(c, version);
		c->is_whole = true;
	}
	set_timers(c, w);
	call_stream(c, "application/json");
}
