/* The lines of two texts, and which of them have changed. */
#ifndef MK8S_KUBE_LINE_DIFF_INNER_H
#define MK8S_KUBE_LINE_DIFF_INNER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/span.h"

struct line_side {
	struct span *lines; /* without their line feeds */
	bool *changed;	    /* one more than lines, which stays false */
	size_t count;
};

/* Marks what is only in `a` and what is only in `b`. Nothing is marked before. */
void line_diff_mark(struct line_side *a, struct line_side *b);
/* Moves runs of changed lines down as far as they go, or to where the other side has changed, too.
 */
void line_diff_slide(struct line_side *a, const struct line_side *b);

#endif
