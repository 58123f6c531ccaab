/*
 * Text with tabs, aligned as Go's text/tabwriter aligns it: a column is a run of neighbouring
 * lines that have the cell.
 */
#ifndef MK8S_KUBE_TAB_TEXT_H
#define MK8S_KUBE_TAB_TEXT_H

#include "lib/base/buf.h"
#include "lib/base/span.h"

/*
 * Appends `text` with its tabs made blanks: cells two blanks apart, control characters escaped as
 * in tables.
 */
void tab_text_align(struct span text, struct buf *out);

#endif
