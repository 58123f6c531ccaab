/*
 * The schemas of an OpenAPI v3 document, which nothing has checked: what is not of the right kind
 * is not there.
 */
#ifndef MK8S_KUBE_EXPLAIN_SCHEMA_H
#define MK8S_KUBE_EXPLAIN_SCHEMA_H

#include "lib/kube/explain.h"

struct explain_walk {
	const struct explain *what;
	struct buf *out;
	size_t depth, steps;
	bool too_much;
};

/* One schema deeper; false when there were too many, and always from then on. */
bool explain_enter(struct explain_walk *w);
void explain_leave(struct explain_walk *w);

/* What "$ref" refers to inside of the document, or the schema itself. */
const struct json *explain_resolve(const struct explain_walk *w, const struct json *schema);
/* Objects and arrays with something in them, or NULL. */
const struct json *explain_properties(const struct json *schema);
const struct json *explain_items(const struct json *schema);
const struct json *explain_values(const struct json *schema);
const struct json *explain_alternatives(const struct json *schema);
/* Whether the schema's field must be given. */
bool explain_requires(const struct json *schema, const char *field);
/* "string", or "PodSpec" for a reference to an object. */
const char *explain_type_name(const struct explain_walk *w, const struct json *schema);
/* The members, by name; the caller frees the array. NULL for none. */
const struct json **explain_sort(const struct json *object, size_t *ret_count);

/* Group, version and kind of the resource, by its paths; NULL when there is none. */
const struct json *explain_find_kind(const struct explain *what);
const struct json *explain_find_schema(const struct explain *what, const struct json *kind);

#endif
