/* Secret references and templates. */
#include "lib/rollout/secret_ref.h"

#include <ctype.h>
#include <string.h>

#define SCHEME SPAN("op://")
#define NAME_SIGNS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

static const struct {
	const char *name;
	enum secret_attribute attribute;
} attributes[] = {
	{ "otp", SECRET_ATTRIBUTE_OTP },     { "totp", SECRET_ATTRIBUTE_OTP },
	{ "value", SECRET_ATTRIBUTE_VALUE }, { "type", SECRET_ATTRIBUTE_TYPE },
	{ "id", SECRET_ATTRIBUTE_ID },	     { "title", SECRET_ATTRIBUTE_TITLE },
	{ "label", SECRET_ATTRIBUTE_TITLE },
};

static bool is_scheme(struct span text)
{
	return text.len >= SCHEME.len && span_equal_nocase(span_from(text.at, SCHEME.len), SCHEME);
}

static int parse_attribute(struct span query, enum secret_attribute *ret, struct err *e)
{
	if (span_starts(query, SPAN("ssh-format=")))
		return err_set(e, ERR_INPUT,
			       "?ssh-format= is not supported; refer to the field \"private key\" itself");
	if (!span_starts(query, SPAN("attribute=")) && !span_starts(query, SPAN("attr=")))
		return err_set(e, ERR_INPUT, "behind ? only attribute=NAME can stand");
	query = span_from(query.at + span_find(query, '=') + 1,
			  query.len - (size_t)span_find(query, '=') - 1);
	for (size_t i = 0; i < COUNT_OF(attributes); i++) {
		if (!span_equal_str(query, attributes[i].name))
			continue;
		*ret = attributes[i].attribute;
		return 0;
	}
	return err_set(e, ERR_INPUT, "an attribute is one of otp, value, type, id, title");
}

static int parse_name(struct span part, char into[128], struct err *e)
{
	if (part.len == 0)
		return err_set(e, ERR_INPUT,
			       "a part of the reference is empty; it is op://VAULT/ITEM[/SECTION]/FIELD");
	for (size_t i = 0; i < part.len; i++) {
		if (part.at[i] == '\0' || !strchr(NAME_SIGNS " ", part.at[i]))
			return err_set(e, ERR_INPUT, "names in a reference hold letters, digits, - _ . and blanks; "
						     "use the ID of what is called otherwise");
	}
	if (span_to_str(part, into, 128) < 0)
		return err_set(e, ERR_INPUT, "a name in the reference is longer than 127 bytes");
	return 0;
}

int secret_ref_parse(struct span text, struct secret_ref *ret, struct err *e)
{
	struct secret_ref ref = { .attribute = SECRET_ATTRIBUTE_NONE };
	struct span rest, parts[4], part, query = SPAN_NONE;
	ptrdiff_t mark;
	size_t count = 0;

	if (!is_scheme(text))
		return err_set(e, ERR_INPUT, "a reference begins with op://");
	rest = span_from(text.at + SCHEME.len, text.len - SCHEME.len);
	mark = span_find(rest, '?');
	if (mark >= 0) {
		query = span_from(rest.at + mark + 1, rest.len - (size_t)mark - 1);
		rest.len = (size_t)mark;
	}
	while (rest.at && span_take_part(&rest, '/', &part)) {
		if (count == COUNT_OF(parts))
			return err_set(e, ERR_INPUT, "too many '/'; a reference is op://VAULT/ITEM[/SECTION]/FIELD");
		parts[count++] = part;
	}
	if (count < 3)
		return err_set(e, ERR_INPUT, "too few parts; a reference is op://VAULT/ITEM[/SECTION]/FIELD");
	if (parse_name(parts[0], ref.vault, e) < 0 || parse_name(parts[1], ref.item, e) < 0 ||
	    (count == 4 && parse_name(parts[2], ref.section, e) < 0) ||
	    parse_name(parts[count - 1], ref.field, e) < 0 ||
	    (query.at && parse_attribute(query, &ref.attribute, e) < 0))
		return -1;
	*ret = ref;
	return 0;
}

static int read_attribute(const struct secret_item *item, const struct secret_field *f,
			  enum secret_attribute attribute, struct span *ret, struct err *e)
{
	switch (attribute) {
	case SECRET_ATTRIBUTE_NONE:
		return secret_field_value(item, f, ret, e);
	case SECRET_ATTRIBUTE_OTP:
		if (strcmp(f->type, "OTP") != 0)
			return err_set(e, ERR_INPUT, "field \"%.60s\" of item \"%.60s\" is not a one-time password",
				       f->label, item->title);
		return secret_field_value(item, f, ret, e);
	case SECRET_ATTRIBUTE_VALUE:
		*ret = f->value;
		return 0;
	case SECRET_ATTRIBUTE_TYPE:
		*ret = span_of(f->type);
		return 0;
	case SECRET_ATTRIBUTE_ID:
		*ret = span_of(f->id);
		return 0;
	case SECRET_ATTRIBUTE_TITLE:
		*ret = span_of(f->label);
		return 0;
	}
	return 0;
}

/* Appends what the reference stands for. */
static int read_reference(struct secret_source *s, const struct secret_ref *ref, struct buf *into,
			  struct err *e)
{
	const char *section = *ref->section ? ref->section : NULL;
	const struct secret_item *item;
	const struct secret_field *field;
	const struct secret_file *file;
	struct span value;

	if (secret_source_item(s, ref->vault, ref->item, &item, e) < 0)
		return -1;
	if (secret_item_field_in(item, section, ref->field, &field, e) < 0) {
		file = e->code == ERR_NOT_FOUND ? secret_item_file(item, section, ref->field) : NULL;
		return file ? secret_source_file(s, item, file, into, e) : -1;
	}
	if (read_attribute(item, field, ref->attribute, &value, e) < 0)
		return -1;
	(void)buf_put_span(into, value);
	return buf_ok(into, "the output", e);
}

/* Bytes of a reference without braces at the start of `text`. */
static size_t bare_len(struct span text)
{
	size_t len = SCHEME.len;

	while (len < text.len && text.at[len] && strchr(NAME_SIGNS "/?=", text.at[len]))
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
		    (secret_ref_parse(piece.text, &ref, e) < 0 || read_reference(s, &ref, into, e) < 0)) {
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
