/* What the built-in kubectl does and leaves where one command runs on several clusters. */
#include <string.h>

#include "lib/base/table.h"
#include "lib/kube/kubectl_inner.h"

/* The verbs that only read; `words`: of those, the words that do. */
static const struct {
	const char *verb;
	const char *words[2];
} readers[] = {
	{ "api-resources", { NULL } },
	{ "api-versions", { NULL } },
	{ "auth", { "can-i", "whoami" } },
	{ "cluster-info", { NULL } },
	{ "describe", { NULL } },
	{ "events", { NULL } },
	{ "explain", { NULL } },
	{ "get", { NULL } },
	{ "logs", { NULL } },
	{ "rollout", { "history", "status" } },
	{ "top", { NULL } },
	{ "version", { NULL } },
	{ "wait", { NULL } },
};

static bool is_reader(const char *verb, const char *word)
{
	for (size_t i = 0; i < COUNT_OF(readers); i++) {
		if (strcmp(readers[i].verb, verb) != 0)
			continue;
		return !readers[i].words[0] || (word && (strcmp(word, readers[i].words[0]) == 0 ||
							 strcmp(word, readers[i].words[1]) == 0));
	}
	return false;
}

bool kubectl_may_run(struct kubectl *k, const struct kubectl_verb *verb, int argc, char **argv)
{
	if (!k->io->is_fleet || is_reader(verb->name, argc > 1 ? argv[1] : NULL))
		return true;
	kubectl_failf(k, ERR_USAGE,
		      "\"%s\" does not run on several clusters at once, only what reads does: "
		      "api-resources, "
		      "api-versions, auth can-i and whoami, cluster-info, describe, events, "
		      "explain, get, logs, rollout status "
		      "and history, top, version, wait; choose one cluster with --cluster",
		      verb->name);
	return false;
}

struct table *kubectl_new_table(const struct kubectl *k)
{
	struct table *t = table_new();

	if (k->io->is_fleet)
		table_set_records(t);
	return t;
}
