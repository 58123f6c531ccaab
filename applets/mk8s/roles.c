/* mk8s roles: list, get, apply, rm. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "applets/mk8s/cli.h"
#include "applets/mk8s/verb.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"

struct output_options {
	const char *output;
};

static const struct option_row list_rows[] = {
	CLI_OUTPUT_ROW(offsetof(struct output_options, output)),
};
static const struct option_row get_rows[] = {
	{ "output", 'o', OPTION_TEXT, offsetof(struct output_options, output), "FORMAT",
	  "yaml (default) or json", NULL, 0, 0 },
};

struct apply_options {
	const char *file;
};

static const struct option_row apply_rows[] = {
	{ "filename", 'f', OPTION_TEXT, offsetof(struct apply_options, file), "FILE",
	  "the role document, YAML or JSON; - is standard input", NULL, 0, 0 },
};

static const struct cli_column columns[] = {
	{ "NAME", "name", CELL_TEXT },
	{ "CLUSTERS", "cluster_names", CELL_WORDS },
};
static const struct cli_list role_list = { "roles", "name", columns, COUNT_OF(columns) };

/* The table shows the clusters' names of all rules in one cell. */
static void gather_names(const struct cli *c UNUSED, struct json *answer)
{
	for (struct json *role = json_first(json_get(answer, "roles")); role;
	     role = json_next(role)) {
		struct json *names = json_new_array();

		for (const struct json *r = json_first(json_get(role, "clusters")); r;
		     r = json_next(r))
			json_add_str(names, json_str(r, "name"));
		json_set_item(role, "cluster_names", names);
	}
}

static int list(struct cli *c, const void *options, const struct options_rest *rest UNUSED,
		struct err *e)
{
	const struct output_options *o = options;

	return cli_list(c, &role_list, o->output, gather_names, e);
}

static int get(struct cli *c, const void *options, const struct options_rest *rest, struct err *e)
{
	const struct output_options *o = options;
	AUTO_JSON struct json *answer = NULL;
	AUTO_FREE char *path = CLI_PATH("roles", rest->at[0]);
	enum cli_format format;

	if (cli_format_parse(o->output ? o->output : "yaml", &format, e) < 0)
		return -1;
	if (format != CLI_JSON && format != CLI_YAML)
		return err_set(e, ERR_USAGE, "-o: it must be yaml or json here");
	return cli_call_json(c, "GET", path, NULL, &answer, e) < 0 ?
		       -1 :
		       cli_print_json(format, answer, e);
}

static int apply(struct cli *c, const void *options, const struct options_rest *rest UNUSED,
		 struct err *e)
{
	const struct apply_options *o = options;
	struct cli_call call = { .method = "PUT",
				 .path = "/roles",
				 .content_type = "application/yaml" };
	AUTO_BUF struct buf document = { 0 }, reply = { 0 };

	if (!o->file)
		return err_set(e, ERR_USAGE, "mk8s roles apply: -f FILE is missing");
	buf_init(&document, CLI_FILE_MAX);
	buf_init(&reply, CLI_FILE_MAX);
	if (file_read(strcmp(o->file, "-") == 0 ? "/dev/stdin" : o->file, &document, e) < 0)
		return -1;
	call.body = buf_span(&document);
	return cli_call(c, &call, &reply, e) < 0 ? -1 : cli_say(e, "The roles are applied.");
}

static int rm(struct cli *c, const void *options UNUSED, const struct options_rest *rest,
	      struct err *e)
{
	return cli_remove(c, "roles", rest->at[0], "Role", e);
}

static const struct verb verb_list = {
	.name = "list",
	.alias = "ls",
	.help = "shows all roles",
	VERB_OPTIONS(list_rows, struct output_options),
	.run = list,
};
static const struct verb verb_get = {
	.name = "get",
	.arguments = "NAME",
	.help = "shows one role",
	VERB_OPTIONS(get_rows, struct output_options),
	.min = 1,
	.max = 1,
	.run = get,
};
static const struct verb verb_apply = {
	.name = "apply",
	.arguments = "-f FILE",
	.help = "makes or replaces the roles of a document, and sets its users' roles",
	VERB_OPTIONS(apply_rows, struct apply_options),
	.run = apply,
};
static const struct verb verb_rm = {
	.name = "rm",
	.arguments = "NAME",
	.help = "removes a role that no user holds",
	.min = 1,
	.max = 1,
	.run = rm,
};
static const struct verb *const verbs[] = { &verb_list, &verb_get, &verb_apply, &verb_rm, NULL };

const struct verb verb_roles = { .name = "roles", .help = "administers roles", .verbs = verbs };
