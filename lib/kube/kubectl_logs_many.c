/* kubectl logs -l and --all-containers: several logs, one after the other. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_logs.h"

enum { TAIL_OF_MANY = 10 }; /* with -l, unless --tail says more, as kubectl */

/* In the order in which kubectl shows them. */
static const char *const lists[] = { "spec.initContainers", "spec.containers", "spec.ephemeralContainers" };

static void stream(struct kubectl *k, const struct logs_options *o, const struct kubectl_target *pod,
		   const char *container)
{
	AUTO_FREE char *prefix = o->prefix ? mem_printf("[pod/%s/%s] ", pod->name, container) : mem_dup_str("");

	logs_stream(k, o, pod, container, prefix);
}

static void stream_pod(struct kubectl *k, const struct logs_options *o, const struct kubectl_target *pod,
		       const struct json *object)
{
	AUTO_FREE char *one = o->all_containers ? NULL : logs_choose_container(k, object, o->container, o->all_pods);

	if (one)
		stream(k, o, pod, one);
	for (size_t i = 0; o->all_containers && i < COUNT_OF(lists); i++)
		for (const struct json *c = json_first(json_find(object, lists[i])); c && kubectl_goes_on(k); c = json_next(c))
			stream(k, o, pod, kubectl_text(c, "name"));
}

static size_t log_count(const struct logs_options *o, const struct json *pods)
{
	size_t count = 0;

	if (!o->all_containers)
		return json_count(pods);
	for (const struct json *p = json_first(pods); p; p = json_next(p))
		for (size_t i = 0; i < COUNT_OF(lists); i++)
			count += json_count(json_find(p, lists[i]));
	return count;
}

static void stream_all(struct kubectl *k, const struct logs_options *o, const struct kubectl_target *pod,
		       const struct json *pods)
{
	if (o->follow && log_count(o, pods) > 1) {
		kubectl_failf(k, ERR_USAGE, "the built-in kubectl follows one log at a time: name a pod and a container");
		return;
	}
	for (const struct json *p = json_first(pods); p && kubectl_goes_on(k); p = json_next(p)) {
		struct kubectl_target one = *pod;
		AUTO_FREE char *name = mem_dup_str(kubectl_text(p, "metadata.name"));

		one.name = name;
		stream_pod(k, o, &one, p);
	}
}

void logs_stream_many(struct kubectl *k, const struct logs_options *o, const struct kubectl_target *pod)
{
	struct logs_options many = *o;
	struct json *list = o->selector ? kubectl_list(k, pod->resource, pod->namespace, o->selector, NULL)
					: kubectl_new_list();
	struct json *object = o->selector ? NULL : kubectl_fetch(k, pod, false);

	if (object)
		json_add_item(json_get(list, "items"), object);
	if (o->selector && many.tail == LOGS_TAIL_UNSET)
		many.tail = TAIL_OF_MANY;
	if (list && o->selector && json_count(json_get(list, "items")) == 0)
		kubectl_printf(k, KUBECTL_ERR, "No resources found in %s namespace.\n", pod->namespace);
	if (list)
		stream_all(k, &many, pod, json_get(list, "items"));
	json_free(list);
}
