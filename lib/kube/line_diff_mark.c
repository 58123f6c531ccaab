/* Which lines of two texts differ: E. W. Myers, An O(ND) Difference Algorithm and Its Variations,
 * section 4. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/kube/line_diff_inner.h"

/* Above so many changed lines, everything between the first and the last of them counts as changed.
 */
enum { EDITS_MAX = 2000 };

/* The part of both sides between the lines that they begin and end with together. */
struct middle {
	struct line_side *a, *b;
	size_t skip;			 /* lines of the common beginning */
	int32_t n, m;			 /* lines of the middle */
	int32_t *reached[EDITS_MAX + 1]; /* by edits d, then by diagonal -d, -d+2 ... d: the
					    furthest x, or -1 */
};

static bool is_same(const struct middle *w, int32_t x, int32_t y)
{
	return span_equal(w->a->lines[w->skip + (size_t)x], w->b->lines[w->skip + (size_t)y]);
}

/* Where diagonal number `i` of `d` edits begins, one edit behind those of d - 1; `ret_down`: by a
 * line of b. */
static int32_t step(const struct middle *w, int32_t d, int32_t i, bool *ret_down)
{
	const int32_t *before = d ? w->reached[d - 1] : NULL;
	int32_t down, right;

	*ret_down = false;
	if (!before)
		return 0;
	down = i < d ? before[i] : -1;
	right = i > 0 && before[i - 1] >= 0 ? before[i - 1] + 1 : -1;
	if (down - (2 * i - d) > w->m)
		down = -1;
	if (right > w->n)
		right = -1;
	*ret_down = down >= right && down >= 0;
	return *ret_down ? down : right;
}

/* Whether the end is reached with `d` edits. */
static bool extend(struct middle *w, int32_t d)
{
	w->reached[d] = mem_new_array((size_t)d + 1, sizeof(int32_t));
	for (int32_t i = 0; i <= d; i++) {
		bool down;
		int32_t x = step(w, d, i, &down), y = x - (2 * i - d);

		while (x >= 0 && y >= 0 && x < w->n && y < w->m && is_same(w, x, y)) {
			x++;
			y++;
		}
		w->reached[d][i] = y < 0 ? -1 : x;
		if (x == w->n && y == w->m)
			return true;
	}
	return false;
}

/* The way back from the end, marking each edit. */
static void mark_path(const struct middle *w, int32_t d)
{
	int32_t x = w->n, y = w->m;

	for (; d > 0; d--) {
		int32_t i = (x - y + d) / 2, start;
		bool down;

		start = step(w, d, i, &down);
		y -= x - start;
		x = start;
		if (down)
			w->b->changed[w->skip + (size_t)--y] = true;
		else
			w->a->changed[w->skip + (size_t)--x] = true;
	}
}

static void mark_all(const struct middle *w)
{
	for (int32_t i = 0; i < w->n; i++)
		w->a->changed[w->skip + (size_t)i] = true;
	for (int32_t i = 0; i < w->m; i++)
		w->b->changed[w->skip + (size_t)i] = true;
}

void line_diff_mark(struct line_side *a, struct line_side *b)
{
	struct middle *w = mem_new(sizeof(*w));
	size_t n = a->count, m = b->count, skip = 0;
	int32_t d = 0;
	bool found = false;

	while (skip < n && skip < m && span_equal(a->lines[skip], b->lines[skip]))
		skip++;
	for (; n > skip && m > skip && span_equal(a->lines[n - 1], b->lines[m - 1]); n--)
		m--;
	w->a = a;
	w->b = b;
	w->skip = skip;
	w->n = (int32_t)(n - skip);
	w->m = (int32_t)(m - skip);
	while (w->n && w->m && d <= EDITS_MAX && !(found = extend(w, d)))
		d++;
	if (found)
		mark_path(w, d);
	else
		mark_all(w);
	for (d = 0; d <= EDITS_MAX; d++)
		free(w->reached[d]);
	free(w);
}
