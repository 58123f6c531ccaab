/*
 * kubectl rollout history and undo: the revisions of a workload, from its ReplicaSets or
 * ControllerRevisions.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_describe.h"
#include "lib/kube/kubectl_rollout.h"

#define REVISION "deployment.kubernetes.io/revision"

struct revision {
	int64_t number;
	const struct json *object; /* ReplicaSet or ControllerRevision */
};

struct history {
	struct json *list; /* owned */
	struct revision *at;
	size_t count;
	bool of_deployment;
};

static bool is_owned(const struct json *item, const char *uid)
{
	for (const struct json *o = json_first(json_find(item, "metadata.ownerReferences")); o;
	     o = json_next(o))
		if (json_is_true(json_get(o, "controller")) && strcmp(kubectl_text(o, "uid"), uid) == 0)
			return true;
	return false;
}

static int64_t number_of(const struct history *h, const struct json *item)
{
	const char *text = json_str(json_find(item, "metadata.annotations"), REVISION);

	if (!h->of_deployment)
		return kubectl_number(item, "revision", 0);
	return text ? strtoll(text, NULL, 10) : 0;
}

static int compare(const void *a, const void *b)
{
	const struct revision *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int load(struct kubectl *k, const struct kubectl_target *t, struct history *h)
{
	const char *uid = kubectl_text(t->object, "metadata.uid");
	const struct kube_resource *r;

	*h = (struct history){ .of_deployment = strcmp(t->resource->kind, "Deployment") == 0 };
	r = kubectl_find(k, h->of_deployment ? "replicasets.apps" : "controllerrevisions.apps");
	h->list = r ? kubectl_list(k, r, t->namespace, NULL, NULL) : NULL;
	if (!h->list)
		return -1;
	h->at = mem_new_array(json_count(json_get(h->list, "items")) + 1, sizeof(*h->at));
	for (const struct json *i = json_first(json_get(h->list, "items")); i; i = json_next(i))
		if (is_owned(i, uid) && number_of(h, i) > 0)
			h->at[h->count++] = (struct revision){ number_of(h, i), i };
	qsort(h->at, h->count, sizeof(*h->at), compare);
	return 0;
}

static void history_free(struct history *h)
{
	free(h->at);
	json_free(h->list);
}

static const struct json *find(const struct history *h, int64_t number)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->at[i].number == number)
			return h->at[i].object;
	return NULL;
}

static const struct json *template_of(const struct history *h, const struct json *revision)
{
	return json_find(revision, h->of_deployment ? "spec.template" : "data.spec.template");
}

static void print_all(struct kubectl *k, const struct history *h)
{
	kubectl_printf(k, KUBECTL_OUT, "REVISION  CHANGE-CAUSE\n");
	for (size_t i = 0; i < h->count; i++) {
		const char *cause = json_str(json_find(h->at[i].object, "metadata.annotations"),
					     "kubernetes.io/change-cause");

		kubectl_printf(k, KUBECTL_OUT, "%-8lld  %s\n", (long long)h->at[i].number,
			       cause ? cause : "<none>");
	}
	kubectl_printf(k, KUBECTL_OUT, "\n");
}

void rollout_history(struct kubectl *k, const struct rollout_options *o,
		     const struct kubectl_target *t)
{
	struct history h = { 0 };
	const struct json *one;
	struct buf name;

	buf_init(&name, KUBECTL_FILE_MAX);
	kubectl_put_target_name(&name, t, '/');
	if (load(k, t, &h) == 0) {
		one = find(&h, o->revision);
		if (o->revision && !one) {
			kubectl_failf(k, ERR_NOT_FOUND, "unable to find the specified revision");
		} else if (one) {
			kubectl_printf(k, KUBECTL_OUT, "%s with revision #%lld\n", buf_str(&name),
				       (long long)o->revision);
			describe_template(k, template_of(&h, one));
			kubectl_printf(k, KUBECTL_OUT, "\n");
		} else {
			kubectl_printf(k, KUBECTL_OUT, "%s \n", buf_str(&name));
			print_all(k, &h);
		}
	}
	history_free(&h);
	buf_free(&name);
}

/* Annotations that belong to the deployment itself, not to a revision. */
static bool stays(const char *name)
{
	static const char *const own[] = {
		"kubectl.kubernetes.io/last-applied-configuration", REVISION,
		"deployment.kubernetes.io/revision-history", "deployment.kubernetes.io/desired-replicas",
		"deployment.kubernetes.io/max-replicas", "deprecated.deployment.rollback.to",
	};

	for (size_t i = 0; i < COUNT_OF(own); i++)
		if (strcmp(own[i], name) == 0)
			return true;
	return false;
}

static void copy_annotations(struct json *into, const struct json *from, bool own)
{
	for (const struct json *a = json_first(json_find(from, "metadata.annotations")); a;
	     a = json_next(a))
		if (stays(json_name(a)) == own)
			json_set_str(into, json_name(a), json_text(a));
}

static void add_replace(struct json *patch, const char *path, struct json *value)
{
	struct json *change = json_new_object();

	json_set_str(change, "op", "replace");
	json_set_str(change, "path", path);
	json_set_item(change, "value", value);
	json_add_item(patch, change);
}

static struct json *without_hash(const struct json *template)
{
	struct json *copy = json_dup(template);

	json_remove(json_find(copy, "metadata.labels"), "pod-template-hash");
	return copy;
}

/* The patch that brings the revision back, and its type. */
static struct json *make_patch(const struct history *h, const struct kubectl_target *t,
			       const struct json *revision, const char **ret_type)
{
	struct json *patch, *annotations;

	*ret_type = PATCH_STRATEGIC;
	if (!h->of_deployment)
		return json_dup(json_get(revision, "data"));
	*ret_type = PATCH_JSON;
	patch = json_new_array();
	annotations = json_new_object();
	copy_annotations(annotations, t->object, true);
	copy_annotations(annotations, revision, false);
	add_replace(patch, "/spec/template", without_hash(template_of(h, revision)));
	add_replace(patch, "/metadata/annotations", annotations);
	return patch;
}

static bool is_same(const struct json *a, const struct json *b)
{
	struct json *x = without_hash(a), *y = without_hash(b);
	struct buf left, right;
	bool same;

	buf_init(&left, KUBECTL_FILE_MAX);
	buf_init(&right, KUBECTL_FILE_MAX);
	kubectl_sort_members(x);
	kubectl_sort_members(y);
	json_print(x, JSON_COMPACT, &left);
	json_print(y, JSON_COMPACT, &right);
	same = span_equal(buf_span(&left), buf_span(&right));
	json_free(x);
	json_free(y);
	buf_free(&left);
	buf_free(&right);
	return same;
}

static void roll_back(struct kubectl *k, const struct rollout_options *o,
		      const struct kubectl_target *t, const struct history *h,
		      const struct json *revision)
{
	struct kubectl_patch how = { .manager = "kubectl-rollout" };
	AUTO_JSON struct json *patch = NULL;
	AUTO_FREE char *skipped = NULL;
	struct json *result;

	if (is_same(template_of(h, revision), json_find(t->object, "spec.template"))) {
		skipped = mem_printf("skipped rollback (current template already matches revision %lld)",
				     (long long)number_of(h, revision));
		kubectl_change_report(k, &o->change, t, skipped, NULL);
		return;
	}
	patch = make_patch(h, t, revision, &how.type);
	result = kubectl_send_patch(k, t, &how, patch, &o->change);
	if (result)
		kubectl_change_report(k, &o->change, t, "rolled back", result);
}

void rollout_undo(struct kubectl *k, const struct rollout_options *o,
		  const struct kubectl_target *t)
{
	struct history h = { 0 };
	const struct json *revision;

	if (json_is_true(json_find(t->object, "spec.paused"))) {
		kubectl_failf(k, ERR_EXISTS,
			      "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and "
			      "try again");
		return;
	}
	if (load(k, t, &h) == 0) {
		revision = o->to_revision ? find(&h, o->to_revision) :
			   h.count > 1	  ? h.at[h.count - 2].object :
					    NULL;
		if (revision)
			roll_back(k, o, t, &h, revision);
		else if (o->to_revision)
			kubectl_failf(k, ERR_NOT_FOUND, "unable to find specified revision %lld in history",
				      (long long)o->to_revision);
		else
			kubectl_failf(k, ERR_NOT_FOUND, "no rollout history found for %s \"%s\"",
				      t->resource->singular, t->name);
	}
	history_free(&h);
}
