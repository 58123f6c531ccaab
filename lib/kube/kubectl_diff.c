/* kubectl diff: objects as they are beside what they would be once applied. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/format/json.h"
#include "lib/format/yaml.h"
#include "lib/kube/kubectl_change.h"
#include "lib/kube/line_diff.h"

enum { STATUS_FAILED = 2, CONCURRENCY_MAX = 1000 };

struct diff_options {
	const char *namespace, *field_manager;
	struct option_list files;
	int64_t concurrency;
	bool server_side, force_conflicts, managed_fields, show_secrets;
};

#define AT(member) offsetof(struct diff_options, member)
static const struct option_row rows[] = {
	{ "filename", 'f', OPTION_LIST, AT(files), "FILE", "the manifest, - for standard input",
	  NULL, 0, 0 },
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE",
	  "where objects go that name none", NULL, 0, 0 },
	{ "server-side", 0, OPTION_FLAG, AT(server_side), NULL, "always: the server merges", NULL,
	  0, 0 },
	{ "force-conflicts", 0, OPTION_FLAG, AT(force_conflicts), NULL,
	  "take over fields that others manage", NULL, 0, 0 },
	{ "field-manager", 0, OPTION_TEXT, AT(field_manager), "NAME",
	  "whose fields these are (kubectl)", NULL, 0, 0 },
	{ "show-managed-fields", 0, OPTION_FLAG, AT(managed_fields), NULL,
	  "compare metadata.managedFields, too", NULL, 0, 0 },
	{ "show-secrets", 0, OPTION_FLAG, AT(show_secrets), NULL,
	  "do not mask the values of secrets", NULL, 0, 0 },
	{ "concurrency", 0, OPTION_INT, AT(concurrency), "COUNT", NULL, NULL, 1, CONCURRENCY_MAX },
};
#undef AT

/* The object as it would be. NULL after having noted the failure. */
static struct json *apply_dry(struct kubectl *k, const struct diff_options *o,
			      const struct kubectl_target *t)
{
	struct kube_request rq = { .method = "PATCH", .content_type = KUBE_APPLY_YAML };
	struct json *merged = NULL;
	struct buf path, body;

	buf_init(&path, KUBECTL_FILE_MAX);
	buf_init_secret(&body, KUBECTL_FILE_MAX);
	json_print(t->object, JSON_COMPACT, &body);
	if (kubectl_put_path(k, &path, t)) {
		kubectl_put_query(&path, "dryRun", "All");
		kubectl_put_query(&path, "fieldManager", o->field_manager);
		kubectl_put_query(&path, "force", o->force_conflicts ? "true" : "false");
		rq.path = buf_str(&path);
		rq.body = buf_span(&body);
		if (kubectl_ask(k, &rq, 0, &merged))
			merged = NULL;
	}
	buf_free(&body);
	buf_free(&path);
	return merged;
}

static bool is_secret(const struct json *object)
{
	return strcmp(kubectl_text(object, "apiVersion"), "v1") == 0 &&
	       strcmp(kubectl_text(object, "kind"), "Secret") == 0;
}

/* Values become stars, told apart only where both have one of the name and they differ. */
static void mask(struct json *live, struct json *merged)
{
	struct json *from = json_get(live, "data"), *to = json_get(merged, "data");

	for (struct json *i = json_first(to); i; i = json_next(i)) {
		AUTO_FREE char *name = mem_dup_str(json_name(i));
		const char *before = json_str(from, name), *after = json_str(to, name);
		bool differ = before && (!after || strcmp(before, after) != 0);

		if (before)
			json_set_str(from, name, differ ? "*** (before)" : "***");
		json_set_str(to, name, differ ? "*** (after)" : "***");
		i = json_get(to, name);
	}
	for (struct json *i = json_first(from); i; i = json_next(i)) {
		AUTO_FREE char *name = mem_dup_str(json_name(i));

		if (!json_get(to, name))
			json_set_str(from, name, "***");
		i = json_get(from, name);
	}
}

/* The YAML of an object, "" of NULL; NULL after having noted the failure. */
static char *to_text(struct kubectl *k, const struct diff_options *o, struct json *object)
{
	struct err failure = { 0 };
	char *text = NULL;
	struct buf out;

	buf_init_secret(&out, KUBECTL_TEXT_MAX);
	if (!o->managed_fields)
		json_remove(json_get(object, "metadata"), "managedFields");
	if ((object && json_to_yaml(object, &out, &failure)) ||
	    buf_ok(&out, "the object", &failure))
		kubectl_fail(k, &failure);
	else
		text = buf_take_str(&out);
	buf_free(&out);
	return text;
}

/* "apps.v1.Deployment.default.web" */
static char *name_of(const struct kubectl_target *t)
{
	const struct kube_resource *r = t->resource;

	return mem_printf("%s%s%s.%s.%s.%s", r->group, r->group[0] ? "." : "", r->version, r->kind,
			  t->namespace, t->name);
}

static bool compare_one(struct kubectl *k, const struct diff_options *o,
			const struct kubectl_target *t, struct kubectl_diff *ret)
{
	AUTO_JSON struct json *live = kubectl_fetch(k, t, true), *merged = NULL;

	if (k->first.code == ERR_NONE)
		merged = apply_dry(k, o, t);
	if (!merged)
		return false;
	if (!o->show_secrets && is_secret(merged))
		mask(live, merged);
	if (json_find_str(live, "metadata.deletionTimestamp"))
		kubectl_printf(
			k, KUBECTL_ERR,
			"Warning: Detected changes to resource %s which is currently being deleted.\n",
			t->name);
	ret->name = name_of(t);
	ret->live = to_text(k, o, live);
	ret->merged = to_text(k, o, merged);
	return ret->live && ret->merged;
}

static int compare_names(const void *a, const void *b)
{
	const struct kubectl_diff *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* As `diff -u -N LIVE MERGED` of two folders. */
static void put_differences(struct kubectl *k, struct kubectl_diff *all, size_t count)
{
	qsort(all, count, sizeof(*all), compare_names);
	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *from = mem_printf("LIVE/%s", all[i].name),
			       *to = mem_printf("MERGED/%s", all[i].name);
		struct buf out, hunks;

		buf_init_secret(&out, KUBECTL_TEXT_MAX);
		buf_init_secret(&hunks, KUBECTL_TEXT_MAX);
		if (line_diff_put(span_of(all[i].live), span_of(all[i].merged), from, to, &hunks)) {
			(void)buf_printf(&out, "diff -u -N %s %s\n", from, to);
			(void)buf_put_span(&out, buf_span(&hunks));
			k->says_no = true;
		}
		if (out.failed || hunks.failed)
			kubectl_failf(k, ERR_LIMIT, "%s: the difference is too large", all[i].name);
		kubectl_write(k, KUBECTL_OUT, buf_span(&out));
		buf_free(&hunks);
		buf_free(&out);
	}
}

static void run_program(struct kubectl *k, const struct kubectl_diff *all, size_t count)
{
	struct err failure = { 0 };
	int status = 0;

	if (k->io->diff(k->io->owner, all, count, &status, &failure))
		kubectl_fail(k, &failure);
	else if (status > 1)
		kubectl_failf(k, ERR_IO,
			      "failed to run the program of KUBECTL_EXTERNAL_DIFF: exit status %d",
			      status);
	k->says_no = status == 1;
}

static void compare(struct kubectl *k, const struct diff_options *o,
		    const struct kubectl_targets *targets)
{
	struct kubectl_diff *all = mem_new_array(targets->count + 1, sizeof(*all));
	size_t count = 0;

	while (count < targets->count && kubectl_goes_on(k) &&
	       compare_one(k, o, &targets->at[count], &all[count]))
		count++;
	if (k->first.code == ERR_NONE && k->io->diff)
		run_program(k, all, count);
	else if (k->first.code == ERR_NONE)
		put_differences(k, all, count);
	for (size_t i = 0; i < targets->count; i++) {
		free(all[i].name);
		secret_free(all[i].live);
		secret_free(all[i].merged);
	}
	free(all);
}

static void diff(struct kubectl *k, const struct diff_options *o, const struct options_rest *args)
{
	struct kubectl_targets targets = { 0 };

	if (args->count)
		kubectl_failf(k, ERR_USAGE, "Unexpected args: [%s]", args->at[0]);
	else if (o->files.count == 0)
		kubectl_failf(k, ERR_USAGE, "must specify -f");
	else if (!o->server_side)
		kubectl_failf(k, ERR_USAGE, "the built-in kubectl applies on the server only");
	else if (kubectl_targets_of_files(k, &o->files, kubectl_namespace(k, o->namespace),
					  o->namespace != NULL, &targets) == 0 &&
		 k->first.code == ERR_NONE)
		compare(k, o, &targets);
	kubectl_targets_free(&targets);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct diff_options o = { .namespace = namespace,
				  .field_manager = "kubectl",
				  .server_side = true,
				  .concurrency = 1 };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else
		diff(k, &o, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
	if (k->first.code != ERR_NONE)
		k->exit_status = STATUS_FAILED; /* 1 means that there are differences */
}

const struct kubectl_verb kubectl_diff = {
	"diff", "-f FILE [options]", "What applying a manifest would change",
	rows,	COUNT_OF(rows),	     run
};
