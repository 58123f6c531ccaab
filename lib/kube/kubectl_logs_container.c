/* Which container's log is meant. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_logs.h"

/* spec.X of a pod, and how kubectl marks its containers. In the order that kubectl lists them. */
static const struct {
	const char *path, *mark;
} container_lists[] = {
	{ "spec.containers", "" },
	{ "spec.ephemeralContainers", " (ephem)" },
	{ "spec.initContainers", " (init)" },
};

static bool has_container(const struct json *pod, const char *name)
{
	for (size_t i = 0; i < COUNT_OF(container_lists); i++) {
		const struct json *c = json_first(json_find(pod, container_lists[i].path));

		for (; c; c = json_next(c))
			if (json_str(c, "name") && strcmp(json_str(c, "name"), name) == 0)
				return true;
	}
	return false;
}

/* "a, b (init)"; gives the number of containers. */
static size_t put_containers(struct buf *out, const struct json *pod)
{
	size_t count = 0;

	for (size_t i = 0; i < COUNT_OF(container_lists); i++) {
		const struct json *c = json_first(json_find(pod, container_lists[i].path));

		for (; c; c = json_next(c))
			(void)buf_printf(out, "%s%s%s", count++ ? ", " : "",
					 json_str(c, "name") ? json_str(c, "name") : "",
					 container_lists[i].mark);
	}
	return count;
}

/* The container that -c names, the pod's annotation, or the first. NULL after having noted the failure. */
static const char *choose(struct kubectl *k, const struct json *pod, const char *asked, bool quiet,
			  struct buf *all)
{
	const char *pod_name = json_find_str(pod, "metadata.name");
	const char *usual = json_str(json_find(pod, "metadata.annotations"),
				     "kubectl.kubernetes.io/default-container");
	const char *first = json_str(json_first(json_find(pod, "spec.containers")), "name");
	size_t count = put_containers(all, pod);

	if (asked && !has_container(pod, asked)) {
		kubectl_failf(k, ERR_NOT_FOUND, "container %s is not valid for pod %s out of: %s", asked,
			      pod_name ? pod_name : "", buf_str(all));
		return NULL;
	}
	if (!asked && usual && usual[0] && has_container(pod, usual))
		return usual;
	if (!asked && !first)
		kubectl_failf(k, ERR_PROTOCOL, "pod %s has no container", pod_name ? pod_name : "");
	if (!asked && first && count > 1 && !quiet)
		kubectl_printf(k, KUBECTL_ERR, "Defaulted container \"%s\" out of: %s\n", first, buf_str(all));
	return asked ? asked : first;
}

char *logs_choose_container(struct kubectl *k, const struct json *pod, const char *asked, bool quiet)
{
	struct buf all;
	char *chosen;

	buf_init(&all, KUBECTL_FILE_MAX);
	chosen = mem_dup_str(choose(k, pod, asked, quiet, &all));
	buf_free(&all);
	return chosen;
}
