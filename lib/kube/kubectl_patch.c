/* kubectl patch: a strategic, merge or JSON patch sent as it is. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/yaml.h"
#include "lib/kube/kubectl_change.h"

enum { DEPTH_MAX = 100, NODES_MAX = 1000 * 1000 };

struct patch_options {
	struct kubectl_choice choice;
	struct kubectl_change change;
	const char *patch, *patch_file, *type, *subresource;
};

#define AT(member) offsetof(struct patch_options, member)
static const struct option_row rows[] = {
	KUBECTL_CHOICE_ROWS(struct patch_options, choice),
	KUBECTL_CHANGE_ROWS(struct patch_options, change),
	{ "patch", 'p', OPTION_TEXT, AT(patch), "PATCH", "the patch, JSON or YAML", NULL, 0, 0 },
	{ "patch-file", 0, OPTION_TEXT, AT(patch_file), "FILE", "the file that holds the patch", NULL, 0, 0 },
	{ "type", 0, OPTION_TEXT, AT(type), "TYPE", "strategic, merge or json", NULL, 0, 0 },
	{ "subresource", 0, OPTION_TEXT, AT(subresource), "NAME", "status, scale or resize instead of the object", NULL,
	  0, 0 },
};
#undef AT

static const char *patch_type(struct kubectl *k, const char *name)
{
	static const struct {
		const char *name, *type;
	} types[] = { { "strategic", PATCH_STRATEGIC }, { "merge", PATCH_MERGE }, { "json", PATCH_JSON } };

	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].type;
	kubectl_failf(k, ERR_USAGE, "--type must be one of [json merge strategic], not \"%s\"", name);
	return NULL;
}

/* NULL after having noted the failure. */
static struct json *read_patch(struct kubectl *k, const struct patch_options *o)
{
	const struct yaml_limits limits = { KUBECTL_FILE_MAX, DEPTH_MAX, NODES_MAX };
	struct err failure = { 0 };
	struct json *patch = NULL;
	struct buf text;

	buf_init_secret(&text, KUBECTL_FILE_MAX);
	if (!o->patch == !o->patch_file)
		kubectl_failf(k, ERR_USAGE, "must specify exactly one of --patch or --patch-file");
	else if (o->patch_file && k->io->read_file(k->io->owner, o->patch_file, &text, &failure))
		kubectl_fail(k, &failure);
	else if (yaml_parse_json(o->patch ? span_of(o->patch) : buf_span(&text), limits, &patch, &failure))
		kubectl_failf(k, ERR_INPUT, "unable to parse the patch: %s", failure.text);
	buf_free(&text);
	return patch;
}

static bool is_same(const struct json *a, const struct json *b)
{
	const char *x = kubectl_text(a, "metadata.resourceVersion"), *y = kubectl_text(b, "metadata.resourceVersion");

	return x[0] && strcmp(x, y) == 0;
}

static void patch_one(struct kubectl *k, const struct patch_options *o, const struct kubectl_patch *how,
		      const struct json *patch, const struct kubectl_target *t)
{
	struct json *result = kubectl_send_patch(k, t, how, patch, &o->change);
	bool same;

	if (!result)
		return;
	same = o->change.dry == DRY_NONE && is_same(t->object, result);
	kubectl_change_report(k, &o->change, t, same ? "patched (no change)" : "patched", result);
}

static void patch(struct kubectl *k, const struct patch_options *o, const struct options_rest *args)
{
	struct kubectl_patch how = { patch_type(k, o->type), o->subresource, "kubectl-patch" };
	AUTO_JSON struct json *changes = how.type ? read_patch(k, o) : NULL;
	struct kubectl_targets targets = { 0 };

	if (changes && kubectl_choose(k, &o->choice, args->at, args->count, true, &targets) == 0) {
		for (size_t i = 0; i < targets.count && kubectl_goes_on(k); i++)
			patch_one(k, o, &how, changes, &targets.at[i]);
	}
	kubectl_targets_free(&targets);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct patch_options o = { .choice.namespace = namespace, .type = "strategic" };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (kubectl_change_read(k, &o.change) && o.change.dry == DRY_CLIENT)
		kubectl_failf(k, ERR_USAGE, "the built-in kubectl patches on the server: --dry-run=server or none");
	else if (k->first.code == ERR_NONE)
		patch(k, &o, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_patch = {
	"patch", "(TYPE NAME | TYPE/NAME | -f FILE) [--type=strategic|merge|json] -p PATCH [options]",
	"Change fields of an object with a patch", rows, COUNT_OF(rows), run
};
