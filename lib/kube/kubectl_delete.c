/* kubectl delete: objects by name, selector or manifest; waits until they are gone. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/timefmt.h"
#include "lib/kube/kubectl_inner.h"

#define PARTIAL "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
#define PARTIAL_LIST "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

enum {
	WEEK_MS = 7 * 24 * 3600 * 1000,
	POLL_FIRST_MS = 50,
	POLL_MAX_MS = 1000,
	HTTP_NOT_FOUND = 404,
	HTTP_FORBIDDEN = 403,
	HTTP_NO_METHOD = 405,
};

struct delete_options {
	const char *namespace, *output, *selector, *field_selector, *cascade, *timeout, *dry_run;
	int64_t grace_period_s;
	struct option_list files;
	bool all, all_namespaces, ignore_not_found, force, now, wait;
};

#define AT(member) offsetof(struct delete_options, member)
static const struct option_row rows[] = {
	{ "filename", 'f', OPTION_LIST, AT(files), "FILE",
	  "delete what this manifest names, - for standard input", NULL, 0, 0 },
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE", "the namespace to look in",
	  NULL, 0, 0 },
	{ "all-namespaces", 'A', OPTION_FLAG, AT(all_namespaces), NULL, "across all namespaces",
	  NULL, 0, 0 },
	{ "selector", 'l', OPTION_TEXT, AT(selector), "SELECTOR", "labels to filter on", NULL, 0,
	  0 },
	{ "field-selector", 0, OPTION_TEXT, AT(field_selector), "SELECTOR", "fields to filter on",
	  NULL, 0, 0 },
	{ "all", 0, OPTION_FLAG, AT(all), NULL, "all objects of the type in the namespace", NULL, 0,
	  0 },
	{ "grace-period", 0, OPTION_INT, AT(grace_period_s), "SECONDS",
	  "time to end gracefully; -1 for the object's own", NULL, -1, 1000000 },
	{ "now", 0, OPTION_FLAG, AT(now), NULL, "as --grace-period=1", NULL, 0, 0 },
	{ "force", 0, OPTION_FLAG, AT(force), NULL, "do not wait for what runs to end", NULL, 0,
	  0 },
	{ "cascade", 0, OPTION_TEXT, AT(cascade), "HOW",
	  "dependents: background, foreground or orphan", "background", 0, 0 },
	{ "ignore-not-found", 0, OPTION_FLAG, AT(ignore_not_found), NULL,
	  "what does not exist is no failure", NULL, 0, 0 },
	{ "wait", 0, OPTION_FLAG, AT(wait), NULL, "wait until the objects are gone (true)", NULL, 0,
	  0 },
	{ "timeout", 0, OPTION_TEXT, AT(timeout), "TIME", "how long to wait, 0 for a week", NULL, 0,
	  0 },
	{ "dry-run", 0, OPTION_TEXT, AT(dry_run), "MODE", "server: change nothing; none",
	  "unchanged", 0, 0 },
	{ "output", 'o', OPTION_TEXT, AT(output), "FORMAT", "name", NULL, 0, 0 },
};
#undef AT

/* An object that the server has taken the deletion of. */
struct deleted {
	const struct kubectl_target *target;
	char *uid;
};

struct delete {
	struct kubectl *k;
	const struct delete_options *o;
	int64_t grace_period_s;
	const char *policy;
	int64_t timeout_ms;
	bool by_selector, ignore_not_found, dry_run, names_only;
	struct kubectl_targets targets; /* as asked for */
	struct kubectl_targets objects; /* each with its name */
	struct deleted *deleted;
	size_t deleted_count;
};

static bool read_cascade(struct delete *d)
{
	static const struct {
		const char *text, *policy;
	} ways[] = {
		{ "background", "Background" }, { "foreground", "Foreground" }, { "orphan", "Orphan" },
		{ "true", "Background" },       { "false", "Orphan" },
	};

	for (size_t i = 0; i < COUNT_OF(ways); i++)
		if (strcmp(d->o->cascade, ways[i].text) == 0)
			d->policy = ways[i].policy;
	if (!d->policy)
		kubectl_failf(d->k, ERR_USAGE,
			      "invalid cascade value (%s). Must be \"background\", \"foreground\", or \"orphan\"",
			      d->o->cascade);
	return d->policy;
}

static bool read_grace_period(struct delete *d)
{
	d->grace_period_s = d->o->grace_period_s;
	if (d->o->now && d->grace_period_s != -1) {
		kubectl_failf(d->k, ERR_USAGE, "--now and --grace-period cannot be specified together");
		return false;
	}
	if (d->o->force && d->grace_period_s > 0) {
		kubectl_failf(d->k, ERR_USAGE,
			      "--force and --grace-period greater than 0 cannot be specified together");
		return false;
	}
	/* As kubectl: without --force nothing is cut off at once. */
	if (d->o->now || (d->grace_period_s == 0 && !d->o->force))
		d->grace_period_s = 1;
	else if (d->o->force)
		d->grace_period_s = 0;
	return true;
}

static bool read_values(struct delete *d)
{
	struct err failure = { 0 };
	const char *output = d->o->output ? d->o->output : "";

	d->by_selector = d->o->all || d->o->selector || d->o->field_selector;
	d->ignore_not_found = d->o->ignore_not_found || d->by_selector;
	d->dry_run = strcmp(d->o->dry_run, "server") == 0;
	d->names_only = strcmp(output, "name") == 0;
	if (!d->names_only && output[0])
		kubectl_failf(d->k, ERR_USAGE,
			      "unexpected -o output mode: %s. We only support '-o name'", output);
	else if (!d->dry_run && strcmp(d->o->dry_run, "none") != 0)
		kubectl_failf(d->k, ERR_USAGE, "--dry-run=%s: expected server or none", d->o->dry_run);
	else if (timefmt_parse_duration_ms(span_of(d->o->timeout), &d->timeout_ms, &failure))
		kubectl_failf(d->k, ERR_USAGE, "--timeout: %s", failure.text);
	else if (d->o->all && (d->o->selector || d->o->field_selector))
		kubectl_failf(d->k, ERR_USAGE, "cannot set --all and a selector at the same time");
	else
		return read_cascade(d) && read_grace_period(d);
	return false;
}

/* What is to be deleted must be said in one way. */
static bool check_targets(struct delete *d, const struct options_rest *args)
{
	bool named = d->targets.count && d->targets.at[0].name;

	if (args->count == 0 && d->o->files.count == 0)
		kubectl_failf(d->k, ERR_USAGE,
			      "You must provide one or more resources by argument or filename");
	else if (args->count && d->o->files.count)
		kubectl_failf(d->k, ERR_USAGE,
			      "when files are given, no TYPE or NAME may be given as well");
	else if (named && (d->by_selector || (d->o->all_namespaces && args->count)))
		kubectl_failf(d->k, ERR_USAGE, "name cannot be provided when a selector, --all or "
					       "--all-namespaces is specified");
	else if (!named && d->targets.count && !d->by_selector)
		kubectl_failf(d->k, ERR_USAGE, "resource(s) were provided, but no name was specified");
	else
		return true;
	return false;
}

static void add_object(struct delete *d, const struct kubectl_target *t, const char *namespace,
		       const char *name)
{
	if ((d->objects.count & (d->objects.count - 1)) == 0)
		d->objects.at = mem_grow(d->objects.at, d->objects.count ? d->objects.count * 2 : 1,
					 sizeof(*d->objects.at));
	d->objects.at[d->objects.count++] = (struct kubectl_target){
		.resource = t->resource,
		.namespace = mem_dup_str(namespace ? namespace : ""),
		.name = mem_dup_str(name),
	};
}

static void add_items(struct delete *d, const struct kubectl_target *t, struct span body)
{
	AUTO_JSON struct json *list = NULL;
	struct err failure = { 0 };
	const struct json *item;

	if (json_parse(body, KUBECTL_JSON_LIMITS(KUBECTL_FILE_MAX), &list, &failure)) {
		kubectl_fail(d->k, &failure);
		return;
	}
	for (item = json_first(json_get(list, "items")); item; item = json_next(item)) {
		const struct json *metadata = json_get(item, "metadata");

		if (json_str(metadata, "name"))
			add_object(d, t, json_str(metadata, "namespace"), json_str(metadata, "name"));
	}
}

/* The names in a collection: objects go one by one, so that each is reported. */
static void list_objects(struct delete *d, const struct kubectl_target *t)
{
	struct kube_request rq = { .accept = PARTIAL_LIST };
	struct kube_answer answer;
	struct kube_status status = { 0 };
	struct err failure = { 0 };
	struct buf path;

	buf_init(&path, KUBECTL_FILE_MAX);
	if (kubectl_put_path(d->k, &path, t)) {
		kubectl_put_query(&path, "fieldSelector", d->o->field_selector);
		kubectl_put_query(&path, "labelSelector", d->o->selector);
		rq.path = buf_str(&path);
		if (kube_do(d->k->client, &rq, &answer, &status, &failure))
			kubectl_fail_request(d->k, &status, &failure);
		else
			add_items(d, t, buf_span(&answer.body));
		kube_answer_free(&answer);
	}
	buf_free(&path);
}

static void put_options(struct delete *d, struct buf *body)
{
	(void)buf_put_str(body, "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\"");
	if (d->grace_period_s >= 0)
		(void)buf_printf(body, ",\"gracePeriodSeconds\":%lld", (long long)d->grace_period_s);
	if (d->dry_run)
		(void)buf_put_str(body, ",\"dryRun\":[\"All\"]");
	(void)buf_printf(body, ",\"propagationPolicy\":\"%s\"}", d->policy);
}

static void report(struct delete *d, const struct kubectl_target *t)
{
	struct buf line;

	buf_init(&line, KUBECTL_FILE_MAX);
	if (d->names_only) {
		kubectl_put_target_name(&line, t, '/');
	} else {
		kube_resource_put_kind(&line, t->resource);
		(void)buf_printf(&line, " \"%s\" %s", t->name,
				 d->grace_period_s == 0 ? "force deleted" : "deleted");
		if (t->namespace[0])
			(void)buf_printf(&line, " from %s namespace", t->namespace);
		if (d->dry_run)
			(void)buf_put_str(&line, " (server dry run)");
	}
	(void)buf_put_char(&line, '\n');
	kubectl_write(d->k, KUBECTL_OUT, buf_span(&line));
	buf_free(&line);
}

/* The answer is the object, or a Status that names it. */
static void note_deleted(struct delete *d, const struct kubectl_target *t, struct span body)
{
	AUTO_JSON struct json *answer = NULL;
	struct err ignored = { 0 };
	const char *uid = NULL;

	if (json_parse(body, KUBECTL_JSON_LIMITS(KUBECTL_FILE_MAX), &answer, &ignored) == 0) {
		uid = json_find_str(answer, "metadata.uid");
		uid = uid ? uid : json_find_str(answer, "details.uid");
	}
	if ((d->deleted_count & (d->deleted_count - 1)) == 0)
		d->deleted = mem_grow(d->deleted, d->deleted_count ? d->deleted_count * 2 : 1,
				      sizeof(*d->deleted));
	d->deleted[d->deleted_count++] = (struct deleted){ t, mem_dup_str(uid) };
}

static void delete_one(struct delete *d, const struct kubectl_target *t)
{
	struct kube_request rq = { .method = "DELETE" };
	struct kube_answer answer;
	struct kube_status status = { 0 };
	struct err failure = { 0 };
	struct buf path, body;

	buf_init(&path, KUBECTL_FILE_MAX);
	buf_init(&body, KUBECTL_FILE_MAX);
	put_options(d, &body);
	if (kubectl_put_path(d->k, &path, t)) {
		rq.path = buf_str(&path);
		rq.body = buf_span(&body);
		if (kube_do(d->k->client, &rq, &answer, &status, &failure) == 0) {
			report(d, t);
			note_deleted(d, t, buf_span(&answer.body));
		} else if (status.code == HTTP_NOT_FOUND && d->ignore_not_found) {
			kube_status_free(&status);
		} else {
			kubectl_fail_request(d->k, &status, &failure);
		}
		kubectl_warn(d->k, &answer);
		kube_answer_free(&answer);
	}
	buf_free(&body);
	buf_free(&path);
}

/*
 * Whether it is gone, or another one has taken its name. What may not be asked is taken for gone,
 * as kubectl does.
 */
static bool is_gone(struct delete *d, const struct deleted *x)
{
	struct kube_request rq = { .accept = PARTIAL };
	AUTO_JSON struct json *object = NULL;
	struct kube_answer answer = { 0 };
	struct kube_status status = { 0 };
	struct err failure = { 0 };
	struct buf path;
	bool gone = true;

	buf_init(&path, KUBECTL_FILE_MAX);
	if (kubectl_put_path(d->k, &path, x->target)) {
		rq.path = buf_str(&path);
		if (kube_do(d->k->client, &rq, &answer, &status, &failure) == 0) {
			const char *uid = NULL;

			if (json_parse(buf_span(&answer.body), KUBECTL_JSON_LIMITS(KUBECTL_FILE_MAX), &object,
				       &failure) == 0)
				uid = json_find_str(object, "metadata.uid");
			gone = x->uid && uid && strcmp(uid, x->uid) != 0;
		} else if (status.code == HTTP_NOT_FOUND || status.code == HTTP_FORBIDDEN ||
			   status.code == HTTP_NO_METHOD) {
			kube_status_free(&status);
		} else {
			kubectl_fail_request(d->k, &status, &failure);
		}
		kube_answer_free(&answer);
	}
	buf_free(&path);
	return gone;
}

static void wait_for(struct delete *d, const struct deleted *x, uint64_t deadline_ms)
{
	long pause_ms = POLL_FIRST_MS;

	while (!is_gone(d, x) && kubectl_goes_on(d->k)) {
		const struct timespec pause = { pause_ms / 1000, pause_ms % 1000 * 1000000 };

		if (clock_mono_ms() >= deadline_ms) {
			kubectl_failf(d->k, ERR_TIMEOUT, "timed out waiting for the condition on %s/%s",
				      x->target->resource->plural, x->target->name);
			return;
		}
		(void)nanosleep(&pause, NULL);
		pause_ms = pause_ms * 2 > POLL_MAX_MS ? POLL_MAX_MS : pause_ms * 2;
	}
}

static void delete_all(struct delete *d)
{
	uint64_t deadline_ms;

	for (size_t i = 0; i < d->targets.count && kubectl_goes_on(d->k); i++) {
		if (d->targets.at[i].name)
			add_object(d, &d->targets.at[i], d->targets.at[i].namespace, d->targets.at[i].name);
		else
			list_objects(d, &d->targets.at[i]);
	}
	if (d->o->force && d->grace_period_s == 0)
		kubectl_printf(d->k, KUBECTL_ERR,
			       "Warning: Immediate deletion does not wait for confirmation that the running resource "
			       "has been terminated. The resource may continue to run on the cluster "
			       "indefinitely.\n");
	for (size_t i = 0; i < d->objects.count && kubectl_goes_on(d->k); i++)
		delete_one(d, &d->objects.at[i]);
	if (d->objects.count == 0 && d->k->first.code == ERR_NONE)
		kubectl_printf(d->k, KUBECTL_OUT, "No resources found\n");
	if (!d->o->wait || d->dry_run || d->k->first.code != ERR_NONE)
		return;
	deadline_ms = clock_mono_ms() + (uint64_t)(d->timeout_ms ? d->timeout_ms : WEEK_MS);
	for (size_t i = 0; i < d->deleted_count; i++)
		wait_for(d, &d->deleted[i], deadline_ms);
}

static void delete (struct kubectl *k, const struct delete_options *o,
		    const struct options_rest *args)
{
	const char *namespace = o->namespace ? o->namespace : kube_client_namespace(k->client);
	struct delete d = { .k = k, .o = o };
	int rc = 0;

	if (!read_values(&d))
		return;
	if (o->files.count && args->count == 0)
		rc = kubectl_targets_of_files(k, &o->files, namespace, o->namespace != NULL, &d.targets);
	else
		rc = kubectl_targets_of_args(k, args->at, args->count, o->all_namespaces ? "" : namespace,
					     &d.targets);
	if (rc == 0 && check_targets(&d, args))
		delete_all(&d);
	for (size_t i = 0; i < d.deleted_count; i++)
		free(d.deleted[i].uid);
	free(d.deleted);
	kubectl_targets_free(&d.objects);
	kubectl_targets_free(&d.targets);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct delete_options o = { .namespace = namespace,
				    .cascade = "background",
				    .timeout = "0s",
				    .dry_run = "none",
				    .grace_period_s = -1,
				    .wait = true };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else
		delete(k, &o, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_delete = {
	"delete", "TYPE NAME ... | TYPE/NAME ... | TYPE (-l SELECTOR | --all) | -f FILE [options]",
	"Delete resources by names, selectors or manifests", rows, COUNT_OF(rows), run
};
