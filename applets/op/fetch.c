/* op fetch: fields of one item, in a format that programs read. */
#include <stdlib.h>
#include <string.h>

#include "applets/mk8s/cli.h"
#include "applets/op/op.h"
#include "lib/rollout/secret_format.h"

#define FILES_MAX (16 * 1024 * 1024)
#define MASK "***"

struct fetch_options {
	struct op_common common;
	const char *vault, *output;
	struct option_list field;
	bool all_fields, reveal;
};

#define AT(member) .offset = offsetof(struct fetch_options, member)
static const struct option_row fetch_rows[] = {
	{ .name = "vault", .kind = OPTION_TEXT, .value_name = "VAULT", AT(vault),
	  .help = "name or ID of the vault that holds the item" },
	{ .name = "field", .letter = 'f', .kind = OPTION_LIST, .value_name = "FIELD", AT(field),
	  .help = "LABEL, ID or SECTION/LABEL, a file's name too; may be repeated" },
	{ .name = "all-fields", .kind = OPTION_FLAG, AT(all_fields),
	  .help = "every field, not only those that 1Password conceals" },
	{ .name = "output", .letter = 'o', .kind = OPTION_TEXT, .value_name = "FORMAT", AT(output),
	  .help = "env (default), json, dotenv, shell or raw" },
	{ .name = "reveal", .kind = OPTION_FLAG, AT(reveal), .help = "show values on a terminal too" },
	OP_ROWS(fetch_options),
};
#undef AT

/* What is printed. Values are borrowed from the item or from `files`. */
struct chosen {
	struct secret_pair *pairs;
	size_t count;
	struct buf *files; /* contents, locked; one a file */
	size_t file_count;
};

static void free_chosen(struct chosen *c)
{
	for (size_t i = 0; i < c->file_count; i++)
		buf_free(&c->files[i]);
	free(c->files);
	free(c->pairs);
}

static int choose_file(struct chosen *c, struct secret_source *s, const struct secret_item *item,
		       const struct secret_file *file, const char *name, struct err *e)
{
	struct buf *content = &c->files[c->file_count++];

	buf_init_locked(content, FILES_MAX);
	if (secret_source_file(s, item, file, content, e) < 0)
		return -1;
	c->pairs[c->count++] = (struct secret_pair){ name, buf_span(content) };
	return 0;
}

/* By the name that was given, unless that was an id: then by the label. */
static int choose_named(struct chosen *c, struct secret_source *s, const struct secret_item *item,
			const char *name, struct err *e)
{
	const struct secret_field *f;
	const struct secret_file *file;
	bool is_id;
	struct span value;

	if (secret_item_field(item, name, &f, e) < 0) {
		file = e->code == ERR_NOT_FOUND ? secret_item_file(item, NULL, name) : NULL;
		return file ? choose_file(c, s, item, file, *file->name ? file->name : name, e) : -1;
	}
	if (secret_field_value(item, f, &value, e) < 0)
		return -1;
	is_id = strncmp(name, "id=", 3) == 0 || strncmp(name, "label=", 6) == 0 || strcmp(name, f->id) == 0;
	c->pairs[c->count++] = (struct secret_pair){ is_id && *f->label ? f->label : name, value };
	return 0;
}

/* All of them or the concealed; empty ones stay empty, a one-time password gives its code. */
static int choose_all(struct chosen *c, const struct secret_item *item, bool all, struct err *e)
{
	for (size_t i = 0; i < item->field_count; i++) {
		const struct secret_field *f = &item->fields[i], *same;
		const char *name = *f->label ? f->label : f->id;

		if (!all && !secret_field_is_concealed(f))
			continue;
		for (size_t k = 0; k < c->count; k++) {
			if (strcmp(c->pairs[k].name, name) == 0)
				return secret_item_field(item, name, &same, e) < 0 ?
					       -1 :
					       err_set(e, ERR_EXISTS, "the field \"%.60s\" is there twice", name);
		}
		c->pairs[c->count++] = (struct secret_pair){ name, f->totp.len ? f->totp : f->value };
	}
	if (c->count)
		return 0;
	return err_set(e, ERR_NOT_FOUND, "item \"%.80s\" has no %sfield%s", item->title,
		       all ? "" : "concealed ", all ? "" : "; --all-fields takes the others, --field one of them");
}

static int choose(struct chosen *c, struct secret_source *s, const struct secret_item *item,
		  const struct fetch_options *o, struct err *e)
{
	c->pairs = mem_new_array(item->field_count + o->field.count + 1, sizeof(*c->pairs));
	c->files = mem_new_array(o->field.count + 1, sizeof(*c->files));
	if (o->field.count == 0)
		return choose_all(c, item, o->all_fields, e);
	for (size_t i = 0; i < o->field.count; i++) {
		if (choose_named(c, s, item, o->field.at[i], e) < 0)
			return -1;
	}
	return 0;
}

static int print(struct chosen *c, enum secret_format format, bool hide, struct err *e)
{
	AUTO_BUF struct buf out;

	buf_init_locked(&out, OP_OUTPUT_MAX);
	for (size_t i = 0; hide && i < c->count; i++)
		c->pairs[i].value = c->pairs[i].value.len ? SPAN(MASK) : SPAN("");
	if (secret_format_put(format, c->pairs, c->count, &out, e) < 0)
		return -1;
	if (hide) {
		if (format == SECRET_FORMAT_RAW)
			(void)buf_put_char(&out, '\n');
		cli_note("mk8s op: values are hidden on a terminal; --reveal shows them");
	}
	return cli_write(buf_span(&out), e);
}

static int fetch(struct cli *cli, const void *options, const struct options_rest *rest, struct err *e)
{
	const struct fetch_options *o = options;
	const struct secret_item *item;
	struct secret_source *s;
	struct chosen c = { 0 };
	enum secret_format format;
	int result;

	(void)cli;
	if (o->field.count && o->all_fields)
		return err_set(e, ERR_USAGE, "--field and --all-fields exclude each other");
	if (secret_format_parse(o->output, &format, e) < 0)
		return -1;
	s = op_open(&o->common, e);
	if (!s)
		return -1;
	result = secret_source_item(s, o->vault, rest->at[0], &item, e);
	op_pass_words(s);
	if (result == 0)
		result = choose(&c, s, item, o, e);
	if (result == 0)
		result = print(&c, format, op_is_hidden(o->reveal), e);
	free_chosen(&c);
	secret_source_free(s);
	return result;
}

const struct verb verb_op_fetch = {
	.name = "fetch",
	.arguments = "ITEM",
	.help = "prints fields of an item, the concealed ones where none are named",
	VERB_OPTIONS(fetch_rows, struct fetch_options),
	.min = 1,
	.max = 1,
	.run = fetch,
};
