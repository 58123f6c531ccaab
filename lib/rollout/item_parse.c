/* Items out of JSON, into locked memory. */
#include "lib/rollout/item_parse.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/locked.h"
#include "lib/base/mem.h"
#include "lib/format/json_scan.h"
#include "lib/rollout/json_reader.h"

#define PARTS_MAX 4096 /* fields, files or sections of one item */

struct section {
	const char *id, *label;
};

struct item_store {
	struct secret_item item;
	struct secret_field *fields;
	struct secret_file *files;
	struct section *sections;
	size_t section_count;
	char *vault; /* NULL: as in the text */
	char *block; /* locked; holds every string */
	size_t block_size;
};

/* One member that is a string, and where it goes. */
struct slot {
	const char *name;
	const char **text;  /* either */
	struct span *value; /* or */
};

static void read_slot(struct json_reader *r, const struct slot *slot)
{
	struct span text = json_reader_string(r);

	if (!text.at)
		return;
	if (slot->text)
		*slot->text = text.at;
	else
		*slot->value = text;
}

static const struct slot *find_slot(const struct slot *slots, size_t count, struct span name)
{
	for (size_t i = 0; i < count; i++) {
		if (span_equal_str(name, slots[i].name))
			return &slots[i];
	}
	return NULL;
}

static void read_members(struct json_reader *r, const struct slot *slots, size_t count)
{
	struct span name;

	if (!json_reader_open(r, '{')) {
		json_reader_skip(r);
		return;
	}
	while (json_reader_name(r, &name)) {
		const struct slot *slot = find_slot(slots, count, name);

		if (slot)
			read_slot(r, slot);
		else
			json_reader_skip(r);
	}
}

/* A pair of id and label, as sections and vaults are. */
static void read_pair(struct json_reader *r, const char **id, const char *label_name,
		      const char **label)
{
	const struct slot slots[] = { { "id", id, NULL }, { label_name, label, NULL } };

	read_members(r, slots, COUNT_OF(slots));
}

/* {"openssh":{"reference":"...","value":"..."}} */
static void read_ssh_formats(struct json_reader *r, struct span *ret_openssh)
{
	const struct slot slots[] = { { "value", NULL, ret_openssh } };
	struct span name;

	if (!json_reader_open(r, '{')) {
		json_reader_skip(r);
		return;
	}
	while (json_reader_name(r, &name)) {
		if (span_equal_str(name, "openssh"))
			read_members(r, slots, COUNT_OF(slots));
		else
			json_reader_skip(r);
	}
}

static void read_field(struct json_reader *r, struct secret_field *f)
{
	const struct slot slots[] = {
		{ "id", &f->id, NULL },		  { "label", &f->label, NULL },
		{ "type", &f->type, NULL },	  { "purpose", &f->purpose, NULL },
		{ "value", NULL, &f->value },	  { "totp", NULL, &f->totp },
	};
	struct span name;

	*f = (struct secret_field){ "", "", "", "", "", "", SPAN(""), SPAN(""), SPAN("") };
	if (!json_reader_open(r, '{')) {
		json_reader_skip(r);
		return;
	}
	while (json_reader_name(r, &name)) {
		const struct slot *slot = find_slot(slots, COUNT_OF(slots), name);

		if (span_equal_str(name, "section"))
			read_pair(r, &f->section_id, "label", &f->section);
		else if (span_equal_str(name, "ssh_formats"))
			read_ssh_formats(r, &f->openssh);
		else if (slot)
			read_slot(r, slot);
		else
			json_reader_skip(r);
	}
}

static void read_file(struct json_reader *r, struct secret_file *f)
{
	const struct slot slots[] = { { "id", &f->id, NULL }, { "name", &f->name, NULL } };
	struct span name;

	*f = (struct secret_file){ "", "", "", "" };
	if (!json_reader_open(r, '{')) {
		json_reader_skip(r);
		return;
	}
	while (json_reader_name(r, &name)) {
		const struct slot *slot = find_slot(slots, COUNT_OF(slots), name);

		if (span_equal_str(name, "section"))
			read_pair(r, &f->section_id, "label", &f->section);
		else if (slot)
			read_slot(r, slot);
		else
			json_reader_skip(r);
	}
}

/* How many elements follow in the array that begins here; the reader stays. */
static size_t count_elements(const struct json_reader *r)
{
	struct json_reader ahead = *r;
	size_t count = 0;

	if (!json_reader_open(&ahead, '['))
		return 0;
	for (; json_reader_element(&ahead); count++)
		json_reader_skip(&ahead);
	return count;
}

static int read_list(struct json_reader *r, struct item_store *s, struct span name, struct err *e)
{
	size_t count = count_elements(r), i = 0;

	if (count > PARTS_MAX)
		return err_set(e, ERR_LIMIT, "the item has more than %d %.*s", PARTS_MAX,
			       SPAN_ARG(name));
	if (!json_reader_open(r, '[')) {
		json_reader_skip(r);
		return 0;
	}
	if (span_equal_str(name, "fields")) {
		s->fields = mem_grow(s->fields, count + 1, sizeof(*s->fields));
		for (s->item.field_count = count; json_reader_element(r); i++)
			read_field(r, &s->fields[i]);
	} else if (span_equal_str(name, "files")) {
		s->files = mem_grow(s->files, count + 1, sizeof(*s->files));
		for (s->item.file_count = count; json_reader_element(r); i++)
			read_file(r, &s->files[i]);
	} else {
		s->sections = mem_grow(s->sections, count + 1, sizeof(*s->sections));
		for (s->section_count = count; json_reader_element(r); i++) {
			s->sections[i] = (struct section){ "", "" };
			read_pair(r, &s->sections[i].id, "label", &s->sections[i].label);
		}
	}
	return 0;
}

static int read_item(struct json_reader *r, struct item_store *s, struct err *e)
{
	const struct slot slots[] = { { "id", &s->item.id, NULL }, { "title", &s->item.title, NULL } };
	struct span name;

	if (!json_reader_open(r, '{'))
		return err_set(e, ERR_PROTOCOL, "1Password's answer is not an item");
	while (json_reader_name(r, &name)) {
		const struct slot *slot = find_slot(slots, COUNT_OF(slots), name);

		if (slot)
			read_slot(r, slot);
		else if (span_equal_str(name, "vault"))
			read_pair(r, &s->item.vault_id, "name", &s->item.vault);
		else if (!span_equal_str(name, "fields") && !span_equal_str(name, "files") &&
			 !span_equal_str(name, "sections"))
			json_reader_skip(r);
		else if (read_list(r, s, name, e) < 0)
			return -1;
	}
	if (!*s->item.id)
		return err_set(e, ERR_PROTOCOL, "1Password's answer is not an item: it has no id");
	return 0;
}

static const char *section_label(const struct item_store *s, const char *id, const char *label)
{
	for (size_t i = 0; !*label && *id && i < s->section_count; i++) {
		if (strcmp(s->sections[i].id, id) == 0)
			return s->sections[i].label;
	}
	return label;
}

static void join_sections(struct item_store *s)
{
	for (size_t i = 0; i < s->item.field_count; i++) {
		struct secret_field *f = &s->fields[i];

		f->section = section_label(s, f->section_id, f->section);
	}
	for (size_t i = 0; i < s->item.file_count; i++) {
		struct secret_file *f = &s->files[i];

		f->section = section_label(s, f->section_id, f->section);
	}
	s->item.fields = s->fields;
	s->item.files = s->files;
}

int item_parse(struct span json, struct item_store **ret, struct err *e)
{
	AUTO_BUF struct buf tokens; /* offsets only */
	struct item_store *s;
	struct json_reader r;

	buf_init(&tokens, ITEM_JSON_MAX * sizeof(struct json_token));
	if (json_scan(json, JSON_LIMITS(ITEM_JSON_MAX), &tokens, e) < 0) {
		err_context(e, "1Password's answer is not JSON");
		e->code = e->code == ERR_INPUT ? ERR_PROTOCOL : e->code;
		return -1;
	}
	s = mem_new(sizeof(*s));
	s->item = (struct secret_item){ .id = "", .title = "", .vault_id = "", .vault = "" };
	s->block_size = json.len + 1;
	s->block = locked_take(s->block_size);
	r = (struct json_reader){ json.at, json.at + json.len, s->block };
	if (!s->block) {
		item_store_free(s);
		return err_set(e, ERR_NOMEM, "no memory for an item");
	}
	if (read_item(&r, s, e) < 0) {
		item_store_free(s);
		return -1;
	}
	join_sections(s);
	*ret = s;
	return 0;
}

const struct secret_item *item_store_item(const struct item_store *s)
{
	return &s->item;
}

void item_store_set_vault(struct item_store *s, const char *name)
{
	free(s->vault);
	s->vault = mem_dup_str(name);
	s->item.vault = s->vault;
}

void item_store_free(struct item_store *s)
{
	if (!s)
		return;
	locked_give(s->block, s->block_size);
	free(s->fields);
	free(s->files);
	free(s->sections);
	free(s->vault);
	free(s);
}

bool item_is_hidden(const struct secret_item *item)
{
	for (size_t i = 0; i < item->field_count; i++) {
		if (span_starts(item->fields[i].value, SPAN("[use 'op item get ")))
			return true;
	}
	return false;
}
