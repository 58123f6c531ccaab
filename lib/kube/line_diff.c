/* The unified form of a difference: hunks of changed lines with those around them. */
#include "lib/kube/line_diff.h"

#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/kube/line_diff_inner.h"

enum { CONTEXT = 3 };

static void split(struct span text, struct line_side *ret)
{
	struct span line;

	for (size_t i = 0; i < text.len; i++)
		ret->count += text.at[i] == '\n';
	if (text.len && text.at[text.len - 1] != '\n')
		ret->count++;
	ret->lines = mem_new_array(ret->count + 1, sizeof(*ret->lines));
	ret->changed = mem_new_array(ret->count + 1, sizeof(*ret->changed));
	for (size_t i = 0; i < ret->count && span_take_part(&text, '\n', &line); i++)
		ret->lines[i] = line;
}

static void side_free(struct line_side *s)
{
	free(s->lines);
	free(s->changed);
}

/* Lines [a, a_end) of one side stand against [b, b_end) of the other. */
struct stretch {
	size_t a, a_end, b, b_end;
};

/* The next change at or behind a_end and b_end, which match; false when there is none. */
static bool find_change(const struct line_side *a, const struct line_side *b, struct stretch *s)
{
	s->a = s->a_end;
	s->b = s->b_end;
	while (s->a < a->count && !a->changed[s->a] && !b->changed[s->b]) {
		s->a++;
		s->b++;
	}
	for (s->a_end = s->a; a->changed[s->a_end];)
		s->a_end++;
	for (s->b_end = s->b; b->changed[s->b_end];)
		s->b_end++;
	return s->a_end > s->a || s->b_end > s->b;
}

/* "12,3", "12" for one line, "11,0" for none behind line 11. */
static void put_range(struct buf *out, char sign, size_t from, size_t to)
{
	(void)buf_printf(out, "%c%zu", sign, to > from ? from + 1 : from);
	if (to - from != 1)
		(void)buf_printf(out, ",%zu", to - from);
}

static void put_line(struct buf *out, char sign, struct span line)
{
	(void)buf_put_char(out, sign);
	(void)buf_put_span(out, line);
	(void)buf_put_char(out, '\n');
}

static void put_hunk(const struct line_side *a, const struct line_side *b, const struct stretch *h,
		     struct buf *out)
{
	size_t i = h->a, j = h->b;

	(void)buf_put_str(out, "@@ ");
	put_range(out, '-', h->a, h->a_end);
	(void)buf_put_char(out, ' ');
	put_range(out, '+', h->b, h->b_end);
	(void)buf_put_str(out, " @@\n");
	while (i < h->a_end || j < h->b_end) {
		while (i < h->a_end && a->changed[i])
			put_line(out, '-', a->lines[i++]);
		while (j < h->b_end && b->changed[j])
			put_line(out, '+', b->lines[j++]);
		if (i < h->a_end && !a->changed[i]) {
			put_line(out, ' ', a->lines[i++]);
			j++;
		}
	}
}

/* Changes that are no further from one another than what is shown around them make one hunk. */
static void put_hunks(const struct line_side *a, const struct line_side *b, struct buf *out)
{
	struct stretch next = { 0 }, hunk = { 0 };
	bool more = find_change(a, b, &next);

	while (more) {
		size_t before = next.a < CONTEXT ? next.a : CONTEXT, after;

		hunk = (struct stretch){ next.a - before, next.a_end, next.b - before, next.b_end };
		while ((more = find_change(a, b, &next)) && next.a - hunk.a_end <= 2 * CONTEXT) {
			hunk.a_end = next.a_end;
			hunk.b_end = next.b_end;
		}
		after = a->count - hunk.a_end < CONTEXT ? a->count - hunk.a_end : CONTEXT;
		hunk.a_end += after;
		hunk.b_end += after;
		put_hunk(a, b, &hunk, out);
	}
}

bool line_diff_put(struct span from, struct span to, const char *from_name, const char *to_name,
		   struct buf *out)
{
	struct line_side a = { 0 }, b = { 0 };
	bool differ = !span_equal(from, to);

	if (!differ)
		return false;
	split(from, &a);
	split(to, &b);
	line_diff_mark(&a, &b);
	line_diff_slide(&a, &b);
	line_diff_slide(&b, &a);
	(void)buf_printf(out, "--- %s\n+++ %s\n", from_name, to_name);
	put_hunks(&a, &b, out);
	side_free(&a);
	side_free(&b);
	return true;
}
