/* kubectl top: what nodes and pods use, as metrics.k8s.io tells. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/timefmt.h"
#include "lib/kube/kubectl_change.h"
#include "lib/kube/kubectl_top.h"

enum { METRICS_DELAY_S = 120, MS_A_SECOND = 1000 };

#define AT(member) offsetof(struct top_options, member)
static const struct option_row rows[] = {
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE", "pods: of this namespace",
	  NULL, 0, 0 },
	{ "all-namespaces", 'A', OPTION_FLAG, AT(all_namespaces), NULL, "pods: of all of them",
	  NULL, 0, 0 },
	{ "selector", 'l', OPTION_TEXT, AT(selector), "SELECTOR", "labels to filter on", NULL, 0,
	  0 },
	{ "field-selector", 0, OPTION_TEXT, AT(field_selector), "SELECTOR",
	  "pods: fields to filter on", NULL, 0, 0 },
	{ "sort-by", 0, OPTION_TEXT, AT(sort_by), "WHAT", "cpu or memory, the most first", NULL, 0,
	  0 },
	{ "containers", 0, OPTION_FLAG, AT(containers), NULL, "pods: each container", NULL, 0, 0 },
	{ "sum", 0, OPTION_FLAG, AT(sum), NULL, "pods: the sum below", NULL, 0, 0 },
	{ "show-capacity", 0, OPTION_FLAG, AT(show_capacity), NULL,
	  "nodes: of the capacity, not of what is allocatable", NULL, 0, 0 },
	{ "show-swap", 0, OPTION_FLAG, AT(show_swap), NULL, "swap, too", NULL, 0, 0 },
	{ "no-headers", 0, OPTION_FLAG, AT(no_headers), NULL, "print no header line", NULL, 0, 0 },
	{ "use-protocol-buffers", 0, OPTION_TEXT, AT(protocol), "BOOL", NULL, "true", 0, 0 },
};
#undef AT

static const struct kube_resource pod_metrics = { .group = "metrics.k8s.io",
						  .version = "v1beta1",
						  .plural = "pods",
						  .singular = "pod",
						  .kind = "PodMetrics",
						  .short_names = "",
						  .categories = "",
						  .verbs = "get,list",
						  .is_namespaced = true };
static const struct kube_resource node_metrics = { .group = "metrics.k8s.io",
						   .version = "v1beta1",
						   .plural = "nodes",
						   .singular = "node",
						   .kind = "NodeMetrics",
						   .short_names = "",
						   .categories = "",
						   .verbs = "get,list" };

/* Whether the server has the version of the metrics API that we know; false after having noted it,
 * too. */
static bool has_metrics(struct kubectl *k)
{
	AUTO_JSON struct json *groups = kubectl_fetch_path(k, "/apis", false);
	const struct json *g, *v;

	if (!groups)
		return false;
	for (g = json_first(json_get(groups, "groups")); g; g = json_next(g)) {
		if (strcmp(kubectl_text(g, "name"), pod_metrics.group) != 0)
			continue;
		for (v = json_first(json_get(g, "versions")); v; v = json_next(v))
			if (strcmp(kubectl_text(v, "version"), pod_metrics.version) == 0)
				return true;
	}
	kubectl_failf(k, ERR_NOT_FOUND, "Metrics API not available");
	return false;
}

/* An object with "items": of one name, or of all. NULL after having noted the failure. */
static struct json *fetch(struct kubectl *k, const struct kube_resource *r,
			  const struct top_options *o, const char *namespace, const char *name)
{
	const struct kubectl_target one = { .resource = r,
					    .namespace = (char *)(uintptr_t) namespace,
					    .name = (char *)(uintptr_t)name };
	struct json *object, *list;

	if (!name)
		return kubectl_list(k, r, namespace, o->selector, o->field_selector);
	object = kubectl_fetch(k, &one, false);
	if (!object)
		return NULL;
	list = kubectl_new_list();
	json_add_item(json_get(list, "items"), object);
	return list;
}

static bool is_old(struct kubectl *k, const struct json *pod)
{
	char age[TIMEFMT_SIZE];
	int64_t created_s;
	struct err ignored = { 0 };

	if (timefmt_parse_date(span_of(kubectl_text(pod, "metadata.creationTimestamp")), &created_s,
			       &ignored) ||
	    clock_unix_s() - created_s <= METRICS_DELAY_S)
		return false;
	timefmt_duration_ms((clock_unix_s() - created_s) * MS_A_SECOND, age);
	kubectl_failf(k, ERR_NOT_FOUND, "Metrics not available for pod %s/%s, age: %s",
		      kubectl_text(pod, "metadata.namespace"), kubectl_text(pod, "metadata.name"),
		      age);
	return true;
}

/* No metrics: are there no pods, are they too young, or is something wrong? */
static void tell_why(struct kubectl *k, const struct top_options *o, const char *namespace)
{
	AUTO_JSON struct json *pods =
		fetch(k, kube_discovery_find(NULL, "pods"), o, namespace, NULL);
	const struct json *p = json_first(json_get(pods, "items"));

	if (!pods)
		return;
	if (!p && o->all_namespaces)
		kubectl_printf(k, KUBECTL_ERR, "No resources found\n");
	else if (!p)
		kubectl_printf(k, KUBECTL_ERR, "No resources found in %s namespace.\n", namespace);
	if (!p)
		return;
	while (p && !is_old(k, p))
		p = json_next(p);
	if (!p)
		kubectl_failf(k, ERR_NOT_FOUND, "metrics not available yet");
}

static void top_pods(struct kubectl *k, const struct top_options *o, const char *name)
{
	const char *namespace = kubectl_namespace(k, o->namespace);
	AUTO_JSON struct json *list = NULL;

	if (!has_metrics(k))
		return;
	list = fetch(k, &pod_metrics, o, o->all_namespaces && !name ? "" : namespace, name);
	if (!list)
		return;
	if (json_count(json_get(list, "items")))
		top_print_pods(k, o, json_get(list, "items"));
	else
		tell_why(k, o, namespace);
}

static void top_nodes(struct kubectl *k, const struct top_options *o, const char *name)
{
	AUTO_JSON struct json *list = NULL, *nodes = NULL;

	if (!has_metrics(k))
		return;
	list = fetch(k, &node_metrics, o, "", name);
	if (list && !json_count(json_get(list, "items")))
		kubectl_failf(k, ERR_NOT_FOUND, "metrics not available yet");
	else if (list)
		nodes = fetch(k, kube_discovery_find(NULL, "nodes"), o, "", name);
	if (nodes)
		top_print_nodes(k, o, json_get(list, "items"), json_get(nodes, "items"));
}

static bool is_one_of(const char *word, const char *one, const char *two, const char *three)
{
	return strcmp(word, one) == 0 || strcmp(word, two) == 0 || strcmp(word, three) == 0;
}

/* What only the pods or only the nodes have. */
static bool check(struct kubectl *k, const struct top_options *o, const struct options_rest *args,
		  bool pods)
{
	const char *sort = o->sort_by ? o->sort_by : "";

	if (args->count > 2)
		kubectl_failf(k, ERR_USAGE, "unexpected argument %s: top %s [NAME | -l label]",
			      args->at[2], pods ? "pod" : "node");
	else if (pods && o->show_capacity)
		kubectl_failf(k, ERR_USAGE, "unknown flag: --show-capacity");
	else if (!pods && (o->containers || o->sum || o->all_namespaces || o->field_selector))
		kubectl_failf(
			k, ERR_USAGE,
			"unknown flag: --containers, --sum, --all-namespaces and --field-selector are "
			"for pods");
	else if (sort[0] && strcmp(sort, "cpu") != 0 && strcmp(sort, "memory") != 0)
		kubectl_failf(k, ERR_USAGE, "--sort-by accepts only cpu or memory");
	else if (args->count == 2 && (o->selector || o->field_selector))
		kubectl_failf(k, ERR_USAGE, "only one of NAME or %s can be provided",
			      pods ? "selector" : "--selector");
	else
		return true;
	return false;
}

static void top(struct kubectl *k, const struct top_options *o, const struct options_rest *args)
{
	const char *what = args->count ? args->at[0] : "",
		   *name = args->count > 1 ? args->at[1] : NULL;
	bool pods = is_one_of(what, "pod", "pods", "po");

	if (!pods && !is_one_of(what, "node", "nodes", "no"))
		kubectl_failf(k, ERR_USAGE, "top of what? node or pod");
	else if (check(k, o, args, pods) && pods)
		top_pods(k, o, name);
	else if (k->first.code == ERR_NONE)
		top_nodes(k, o, name);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct top_options o = { .namespace = namespace };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else
		top(k, &o, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_top = { "top",
					  "(node | pod) [NAME | -l SELECTOR] [options]",
					  "What nodes and pods use",
					  rows,
					  COUNT_OF(rows),
					  run };
