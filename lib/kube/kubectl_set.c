/* kubectl set image: the images of containers in whatever has a pod template. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_change.h"

struct set_options {
	struct kubectl_choice choice;
	struct kubectl_change change;
};

static const struct option_row rows[] = {
	KUBECTL_CHOICE_ROWS(struct set_options, choice),
	KUBECTL_CHANGE_ROWS(struct set_options, change),
};

/* Where an object has its pod's spec. */
static const char *spec_path(const struct json *object)
{
	static const char *const paths[] = { "spec.template.spec",
					     "spec.jobTemplate.spec.template.spec", "spec" };

	for (size_t i = 0; i < COUNT_OF(paths); i++)
		if (json_get(json_find(object, paths[i]), "containers"))
			return paths[i];
	return NULL;
}

/*
 * Adds to `patch` the containers of one list that `pair` names and that have another image; counts
 * those it names.
 */
static size_t add_images(struct json *patch, const struct json *object, const char *path,
			 const char *list, const char *pair, size_t *changed)
{
	const char *image = strchr(pair, '=') + 1;
	struct span wanted = span_from(pair, (size_t)(image - 1 - pair));
	const struct json *c = json_first(json_get(json_find(object, path), list));
	size_t found = 0;

	for (; c; c = json_next(c)) {
		struct json *spec, *change;

		if (!span_equal_str(wanted, "*") && !span_equal_str(wanted, kubectl_text(c, "name")))
			continue;
		found++;
		if (strcmp(kubectl_text(c, "image"), image) == 0)
			continue;
		spec = kubectl_json_object(patch, path);
		if (!json_get(spec, list))
			json_set_item(spec, list, json_new_array());
		change = json_new_object();
		json_set_str(change, "name", kubectl_text(c, "name"));
		json_set_str(change, "image", image);
		json_add_item(json_get(spec, list), change);
		(*changed)++;
	}
	return found;
}

static void set_one(struct kubectl *k, const struct set_options *o, const struct kubectl_target *t,
		    char **pairs, int pair_count)
{
	const struct kubectl_patch how = { PATCH_STRATEGIC, NULL, "kubectl-set" };
	AUTO_JSON struct json *patch = json_new_object();
	const char *path = spec_path(t->object);
	struct json *result;
	size_t changed = 0;

	if (!path) {
		kubectl_failf(k, ERR_USAGE, "%s/%s does not have containers", t->resource->plural, t->name);
		return;
	}
	for (int i = 0; i < pair_count; i++)
		if (add_images(patch, t->object, path, "containers", pairs[i], &changed) +
			    add_images(patch, t->object, path, "initContainers", pairs[i], &changed) ==
		    0) {
			kubectl_failf(k, ERR_NOT_FOUND, "unable to find container named \"%.*s\"",
				      (int)strcspn(pairs[i], "="), pairs[i]);
			return;
		}
	if (changed == 0)
		return;
	result = o->change.dry == DRY_CLIENT ? json_dup(t->object) :
					       kubectl_send_patch(k, t, &how, patch, &o->change);
	if (result)
		kubectl_change_report(k, &o->change, t, "image updated", result);
}

static void set(struct kubectl *k, const struct set_options *o, const struct options_rest *args)
{
	struct kubectl_targets targets = { 0 };
	int objects = 1;

	while (objects < args->count && !strchr(args->at[objects], '='))
		objects++;
	if (args->count == 0 || strcmp(args->at[0], "image") != 0)
		kubectl_failf(k, ERR_USAGE, "the built-in kubectl has \"set image\" only");
	else if (objects == args->count)
		kubectl_failf(k, ERR_USAGE, "at least one image update is required");
	else if (kubectl_choose(k, &o->choice, args->at + 1, objects - 1, true, &targets) == 0)
		for (size_t i = 0; i < targets.count && kubectl_goes_on(k); i++)
			set_one(k, o, &targets.at[i], args->at + objects, args->count - objects);
	kubectl_targets_free(&targets);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct set_options o = { .choice.namespace = namespace };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (kubectl_change_read(k, &o.change))
		set(k, &o, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_set = {
	"set",
	"image (TYPE NAME | TYPE/NAME | -f FILE) CONTAINER=IMAGE ... [options]",
	"Set the images of containers",
	rows,
	COUNT_OF(rows),
	run
};
