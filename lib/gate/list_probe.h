/*
 * Finds one text at a path of a JSON value that is walked: ["metadata", "namespace"]. For the list
 * filter's files.
 */
#ifndef MK8S_GATE_LIST_PROBE_H
#define MK8S_GATE_LIST_PROBE_H

#include "lib/format/json_walk.h"

enum { LIST_PATH_MAX = 3 };

struct list_probe {
	const char *path[LIST_PATH_MAX]; /* literals */
	size_t len;			 /* of path */
	size_t base;			 /* levels outside the value */
	size_t matched, pending; /* how much of the path the open levels, the last name, match */
	unsigned seen;		 /* one bit a step of the path */
	bool ambiguous;		 /* a step stands there twice, so that two readers could disagree */
	bool has_text;
	char text[JSON_WALK_TEXT_SIZE];
};

/* Begins with a value at `base` open levels; keeps path and len. */
void list_probe_begin(struct list_probe *p, size_t base);
/* Every step of the value, in order. */
void list_probe_step(struct list_probe *p, struct json_walk *w, enum json_step step);
/* Whether the text was there, once, as a plain string; "" is not there. */
bool list_probe_found(const struct list_probe *p);

#endif
