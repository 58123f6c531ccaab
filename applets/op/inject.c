/* op inject: a template with its references replaced. */
#include <stddef.h>
#include <string.h>

#include "applets/mk8s/cli.h"
#include "applets/op/op.h"
#include "lib/base/file.h"
#include "lib/rollout/secret_template.h"

#define TEMPLATE_MAX (16 * 1024 * 1024)

struct inject_options {
	struct op_common common;
	const char *in_file, *out_file;
	bool reveal;
};

#define AT(member) .offset = offsetof(struct inject_options, member)
static const struct option_row inject_rows[] = {
	{ .name = "in-file", .letter = 'i', .kind = OPTION_TEXT, .value_name = "TEMPLATE", AT(in_file),
	  .help = "the file that holds {{ op://VAULT/ITEM/FIELD }}; - is standard input" },
	{ .name = "out-file", .letter = 'o', .kind = OPTION_TEXT, .value_name = "FILE", AT(out_file),
	  .help = "written with mode 0600; without, standard output" },
	{ .name = "reveal", .kind = OPTION_FLAG, AT(reveal), .help = "write to a terminal too" },
	OP_ROWS(inject_options),
};
#undef AT

static int write_out(const struct inject_options *o, const struct buf *out, struct err *e)
{
	if (o->out_file)
		return file_write_atomic(o->out_file, buf_span(out), 0600, e);
	return cli_write(buf_span(out), e);
}

static int inject(struct cli *cli, const void *options, const struct options_rest *rest, struct err *e)
{
	const struct inject_options *o = options;
	AUTO_BUF struct buf text, out;
	struct secret_source *s;
	int result;

	buf_init(&text, TEMPLATE_MAX);
	buf_init_locked(&out, OP_OUTPUT_MAX);
	(void)cli;
	(void)rest;
	if (!o->in_file)
		return err_set(e, ERR_USAGE, "which template? -i FILE, or -i - for standard input");
	if (!o->out_file && op_is_hidden(o->reveal))
		return err_set(e, ERR_USAGE, "standard output is a terminal; name a file with -o, or add --reveal");
	if (file_read(strcmp(o->in_file, "-") == 0 ? "/dev/stdin" : o->in_file, &text, e) < 0)
		return -1;
	s = op_open(&o->common, e);
	if (!s)
		return -1;
	result = template_fill(buf_span(&text), s, &out, e);
	op_pass_words(s);
	if (result < 0)
		(void)err_context(e, "%.100s", o->in_file);
	secret_source_free(s);
	return result < 0 ? -1 : write_out(o, &out, e);
}

const struct verb verb_op_inject = {
	.name = "inject",
	.help = "replaces the references of a template by what they stand for",
	VERB_OPTIONS(inject_rows, struct inject_options),
	.run = inject,
};
