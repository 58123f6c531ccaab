/* kubectl rollout status: how far a rollout has come, in kubectl's words. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_rollout.h"

enum { POLL_MS = 200 };

/* What there is to say of an object now. */
struct progress {
	char *text; /* owned; one line */
	bool done;
	bool failed; /* the text is the error's */
};

typedef void progress_fn(const char *name, const struct json *o, struct progress *p);

static int64_t status(const struct json *o, const char *member)
{
	int64_t value = 0;

	(void)json_int(json_get(o, "status"), member, &value); /* absent means 0 */
	return value;
}

static bool is_observed(const struct json *o)
{
	return kubectl_number(o, "metadata.generation", 0) <= status(o, "observedGeneration");
}

static bool deadline_exceeded(const struct json *o)
{
	for (const struct json *c = json_first(json_find(o, "status.conditions")); c; c = json_next(c))
		if (strcmp(kubectl_text(c, "type"), "Progressing") == 0 &&
		    strcmp(kubectl_text(c, "reason"), "ProgressDeadlineExceeded") == 0)
			return true;
	return false;
}

static void deployment(const char *name, const struct json *o, struct progress *p)
{
	long long wanted = kubectl_number(o, "spec.replicas", 1), updated = status(o, "updatedReplicas");
	long long all = status(o, "replicas"), available = status(o, "availableReplicas");

	if (!is_observed(o)) {
		p->text = mem_printf("Waiting for deployment spec update to be observed...");
	} else if (deadline_exceeded(o)) {
		p->text = mem_printf("deployment \"%s\" exceeded its progress deadline", name);
		p->failed = true;
	} else if (updated < wanted) {
		p->text = mem_printf("Waiting for deployment \"%s\" rollout to finish: %lld out of %lld new replicas have "
				     "been updated...",
				     name, updated, wanted);
	} else if (all > updated) {
		p->text = mem_printf("Waiting for deployment \"%s\" rollout to finish: %lld old replicas are pending "
				     "termination...",
				     name, all - updated);
	} else if (available < updated) {
		p->text = mem_printf("Waiting for deployment \"%s\" rollout to finish: %lld of %lld updated replicas are "
				     "available...",
				     name, available, updated);
	} else {
		p->text = mem_printf("deployment \"%s\" successfully rolled out", name);
		p->done = true;
	}
}

static void daemon_set(const char *name, const struct json *o, struct progress *p)
{
	long long wanted = status(o, "desiredNumberScheduled"), updated = status(o, "updatedNumberScheduled");
	long long available = status(o, "numberAvailable");

	if (strcmp(kubectl_text(o, "spec.updateStrategy.type"), "RollingUpdate") != 0) {
		p->text = mem_printf("rollout status is only available for RollingUpdate strategy type");
		p->failed = true;
	} else if (!is_observed(o)) {
		p->text = mem_printf("Waiting for daemon set spec update to be observed...");
	} else if (updated < wanted) {
		p->text = mem_printf("Waiting for daemon set \"%s\" rollout to finish: %lld out of %lld new pods have been "
				     "updated...",
				     name, updated, wanted);
	} else if (available < wanted) {
		p->text = mem_printf("Waiting for daemon set \"%s\" rollout to finish: %lld of %lld updated pods are "
				     "available...",
				     name, available, wanted);
	} else {
		p->text = mem_printf("daemon set \"%s\" successfully rolled out", name);
		p->done = true;
	}
}

static void stateful_set_rolled(const struct json *o, struct progress *p)
{
	const char *update = kubectl_text(o, "status.updateRevision"), *now = kubectl_text(o, "status.currentRevision");

	p->done = strcmp(update, now) == 0;
	if (p->done)
		p->text = mem_printf("statefulset rolling update complete %lld pods at revision %s...",
				     (long long)status(o, "currentReplicas"), now);
	else
		p->text = mem_printf("waiting for statefulset rolling update to complete %lld pods at revision %s...",
				     (long long)status(o, "updatedReplicas"), update);
}

static void stateful_set(const char *name, const struct json *o, struct progress *p)
{
	long long wanted = kubectl_number(o, "spec.replicas", 1), ready = status(o, "readyReplicas");
	long long updated = status(o, "updatedReplicas");
	long long partition = kubectl_number(o, "spec.updateStrategy.rollingUpdate.partition", -1);

	(void)name;
	if (strcmp(kubectl_text(o, "spec.updateStrategy.type"), "RollingUpdate") != 0) {
		p->text = mem_printf("rollout status is only available for RollingUpdate strategy type");
		p->failed = true;
	} else if (status(o, "observedGeneration") == 0 || !is_observed(o)) {
		p->text = mem_printf("Waiting for statefulset spec update to be observed...");
	} else if (ready < wanted) {
		p->text = mem_printf("Waiting for %lld pods to be ready...", wanted - ready);
	} else if (partition >= 0 && updated < wanted - partition) {
		p->text = mem_printf("Waiting for partitioned roll out to finish: %lld out of %lld new pods have been "
				     "updated...",
				     updated, wanted - partition);
	} else if (partition >= 0) {
		p->text = mem_printf("partitioned roll out complete: %lld new pods have been updated...", updated);
		p->done = true;
	} else {
		stateful_set_rolled(o, p);
	}
}

static progress_fn *find_progress(const struct kubectl_target *t)
{
	if (strcmp(t->resource->kind, "Deployment") == 0)
		return deployment;
	return strcmp(t->resource->kind, "DaemonSet") == 0 ? daemon_set : stateful_set;
}

static bool has_revision(struct kubectl *k, const struct rollout_options *o, const struct json *object)
{
	const char *now = json_str(json_find(object, "metadata.annotations"), "deployment.kubernetes.io/revision");
	AUTO_FREE char *wanted = mem_printf("%lld", (long long)o->revision);

	if (o->revision == 0 || !now || strcmp(now, wanted) == 0)
		return true;
	kubectl_failf(k, ERR_EXISTS, "desired revision (%s) is different from the running revision (%s)", wanted, now);
	return false;
}

/* Says it if it differs from what was said last. False when that is the end. */
static bool say(struct kubectl *k, char **said, struct progress *p)
{
	bool goes_on = !p->done && !p->failed;

	if (p->failed)
		kubectl_failf(k, ERR_EXISTS, "%s", p->text);
	else if (!*said || strcmp(*said, p->text) != 0)
		kubectl_printf(k, KUBECTL_OUT, "%s\n", p->text);
	free(*said);
	*said = p->text;
	return goes_on;
}

void rollout_status(struct kubectl *k, const struct rollout_options *o, const struct kubectl_target *t,
		    uint64_t deadline_ms)
{
	const struct timespec pause = { 0, POLL_MS * 1000 * 1000 };
	AUTO_FREE char *said = NULL;

	while (kubectl_goes_on(k)) {
		AUTO_JSON struct json *now = kubectl_fetch(k, t, false);
		struct progress p = { 0 };

		if (!now || !has_revision(k, o, now))
			return;
		find_progress(t)(t->name, now, &p);
		if (!say(k, &said, &p) || !o->watch)
			return;
		if (clock_mono_ms() >= deadline_ms) {
			kubectl_failf(k, ERR_TIMEOUT, "timed out waiting for the condition");
			return;
		}
		(void)nanosleep(&pause, NULL);
	}
}
