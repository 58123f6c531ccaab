/* op check: whether secrets can be fetched, and as whom. */
#include <stddef.h>

#include "applets/mk8s/cli.h"
#include "applets/op/op.h"

struct check_options {
	struct op_common common;
	const char *output;
};

static const struct option_row check_rows[] = {
	{ .name = "output", .letter = 'o', .kind = OPTION_TEXT, .value_name = "FORMAT",
	  .offset = offsetof(struct check_options, output), .help = "table (default), json or yaml" },
	OP_ROWS(check_options),
};

static const char *failure_name(enum secret_failure failure)
{
	switch (failure) {
	case SECRET_FAILURE_NONE:
		return "";
	case SECRET_FAILURE_OP_MISSING:
		return "op_missing";
	case SECRET_FAILURE_SIGNED_OUT:
		return "signed_out";
	case SECRET_FAILURE_TOKEN:
		return "token";
	case SECRET_FAILURE_NO_ITEM:
		return "no_item";
	case SECRET_FAILURE_NO_VAULT:
		return "no_vault";
	case SECRET_FAILURE_NEEDS_VAULT:
		return "needs_vault";
	case SECRET_FAILURE_SEVERAL:
		return "several";
	case SECRET_FAILURE_RATE_LIMIT:
		return "rate_limit";
	case SECRET_FAILURE_REFERENCE:
		return "reference";
	case SECRET_FAILURE_UNREACHABLE:
		return "unreachable";
	case SECRET_FAILURE_OTHER:
		return "other";
	}
	return "other";
}

static int print_document(enum cli_format format, const struct secret_source *s,
			  const struct secret_identity *who, const struct err *bad, struct err *e)
{
	AUTO_JSON struct json *doc = json_new_object();

	json_set_bool(doc, "ok", bad->code == ERR_NONE);
	json_set_str(doc, "source", secret_source_kind(s));
	if (bad->code == ERR_NONE) {
		json_set_str(doc, "account", who->account);
		json_set_str(doc, "version", who->version);
		json_set_int(doc, "vaults", (int64_t)who->vault_count);
	} else {
		json_set_str(doc, "failure", failure_name(secret_source_failure(s)));
		json_set_str(doc, "message", bad->text);
	}
	return cli_print_json(format, doc, e);
}

static int print_lines(const struct secret_source *s, const struct secret_identity *who, struct err *e)
{
	AUTO_BUF struct buf out;

	buf_init(&out, OP_OUTPUT_MAX);
	(void)buf_printf(&out, "source   %s %s\naccount  %s\nvaults   %zu\n", secret_source_kind(s),
			 who->version, who->account, who->vault_count);
	return buf_ok(&out, "the output", e) < 0 ? -1 : cli_write(buf_span(&out), e);
}

static int check(struct cli *cli, const void *options, const struct options_rest *rest, struct err *e)
{
	const struct check_options *o = options;
	struct secret_identity who = { 0 };
	struct secret_source *s;
	struct err bad = { 0 };
	enum cli_format format;
	int result = 0;

	(void)cli;
	(void)rest;
	if (cli_format_parse(o->output, &format, e) < 0)
		return -1;
	s = op_open(&o->common, e);
	if (!s)
		return -1;
	(void)secret_source_check(s, &who, &bad);
	op_pass_words(s);
	if (format == CLI_JSON || format == CLI_YAML)
		result = print_document(format, s, &who, &bad, e);
	else if (bad.code == ERR_NONE)
		result = print_lines(s, &who, e);
	if (result == 0 && bad.code != ERR_NONE)
		result = err_set(e, bad.code, "%s", bad.text);
	secret_source_free(s);
	return result;
}

const struct verb verb_op_check = {
	.name = "check",
	.help = "says whether 1Password can be asked, by what and as whom",
	VERB_OPTIONS(check_rows, struct check_options),
	.run = check,
};
