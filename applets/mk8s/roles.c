/* mk8s roles: list, get, apply, rm. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "applets/mk8s/cli.h"
#include "applets/mk8s/verb.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/gate/role.h"

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

/* Whether one of the words of `list` is `word`. */
static bool word_is_in(const char *list, const char *word)
{
	struct span rest = span_of(list), part;

	while (rest.len && span_take_part(&rest, ' ', &part)) {
		if (span_equal_str(part, word))
			return true;
	}
	return false;
}

/* Clusters that a rule of the role names, into `names`. */
static void put_clusters(const struct json *role, const struct json *clusters, struct buf *names)
{
	for (const struct json *c = json_first(clusters); c; c = json_next(c)) {
		const char *name = json_str(c, "name");
		bool is_meant = false;

		for (const struct json *rule = json_first(json_get(role, "clusters")); rule && name; rule = json_next(rule)) {
			const char *glob = json_str(rule, "name");

			is_meant = is_meant || (glob && role_glob_match(glob, name));
		}
		if (is_meant && !word_is_in(buf_str(names), name))
			(void)buf_printf(names, "%s%s", names->len ? " " : "", name);
	}
}

/* The agents of these clusters may not impersonate a role that was made after their manifest. */
static void note_new_roles(struct cli *c, const char *before)
{
	AUTO_JSON struct json *roles = NULL, *clusters = NULL;
	AUTO_BUF struct buf made, names;
	struct err e = { 0 };

	buf_init(&made, CLI_FILE_MAX);
	buf_init(&names, CLI_FILE_MAX);
	if (cli_call_json(c, "GET", "/roles", NULL, &roles, &e) < 0 ||
	    cli_call_json(c, "GET", "/clusters", NULL, &clusters, &e) < 0)
		return; /* the roles are applied all the same */
	for (const struct json *r = json_first(json_get(roles, "roles")); r; r = json_next(r)) {
		const char *name = json_str(r, "name");

		if (!name || word_is_in(before, name))
			continue;
		(void)buf_printf(&made, "%s%s", made.len ? " " : "", name);
		put_clusters(r, json_get(clusters, "clusters"), &names);
	}
	if (names.len)
		cli_note("New roles (%.200s): agents may use them once their manifest is applied again, on %.400s: "
			 "mk8s clusters token NAME --manifest | kubectl apply -f -",
			 buf_str(&made), buf_str(&names));
}

/* The names of all roles, with blanks between them. */
static int list_names(struct cli *c, struct buf *names, struct err *e)
{
	AUTO_JSON struct json *answer = NULL;

	if (cli_call_json(c, "GET", "/roles", NULL, &answer, e) < 0)
		return -1;
	for (const struct json *r = json_first(json_get(answer, "roles")); r; r = json_next(r))
		(void)buf_printf(names, "%s ", json_str(r, "name") ? json_str(r, "name") : "");
	return 0;
}

static int apply(struct cli *c, const void *options, const struct options_rest *rest UNUSED,
		 struct err *e)
{
	const struct apply_options *o = options;
	struct cli_call call = { .method = "PUT",
				 .path = "/roles",
				 .content_type = "application/yaml" };
	AUTO_BUF struct buf document = { 0 }, reply = { 0 }, before = { 0 };

	if (!o->file)
		return err_set(e, ERR_USAGE, "mk8s roles apply: -f FILE is missing");
	buf_init(&document, CLI_FILE_MAX);
	buf_init(&reply, CLI_FILE_MAX);
	buf_init(&before, CLI_FILE_MAX);
	if (file_read(strcmp(o->file, "-") == 0 ? "/dev/stdin" : o->file, &document, e) < 0)
		return -1;
	call.body = buf_span(&document);
	if (list_names(c, &before, e) < 0 || cli_call(c, &call, &reply, e) < 0)
		return -1;
	note_new_roles(c, buf_str(&before));
	return cli_say(e, "The roles are applied.");
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
