/*
 * What the simulated API server keeps: objects in the order of their keys, and what happened to them lately.
 *
 * An object is immutable and counted: a change makes a new one, so that lists and watches under way keep theirs.
 */
#ifndef MK8S_TESTS_KUBESIM_STORE_H
#define MK8S_TESTS_KUBESIM_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/span.h"
#include "lib/format/json.h"

struct object {
	unsigned refs;
	uint64_t version; /* metadata.resourceVersion */
	struct json *json;
	struct json *applied; /* what server-side apply last gave, or NULL; owned */
	char *manager;        /* who gave it; owned */
	struct span text;     /* compact JSON; owned */
	const char *namespace, *name; /* borrowed from json; "" when absent */
};

struct object *object_ref(struct object *o);
void object_unref(struct object *o);

enum change { CHANGE_ADDED, CHANGE_MODIFIED, CHANGE_DELETED };

struct event {
	enum change change;
	uint64_t version;
	struct object *now;    /* for DELETED: as it was, with the version of its end */
	struct object *before; /* NULL when added */
};

struct collection {
	struct object **at; /* sorted by namespace, then name */
	size_t count, cap;
	struct event *events; /* a ring of EVENT_KEEP */
	uint64_t event_begin, event_end; /* numbers of the oldest one kept and of the next */
	uint64_t forgotten_version;      /* of the newest event that is not kept any more */
	void *watchers; /* the list of watch.c */
};

enum { EVENT_KEEP = 4096 };

/* Where the object is, or would be. */
size_t collection_seek(const struct collection *c, const char *namespace, const char *name);
/* NULL when there is none. */
struct object *collection_find(const struct collection *c, const char *namespace, const char *name);
/* The event with that number, which is kept. */
const struct event *collection_event(const struct collection *c, uint64_t number);
/* Forgets all events: watches from versions before now get 410. */
void collection_compact(struct collection *c, uint64_t version);

/*
 * Stores `json` (taken), which names itself, under `version`, in place of what has its name. `applied` and `manager`
 * are taken, or NULL. Returns the object, which the collection owns.
 */
struct object *collection_put(struct collection *c, struct json *json, uint64_t version, struct json *applied,
			      char *manager);
/* Removes it; returns its last state with `version`, which the caller unrefs. */
struct object *collection_remove(struct collection *c, struct object *o, uint64_t version);

#endif
