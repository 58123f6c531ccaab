/* kubectl api-resources, api-versions, version and cluster-info: what the server is. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/table.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_change.h"

struct api_options {
	struct kubectl_change change;
	const char *namespace, *api_group, *namespaced, *verbs, *categories;
	bool no_headers, client;
};

#define AT(member) offsetof(struct api_options, member)
static const struct option_row resource_rows[] = {
	{ "api-group", 0, OPTION_TEXT, AT(api_group), "GROUP", "only of this group", NULL, 0, 0 },
	{ "namespaced", 0, OPTION_TEXT, AT(namespaced), "BOOL", "only with, or without, namespaces", "true", 0, 0 },
	{ "verbs", 0, OPTION_TEXT, AT(verbs), "VERBS", "only what has all of these verbs", NULL, 0, 0 },
	{ "categories", 0, OPTION_TEXT, AT(categories), "NAMES", "only of all these categories", NULL, 0, 0 },
	{ "output", 'o', OPTION_TEXT, AT(change.output), "FORMAT", "wide or name", NULL, 0, 0 },
	{ "no-headers", 0, OPTION_FLAG, AT(no_headers), NULL, "print no header line", NULL, 0, 0 },
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE", NULL, NULL, 0, 0 },
};
static const struct option_row version_rows[] = {
	{ "client", 0, OPTION_FLAG, AT(client), NULL, "do not ask the server", NULL, 0, 0 },
	{ "output", 'o', OPTION_TEXT, AT(change.output), "FORMAT", "json or yaml", NULL, 0, 0 },
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE", NULL, NULL, 0, 0 },
};
static const struct option_row plain_rows[] = {
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE", NULL, NULL, 0, 0 },
};
#undef AT

static bool has_all(const char *have, const char *wanted)
{
	struct span rest = span_of(wanted), part;

	while (span_take_part(&rest, ',', &part)) {
		AUTO_FREE char *word = span_dup(part);

		if (!kube_words_have(have, word))
			return false;
	}
	return true;
}

/* Whether it is the one that its name means: of the preferred version. */
static bool is_preferred(const struct kubectl *k, const struct kube_resource *r)
{
	for (const struct kube_resource *x = k->discovery.at; x < r; x++)
		if (strcmp(x->group, r->group) == 0 && strcmp(x->plural, r->plural) == 0)
			return false;
	return true;
}

static bool is_shown(const struct kubectl *k, const struct api_options *o, const struct kube_resource *r)
{
	return r->verbs[0] && is_preferred(k, r) && (!o->api_group || strcmp(r->group, o->api_group) == 0) &&
	       (!o->namespaced || (strcmp(o->namespaced, "true") == 0) == r->is_namespaced) &&
	       (!o->verbs || has_all(r->verbs, o->verbs)) && (!o->categories || has_all(r->categories, o->categories));
}

static int compare_resources(const void *a, const void *b)
{
	const struct kube_resource *const *x = a, *const *y = b;
	int order = strcmp((*x)->group, (*y)->group);

	return order ? order : strcmp((*x)->plural, (*y)->plural);
}

static void put_resource(struct table *t, const struct kube_resource *r, bool wide)
{
	AUTO_FREE char *version = mem_printf("%s%s%s", r->group, r->group[0] ? "/" : "", r->version);

	table_put_text(t, r->plural);
	table_put_text(t, r->short_names);
	table_put_text(t, version);
	table_put_text(t, r->is_namespaced ? "true" : "false");
	table_put_text(t, r->kind);
	if (wide) {
		table_put_text(t, r->verbs);
		table_put_text(t, r->categories);
	}
	table_end_row(t);
}

static void put_header(struct table *t, bool wide)
{
	static const char *const names[] = { "NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED",
					     "KIND", "VERBS",      "CATEGORIES" };

	for (size_t i = 0; i < (wide ? 7 : 5); i++)
		table_put_text(t, names[i]);
	table_end_row(t);
}

static void print_resources(struct kubectl *k, const struct api_options *o)
{
	AUTO_FREE const struct kube_resource **all = mem_new_array(k->discovery.count + 1, sizeof(*all));
	bool wide = o->change.format == OUTPUT_WIDE;
	struct table *t = kubectl_new_table(k);
	size_t count = 0;
	struct buf out;

	buf_init(&out, KUBECTL_TEXT_MAX);
	for (size_t i = 0; i < k->discovery.count; i++)
		if (is_shown(k, o, &k->discovery.at[i]))
			all[count++] = &k->discovery.at[i];
	qsort(all, count, sizeof(*all), compare_resources);
	if (!o->no_headers && o->change.format != OUTPUT_NAME)
		put_header(t, wide);
	for (size_t i = 0; i < count; i++) {
		if (o->change.format == OUTPUT_NAME)
			(void)buf_printf(&out, "%s%s%s\n", all[i]->plural, all[i]->group[0] ? "." : "", all[i]->group);
		else
			put_resource(t, all[i], wide);
	}
	(void)table_flush(t, &out);
	kubectl_write(k, KUBECTL_OUT, buf_span(&out));
	buf_free(&out);
	table_free(t);
}

static int compare_texts(const void *a, const void *b)
{
	char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static void print_versions(struct kubectl *k)
{
	AUTO_FREE char **all = mem_new_array(k->discovery.count + 1, sizeof(*all));
	size_t count = k->discovery.count;

	for (size_t i = 0; i < count; i++) {
		const struct kube_resource *r = &k->discovery.at[i];

		all[i] = mem_printf("%s%s%s", r->group, r->group[0] ? "/" : "", r->version);
	}
	qsort(all, count, sizeof(*all), compare_texts);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || strcmp(all[i - 1], all[i]) != 0)
			kubectl_printf(k, KUBECTL_OUT, "%s\n", all[i]);
	for (size_t i = 0; i < count; i++)
		free(all[i]);
}

static void print_version(struct kubectl *k, const struct api_options *o)
{
	struct json *answer = o->client ? NULL : kubectl_fetch_path(k, "/version", false), *both;

	if (o->change.format == OUTPUT_JSON || o->change.format == OUTPUT_YAML) {
		both = json_new_object();
		json_set_str(kubectl_json_object(both, "clientVersion"), "gitVersion", "v" MK8S_VERSION "+mk8s");
		if (answer)
			json_set_item(both, "serverVersion", answer);
		kubectl_print_object(k, o->change.format, true, both);
		return;
	}
	kubectl_printf(k, KUBECTL_OUT, "Client Version: v%s+mk8s\n", MK8S_VERSION);
	if (answer)
		kubectl_printf(k, KUBECTL_OUT, "Server Version: %s\n", kubectl_text(answer, "gitVersion"));
	json_free(answer);
}

/* Services that say they belong to the cluster, through the server's proxy. */
static void print_services(struct kubectl *k, const char *server)
{
	AUTO_JSON struct json *list = kubectl_list(k, kube_discovery_find(NULL, "services"), "kube-system",
						   "kubernetes.io/cluster-service=true", NULL);

	for (const struct json *s = json_first(json_get(list, "items")); s; s = json_next(s)) {
		const char *called = json_str(json_find(s, "metadata.labels"), "kubernetes.io/name");
		const char *name = kubectl_text(s, "metadata.name");
		const char *port = kubectl_text(json_first(json_find(s, "spec.ports")), "name");

		kubectl_printf(k, KUBECTL_OUT, "%s is running at %s/api/v1/namespaces/kube-system/services/%s%s%s/proxy\n",
			       called ? called : name, server, name, port[0] ? ":" : "", port);
	}
}

static void print_cluster(struct kubectl *k)
{
	const char *server = kube_client_server(k->client);

	kubectl_printf(k, KUBECTL_OUT, "Kubernetes control plane is running at %s\n", server);
	print_services(k, server);
	kubectl_printf(k, KUBECTL_OUT, "\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info "
				       "dump'.\n");
}

static void act(struct kubectl *k, const char *verb, struct api_options *o)
{
	if (!kubectl_change_read(k, &o->change))
		return;
	if (strcmp(verb, "version") == 0)
		print_version(k, o);
	else if (strcmp(verb, "cluster-info") == 0)
		print_cluster(k);
	else if (kubectl_discover(k) == 0 && strcmp(verb, "api-resources") == 0)
		print_resources(k, o);
	else if (k->first.code == ERR_NONE)
		print_versions(k);
}

static void run_with(struct kubectl *k, int argc, char **argv, const char *namespace, const struct option_row *rows,
		     size_t count)
{
	struct api_options o = { .namespace = namespace };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, count, OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (args.count)
		kubectl_failf(k, ERR_USAGE, "%s: unexpected argument %s", argv[0], args.at[0]);
	else
		act(k, argv[0], &o);
	options_free(rows, count, &o, &args);
}

static void run_resources(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	run_with(k, argc, argv, namespace, resource_rows, COUNT_OF(resource_rows));
}

static void run_version(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	run_with(k, argc, argv, namespace, version_rows, COUNT_OF(version_rows));
}

static void run_plain(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	run_with(k, argc, argv, namespace, plain_rows, COUNT_OF(plain_rows));
}

const struct kubectl_verb kubectl_api_resources = { "api-resources", "[options]", "The resources that the server has",
						    resource_rows, COUNT_OF(resource_rows), run_resources };
const struct kubectl_verb kubectl_api_versions = { "api-versions", "", "The API versions that the server has",
						   plain_rows, COUNT_OF(plain_rows), run_plain };
const struct kubectl_verb kubectl_version = { "version", "[options]", "The versions of client and server", version_rows,
					      COUNT_OF(version_rows), run_version };
const struct kubectl_verb kubectl_cluster_info = { "cluster-info", "", "Where the cluster's API is", plain_rows,
						   COUNT_OF(plain_rows), run_plain };
