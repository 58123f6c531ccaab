/* kubectl label and annotate: KEY=VALUE sets, KEY- removes. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_change.h"

struct label_options {
	struct kubectl_choice choice;
	struct kubectl_change change;
	const char *resource_version;
	bool overwrite, list;
};

#define AT(member) offsetof(struct label_options, member)
static const struct option_row rows[] = {
	KUBECTL_CHOICE_ROWS(struct label_options, choice),
	KUBECTL_CHANGE_ROWS(struct label_options, change),
	{ "overwrite", 0, OPTION_FLAG, AT(overwrite), NULL, "replace values that are there", NULL,
	  0, 0 },
	{ "list", 0, OPTION_FLAG, AT(list), NULL, "print what is there", NULL, 0, 0 },
	{ "resource-version", 0, OPTION_TEXT, AT(resource_version), "VERSION",
	  "only if the object has this version", NULL, 0, 0 },
};
#undef AT

struct label {
	struct kubectl *k;
	const struct label_options *o;
	const char *member;  /* "labels" or "annotations" */
	bool is_label;
	char **pairs;        /* KEY=VALUE and KEY- */
	int pair_count;
};

static bool is_pair(const char *text)
{
	return strchr(text, '=') || (text[0] && text[strlen(text) - 1] == '-');
}

static bool is_removal(const char *pair)
{
	return !strchr(pair, '=');
}

static char *key_of(const char *pair)
{
	const char *equals = strchr(pair, '=');

	return mem_dup(pair, equals ? (size_t)(equals - pair) : strlen(pair) - 1);
}

/* Whether the object has other values under these keys; notes it. */
static bool has_others(struct label *l, const struct json *now)
{
	for (int i = 0; i < l->pair_count; i++) {
		AUTO_FREE char *key = key_of(l->pairs[i]);
		const char *old = json_str(now, key), *value = strchr(l->pairs[i], '=');

		if (is_removal(l->pairs[i]) || !old || strcmp(old, value + 1) == 0 ||
		    strcmp(key, "kubernetes.io/change-cause") == 0)
			continue;
		if (l->is_label)
			kubectl_failf(l->k, ERR_EXISTS,
				      "'%s' already has a value (%s), and --overwrite is false",
				      key, old);
		else
			kubectl_failf(l->k, ERR_EXISTS,
				      "--overwrite is false but found the following declared annotation(s): '%s' "
				      "already has a value (%s)",
				      key, old);
		return true;
	}
	return false;
}

/* The merge patch; *ret_set and *ret_removed count what it really changes. */
static struct json *make_patch(struct label *l, const struct json *now, size_t *ret_set,
			       size_t *ret_removed)
{
	struct json *patch = json_new_object();
	struct json *members = kubectl_json_object(patch, l->is_label ? "metadata.labels" :
									"metadata.annotations");

	if (l->o->resource_version)
		json_set_str(json_get(patch, "metadata"), "resourceVersion", l->o->resource_version);
	for (int i = 0; i < l->pair_count; i++) {
		AUTO_FREE char *key = key_of(l->pairs[i]);
		const char *old = json_str(now, key), *value = strchr(l->pairs[i], '=');

		if (value) {
			*ret_set += !old || strcmp(old, value + 1) != 0;
			json_set_str(members, key, value + 1);
			continue;
		}
		if (!old && l->is_label)
			kubectl_printf(l->k, KUBECTL_OUT, "label \"%s\" not found.\n", key);
		*ret_removed += old != NULL;
		json_set_null(members, key);
	}
	return patch;
}

/* As json-merge would leave the object, for --dry-run=client. */
static struct json *merged(const struct label *l, const struct json *object)
{
	struct json *copy = json_dup(object);
	struct json *members = kubectl_json_object(copy, l->is_label ? "metadata.labels" : "metadata.annotations");

	for (int i = 0; i < l->pair_count; i++) {
		AUTO_FREE char *key = key_of(l->pairs[i]);

		if (is_removal(l->pairs[i]))
			json_remove(members, key);
		else
			json_set_str(members, key, strchr(l->pairs[i], '=') + 1);
	}
	return copy;
}

static void change_one(struct label *l, const struct kubectl_target *t)
{
	const struct kubectl_patch how = { PATCH_MERGE, NULL,
					   l->is_label ? "kubectl-label" : "kubectl-annotate" };
	const struct json *now = json_get(json_get(t->object, "metadata"), l->member);
	AUTO_JSON struct json *patch = NULL;
	size_t set = 0, removed = 0;
	const char *done = "annotated";
	struct json *result;

	if (!l->o->overwrite && has_others(l, now))
		return;
	patch = make_patch(l, now, &set, &removed);
	if (l->is_label && set + removed == 0)
		done = "not labeled";
	else if (l->is_label)
		done = removed && set == 0 && !l->o->overwrite ? "unlabeled" : "labeled";
	result = l->o->change.dry == DRY_CLIENT ? merged(l, t->object)
						: kubectl_send_patch(l->k, t, &how, patch, &l->o->change);
	if (result)
		kubectl_change_report(l->k, &l->o->change, t, done, result);
}

static int compare_names(const void *a, const void *b)
{
	const struct json *const *x = a, *const *y = b;

	return strcmp(json_name(*x), json_name(*y));
}

static void list_one(struct label *l, const struct kubectl_target *t, bool several)
{
	const struct json *now = json_get(json_get(t->object, "metadata"), l->member);
	size_t count = json_count(now), i = 0;
	AUTO_FREE const struct json **sorted = mem_new_array(count + 1, sizeof(*sorted));

	if (several)
		kubectl_printf(l->k, KUBECTL_OUT, "Listing %s for %s.%s/%s:\n", l->member,
			       t->resource->kind,
			       t->resource->group[0] ? t->resource->group : t->resource->version,
			       t->name);
	for (const struct json *pair = json_first(now); pair; pair = json_next(pair))
		sorted[i++] = pair;
	qsort(sorted, count, sizeof(*sorted), compare_names);
	for (i = 0; i < count; i++)
		kubectl_printf(l->k, KUBECTL_OUT, "%s%s=%s\n", several ? " " : "", json_name(sorted[i]),
			       json_text(sorted[i]));
}

static void label(struct label *l, const struct options_rest *args)
{
	struct kubectl_targets targets = { 0 };
	int objects = 0;

	while (objects < args->count && !is_pair(args->at[objects]))
		objects++;
	l->pairs = args->at + objects;
	l->pair_count = args->count - objects;
	for (int i = 0; i < l->pair_count; i++)
		if (!is_pair(l->pairs[i])) {
			kubectl_failf(l->k, ERR_USAGE, "all resources must be specified before %s changes: %s",
				      l->is_label ? "label" : "annotation", l->pairs[i]);
			return;
		}
	if (l->pair_count == 0 && !l->o->list)
		kubectl_failf(l->k, ERR_USAGE, "at least one %s update is required",
			      l->is_label ? "label" : "annotation");
	else if (kubectl_choose(l->k, &l->o->choice, args->at, objects, true, &targets) == 0)
		for (size_t i = 0; i < targets.count && kubectl_goes_on(l->k); i++) {
			if (l->o->list)
				list_one(l, &targets.at[i], targets.count > 1);
			else
				change_one(l, &targets.at[i]);
		}
	kubectl_targets_free(&targets);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct label_options o = { .choice.namespace = namespace };
	struct label l = { .k = k, .o = &o, .is_label = strcmp(argv[0], "label") == 0 };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	l.member = l.is_label ? "labels" : "annotations";
	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (kubectl_change_read(k, &o.change))
		label(&l, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

#define USAGE "(TYPE NAME | TYPE/NAME | TYPE -l SELECTOR | -f FILE) KEY=VALUE ... KEY- ... [options]"

const struct kubectl_verb kubectl_label = { "label", USAGE,	     "Set or remove labels",
					    rows,    COUNT_OF(rows), run };
const struct kubectl_verb kubectl_annotate = {
	"annotate", USAGE, "Set or remove annotations", rows, COUNT_OF(rows), run
};
