/* kubectl scale: the number of replicas, through the scale subresource. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/timefmt.h"
#include "lib/kube/kubectl_change.h"

struct scale_options {
	struct kubectl_choice choice;
	struct kubectl_change change;
	const char *resource_version, *timeout;
	int64_t replicas, current_replicas;
};

#define AT(member) offsetof(struct scale_options, member)
static const struct option_row rows[] = {
	KUBECTL_CHOICE_ROWS(struct scale_options, choice),
	KUBECTL_CHANGE_ROWS(struct scale_options, change),
	{ "replicas", 0, OPTION_INT, AT(replicas), "N", "how many there are to be", NULL, 0,
	  INT32_MAX },
	{ "current-replicas", 0, OPTION_INT, AT(current_replicas), "N",
	  "only if there are so many now", NULL, -1, INT32_MAX },
	{ "resource-version", 0, OPTION_TEXT, AT(resource_version), "VERSION",
	  "only if the object has this version", NULL, 0, 0 },
	{ "timeout", 0, OPTION_TEXT, AT(timeout), "TIME",
	  "wait so long for the replicas; 0: do not wait", NULL, 0, 0 },
};
#undef AT

/* Whether the object is as --current-replicas and --resource-version want it. */
static bool is_as_expected(struct kubectl *k, const struct scale_options *o,
			   const struct kubectl_target *t)
{
	const char *version = kubectl_text(t->object, "metadata.resourceVersion");
	int64_t now = kubectl_number(t->object, "spec.replicas", 0);

	if (o->current_replicas >= 0 && now != o->current_replicas)
		kubectl_failf(k, ERR_EXISTS, "Expected replicas to be %lld, was %lld",
			      (long long)o->current_replicas, (long long)now);
	else if (o->resource_version && strcmp(version, o->resource_version) != 0)
		kubectl_failf(k, ERR_EXISTS, "Expected resource version to be %s, was %s",
			      o->resource_version, version);
	else
		return true;
	return false;
}

static void wait_for(struct kubectl *k, const struct scale_options *o,
		     const struct kubectl_target *t, int64_t timeout_ms)
{
	const struct timespec pause = { 0, 500 * 1000 * 1000 };
	uint64_t deadline_ms = clock_mono_ms() + (uint64_t)timeout_ms;

	while (kubectl_goes_on(k)) {
		AUTO_JSON struct json *now = kubectl_fetch(k, t, false);

		if (!now || kubectl_number(now, "status.replicas", 0) == o->replicas)
			return;
		if (clock_mono_ms() >= deadline_ms) {
			kubectl_failf(k, ERR_TIMEOUT, "timed out waiting for the condition");
			return;
		}
		(void)nanosleep(&pause, NULL);
	}
}

static void add_step(struct json *patch, const char *op, int64_t replicas)
{
	struct json *step = json_new_object();

	json_set_str(step, "op", op);
	json_set_str(step, "path", "/spec/replicas");
	json_set_int(step, "value", replicas);
	json_add_item(patch, step);
}

/*
 * --current-replicas is tested by the server in the patch itself: a controller that only writes
 * the status in between is no conflict.
 */
static struct json *scale_patch(const struct scale_options *o, const struct kubectl_target *t,
				struct kubectl_patch *ret_how)
{
	bool by_steps = o->current_replicas >= 0 && !o->resource_version;
	struct json *patch = by_steps ? json_new_array() : json_new_object();

	*ret_how = (struct kubectl_patch){ by_steps ? PATCH_JSON : PATCH_MERGE, "scale",
					   "kubectl-scale" };
	if (by_steps) {
		add_step(patch, "test", o->current_replicas);
		add_step(patch, "replace", o->replicas);
		return patch;
	}
	json_set_int(kubectl_json_object(patch, "spec"), "replicas", o->replicas);
	if (o->resource_version)
		json_set_str(kubectl_json_object(patch, "metadata"), "resourceVersion",
			     kubectl_text(t->object, "metadata.resourceVersion"));
	return patch;
}

static void scale_one(struct kubectl *k, const struct scale_options *o,
		      const struct kubectl_target *t, int64_t timeout_ms)
{
	AUTO_JSON struct json *patch = NULL;
	struct kubectl_patch how;
	struct json *result;

	if (!is_as_expected(k, o, t))
		return;
	patch = scale_patch(o, t, &how);
	result = o->change.dry == DRY_CLIENT ? json_dup(t->object)
					     : kubectl_send_patch(k, t, &how, patch, &o->change);
	if (!result)
		return;
	if (timeout_ms && o->change.dry == DRY_NONE)
		wait_for(k, o, t, timeout_ms);
	if (o->change.format != OUTPUT_TABLE && o->change.format != OUTPUT_NAME) {
		json_free(result); /* a Scale; people want to see the object */
		result = json_dup(t->object);
	}
	kubectl_change_report(k, &o->change, t, "scaled", result);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct scale_options o = { .choice.namespace = namespace,
				   .replicas = -1,
				   .current_replicas = -1,
				   .timeout = "0" };
	struct kubectl_targets targets = { 0 };
	struct options_rest args = { 0 };
	struct err failure = { 0 };
	int64_t timeout_ms = 0;

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (o.replicas < 0)
		kubectl_failf(k, ERR_USAGE, "required flag(s) \"replicas\" not set");
	else if (timefmt_parse_duration_ms(span_of(o.timeout), &timeout_ms, &failure))
		kubectl_failf(k, ERR_USAGE, "--timeout: %s", failure.text);
	else if (kubectl_change_read(k, &o.change) &&
		 kubectl_choose(k, &o.choice, args.at, args.count, true, &targets) == 0)
		for (size_t i = 0; i < targets.count && kubectl_goes_on(k); i++)
			scale_one(k, &o, &targets.at[i], timeout_ms);
	kubectl_targets_free(&targets);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_scale = {
	"scale",
	"--replicas=N (TYPE NAME | TYPE/NAME | -f FILE) [options]",
	"Set the number of replicas",
	rows,
	COUNT_OF(rows),
	run
};
