/* Changes of stored objects: what every verb that writes has in common. */
#ifndef MK8S_TESTS_KUBESIM_CHANGE_H
#define MK8S_TESTS_KUBESIM_CHANGE_H

#include "tests/kubesim/call.h"

/* The namespace under which the request's object is kept: "" for cluster-scoped ones. */
const char *change_namespace(const struct call *c);

/* The request's body as one JSON (or, for apply, YAML) object; NULL after it answered 400. */
struct json *change_read_body(struct call *c);

/* kind and apiVersion first, as the API server prints them. Takes and gives. */
struct json *change_put_head_first(struct json *object, const struct kind *k);

/* A new object gets what the server and its controllers would fill in. */
void change_fill_new(struct sim *sim, const struct kind *k, const char *namespace, struct json *object);

/*
 * Stores and tells the watchers. `json` is taken; `applied` and `manager` too, or NULL. Returns the object, which the
 * collection owns.
 */
struct object *change_store(struct sim *sim, struct kind *k, struct json *json, struct json *applied, char *manager);
/* Removes, with what belongs to it; the caller unrefs the result. */
struct object *change_remove(struct sim *sim, struct kind *k, struct object *o);

/*
 * Answers an update of `before` by `json` (taken), as update and patch do: names must agree, a
 * resourceVersion in it must be the current one, the status only changes by its subresource.
 * `applied` and `manager` are taken, or NULL.
 */
void change_answer_update(struct call *c, struct object *before, struct json *json, struct json *applied,
						  char *manager);
/* Answers the creation of `json` (taken) under the name that it has. */
void change_answer_create(struct call *c, struct json *json, struct json *applied, char *manager);

/* Answers with one object in the form that was asked for. */
void change_answer_object(struct call *c, int status, const struct object *o);

/* Makes the objects that every cluster has. */
void change_seed(struct sim *sim);

#endif
