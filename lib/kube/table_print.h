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
	const char *kind_prefix; /* put before each name as "pod/"; NULL: none */
	const char *event;       /* an EVENT column in front with this text (--output-watch-events); NULL: none */
	bool show_labels;        /* a LABELS column at the end */
};

struct table_print;

struct table_print *table_print_new(const struct table_print_options *o);
void table_print_free(struct table_print *p);
/* For the rows that follow: of the options only `event` and `kind_prefix` may change. */
void table_print_set(struct table_print *p, const struct table_print_options *o);

/*
 * Adds the rows of one Table document; the first one with columns brings the header. Later Tables may lack columns
 * (a watch), then the known ones hold. A document that is one plain object or a List (a server that knows no
 * Table) gets the columns NAME and AGE. `ret_rows` (may be NULL): how many. ERR_PROTOCOL for anything else.
 */
int table_print_add(struct table_print *p, struct span json, size_t *ret_rows, struct err *e);

/* Writes what was added, aligned with what was written before. */
int table_print_flush(struct table_print *p, struct buf *out, struct err *e);

#endif
