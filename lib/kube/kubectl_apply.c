/* kubectl apply: manifests sent for server-side apply. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_inner.h"

enum { HTTP_CONFLICT = 409, FIELD_MANAGER_MAX = 128 };

struct apply_options {
	const char *namespace, *output, *field_manager, *dry_run, *validate;
	struct option_list files;
	bool server_side, force_conflicts, managed_fields;
};

#define AT(member) offsetof(struct apply_options, member)
static const struct option_row rows[] = {
	{ "filename", 'f', OPTION_LIST, AT(files), "FILE", "the manifest, - for standard input", NULL, 0, 0 },
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE", "where objects go that name none", NULL, 0, 0 },
	{ "force-conflicts", 0, OPTION_FLAG, AT(force_conflicts), NULL, "take over fields that others manage",
	  NULL, 0, 0 },
	{ "dry-run", 0, OPTION_TEXT, AT(dry_run), "MODE", "server: change nothing; none", "unchanged", 0, 0 },
	{ "field-manager", 0, OPTION_TEXT, AT(field_manager), "NAME", "whose fields these are (kubectl)", NULL, 0,
	  0 },
	{ "validate", 0, OPTION_TEXT, AT(validate), "MODE", "unknown fields: strict, warn or ignore", "strict", 0,
	  0 },
	{ "output", 'o', OPTION_TEXT, AT(output), "FORMAT", "json, yaml or name", NULL, 0, 0 },
	{ "show-managed-fields", 0, OPTION_FLAG, AT(managed_fields), NULL,
	  "keep metadata.managedFields in json and yaml", NULL, 0, 0 },
	{ "server-side", 0, OPTION_FLAG, AT(server_side), NULL, "always: the server merges", NULL, 0, 0 },
};
#undef AT

/* kubectl's own words, for people who look them up. */
static const char conflict_help[] =
	"\nPlease review the fields above--they currently have other managers. Here\n"
	"are the ways you can resolve this warning:\n"
	"* If you intend to manage all of these fields, please re-run the apply\n"
	"  command with the `--force-conflicts` flag.\n"
	"* If you do not intend to manage all of the fields, please edit your\n"
	"  manifest to remove references to the fields that should keep their\n"
	"  current managers.\n"
	"* You may co-own fields by updating your manifest to match the existing\n"
	"  value; in this case, you'll become the manager if the other manager(s)\n"
	"  stop managing the field (remove it from their configuration).\n"
	"See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts";

struct apply {
	struct kubectl *k;
	const struct apply_options *o;
	enum kubectl_output output;
	const char *validation; /* fieldValidation */
	bool dry_run;
	struct json *applied; /* a List, with -o json and yaml */
};

static bool read_validation(struct apply *a)
{
	static const struct {
		const char *text, *value;
	} modes[] = {
		{ "strict", "Strict" }, { "true", "Strict" },  { "warn", "Warn" },
		{ "ignore", "Ignore" }, { "false", "Ignore" },
	};

	for (size_t i = 0; i < COUNT_OF(modes); i++)
		if (strcmp(a->o->validate, modes[i].text) == 0)
			a->validation = modes[i].value;
	if (!a->validation)
		kubectl_failf(a->k, ERR_USAGE, "--validate=%s: expected strict, warn or ignore", a->o->validate);
	return a->validation;
}

static bool read_dry_run(struct apply *a)
{
	a->dry_run = strcmp(a->o->dry_run, "server") == 0;
	if (a->dry_run || strcmp(a->o->dry_run, "none") == 0)
		return true;
	kubectl_failf(a->k, ERR_USAGE, "--dry-run=%s: expected server or none", a->o->dry_run);
	return false;
}

static bool check(struct apply *a, const struct options_rest *args)
{
	const struct apply_options *o = a->o;

	if (args->count)
		kubectl_failf(a->k, ERR_USAGE, "unexpected argument %s: give manifests with -f", args->at[0]);
	else if (o->files.count == 0)
		kubectl_failf(a->k, ERR_USAGE, "must specify -f");
	else if (!o->server_side)
		kubectl_failf(a->k, ERR_USAGE, "the built-in kubectl applies on the server only");
	else if (!o->field_manager[0] || strlen(o->field_manager) > FIELD_MANAGER_MAX)
		kubectl_failf(a->k, ERR_USAGE, "--field-manager must have 1 to %d characters", FIELD_MANAGER_MAX);
	else
		return read_validation(a) && read_dry_run(a) && kubectl_read_output(a->k, o->output, &a->output);
	return false;
}

/* Takes the answer's body over into what is printed. */
static void print_applied(struct apply *a, const struct kubectl_target *t, struct span body)
{
	struct err failure = { 0 };
	struct json *object;
	struct buf line;

	if (a->applied) {
		if (json_parse(body, KUBECTL_JSON_LIMITS(KUBECTL_FILE_MAX), &object, &failure))
			kubectl_fail(a->k, &failure);
		else
			json_add_item(json_get(a->applied, "items"), object);
		return;
	}
	buf_init(&line, KUBECTL_FILE_MAX);
	kubectl_put_target_name(&line, t, '/');
	if (a->output != OUTPUT_NAME)
		(void)buf_printf(&line, " serverside-applied%s", a->dry_run ? " (server dry run)" : "");
	(void)buf_put_char(&line, '\n');
	kubectl_write(a->k, KUBECTL_OUT, buf_span(&line));
	buf_free(&line);
}

static void fail(struct apply *a, struct kube_status *status, const struct err *failure)
{
	if (status->code == HTTP_CONFLICT) {
		kubectl_failf(a->k, failure->code, "%s%s", status->message, conflict_help);
		kube_status_free(status);
		return;
	}
	kubectl_fail_request(a->k, status, failure);
}

static void apply_one(struct apply *a, const struct kubectl_target *t)
{
	struct kube_request rq = { .method = "PATCH", .content_type = KUBE_APPLY_YAML };
	struct kube_answer answer;
	struct kube_status status = { 0 };
	struct err failure = { 0 };
	struct buf path, body;

	buf_init(&path, KUBECTL_FILE_MAX);
	buf_init_secret(&body, KUBECTL_FILE_MAX);
	json_print(t->object, JSON_COMPACT, &body);
	if (kubectl_put_path(a->k, &path, t)) {
		kubectl_put_query(&path, "dryRun", a->dry_run ? "All" : NULL);
		kubectl_put_query(&path, "fieldManager", a->o->field_manager);
		kubectl_put_query(&path, "fieldValidation", a->validation);
		kubectl_put_query(&path, "force", a->o->force_conflicts ? "true" : "false");
		rq.path = buf_str(&path);
		rq.body = buf_span(&body);
		if (kube_do(a->k->client, &rq, &answer, &status, &failure))
			fail(a, &status, &failure);
		else
			print_applied(a, t, buf_span(&answer.body));
		kubectl_warn(a->k, &answer);
		kube_answer_free(&answer);
	}
	buf_free(&body);
	buf_free(&path);
}

/* One object is printed alone, several as a List. */
static void print_all(struct apply *a)
{
	struct json *items = json_get(a->applied, "items"), *only = json_first(items);

	if (json_count(items) == 0) {
		json_free(a->applied);
	} else if (json_count(items) == 1) {
		kubectl_print_object(a->k, a->output, a->o->managed_fields, json_detach(items, only));
		json_free(a->applied);
	} else {
		kubectl_print_object(a->k, a->output, a->o->managed_fields, a->applied);
	}
}

static void apply(struct kubectl *k, const struct apply_options *o, const struct options_rest *args)
{
	const char *namespace = o->namespace ? o->namespace : kube_client_namespace(k->client);
	struct apply a = { .k = k, .o = o };
	struct kubectl_targets targets = { 0 };

	if (!check(&a, args))
		return;
	if (a.output == OUTPUT_JSON || a.output == OUTPUT_YAML)
		a.applied = kubectl_new_list();
	if (kubectl_targets_of_files(k, &o->files, namespace, o->namespace != NULL, &targets) == 0) {
		if (targets.count == 0 && k->first.code == ERR_NONE)
			kubectl_failf(k, ERR_INPUT, "no objects passed to apply");
		for (size_t i = 0; i < targets.count && kubectl_goes_on(k); i++)
			apply_one(&a, &targets.at[i]);
	}
	if (a.applied)
		print_all(&a);
	kubectl_targets_free(&targets);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct apply_options o = { .namespace = namespace,
				   .field_manager = "kubectl",
				   .dry_run = "none",
				   .validate = "strict",
				   .server_side = true };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else
		apply(k, &o, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_apply = {
	"apply", "-f FILE [options]", "Apply a manifest on the server", rows, COUNT_OF(rows), run
};
