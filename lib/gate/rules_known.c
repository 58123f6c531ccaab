/* The resources that may take the place of "any" in a rule. */
#include "lib/gate/rules_known.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/gate/authz_tables.h"

/* Subresources that a rule for any resource covers, too. */
static const char *const subresources[] = {
	"pods/attach",
	"pods/binding",
	"pods/eviction",
	"pods/exec",
	"pods/log",
	"pods/portforward",
	"pods/proxy",
	"pods/resize",
	"pods/status",
	"services/proxy",
	"services/status",
	"serviceaccounts/token",
	"replicationcontrollers/scale",
	"deployments/scale",
	"deployments/status",
	"replicasets/scale",
	"statefulsets/scale",
	"jobs/status",
};

static void add_known(struct rules_known *list, struct rules_known_one k)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct authz_question *have = &list->at[i].q;

		if (strcmp(have->group, k.q.group) == 0 &&
		    strcmp(have->resource, k.q.resource) == 0 &&
		    strcmp(have->subresource, k.q.subresource) == 0) {
			free(k.text);
			return;
		}
	}
	list->at = mem_grow(list->at, list->count + 1, sizeof(*list->at));
	list->at[list->count++] = k;
}

static void add_entry(struct rules_known *list, const char *entry)
{
	struct rules_known_one k = { .text = mem_dup_str(entry) };

	authz_question_parse("", k.text, &k.q);
	add_known(list, k);
}

static void add_role(struct rules_known *list, const struct role *role, const char *cluster)
{
	for (size_t i = 0; i < role->rule_count; i++) {
		char **entry = role->rules[i].resources;

		if (!role_glob_match(role->rules[i].cluster, cluster))
			continue;
		for (; entry && *entry; entry++) {
			if (strcmp(*entry, "*") == 0)
				list->has_wide_role = true;
			else
				add_entry(list, *entry);
		}
	}
}

void rules_known_find(struct rules_known *list, const struct role *const *roles, size_t role_count,
		      const char *cluster)
{
	struct rules_known_one k = { .q = { "", "", "", "", "", "", "" } };

	for (size_t i = 0; authz_builtin_at(i, &k.q.resource, &k.q.group); i++)
		add_known(list, k);
	for (size_t i = 0; i < COUNT_OF(subresources); i++)
		add_entry(list, subresources[i]);
	for (size_t i = 0; i < role_count; i++)
		add_role(list, roles[i], cluster);
}

void rules_known_free(struct rules_known *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->at[i].text);
	free(list->at);
	*list = (struct rules_known){ 0 };
}
