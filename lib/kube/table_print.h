/* Prints a meta.k8s.io/v1 Table, of a list or of a watch's events, as kubectl get does. */
#ifndef MK8S_KUBE_TABLE_PRINT_H
#define MK8S_KUBE_TABLE_PRINT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

struct table_print_options {
	bool wide;           /* columns of every priority; else priority 0 only */
	bool with_namespace; /* a NAMESPACE column in front (-A) */
	bool no_headers;
	bool with_event;         /* an EVENT column in front (--output-watch-events) */
	const char *kind_prefix; /* put before each name as "pod/"; NULL: none; borrowed */
	bool show_labels;        /* a LABELS column at the end */
	bool records;            /* as table_set_records */
};

struct json;
struct table_print;

struct table_print *table_print_new(const struct table_print_options *o);
void table_print_free(struct table_print *p);
/* The EVENT column of the rows that follow. */
void table_print_set_event(struct table_print *p, const char *event);

/*
 * Adds the rows of one Table; the first one with columns and rows brings the header. Later Tables may lack columns (a
 * watch), then the known ones hold. What is no Table (one object or a List, from a server that knows none) gets the
 * columns NAME and AGE. ERR_PROTOCOL for what is none of these.
 */
int table_print_add(struct table_print *p, const struct json *document, struct err *e);
/* Rows added so far. */
size_t table_print_count(const struct table_print *p);

/* Writes what was added, aligned with what was written before. */
int table_print_flush(struct table_print *p, struct buf *out, struct err *e);

#endif
