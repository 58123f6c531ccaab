/* mk8s clusters: list, use, add, rm, token. */
#include <stdlib.h>
#include <string.h>

#include "applets/mk8s/cli.h"
#include "applets/mk8s/verb.h"
#include "lib/base/mem.h"

struct list_options {
	const char *output;
};

static const struct option_row list_rows[] = {
	CLI_OUTPUT_ROW(offsetof(struct list_options, output)),
};

static const struct cli_column columns[] = {
	{ "CURRENT", "current", CELL_TEXT },
	{ "NAME", "name", CELL_TEXT },
	{ "STATUS", "status", CELL_TEXT },
	{ "LAST SEEN", "last_seen", CELL_AGE },
	{ "VERSION", "metadata.kubernetes_version", CELL_TEXT },
};
static const struct cli_list cluster_list = { "clusters", "name", columns, COUNT_OF(columns) };

static void mark_current(const struct cli *c, struct json *answer)
{
	for (struct json *item = json_first(json_get(answer, "clusters")); item;
	     item = json_next(item)) {
		const char *name = json_str(item, "name");

		if (name && c->current_cluster && strcmp(name, c->current_cluster) == 0)
			json_set_str(item, "current", "*");
	}
}

static int list(struct cli *c, const void *options, const struct options_rest *rest UNUSED,
		struct err *e)
{
	const struct list_options *o = options;

	return cli_list(c, &cluster_list, o->output, mark_current, e);
}

static int use(struct cli *c, const void *options UNUSED, const struct options_rest *rest,
	       struct err *e)
{
	AUTO_JSON struct json *answer = NULL;
	AUTO_FREE char *path = CLI_PATH("clusters", rest->at[0]);
	const char *name;
	int result;

	if (cli_call_json(c, "GET", path, NULL, &answer, e) < 0)
		return -1;
	name = json_str(answer, "name");
	if (!name)
		return err_set(e, ERR_PROTOCOL, "central's answer holds no name");
	if (cli_lock(c, e) < 0)
		return -1;
	result = cli_config_set(c, "current_cluster", name, e);
	cli_unlock(c);
	return result < 0 ? -1 : cli_say(e, "Cluster %s is selected.", name);
}

/* add and token --manifest. */
struct manifest_options {
	const char *bind, *image;
	bool no_impersonate, manifest;
	struct option_list labels;
};

#define AT(member) offsetof(struct manifest_options, member)
#define BIND_ROW                                                                                  \
	{ "bind", 0, OPTION_TEXT, AT(bind), "CLUSTERROLE",                                        \
	  "what central's users may do at most there (default cluster-admin)", NULL, 0, 0 }
#define IMAGE_ROW                                                                                 \
	{ "image", 0, OPTION_TEXT, AT(image), "IMAGE", "the agent's container image", NULL, 0, 0 }
#define NO_IMPERSONATE_ROW                                                                        \
	{ "no-impersonate", 0, OPTION_FLAG, AT(no_impersonate), NULL,                             \
	  "do not name the user to the API server: all runs as the agent", NULL, 0, 0 }

static const struct option_row add_rows[] = {
	BIND_ROW,
	IMAGE_ROW,
	NO_IMPERSONATE_ROW,
	{ "label", 'l', OPTION_LIST, AT(labels), "KEY=VALUE",
	  "a label of the cluster; may be repeated", NULL, 0, 0 },
};
static const struct option_row token_rows[] = {
	{ "manifest", 0, OPTION_FLAG, AT(manifest), NULL,
	  "print the agent's manifest, with the token in it", NULL, 0, 0 },
	BIND_ROW,
	IMAGE_ROW,
	NO_IMPERSONATE_ROW,
};
#undef AT

static struct json *wishes(const struct manifest_options *o)
{
	struct json *body = json_new_object();

	if (o->bind)
		json_set_str(body, "bind", o->bind);
	if (o->image)
		json_set_str(body, "image", o->image);
	if (o->no_impersonate)
		json_set_bool(body, "impersonate", false);
	return body;
}

static int put_labels(struct json *body, const struct option_list *given, struct err *e)
{
	struct json *labels = json_new_object();

	json_set_item(body, "labels", labels);
	for (size_t i = 0; i < given->count; i++) {
		const char *equals = strchr(given->at[i], '=');
		AUTO_FREE char *key =
			equals ? mem_dup(given->at[i], (size_t)(equals - given->at[i])) : NULL;

		if (!key || !*key)
			return err_set(e, ERR_USAGE, "--label: it must be KEY=VALUE, not \"%.60s\"",
				       given->at[i]);
		json_set_str(labels, key, equals + 1);
	}
	return 0;
}

static int print_member(const struct json *answer, const char *member, struct err *e)
{
	const char *text = json_str(answer, member);

	if (!text)
		return err_set(e, ERR_PROTOCOL, "central's answer holds no %s", member);
	return cli_write(span_of(text), e);
}

static int add(struct cli *c, const void *options, const struct options_rest *rest, struct err *e)
{
	const struct manifest_options *o = options;
	AUTO_JSON struct json *answer = NULL;
	struct json *body = wishes(o);

	json_set_str(body, "name", rest->at[0]);
	if (o->labels.count && put_labels(body, &o->labels, e) < 0) {
		json_free(body);
		return -1;
	}
	if (cli_call_json(c, "POST", "/clusters", body, &answer, e) < 0 ||
	    print_member(answer, "manifest", e) < 0)
		return -1;
	cli_note("Cluster %s is added. Apply the manifest there (kubectl apply -f -); "
		 "it holds the join token, which is not shown again.",
		 rest->at[0]);
	return 0;
}

static int rm(struct cli *c, const void *options UNUSED, const struct options_rest *rest,
	      struct err *e)
{
	return cli_remove(c, "clusters", rest->at[0], "Cluster", e);
}

static int token(struct cli *c, const void *options, const struct options_rest *rest, struct err *e)
{
	const struct manifest_options *o = options;
	AUTO_JSON struct json *answer = NULL;
	AUTO_FREE char *path = CLI_PATH("clusters", rest->at[0], "token");

	if (!o->manifest && (o->bind || o->image || o->no_impersonate))
		return err_set(e, ERR_USAGE,
			       "--bind, --image and --no-impersonate need --manifest");
	if (cli_call_json(c, "POST", path, wishes(o), &answer, e) < 0)
		return -1;
	if (o->manifest)
		return print_member(answer, "manifest", e);
	return print_member(answer, "token", e) < 0 ? -1 : cli_write(SPAN("\n"), e);
}

static const struct verb verb_list = {
	.name = "list",
	.alias = "ls",
	.help = "shows the clusters that you may see",
	VERB_OPTIONS(list_rows, struct list_options),
	.run = list,
};
static const struct verb verb_use = {
	.name = "use",
	.arguments = "NAME",
	.names_cluster = true,
	.help = "selects the cluster that kubectl goes to",
	.min = 1,
	.max = 1,
	.run = use,
};
static const struct verb verb_add = {
	.name = "add",
	.arguments = "NAME",
	.help = "adds a cluster and prints its agent's manifest",
	VERB_OPTIONS(add_rows, struct manifest_options),
	.min = 1,
	.max = 1,
	.run = add,
};
static const struct verb verb_rm = {
	.name = "rm",
	.arguments = "NAME",
	.names_cluster = true,
	.help = "removes a cluster, its join token and its agents' certificates",
	.min = 1,
	.max = 1,
	.run = rm,
};
static const struct verb verb_token = {
	.name = "token",
	.arguments = "NAME",
	.names_cluster = true,
	.help = "prints a new join token; the old one stops working",
	VERB_OPTIONS(token_rows, struct manifest_options),
	.min = 1,
	.max = 1,
	.run = token,
};
static const struct verb *const verbs[] = { &verb_list, &verb_use,   &verb_add,
					    &verb_rm,   &verb_token, NULL };

const struct verb verb_clusters = { .name = "clusters",
				    .help = "lists, selects, adds and removes clusters",
				    .verbs = verbs };
