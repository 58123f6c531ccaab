/* Secret references: their parts, and what they stand for. */
#include "lib/rollout/secret_ref.h"

#include <string.h>

#define SCHEME SPAN("op://")

static const struct {
	const char *name;
	enum secret_attribute attribute;
} attributes[] = {
	{ "otp", SECRET_ATTRIBUTE_OTP },     { "totp", SECRET_ATTRIBUTE_OTP },
	{ "value", SECRET_ATTRIBUTE_VALUE }, { "type", SECRET_ATTRIBUTE_TYPE },
	{ "id", SECRET_ATTRIBUTE_ID },	     { "title", SECRET_ATTRIBUTE_TITLE },
	{ "label", SECRET_ATTRIBUTE_TITLE }, { "name", SECRET_ATTRIBUTE_TITLE },
	{ "purpose", SECRET_ATTRIBUTE_PURPOSE }, { "size", SECRET_ATTRIBUTE_SIZE },
	{ "content", SECRET_ATTRIBUTE_NONE },
};

static bool is_scheme(struct span text)
{
	return text.len >= SCHEME.len && span_equal_nocase(span_from(text.at, SCHEME.len), SCHEME);
}

static int parse_attribute(struct span query, enum secret_attribute *ret, struct err *e)
{
	if (span_equal_str(query, "ssh-format=openssh")) {
		*ret = SECRET_ATTRIBUTE_OPENSSH;
		return 0;
	}
	if (span_starts(query, SPAN("ssh-format=")))
		return err_set(e, ERR_INPUT, "the only ssh-format is openssh; without, a key is in PKCS#8");
	if (!span_starts(query, SPAN("attribute=")) && !span_starts(query, SPAN("attr=")))
		return err_set(e, ERR_INPUT, "behind ? only attribute=NAME or ssh-format=openssh can stand");
	query = span_from(query.at + span_find(query, '=') + 1,
			  query.len - (size_t)span_find(query, '=') - 1);
	for (size_t i = 0; i < COUNT_OF(attributes); i++) {
		if (!span_equal_str(query, attributes[i].name))
			continue;
		*ret = attributes[i].attribute;
		return 0;
	}
	return err_set(e, ERR_INPUT, "an attribute is one of otp, value, type, purpose, id, title; of a file content, "
				     "size, id, name");
}

static int parse_name(struct span part, char into[128], struct err *e)
{
	if (part.len == 0)
		return err_set(e, ERR_INPUT,
			       "a part of the reference is empty; it is op://VAULT/ITEM[/SECTION]/FIELD");
	for (size_t i = 0; i < part.len; i++) {
		if (part.at[i] == '\0' || !strchr(SECRET_REF_SIGNS " ", part.at[i]))
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

static int refuse_attribute(const struct secret_item *item, const char *name, const char *what,
			    struct err *e)
{
	return err_set(e, ERR_INPUT, "\"%.60s\" of item \"%.60s\" %s", name, item->title, what);
}

static int read_attribute(const struct secret_item *item, const struct secret_field *f,
			  enum secret_attribute attribute, struct span *ret, struct err *e)
{
	switch (attribute) {
	case SECRET_ATTRIBUTE_NONE:
		return secret_field_value(item, f, ret, e);
	case SECRET_ATTRIBUTE_OTP:
		if (strcmp(f->type, "OTP") != 0)
			return refuse_attribute(item, f->label, "is not a one-time password", e);
		return secret_field_value(item, f, ret, e);
	case SECRET_ATTRIBUTE_OPENSSH:
		if (!f->openssh.len)
			return refuse_attribute(item, f->label,
						strcmp(f->type, "SSHKEY") != 0 ?
							"is not an SSH key" :
							"came without OpenSSH's format, which Connect does not have; take it without "
							"?ssh-format, then: ssh-keygen -p -f FILE", e);
		*ret = f->openssh;
		return 0;
	case SECRET_ATTRIBUTE_SIZE:
		return refuse_attribute(item, f->label, "is a field; a size is of files", e);
	case SECRET_ATTRIBUTE_VALUE:
		*ret = f->value;
		return 0;
	case SECRET_ATTRIBUTE_TYPE:
	case SECRET_ATTRIBUTE_PURPOSE:
	case SECRET_ATTRIBUTE_ID:
	case SECRET_ATTRIBUTE_TITLE:
		*ret = span_of(attribute == SECRET_ATTRIBUTE_TYPE    ? f->type :
			       attribute == SECRET_ATTRIBUTE_PURPOSE ? f->purpose :
			       attribute == SECRET_ATTRIBUTE_ID	     ? f->id :
								       f->label);
		return 0;
	}
	return 0;
}

static int read_file(struct secret_source *s, const struct secret_item *item,
		     const struct secret_file *file, enum secret_attribute attribute, struct buf *into,
		     struct err *e)
{
	AUTO_BUF struct buf content;

	buf_init_locked(&content, into->max);
	switch (attribute) {
	case SECRET_ATTRIBUTE_NONE:
		return secret_source_file(s, item, file, into, e);
	case SECRET_ATTRIBUTE_SIZE:
		if (secret_source_file(s, item, file, &content, e) < 0)
			return -1;
		(void)buf_printf(into, "%zu", content.len);
		break;
	case SECRET_ATTRIBUTE_ID:
	case SECRET_ATTRIBUTE_TITLE:
		(void)buf_put_str(into, attribute == SECRET_ATTRIBUTE_ID ? file->id : file->name);
		break;
	case SECRET_ATTRIBUTE_OTP:
	case SECRET_ATTRIBUTE_VALUE:
	case SECRET_ATTRIBUTE_TYPE:
	case SECRET_ATTRIBUTE_PURPOSE:
	case SECRET_ATTRIBUTE_OPENSSH:
		return refuse_attribute(item, file->name, "is a file, of which there are content, size, id and name", e);
	}
	return buf_ok(into, "the output", e);
}

/* Appends what the reference stands for. */
int secret_ref_read(struct secret_source *s, const struct secret_ref *ref, struct buf *into,
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
		return file ? read_file(s, item, file, ref->attribute, into, e) : -1;
	}
	if (read_attribute(item, field, ref->attribute, &value, e) < 0)
		return -1;
	(void)buf_put_span(into, value);
	return buf_ok(into, "the output", e);
}
