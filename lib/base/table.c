/* Text tables with padded columns; cells are made harmless on their way in. */
#include "lib/base/table.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/mem.h"

enum {
	COLUMN_MIN = 6, /* kubectl's tabwriter: at least six wide, padding included */
	PADDING = 3,
	TEXT_MAX = 1 << 28,
};

struct cell {
	size_t at, len; /* in `text` */
	size_t width;   /* in columns of a terminal, about */
	bool ends_row;
};

struct table {
	struct buf text;
	struct cell *cells;
	size_t cell_count, cell_cap;
	size_t *widths;
	size_t column_count;
	size_t column; /* of the next cell */
	bool records;
};

struct table *table_new(void)
{
	struct table *t = mem_new(sizeof(*t));

	buf_init(&t->text, TEXT_MAX);
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	buf_free(&t->text);
	free(t->cells);
	free(t->widths);
	free(t);
}

/* Decodes one character; its length, or 0 when the bytes are no UTF-8. */
static size_t decode(struct span text, uint32_t *ret_code)
{
	const unsigned char *at = (const unsigned char *)text.at;
	size_t len = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3
			: at[0] < 0xf5 ? 4 : 0;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code = len < 2 ? at[0] : at[0] & (0xffu >> (len + 1));

	if (len == 0 || len > text.len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return len;
}

/* C0, DEL and C1 controls, line separators, and what reorders or hides text. */
static bool is_harmful(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0xfeff ||
	       (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2060 && code <= 0x206f) || (code >= 0xfff9 && code <= 0xfffb) ||
	       (code >= 0xe0000 && code <= 0xe007f);
}

static size_t width_of(uint32_t code)
{
	if ((code >= 0x300 && code <= 0x36f) || (code >= 0x20d0 && code <= 0x20ff) ||
	    (code >= 0xfe00 && code <= 0xfe0f))
		return 0;
	return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
			       (code >= 0xac00 && code <= 0xd7a3) ||
			       (code >= 0xf900 && code <= 0xfaff) ||
			       (code >= 0xff00 && code <= 0xff60) ||
			       (code >= 0x1f300 && code <= 0x1faff) ||
			       (code >= 0x20000 && code <= 0x3fffd)
		       ? 2
		       : 1;
}

static size_t put_escape(struct buf *out, uint32_t code, bool is_byte)
{
	char text[16];
	int len = snprintf(text, sizeof(text),
			   is_byte || code < 0x100 ? "\\x%02x" : code > 0xffff ? "\\U%08x" : "\\u%04x", code);

	(void)buf_put(out, text, (size_t)len);
	return (size_t)len;
}

/* Appends one character of `*text` and moves on; its width. */
static size_t put_char(struct buf *out, struct span *text)
{
	uint32_t code = (unsigned char)text->at[0];
	size_t len = decode(*text, &code), width;

	if (len == 0)
		width = put_escape(out, (unsigned char)text->at[0], true);
	else if (is_harmful(code))
		width = put_escape(out, code, false);
	else
		width = width_of(code);
	if (len && !is_harmful(code))
		(void)buf_put(out, text->at, len);
	len = len ? len : 1;
	text->at += len;
	text->len -= len;
	return width;
}

int table_put_escaped(struct buf *out, struct span text)
{
	while (text.len)
		(void)put_char(out, &text);
	return out->failed ? -1 : 0;
}

static struct cell *new_cell(struct table *t)
{
	if (t->cell_count == t->cell_cap) {
		t->cell_cap = t->cell_cap ? t->cell_cap * 2 : 64;
		t->cells = mem_grow(t->cells, t->cell_cap, sizeof(*t->cells));
	}
	return &t->cells[t->cell_count++];
}

void table_put_cell(struct table *t, struct span text)
{
	struct cell *cell = new_cell(t);

	*cell = (struct cell){ .at = t->text.len };
	while (text.len) {
		if (text.at[0] == '\n' || text.at[0] == '\r' || text.at[0] == '\f') {
			(void)buf_put(&t->text, "...", 3);
			cell->width += 3;
			break;
		}
		cell->width += put_char(&t->text, &text);
	}
	cell->len = t->text.len - cell->at;
	if (t->column == t->column_count) {
		t->widths = mem_grow(t->widths, t->column_count + 1, sizeof(*t->widths));
		t->widths[t->column_count++] = COLUMN_MIN;
	}
	t->column++;
}

void table_put_text(struct table *t, const char *text)
{
	table_put_cell(t, span_of(text));
}

/* The last cell of a row does not widen its column, as in kubectl. */
void table_end_row(struct table *t)
{
	size_t first = t->cell_count - t->column;

	for (size_t i = 0; i + 1 < t->column; i++)
		if (t->cells[first + i].width + PADDING > t->widths[i])
			t->widths[i] = t->cells[first + i].width + PADDING;
	if (t->column)
		t->cells[t->cell_count - 1].ends_row = true;
	t->column = 0;
}

void table_set_records(struct table *t)
{
	t->records = true;
}

static void write_record(const struct table *t, const struct cell *row, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		(void)buf_put_char(out, i ? TABLE_CELL : TABLE_ROW);
		(void)buf_put(out, t->text.at + row[i].at, row[i].len);
	}
	(void)buf_put_char(out, '\n');
}

static void write_row(const struct table *t, const struct cell *row, size_t count, struct buf *out)
{
	size_t pending = 0; /* blanks that only a further text brings out */
	size_t start = out->len;

	for (size_t i = 0; i < count; i++) {
		if (row[i].len) {
			(void)buf_printf(out, "%*s", (int)pending, "");
			(void)buf_put(out, t->text.at + row[i].at, row[i].len);
			pending = 0;
		}
		pending += t->widths[i] - (row[i].width < t->widths[i] ? row[i].width : t->widths[i]);
	}
	while (out->len > start && out->at[out->len - 1] == ' ')
		out->len--; /* blanks of the last cell itself */
	(void)buf_put_char(out, '\n');
}

int table_flush(struct table *t, struct buf *out)
{
	size_t first = 0;

	for (size_t i = 0; i < t->cell_count; i++) {
		if (!t->cells[i].ends_row)
			continue;
		if (t->records)
			write_record(t, &t->cells[first], i + 1 - first, out);
		else
			write_row(t, &t->cells[first], i + 1 - first, out);
		first = i + 1;
	}
	t->cell_count = 0;
	t->column = 0;
	if (t->text.failed)
		out->failed = true;
	buf_reset(&t->text);
	return out->failed ? -1 : 0;
}
