/* kubectl taint: KEY[=VALUE]:EFFECT sets, KEY[:EFFECT]- removes. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_change.h"

struct taint_options {
	struct kubectl_choice choice;
	struct kubectl_change change;
	bool overwrite;
};

static const struct option_row rows[] = {
	KUBECTL_CHOICE_ROWS(struct taint_options, choice),
	KUBECTL_CHANGE_ROWS(struct taint_options, change),
	{ "overwrite", 0, OPTION_FLAG, offsetof(struct taint_options, overwrite), NULL,
	  "replace what is there", NULL, 0, 0 },
};

/* One change as written: value NULL and removal, or a taint. */
struct taint {
	char *key, *value, *effect; /* owned; "" when not given */
	bool remove;
};

static void taint_free(struct taint *t)
{
	free(t->key);
	free(t->value);
	free(t->effect);
}

static bool is_effect(const char *text)
{
	return strcmp(text, "NoSchedule") == 0 || strcmp(text, "PreferNoSchedule") == 0 ||
	       strcmp(text, "NoExecute") == 0;
}

static bool read_taint(struct kubectl *k, const char *text, struct taint *ret)
{
	size_t len = strlen(text);
	struct span rest = span_from(text, len), key, value = SPAN_NONE;

	ret->remove = len && text[len - 1] == '-';
	rest.len -= ret->remove;
	(void)span_take_part(&rest, ':', &key);
	if (span_find(key, '=') >= 0)
		(void)span_take_part(&(struct span){ key.at, key.len }, '=', &value);
	if (value.at) {
		struct span name = value;

		value = span_from(key.at + name.len + 1, key.len - name.len - 1);
		key = name;
	}
	ret->key = span_dup(key);
	ret->value = span_dup(value);
	ret->effect = span_dup(rest);
	if (key.len && (is_effect(ret->effect) || (ret->remove && !ret->effect[0])))
		return true;
	kubectl_failf(k, ERR_USAGE, "invalid taint spec: %s, expected KEY[=VALUE]:EFFECT or KEY[:EFFECT]- with NoSchedule, "
				    "PreferNoSchedule or NoExecute",
		      text);
	return false;
}

static bool matches(const struct taint *t, const struct json *have)
{
	return strcmp(t->key, kubectl_text(have, "key")) == 0 &&
	       (!t->effect[0] || strcmp(t->effect, kubectl_text(have, "effect")) == 0);
}

/* Takes the taints that `t` names out of the list; how many there were. */
static size_t take_out(struct json *list, const struct taint *t)
{
	size_t count = 0;

	for (struct json *have = json_first(list), *next; have; have = next) {
		next = json_next(have);
		if (!matches(t, have))
			continue;
		json_remove_item(list, have);
		count++;
	}
	return count;
}

static void add(struct json *list, const struct taint *t)
{
	struct json *taint = json_new_object();

	json_set_str(taint, "key", t->key);
	if (t->value[0])
		json_set_str(taint, "value", t->value);
	json_set_str(taint, "effect", t->effect);
	json_add_item(list, taint);
}

/* Makes the changes in `list`; false after having noted why not. */
static bool apply(struct kubectl *k, const struct taint_options *o, const char *node,
		  struct json *list, const struct taint *t, bool *replaced, bool *added)
{
	size_t found = take_out(list, t);

	if (t->remove && !found) {
		kubectl_failf(k, ERR_NOT_FOUND, "taint \"%s\" not found", t->key);
		return false;
	}
	if (!t->remove && found && !o->overwrite) {
		kubectl_failf(k, ERR_EXISTS, "node %s already has %s taint(s) with same effect(s) and --overwrite is false",
			      node, t->key);
		return false;
	}
	if (!t->remove) {
		*replaced = *replaced || found;
		*added = true;
		add(list, t);
	}
	return true;
}

static void taint_one(struct kubectl *k, const struct taint_options *o,
		      const struct kubectl_target *node, const struct taint *taints, int count)
{
	const struct kubectl_patch how = { PATCH_MERGE, NULL, "kubectl-taint" }; /* the list as a whole */
	AUTO_JSON struct json *patch = json_new_object();
	const struct json *now = json_find(node->object, "spec.taints");
	struct json *list = now ? json_dup(now) : json_new_array(), *result;
	bool replaced = false, added = false;

	json_set_item(kubectl_json_object(patch, "spec"), "taints", list);
	json_set_str(kubectl_json_object(patch, "metadata"), "resourceVersion",
		     kubectl_text(node->object, "metadata.resourceVersion"));
	for (int i = 0; i < count; i++)
		if (!apply(k, o, node->name, list, &taints[i], &replaced, &added))
			return;
	result = o->change.dry == DRY_CLIENT ? json_dup(node->object)
					     : kubectl_send_patch(k, node, &how, patch, &o->change);
	if (result)
		kubectl_change_report(k, &o->change, node,
				      replaced ? "modified" :
				      added    ? "tainted" :
						 "untainted",
				      result);
}

static bool is_taint(const char *word)
{
	return strchr(word, ':') || strchr(word, '=') || (word[0] && word[strlen(word) - 1] == '-');
}

static void taint(struct kubectl *k, const struct taint_options *o, const struct options_rest *args)
{
	struct kubectl_targets nodes = { 0 };
	struct taint *taints;
	int objects = 0, count;
	bool good = true;

	while (objects < args->count && !is_taint(args->at[objects]))
		objects++;
	count = args->count - objects;
	taints = mem_new_array((size_t)count + 1, sizeof(*taints));
	for (int i = 0; i < count; i++)
		good = read_taint(k, args->at[objects + i], &taints[i]) && good;
	if (count == 0)
		kubectl_failf(k, ERR_USAGE, "at least one taint update is required");
	else if (objects == 0 || (strncmp(args->at[0], "no", 2) != 0))
		kubectl_failf(k, ERR_USAGE, "expected node NAME ... KEY[=VALUE]:EFFECT ...");
	else if (good && kubectl_choose(k, &o->choice, args->at, objects, true, &nodes) == 0)
		for (size_t i = 0; i < nodes.count && kubectl_goes_on(k); i++)
			taint_one(k, o, &nodes.at[i], taints, count);
	for (int i = 0; i < count; i++)
		taint_free(&taints[i]);
	free(taints);
	kubectl_targets_free(&nodes);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct taint_options o = { .choice.namespace = namespace };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (kubectl_change_read(k, &o.change))
		taint(k, &o, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_taint = { "taint", "node NAME ... KEY[=VALUE]:EFFECT ... KEY[:EFFECT]- ... [options]",
					    "Set or remove taints of nodes", rows, COUNT_OF(rows), run };
