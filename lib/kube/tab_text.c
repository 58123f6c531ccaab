/* Tabs made blanks, with elastic columns. */
#include "lib/kube/tab_text.h"

#include <stdbool.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/base/table.h"

enum { PADDING = 2, COLUMNS_MAX = 64 };

struct line {
	struct span *cells;
	size_t count;
};

struct aligner {
	struct line *lines;
	size_t count;
	size_t widths[COLUMNS_MAX];
	size_t depth;
	struct buf *out;
};

/* Characters, not bytes. */
static size_t width_of(struct span cell)
{
	size_t width = 0;

	for (size_t i = 0; i < cell.len; i++)
		width += ((unsigned char)cell.at[i] & 0xc0) != 0x80;
	return width;
}

static void write_line(struct aligner *a, const struct line *l)
{
	for (size_t c = 0; c < l->count; c++) {
		(void)table_put_escaped(a->out, l->cells[c]);
		for (size_t w = width_of(l->cells[c]);
		     c + 1 < l->count && c < a->depth && w < a->widths[c]; w++)
			(void)buf_put_char(a->out, ' ');
	}
	(void)buf_put_char(a->out, '\n');
}

static void write_lines(struct aligner *a, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		write_line(a, &a->lines[i]);
}

static bool has_column(const struct aligner *a, size_t line, size_t column)
{
	return column + 1 < a->lines[line].count;
}

/* The lines [from, to) share the columns before `depth`; the recursion ends with the columns. */
static void format(struct aligner *a, size_t from, size_t to)
{
	size_t column = a->depth, end, width;

	for (size_t i = from; i < to && column < COLUMNS_MAX; i++) {
		if (!has_column(a, i, column))
			continue;
		write_lines(a, from, i);
		width = 0;
		for (end = i; end < to && has_column(a, end, column); end++)
			if (width_of(a->lines[end].cells[column]) + PADDING > width)
				width = width_of(a->lines[end].cells[column]) + PADDING;
		a->widths[a->depth++] = width;
		format(a, i, end);
		a->depth--;
		from = end;
		i = end;
	}
	write_lines(a, from, to);
}

void tab_text_align(struct span text, struct buf *out)
{
	struct aligner a = { .out = out };
	struct span line, cell;

	if (text.len && text.at[text.len - 1] == '\n')
		text.len--;
	while (span_take_part(&text, '\n', &line)) {
		struct line *l;

		if ((a.count & (a.count - 1)) == 0)
			a.lines = mem_grow(a.lines, a.count ? a.count * 2 : 1, sizeof(*a.lines));
		l = &a.lines[a.count++];
		*l = (struct line){ 0 };
		while (span_take_part(&line, '\t', &cell)) {
			l->cells = mem_grow(l->cells, l->count + 1, sizeof(*l->cells));
			l->cells[l->count++] = cell;
		}
	}
	format(&a, 0, a.count);
	for (size_t i = 0; i < a.count; i++)
		free(a.lines[i].cells);
	free(a.lines);
}
