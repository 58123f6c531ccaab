/* Texts that hold secret references. */
#include <ctype.h>
#include <string.h>

#include "lib/rollout/secret_template.h"

#define SCHEME SPAN("op://")

/* What a reference without braces is made of. */
#define REFERENCE_SIGNS SECRET_REF_SIGNS "/?="

static bool is_scheme(struct span text)
{
	return text.len >= SCHEME.len && span_equal_nocase(span_from(text.at, SCHEME.len), SCHEME);
}

/* Bytes of a reference without braces at the start of `text`. */
static size_t bare_len(struct span text)
{
	size_t len = SCHEME.len;

	while (len < text.len && text.at[len] && strchr(REFERENCE_SIGNS, text.at[len]))
		len++;
	return len;
}

/* The reference in braces at the start of `text`, or at == NULL; *ret_len is what it takes with them. */
static struct span braced(struct span text, size_t *ret_len)
{
	struct span inner = span_from(text.at + 2, text.len - 2);
	size_t lead = 0;

	while (lead < inner.len && (inner.at[lead] == ' ' || inner.at[lead] == '\t'))
		lead++;
	inner = span_from(inner.at + lead, inner.len - lead);
	if (!is_scheme(inner))
		return SPAN_NONE;
	*ret_len = 0;
	for (size_t i = 0; i + 1 < inner.len && inner.at[i] != '\n'; i++) {
		if (inner.at[i] != '}' || inner.at[i + 1] != '}')
			continue;
		*ret_len = 2 + lead + i + 2;
		return span_trim(span_from(inner.at, i));
	}
	return inner;
}

int template_next(struct span *rest, struct template_piece *ret, struct err *e)
{
	struct span text = *rest, reference;
	size_t at, len = 0;

	if (text.len == 0)
		return 0;
	for (at = 0; at < text.len; at++) {
		struct span here = span_from(text.at + at, text.len - at);

		reference = SPAN_NONE;
		if (span_starts(here, SPAN("{{")))
			reference = braced(here, &len);
		if (reference.at && len == 0 && at == 0)
			return err_set(e, ERR_INPUT, "\"{{ op://\" has no \"}}\" in its line");
		if (!reference.at && is_scheme(here) && !(at > 0 && isalnum((unsigned char)here.at[-1]))) {
			len = bare_len(here);
			reference = span_from(here.at, len);
		}
		if (reference.at)
			break;
	}
	if (at > 0) {
		*ret = (struct template_piece){ false, span_from(text.at, at) };
		len = at;
	} else {
		*ret = (struct template_piece){ true, reference };
	}
	*rest = span_from(text.at + len, text.len - len);
	return 1;
}

static size_t count_lines(struct span text)
{
	size_t lines = 1;

	for (size_t i = 0; i < text.len; i++)
		lines += text.at[i] == '\n';
	return lines;
}

static int fill(struct span text, struct secret_source *s, struct buf *into, struct span *rest,
		struct err *e)
{
	struct template_piece piece;
	struct secret_ref ref;
	int more;

	*rest = text;
	for (;;) {
		struct span before = *rest;

		more = template_next(rest, &piece, e);
		if (more > 0 && !piece.is_reference)
			(void)buf_put_span(into, piece.text);
		if (more > 0 && piece.is_reference &&
		    (secret_ref_parse(piece.text, &ref, e) < 0 || secret_ref_read(s, &ref, into, e) < 0)) {
			*rest = before;
			return -1;
		}
		if (more <= 0)
			return more < 0 ? -1 : buf_ok(into, "the output", e);
	}
}

int template_fill(struct span text, struct secret_source *s, struct buf *into, struct err *e)
{
	size_t before = into->len;
	struct span rest;

	if (fill(text, s, into, &rest, e) == 0)
		return 0;
	into->len = before;
	return err_context(e, "line %zu", count_lines(span_from(text.at, text.len - rest.len)));
}
