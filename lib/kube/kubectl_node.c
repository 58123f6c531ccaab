/* kubectl cordon, uncordon and drain. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/timefmt.h"
#include "lib/kube/kubectl_change.h"

enum { POLL_MS = 500, BUSY_MS = 5000, WEEK_MS = 7 * 24 * 3600 * 1000, HTTP_TOO_MANY = 429 };

struct node_options {
	struct kubectl_choice choice;
	struct kubectl_change change;
	const char *timeout;
	int64_t grace_period_s;
	bool ignore_daemonsets, force, delete_empty_dir;
};

#define AT(member) offsetof(struct node_options, member)
static const struct option_row rows[] = {
	KUBECTL_CHOICE_ROWS(struct node_options, choice),
	KUBECTL_CHANGE_ROWS(struct node_options, change),
	{ "ignore-daemonsets", 0, OPTION_FLAG, AT(ignore_daemonsets), NULL,
	  "drain: leave the pods of daemonsets", NULL, 0, 0 },
	{ "force", 0, OPTION_FLAG, AT(force), NULL, "drain: also pods that nothing would make anew", NULL, 0, 0 },
	{ "delete-emptydir-data", 0, OPTION_FLAG, AT(delete_empty_dir), NULL, "drain: also pods with emptyDir volumes",
	  NULL, 0, 0 },
	{ "grace-period", 0, OPTION_INT, AT(grace_period_s), "SECONDS", "drain: time to end; -1 for the pod's own", NULL,
	  -1, 1000000 },
	{ "timeout", 0, OPTION_TEXT, AT(timeout), "TIME", "drain: give up after; 0: never", NULL, 0, 0 },
};
#undef AT

struct node_run {
	struct kubectl *k;
	const struct node_options *o;
	uint64_t deadline_ms;
};

static bool set_cordon(struct node_run *r, const struct kubectl_target *t, bool off)
{
	const struct kubectl_patch how = { PATCH_STRATEGIC, NULL, "kubectl-cordon" };
	AUTO_JSON struct json *patch = json_new_object();
	struct json *result;

	if (json_is_true(json_find(t->object, "spec.unschedulable")) == off) {
		kubectl_change_report(r->k, &r->o->change, t, off ? "already cordoned" : "already uncordoned", NULL);
		return true;
	}
	if (off)
		json_set_bool(kubectl_json_object(patch, "spec"), "unschedulable", true);
	else
		json_set_null(kubectl_json_object(patch, "spec"), "unschedulable");
	result = r->o->change.dry == DRY_CLIENT ? json_dup(t->object)
						: kubectl_send_patch(r->k, t, &how, patch, &r->o->change);
	if (result)
		kubectl_change_report(r->k, &r->o->change, t, off ? "cordoned" : "uncordoned", result);
	return result;
}

static const char *controller_kind(const struct json *pod)
{
	for (const struct json *o = json_first(json_find(pod, "metadata.ownerReferences")); o; o = json_next(o))
		if (json_is_true(json_get(o, "controller")))
			return kubectl_text(o, "kind");
	return NULL;
}

static bool has_empty_dir(const struct json *pod)
{
	for (const struct json *v = json_first(json_find(pod, "spec.volumes")); v; v = json_next(v))
		if (json_get(v, "emptyDir"))
			return true;
	return false;
}

/* Whether the pod is to go; what stands in the way is noted. */
static bool is_evicted(struct node_run *r, const struct json *pod)
{
	const char *owner = controller_kind(pod), *phase = kubectl_text(pod, "status.phase");
	const char *namespace = kubectl_text(pod, "metadata.namespace"), *name = kubectl_text(pod, "metadata.name");
	bool ended = strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;

	if (json_str(json_find(pod, "metadata.annotations"), "kubernetes.io/config.mirror"))
		return false;
	if (owner && strcmp(owner, "DaemonSet") == 0 && !ended) {
		if (!r->o->ignore_daemonsets)
			kubectl_failf(r->k, ERR_EXISTS,
				      "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): %s/%s",
				      namespace, name);
		return false;
	}
	if (!owner && !ended && !r->o->force)
		kubectl_failf(r->k, ERR_EXISTS,
			      "cannot delete Pods that declare no controller (use --force to override): %s/%s", namespace,
			      name);
	if (!ended && !r->o->delete_empty_dir && has_empty_dir(pod))
		kubectl_failf(r->k, ERR_EXISTS,
			      "cannot delete Pods with local storage (use --delete-emptydir-data to override): %s/%s",
			      namespace, name);
	return true;
}

static void pause_ms(long ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&pause, NULL);
}

/* Asks for the eviction until the disruption budgets allow it. */
static bool evict(struct node_run *r, const struct kubectl_target *pod)
{
	AUTO_JSON struct json *answer = NULL, *eviction = json_new_object();
	struct kube_request rq = { .method = "POST" };
	struct buf path, body;
	bool done = false;

	buf_init(&path, KUBECTL_FILE_MAX);
	buf_init(&body, KUBECTL_FILE_MAX);
	json_set_str(eviction, "apiVersion", "policy/v1");
	json_set_str(eviction, "kind", "Eviction");
	json_set_str(kubectl_json_object(eviction, "metadata"), "name", pod->name);
	json_set_str(kubectl_json_object(eviction, "metadata"), "namespace", pod->namespace);
	if (r->o->grace_period_s >= 0)
		json_set_int(kubectl_json_object(eviction, "deleteOptions"), "gracePeriodSeconds", r->o->grace_period_s);
	json_print(eviction, JSON_COMPACT, &body);
	if (kubectl_put_path(r->k, &path, pod) && buf_put_str(&path, "/eviction") == 0) {
		rq.path = buf_str(&path);
		rq.body = buf_span(&body);
		while (!(done = kubectl_ask(r->k, &rq, HTTP_TOO_MANY, &answer) == 0) &&
		       r->k->first.code == ERR_NONE && kubectl_goes_on(r->k) && clock_mono_ms() < r->deadline_ms)
			pause_ms(BUSY_MS);
	}
	buf_free(&body);
	buf_free(&path);
	return done;
}

static void wait_gone(struct node_run *r, const struct kubectl_target *pod)
{
	while (kubectl_goes_on(r->k)) {
		AUTO_JSON struct json *now = kubectl_fetch(r->k, pod, true);

		if (!now || strcmp(kubectl_text(now, "metadata.uid"), kubectl_text(pod->object, "metadata.uid")) != 0)
			break;
		if (clock_mono_ms() >= r->deadline_ms) {
			kubectl_failf(r->k, ERR_TIMEOUT, "drain did not complete within %s", r->o->timeout);
			return;
		}
		pause_ms(POLL_MS);
	}
	if (r->k->first.code == ERR_NONE)
		kubectl_printf(r->k, KUBECTL_OUT, "pod/%s evicted\n", pod->name);
}

static void evict_all(struct node_run *r, const struct kubectl_targets *pods)
{
	static const char *const marks[] = { "", " (dry run)", " (server dry run)" };

	for (size_t i = 0; i < pods->count && kubectl_goes_on(r->k); i++) {
		kubectl_printf(r->k, r->o->change.dry == DRY_NONE ? KUBECTL_ERR : KUBECTL_OUT, "evicting pod %s/%s%s\n",
			       pods->at[i].namespace, pods->at[i].name, marks[r->o->change.dry]);
		if (r->o->change.dry == DRY_NONE && !evict(r, &pods->at[i]))
			return;
	}
	for (size_t i = 0; r->o->change.dry == DRY_NONE && i < pods->count && kubectl_goes_on(r->k); i++)
		wait_gone(r, &pods->at[i]);
}

static void drain(struct node_run *r, const struct kubectl_target *node)
{
	const struct kube_resource *pod = kube_discovery_find(NULL, "pods");
	AUTO_FREE char *on = mem_printf("spec.nodeName=%s", node->name);
	AUTO_JSON struct json *list = NULL;
	struct kubectl_targets pods = { 0 };

	if (!set_cordon(r, node, true) || !(list = kubectl_list(r->k, pod, "", NULL, on)))
		return;
	for (const struct json *p = json_first(json_get(list, "items")); p; p = json_next(p))
		if (is_evicted(r, p))
			kubectl_targets_add(&pods, pod, kubectl_text(p, "metadata.namespace"),
					    kubectl_text(p, "metadata.name"), json_dup(p));
	if (r->k->first.code == ERR_NONE)
		evict_all(r, &pods);
	if (r->k->first.code == ERR_NONE)
		kubectl_change_report(r->k, &r->o->change, node, "drained", NULL);
	kubectl_targets_free(&pods);
}

static void node_verb(struct node_run *r, const char *verb, const struct options_rest *args)
{
	AUTO_FREE char **words = mem_new_array((size_t)args->count + 2, sizeof(*words));
	struct kubectl_targets nodes = { 0 };

	words[0] = (char[]){ "nodes" };
	for (int i = 0; i < args->count; i++)
		words[i + 1] = strncmp(args->at[i], "node/", 5) == 0 ? args->at[i] + 5 : args->at[i];
	if (args->count == 0 && !r->o->choice.selector && !r->o->choice.all)
		kubectl_failf(r->k, ERR_USAGE, "USAGE: %s NODE [options]", verb);
	else if (kubectl_choose(r->k, &r->o->choice, words, args->count + 1, true, &nodes) == 0)
		for (size_t i = 0; i < nodes.count && kubectl_goes_on(r->k); i++) {
			if (strcmp(verb, "drain") == 0)
				drain(r, &nodes.at[i]);
			else
				(void)set_cordon(r, &nodes.at[i], verb[0] == 'c'); /* a failure is noted */
		}
	kubectl_targets_free(&nodes);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct node_options o = { .choice.namespace = namespace, .timeout = "0", .grace_period_s = -1 };
	struct node_run r = { .k = k, .o = &o };
	struct options_rest args = { 0 };
	struct err failure = { 0 };
	int64_t timeout_ms = 0;

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure)) {
		kubectl_fail(k, &failure);
	} else if (timefmt_parse_duration_ms(span_of(o.timeout), &timeout_ms, &failure)) {
		kubectl_failf(k, ERR_USAGE, "--timeout: %s", failure.text);
	} else if (kubectl_change_read(k, &o.change)) {
		r.deadline_ms = clock_mono_ms() + (uint64_t)(timeout_ms ? timeout_ms : WEEK_MS);
		node_verb(&r, argv[0], &args);
	}
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_cordon = { "cordon", "NODE ... [options]", "Take no new pods on a node", rows,
					     COUNT_OF(rows), run };
const struct kubectl_verb kubectl_uncordon = { "uncordon", "NODE ... [options]", "Take new pods on a node again", rows,
					       COUNT_OF(rows), run };
const struct kubectl_verb kubectl_drain = { "drain", "NODE ... [options]", "Cordon a node and evict its pods", rows,
					    COUNT_OF(rows), run };
