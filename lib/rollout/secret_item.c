/* Fields of an item by label, section and id. */
#include "lib/rollout/secret_item.h"

#include <string.h>
#include <strings.h>

#include "lib/base/buf.h"

#define LIST_MAX 260 /* bytes of an error that lists fields */

enum name_kind { NAME_LABEL, NAME_ID };

/* What is looked for; `first` and `count` are what was found. */
struct search {
	const struct secret_item *item;
	struct span section; /* at NULL: any */
	struct span name;
	enum name_kind kind;
	bool any_case;
	const struct secret_field *first;
	size_t count;
};

bool secret_field_is_concealed(const struct secret_field *f)
{
	return strcmp(f->type, "CONCEALED") == 0;
}

static bool same(struct span wanted, const char *have, bool any_case)
{
	if (!*have)
		return false; /* nothing is called "" */
	return any_case ? span_equal_nocase(wanted, span_of(have)) :
			  span_equal_str(wanted, have);
}

static bool matches(const struct search *s, const struct secret_field *f)
{
	if (s->section.at && !same(s->section, f->section, s->any_case) &&
	    !same(s->section, f->section_id, s->any_case))
		return false;
	return same(s->name, s->kind == NAME_ID ? f->id : f->label, s->any_case);
}

static bool collect(struct search *s)
{
	s->first = NULL;
	s->count = 0;
	for (size_t i = 0; i < s->item->field_count; i++) {
		if (!matches(s, &s->item->fields[i]))
			continue;
		if (s->count++ == 0)
			s->first = &s->item->fields[i];
	}
	return s->count > 0;
}

static bool by_label_or_id(struct search *s)
{
	s->kind = NAME_LABEL;
	if (collect(s))
		return true;
	s->kind = NAME_ID;
	return collect(s);
}

/* SECTION/FIELD and SECTION.FIELD, cut at each place in turn: names may hold both signs. */
static bool by_section(struct search *s, struct span whole)
{
	for (size_t i = 1; i + 1 < whole.len; i++) {
		if (whole.at[i] != '/' && whole.at[i] != '.')
			continue;
		s->section = span_from(whole.at, i);
		s->name = span_from(whole.at + i + 1, whole.len - i - 1);
		if (by_label_or_id(s))
			return true;
	}
	return false;
}

static bool find(struct search *s, struct span whole, const char *section)
{
	struct span given = section ? span_of(section) : SPAN_NONE;

	for (int round = 0; round < 2; round++) {
		s->any_case = round == 1;
		s->section = given;
		s->name = whole;
		if (by_label_or_id(s) || (!section && by_section(s, whole)))
			return true;
		s->section = given;
		s->name = whole;
		s->kind = span_starts(whole, SPAN("id=")) ? NAME_ID : NAME_LABEL;
		if (!span_starts(whole, SPAN("id=")) && !span_starts(whole, SPAN("label=")))
			continue;
		s->name.len -= (size_t)(span_find(whole, '=') + 1);
		s->name.at += span_find(whole, '=') + 1;
		if (collect(s))
			return true;
	}
	return false;
}

static void put_field(struct buf *list, const struct secret_field *f, bool with_id)
{
	const char *section = *f->section ? f->section : f->section_id;

	if (list->len > LIST_MAX) {
		return;
	}
	(void)buf_printf(list, "%s\"%.40s%s%.60s\"", list->len ? ", " : "", section,
			 *section ? "/" : "", *f->label ? f->label : f->id);
	if (with_id)
		(void)buf_printf(list, " (id=%.40s)", f->id);
	if (list->len > LIST_MAX)
		(void)buf_put_str(list, " ...");
}

static int refuse_missing(const struct secret_item *item, const char *section, const char *name,
			  struct err *e)
{
	AUTO_BUF struct buf list;

	buf_init(&list, 2 * LIST_MAX + 64);
	for (size_t i = 0; i < item->field_count; i++)
		put_field(&list, &item->fields[i], false);
	if (secret_item_file(item, section, name))
		return err_set(e, ERR_NOT_FOUND, "\"%.60s\" is a file of item \"%.60s\", not a field",
			       name, item->title);
	return err_set(e, ERR_NOT_FOUND, "item \"%.60s\" has no field \"%.60s\"; it has %s",
		       item->title, name, list.len ? buf_str(&list) : "none");
}

static int refuse_several(const struct search *s, const char *name, struct err *e)
{
	AUTO_BUF struct buf list;

	buf_init(&list, 2 * LIST_MAX + 64);
	for (size_t i = 0; i < s->item->field_count; i++) {
		if (matches(s, &s->item->fields[i]))
			put_field(&list, &s->item->fields[i], true);
	}
	return err_set(e, ERR_EXISTS,
		       "%zu fields of item \"%.40s\" are called \"%.40s\"; name one of %s", s->count,
		       s->item->title, name, buf_str(&list));
}

int secret_item_field_in(const struct secret_item *item, const char *section, const char *name,
			 const struct secret_field **ret, struct err *e)
{
	struct search s = { .item = item };

	if (!find(&s, span_of(name), section))
		return refuse_missing(item, section, name, e);
	if (s.count > 1)
		return refuse_several(&s, name, e);
	*ret = s.first;
	return 0;
}

int secret_item_field(const struct secret_item *item, const char *name,
		      const struct secret_field **ret, struct err *e)
{
	return secret_item_field_in(item, NULL, name, ret, e);
}

const struct secret_file *secret_item_file(const struct secret_item *item, const char *section,
					   const char *name)
{
	const struct secret_file *found = NULL;

	for (size_t i = 0; i < item->file_count; i++) {
		const struct secret_file *f = &item->files[i];

		if (section && strcasecmp(section, f->section) != 0 &&
		    strcmp(section, f->section_id) != 0)
			continue;
		if (strcmp(f->id, name) == 0)
			return f;
		if (strcasecmp(f->name, name) != 0)
			continue;
		if (found)
			return NULL;
		found = f;
	}
	return found;
}

int secret_field_value(const struct secret_item *item, const struct secret_field *f,
		       struct span *ret_value, struct err *e)
{
	bool is_code = strcmp(f->type, "OTP") == 0;
	struct span value = is_code ? f->totp : f->value;

	if (value.len) {
		*ret_value = value;
		return 0;
	}
	if (is_code && f->value.len)
		return err_set(e, ERR_INPUT,
			       "1Password gave no one-time code for field \"%.60s\" of item \"%.60s\"",
			       f->label, item->title);
	return err_set(e, ERR_INPUT, "field \"%.60s\" of item \"%.60s\" is empty; give it a value in "
				     "1Password", *f->label ? f->label : f->id, item->title);
}
