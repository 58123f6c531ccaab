/*
 * Which objects a verb works on: by name, selector, --all or manifest, each fetched from the
 * server.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_change.h"

/* Every object of a collection. */
static void add_collection(struct kubectl *k, const struct kubectl_choice *c,
			   const struct kubectl_target *t, struct kubectl_targets *ret)
{
	AUTO_JSON struct json *list = kubectl_list(k, t->resource, t->namespace, c->selector, c->field_selector);
	struct json *items = json_get(list, "items"), *item;

	while ((item = json_first(items))) {
		const char *name = json_find_str(item, "metadata.name");

		item = json_detach(items, item);
		if (name)
			kubectl_targets_add(ret, t->resource,
					    json_find_str(item, "metadata.namespace"), name, item);
		else
			json_free(item);
	}
}

static void add_named(struct kubectl *k, const struct kubectl_target *t,
		      struct kubectl_targets *ret)
{
	struct json *object = kubectl_fetch(k, t, false);

	if (object)
		kubectl_targets_add(ret, t->resource, t->namespace, t->name, object);
}

static bool check(struct kubectl *k, const struct kubectl_choice *c, int count,
		  bool verb_needs_name, const struct kubectl_targets *named)
{
	bool by_selector = c->all || c->selector || c->field_selector;

	if (count == 0 && c->files.count == 0)
		kubectl_failf(k, ERR_USAGE,
			      "You must provide one or more resources by argument or filename.");
	else if (count && c->files.count)
		kubectl_failf(k, ERR_USAGE, "when files are given, no TYPE or NAME may be given as well");
	else if (count && named->count && named->at[0].name && (c->selector || c->field_selector))
		kubectl_failf(k, ERR_USAGE, "name cannot be provided when a selector is specified");
	else if (count && named->count && named->at[0].name && c->all)
		kubectl_failf(k, ERR_USAGE,
			      "setting 'all' parameter but found a non empty selector or a name");
	else if (c->all && (c->selector || c->field_selector))
		kubectl_failf(k, ERR_USAGE, "cannot set --all and a selector at the same time");
	else if (count && verb_needs_name && named->count && !named->at[0].name && !by_selector)
		kubectl_failf(k, ERR_USAGE, "resource(s) were provided, but no name was specified");
	else
		return true;
	return false;
}

int kubectl_choose(struct kubectl *k, const struct kubectl_choice *c, char **args, int count,
		   bool verb_needs_name, struct kubectl_targets *ret)
{
	const char *namespace = kubectl_namespace(k, c->namespace);
	struct kubectl_targets named = { 0 };
	int rc;

	if (c->files.count && count == 0)
		rc = kubectl_targets_of_files(k, &c->files, namespace, c->namespace != NULL, &named);
	else
		rc = kubectl_targets_of_args(k, args, count, c->all_namespaces ? "" : namespace, &named);
	if (rc == 0 && !check(k, c, count, verb_needs_name, &named))
		rc = -1;
	for (size_t i = 0; rc == 0 && i < named.count && kubectl_goes_on(k); i++) {
		if (named.at[i].name)
			add_named(k, &named.at[i], ret);
		else
			add_collection(k, c, &named.at[i], ret);
	}
	kubectl_targets_free(&named);
	return rc;
}
