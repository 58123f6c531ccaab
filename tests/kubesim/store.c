/* What the simulated API server keeps: objects in the order of their keys, and what happened to them lately. */
#include "tests/kubesim/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"

#define OBJECT_TEXT_MAX ((size_t)64 * 1024 * 1024)

struct object *object_ref(struct object *o)
{
	o->refs++;
	return o;
}

void object_unref(struct object *o)
{
	if (!o || --o->refs)
		return;
	json_free(o->json);
	json_free(o->applied);
	free(o->manager);
	free((char *)(uintptr_t)o->text.at);
	free(o);
}

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

/* Takes `json`. */
static struct object *object_new(struct json *json, uint64_t version)
{
	struct object *o = mem_new(sizeof(*o));
	struct json *metadata = json_get(json, "metadata");
	struct buf text;
	char number[24];

	(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)version);
	json_set_str(metadata, "resourceVersion", number);
	buf_init(&text, OBJECT_TEXT_MAX);
	json_print(json, JSON_COMPACT, &text);
	o->text.len = text.len;
	o->text.at = buf_take_str(&text);
	o->refs = 1;
	o->version = version;
	o->json = json;
	o->namespace = text_or_empty(json_str(metadata, "namespace"));
	o->name = text_or_empty(json_str(metadata, "name"));
	return o;
}

static void event_free(struct event *event)
{
	object_unref(event->now);
	object_unref(event->before);
}

static struct event *event_slot(const struct collection *c, uint64_t number)
{
	return &c->events[number % EVENT_KEEP];
}

void collection_compact(struct collection *c, uint64_t version)
{
	for (; c->event_begin < c->event_end; c->event_begin++)
		event_free(event_slot(c, c->event_begin));
	c->forgotten_version = version;
}

const struct event *collection_event(const struct collection *c, uint64_t number)
{
	return event_slot(c, number);
}

/* Takes both objects. */
static void remember(struct collection *c, struct event event)
{
	if (!c->events)
		c->events = mem_new_array(EVENT_KEEP, sizeof(*c->events));
	if (c->event_end - c->event_begin == EVENT_KEEP) {
		c->forgotten_version = event_slot(c, c->event_begin)->version;
		event_free(event_slot(c, c->event_begin++));
	}
	*event_slot(c, c->event_end++) = event;
}

static int compare(const struct object *o, const char *namespace, const char *name)
{
	int order = strcmp(o->namespace, namespace);

	return order ? order : strcmp(o->name, name);
}

size_t collection_seek(const struct collection *c, const char *namespace, const char *name)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (compare(c->at[middle], namespace, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct object *collection_find(const struct collection *c, const char *namespace, const char *name)
{
	size_t i = collection_seek(c, namespace, name);

	return i < c->count && compare(c->at[i], namespace, name) == 0 ? c->at[i] : NULL;
}

static void insert(struct collection *c, size_t i, struct object *o)
{
	if (c->count == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 16;
		c->at = mem_grow(c->at, c->cap, sizeof(struct object *));
	}
	memmove(c->at + i + 1, c->at + i, (c->count - i) * sizeof(struct object *));
	c->at[i] = o;
	c->count++;
}

struct object *collection_put(struct collection *c, struct json *json, uint64_t version, struct json *applied,
			      char *manager)
{
	struct object *o = object_new(json, version);
	size_t i = collection_seek(c, o->namespace, o->name);
	bool is_there = i < c->count && compare(c->at[i], o->namespace, o->name) == 0;

	o->applied = applied;
	o->manager = manager;
	if (is_there) {
		remember(c, (struct event){ CHANGE_MODIFIED, version, object_ref(o), c->at[i] });
		c->at[i] = o;
	} else {
		insert(c, i, o);
		remember(c, (struct event){ CHANGE_ADDED, version, object_ref(o), NULL });
	}
	return o;
}

struct object *collection_remove(struct collection *c, struct object *o, uint64_t version)
{
	size_t i = collection_seek(c, o->namespace, o->name);
	struct object *last = object_new(json_dup(o->json), version);

	c->count--;
	memmove(c->at + i, c->at + i + 1, (c->count - i) * sizeof(struct object *));
	remember(c, (struct event){ CHANGE_DELETED, version, object_ref(last), o });
	return last;
}
