/* kubectl create: objects of manifests, and the simple forms (create deployment NAME ...). */
#include "lib/kube/kubectl_create.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"

#define AT(member) offsetof(struct create_options, member)
static const struct option_row rows[] = {
	{ "filename", 'f', OPTION_LIST, AT(files), "FILE", "the manifest, - for standard input",
	  NULL, 0, 0 },
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE",
	  "where objects go that name none", NULL, 0, 0 },
	KUBECTL_CHANGE_ROWS(struct create_options, change),
	{ "validate", 0, OPTION_TEXT, AT(validate), "MODE",
	  "unknown fields: strict, warn or ignore", "strict", 0, 0 },
	{ "from-literal", 0, OPTION_LIST, AT(literals), "KEY=VALUE", "configmap, secret: a value",
	  NULL, 0, 0 },
	{ "from-file", 0, OPTION_LIST, AT(from_files), "[KEY=]FILE",
	  "configmap, secret: a file's content", NULL, 0, 0 },
	{ "from-env-file", 0, OPTION_LIST, AT(env_files), "FILE",
	  "configmap, secret: lines KEY=VALUE", NULL, 0, 0 },
	{ "type", 0, OPTION_TEXT, AT(type), "TYPE", "secret: its type", NULL, 0, 0 },
	{ "image", 0, OPTION_LIST, AT(images), "IMAGE", "deployment, job: the container's image",
	  NULL, 0, 0 },
	{ "replicas", 'r', OPTION_INT, AT(replicas), "N", "deployment: how many pods", NULL, 0,
	  INT32_MAX },
	{ "port", 0, OPTION_INT, AT(port), "PORT", "deployment: the container's port", NULL, 1,
	  65535 },
};
#undef AT

static const char *validation(struct kubectl *k, const char *mode)
{
	if (strcmp(mode, "strict") == 0 || strcmp(mode, "true") == 0)
		return "Strict";
	if (strcmp(mode, "warn") == 0)
		return "Warn";
	if (strcmp(mode, "ignore") == 0 || strcmp(mode, "false") == 0)
		return "Ignore";
	kubectl_failf(k, ERR_USAGE, "--validate=%s: expected strict, warn or ignore", mode);
	return NULL;
}

/* Fills in the name that the server gave. */
static void report(struct kubectl *k, const struct kubectl_change *c,
		   const struct kubectl_target *t, const char *done, struct json *made)
{
	struct kubectl_target named = *t;
	AUTO_FREE char *name = mem_dup_str(kubectl_text(made, "metadata.name"));

	named.name = name;
	kubectl_change_report(k, c, &named, done, made);
}

void kubectl_create_object(struct kubectl *k, const struct kubectl_change *c,
			   const struct kubectl_target *t, const char *manager, const char *done)
{
	struct kubectl_target collection = { .resource = t->resource, .namespace = t->namespace };
	struct kube_request rq = { .method = "POST" };
	struct json *made = NULL;
	struct buf path, body;

	if (c->dry == DRY_CLIENT) {
		report(k, c, t, done, json_dup(t->object));
		return;
	}
	buf_init(&path, KUBECTL_FILE_MAX);
	buf_init_secret(&body, KUBECTL_FILE_MAX);
	json_print(t->object, JSON_COMPACT, &body);
	if (kubectl_put_path(k, &path, &collection)) {
		kubectl_change_put_query(&path, c, manager);
		kubectl_put_query(&path, "fieldValidation", c->validation ? c->validation : "Strict");
		rq.path = buf_str(&path);
		rq.body = buf_span(&body);
		if (kubectl_ask(k, &rq, 0, &made) == 0)
			report(k, c, t, done, made);
	}
	buf_free(&body);
	buf_free(&path);
}

static void create_files(struct kubectl *k, struct create_options *o)
{
	struct kubectl_targets t = { 0 };

	k->takes_generated_names = true;
	o->change.validation = validation(k, o->validate);
	if (o->change.validation &&
	    kubectl_targets_of_files(k, &o->files, kubectl_namespace(k, o->namespace),
				     o->namespace != NULL, &t) == 0) {
		if (t.count == 0 && k->first.code == ERR_NONE)
			kubectl_failf(k, ERR_INPUT, "no objects passed to create");
		for (size_t i = 0; i < t.count && kubectl_goes_on(k); i++)
			kubectl_create_object(k, &o->change, &t.at[i], "kubectl-create", "created");
	}
	kubectl_targets_free(&t);
}

static void create_form(struct kubectl *k, const struct create_options *o,
			const struct options_rest *args)
{
	struct json *object = create_make(k, o, args);
	const struct kube_resource *r;
	struct kubectl_targets t = { 0 };

	if (!object)
		return;
	r = kube_discovery_find_kind(NULL, kubectl_text(object, "apiVersion"),
				     kubectl_text(object, "kind"));
	if (!r) {
		json_free(object);
		kubectl_failf(k, ERR_PROTOCOL, "the resource is not known");
		return;
	}
	if (r->is_namespaced && o->namespace)
		json_set_str(json_get(object, "metadata"), "namespace", o->namespace);
	else if (r->is_namespaced && o->change.dry != DRY_CLIENT)
		json_set_str(json_get(object, "metadata"), "namespace", kubectl_namespace(k, NULL));
	kubectl_targets_add(&t, r, kubectl_namespace(k, o->namespace),
			    kubectl_text(object, "metadata.name"), object);
	kubectl_create_object(k, &o->change, &t.at[0], "kubectl-create", "created");
	kubectl_targets_free(&t);
}

static void create(struct kubectl *k, struct create_options *o, const struct options_rest *args)
{
	if (o->files.count && args->count)
		kubectl_failf(k, ERR_USAGE, "when files are given, no TYPE or NAME may be given as well");
	else if (o->files.count)
		create_files(k, o);
	else if (args->count == 0)
		kubectl_failf(k, ERR_USAGE, "must specify one of -f and -k");
	else
		create_form(k, o, args);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct create_options o = { .namespace = namespace, .replicas = 1, .validate = "strict" };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (kubectl_change_read(k, &o.change))
		create(k, &o, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_create = {
	"create",
	"-f FILE | namespace NAME | configmap NAME ... | secret generic NAME ... | deployment NAME --image=IMAGE "
	"[-- COMMAND ...] | job NAME --image=IMAGE [-- COMMAND ...] | serviceaccount NAME",
	"Create objects from a manifest or from options", rows, COUNT_OF(rows), run
};
