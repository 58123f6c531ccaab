/*
 * Text tables as kubectl prints them: padded columns three blanks apart, at least six wide, no blanks at line ends.
 *
 * Cells come from elsewhere: what is behind a line break is cut and shown as "...", control characters, ESC and the
 * Unicode bidi controls are shown escaped (\x1b, \u202e), bytes that are no UTF-8 as \xNN.
 */
#ifndef MK8S_BASE_TABLE_H
#define MK8S_BASE_TABLE_H

#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/span.h"

struct table;

/* A table of any number of columns; never NULL. */
struct table *table_new(void);
void table_free(struct table *t);

void table_put_cell(struct table *t, struct span text);
void table_put_text(struct table *t, const char *text);
void table_end_row(struct table *t);

/*
 * Writes the rows put since the last flush and forgets them. Column widths only grow from flush to flush, so that
 * rows that arrive later (a watch) stay aligned. 0, or -1 as buf_put fails.
 */
int table_flush(struct table *t, struct buf *out);

/*
 * Rows are flushed as records from now on, for a program that joins several tables: TABLE_ROW, the cells with
 * TABLE_CELL between them, a line feed. No cell holds any of these.
 */
#define TABLE_ROW '\x1e'
#define TABLE_CELL '\x1f'
void table_set_records(struct table *t);

/* Appends `text` escaped as a cell is (line breaks too), for messages outside of tables. */
int table_put_escaped(struct buf *out, struct span text);

#endif
