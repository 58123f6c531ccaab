/* Two texts compared line by line, as diff -u writes it (POSIX diff, unified context). */
#ifndef MK8S_KUBE_LINE_DIFF_H
#define MK8S_KUBE_LINE_DIFF_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/span.h"

/*
 * Appends "--- FROM_NAME", "+++ TO_NAME" and the hunks, with three lines of context. False, and
 * nothing appended, when the texts are the same. Texts with more than some thousand changes get a
 * correct difference, but not the smallest one.
 */
bool line_diff_put(struct span from, struct span to, const char *from_name, const char *to_name,
		   struct buf *out);

#endif
