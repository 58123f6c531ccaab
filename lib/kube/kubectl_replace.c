/* kubectl replace: whole objects, as manifests have them. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_change.h"

struct replace_options {
	struct kubectl_change change;
	const char *namespace;
	struct option_list files;
};

#define AT(member) offsetof(struct replace_options, member)
static const struct option_row rows[] = {
	{ "filename", 'f', OPTION_LIST, AT(files), "FILE", "the manifest, - for standard input",
	  NULL, 0, 0 },
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE",
	  "where objects are that name none", NULL, 0, 0 },
	KUBECTL_CHANGE_ROWS(struct replace_options, change),
};
#undef AT

static void replace_one(struct kubectl *k, const struct replace_options *o,
			const struct kubectl_target *t)
{
	struct kube_request rq = { .method = "PUT" };
	struct json *result = NULL;
	struct buf path, body;

	buf_init(&path, KUBECTL_FILE_MAX);
	buf_init_secret(&body, KUBECTL_FILE_MAX);
	json_print(t->object, JSON_COMPACT, &body);
	if (o->change.dry == DRY_CLIENT) {
		kubectl_change_report(k, &o->change, t, "replaced", json_dup(t->object));
	} else if (kubectl_put_path(k, &path, t)) {
		kubectl_change_put_query(&path, &o->change, "kubectl-replace");
		kubectl_put_query(&path, "fieldValidation", "Strict");
		rq.path = buf_str(&path);
		rq.body = buf_span(&body);
		if (kubectl_ask(k, &rq, 0, &result) == 0)
			kubectl_change_report(k, &o->change, t, "replaced", result);
	}
	buf_free(&body);
	buf_free(&path);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct replace_options o = { .namespace = namespace };
	struct kubectl_targets t = { 0 };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (args.count || o.files.count == 0)
		kubectl_failf(k, ERR_USAGE, "must specify --filename, and nothing else, to replace");
	else if (kubectl_change_read(k, &o.change) &&
		 kubectl_targets_of_files(k, &o.files, kubectl_namespace(k, o.namespace),
					  o.namespace != NULL, &t) == 0)
		for (size_t i = 0; i < t.count && kubectl_goes_on(k); i++)
			replace_one(k, &o, &t.at[i]);
	kubectl_targets_free(&t);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_replace = {
	"replace", "-f FILE [options]", "Replace objects by those of a manifest",
	rows,	   COUNT_OF(rows),	run
};
