/*
 * A run of changed lines may stand in several places that mean the same ("b" added between "a b"
 * and "c"). The place of diff's choice is the last one, unless an earlier one meets a change of the
 * other text.
 */
#include <stdint.h>

#include "lib/kube/line_diff_inner.h"

/* A run [start, end) of a's changed lines; line `other` of b is the one that line `end` of a
 * matches. */
struct run {
	struct line_side *a;
	const struct line_side *b;
	size_t start, end, other;
};

/* Whether b has changed lines just where the run ends. */
static bool meets_change(const struct run *r)
{
	return r->other > 0 && r->b->changed[r->other - 1];
}

static bool can_step_up(const struct run *r)
{
	return r->start > 0 && span_equal(r->a->lines[r->start - 1], r->a->lines[r->end - 1]);
}

static bool can_step_down(const struct run *r)
{
	return r->end < r->a->count && span_equal(r->a->lines[r->start], r->a->lines[r->end]);
}

/* A run that it comes to becomes one with it. */
static void step_up(struct run *r)
{
	r->a->changed[--r->start] = true;
	r->a->changed[--r->end] = false;
	while (r->start > 0 && r->a->changed[r->start - 1])
		r->start--;
	do
		r->other--;
	while (r->b->changed[r->other]);
}

static void step_down(struct run *r)
{
	r->a->changed[r->start++] = false;
	r->a->changed[r->end++] = true;
	while (r->a->changed[r->end])
		r->end++;
	do
		r->other++;
	while (r->b->changed[r->other]);
}

static void place(struct run *r)
{
	size_t len, best;

	do {
		len = r->end - r->start;
		while (can_step_up(r))
			step_up(r);
		best = meets_change(r) ? r->end : SIZE_MAX;
		while (can_step_down(r)) {
			step_down(r);
			if (meets_change(r))
				best = r->end;
		}
	} while (len != r->end - r->start);
	while (best < r->end)
		step_up(r);
}

void line_diff_slide(struct line_side *a, const struct line_side *b)
{
	struct run r = { .a = a, .b = b };

	for (;;) {
		while (b->changed[r.other])
			r.other++;
		while (r.end < a->count && !a->changed[r.end]) {
			r.end++;
			r.other++;
			while (b->changed[r.other])
				r.other++;
		}
		if (r.end == a->count)
			return;
		for (r.start = r.end; a->changed[r.end];)
			r.end++;
		place(&r);
	}
}
