/* Text broken between words, as go-wordwrap breaks it. */
#include "lib/format/utf8.h"
#include "lib/kube/explain.h"

/* What was read and not written yet: blanks, then a word. Widths are in characters. */
struct wrap {
	struct buf *out;
	size_t width, indent, column;
	struct span blanks, word;
	size_t blanks_width, word_width;
};

static void put(struct wrap *w, struct span *pending, size_t *width)
{
	w->column += *width;
	(void)buf_put_span(w->out, *pending);
	*pending = SPAN_NONE;
	*width = 0;
}

static void break_line(struct wrap *w)
{
	(void)buf_put_char(w->out, '\n');
	for (size_t i = 0; i < w->indent; i++)
		(void)buf_put_char(w->out, ' ');
	w->column = 0;
}

static void drop_blanks(struct wrap *w)
{
	w->blanks = SPAN_NONE;
	w->blanks_width = 0;
}

/* Blanks at the end of a line that has no room for them are left out. */
static void put_pending(struct wrap *w)
{
	if (!w->word.len && w->column + w->blanks_width > w->width)
		drop_blanks(w);
	put(w, &w->blanks, &w->blanks_width);
	put(w, &w->word, &w->word_width);
}

static void append(struct span *pending, size_t *width, struct span character)
{
	*pending =
		span_from(pending->len ? pending->at : character.at, pending->len + character.len);
	++*width;
}

static void take(struct wrap *w, struct span character)
{
	if (character.at[0] == '\n') {
		put_pending(w);
		break_line(w);
	} else if (character.len == 1 && character.at[0] &&
		   (character.at[0] == ' ' ||
		    (character.at[0] >= '\t' && character.at[0] <= '\r'))) {
		if (w->word.len) {
			put(w, &w->blanks, &w->blanks_width);
			put(w, &w->word, &w->word_width);
		}
		append(&w->blanks, &w->blanks_width, character);
	} else {
		append(&w->word, &w->word_width, character);
		if (w->column + w->word_width + w->blanks_width > w->width &&
		    w->word_width < w->width) {
			break_line(w);
			drop_blanks(w);
		}
	}
}

void explain_put_wrapped(struct span text, size_t width, size_t indent, struct buf *out)
{
	struct wrap w = { .out = out, .width = width, .indent = indent };

	for (size_t i = 0; i < indent; i++)
		(void)buf_put_char(out, ' ');
	while (text.len) {
		size_t len = utf8_char_len(text);

		if (len == 0)
			len = 1;
		take(&w, span_from(text.at, len));
		text = span_from(text.at + len, text.len - len);
	}
	put_pending(&w);
}
