/*
 * Takes out of a Kubernetes list, Table or watch what a role does not grant, while it streams
 * (spec/mk8s.md, Authorization: filtered lists).
 *
 * Pure: bytes in, bytes out, no tree; one item is held at a time. An item passes when its
 * metadata.namespace is granted; of the resource `namespaces`, when its metadata.name is. One
 * without namespace, or with a member that stands there twice, does not. Of the list itself kind,
 * apiVersion, metadata (without remainingItemCount, `continue` sealed), columnDefinitions, and
 * items or rows pass, nothing else.
 *
 * Of a watch pass events of granted objects, ERROR with a Status, and BOOKMARK of no object.
 * Columns of a Table come once, with the first event: they go out with the first one that passes.
 */
#ifndef MK8S_GATE_LIST_FILTER_H
#define MK8S_GATE_LIST_FILTER_H

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

/* Appends what a client gets in place of the server's `continue`. */
typedef int list_seal_fn(void *owner, struct span token, struct buf *into, struct err *e);

struct list_filter_options {
	const char *const *namespaces; /* the granted ones, NULL-terminated; copied */
	bool watch;		       /* events one after another; else one list */
	bool by_name;		       /* the resource `namespaces` itself */
	bool drop_object; /* rows pass with "object": null, as the client asked with includeObject=None */
	list_seal_fn *seal; /* NULL: `continue` does not pass */
	void *owner;
};

struct list_filter;

/* The caller owns it. */
struct list_filter *list_filter_new(const struct list_filter_options *o);
void list_filter_free(struct list_filter *f); /* takes NULL */
/*
 * Takes the next bytes and appends what passes. ERR_INPUT for what is no list (of JSON, nested at
 * most 128 levels), ERR_LIMIT for an item or event above 4 MiB: nothing of it has passed, and
 * nothing more will.
 */
int list_filter_put(struct list_filter *f, struct span bytes, struct buf *out, struct err *e);
/* The end of the body: ERR_PROTOCOL when it was cut. */
int list_filter_end(const struct list_filter *f, struct err *e);

#endif
