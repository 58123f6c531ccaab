/* kubectl rollout: status, restart, pause, resume, history, undo. */
#include "lib/kube/kubectl_rollout.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/timefmt.h"

enum { WEEK_MS = 7 * 24 * 3600 * 1000 };

#define AT(member) offsetof(struct rollout_options, member)
static const struct option_row rows[] = {
	KUBECTL_CHOICE_ROWS(struct rollout_options, choice),
	KUBECTL_CHANGE_ROWS(struct rollout_options, change),
	{ "watch", 'w', OPTION_FLAG, AT(watch), NULL, "status: until the rollout is done (true)",
	  NULL, 0, 0 },
	{ "timeout", 0, OPTION_TEXT, AT(timeout), "TIME", "status: give up after; 0: never", NULL,
	  0, 0 },
	{ "revision", 0, OPTION_INT, AT(revision), "N",
	  "history: this one in full; status: expect it", NULL, 0, INT64_MAX },
	{ "to-revision", 0, OPTION_INT, AT(to_revision), "N",
	  "undo: to this one; 0: to the one before", NULL, 0, INT64_MAX },
};
#undef AT

static bool is_kind(const struct kubectl_target *t, const char *kind)
{
	return strcmp(t->resource->group, "apps") == 0 && strcmp(t->resource->kind, kind) == 0;
}

static void send(struct kubectl *k, const struct rollout_options *o, const struct kubectl_target *t,
		 const struct json *patch, const char *done)
{
	const struct kubectl_patch how = { PATCH_STRATEGIC, NULL, "kubectl-rollout" };
	struct json *result = kubectl_send_patch(k, t, &how, patch, &o->change);

	if (result)
		kubectl_change_report(k, &o->change, t, done, result);
}

static void fail_about(struct kubectl *k, const struct kubectl_target *t, const char *what)
{
	kubectl_failf(k, ERR_EXISTS, "%s.%s \"%s\" %s", t->resource->plural, t->resource->group,
		      t->name, what);
}

static bool is_paused(const struct kubectl_target *t)
{
	return json_is_true(json_find(t->object, "spec.paused"));
}

static void restart(struct kubectl *k, const struct rollout_options *o,
		    const struct kubectl_target *t)
{
	AUTO_JSON struct json *patch = json_new_object();
	char now[TIMEFMT_SIZE];

	if (is_paused(t)) {
		fail_about(k, t, "can't restart paused deployment (run rollout resume first)");
		return;
	}
	timefmt_date(clock_unix_s(), now);
	json_set_str(kubectl_json_object(patch, "spec.template.metadata.annotations"),
		     "kubectl.kubernetes.io/restartedAt", now);
	send(k, o, t, patch, "restarted");
}

static void pause_or_resume(struct kubectl *k, const struct rollout_options *o,
			    const struct kubectl_target *t, bool pause)
{
	AUTO_JSON struct json *patch = json_new_object();

	if (!is_kind(t, "Deployment")) {
		fail_about(k, t, pause ? "pausing is not supported" : "resuming is not supported");
		return;
	}
	if (is_paused(t) == pause) {
		fail_about(k, t, pause ? "is already paused" : "is not paused");
		return;
	}
	if (pause)
		json_set_bool(kubectl_json_object(patch, "spec"), "paused", true);
	else
		json_set_null(kubectl_json_object(patch, "spec"), "paused");
	send(k, o, t, patch, pause ? "paused" : "resumed");
}

static bool can_roll(struct kubectl *k, const struct kubectl_target *t)
{
	if (is_kind(t, "Deployment") || is_kind(t, "DaemonSet") || is_kind(t, "StatefulSet"))
		return true;
	kubectl_failf(k, ERR_USAGE, "no rollout of %s is known: a deployment, daemonset or statefulset is expected",
		      t->resource->plural);
	return false;
}

static const char *const words[] = { "status", "history", "undo", "restart", "pause", "resume" };

static void act(struct kubectl *k, const struct rollout_options *o, const char *word,
		const struct kubectl_target *t, uint64_t deadline_ms)
{
	if (!can_roll(k, t))
		return;
	if (strcmp(word, "status") == 0)
		rollout_status(k, o, t, deadline_ms);
	else if (strcmp(word, "history") == 0)
		rollout_history(k, o, t);
	else if (strcmp(word, "undo") == 0)
		rollout_undo(k, o, t);
	else if (strcmp(word, "restart") == 0)
		restart(k, o, t);
	else
		pause_or_resume(k, o, t, strcmp(word, "pause") == 0);
}

static bool is_word(const char *text)
{
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (strcmp(words[i], text) == 0)
			return true;
	return false;
}

static void rollout(struct kubectl *k, const struct rollout_options *o,
		    const struct options_rest *args)
{
	struct kubectl_targets targets = { 0 };
	struct err failure = { 0 };
	int64_t timeout_ms = 0;

	if (args->count == 0 || !is_word(args->at[0]))
		kubectl_failf(k, ERR_USAGE, "rollout: one of status, history, undo, restart, pause, resume is expected");
	else if (timefmt_parse_duration_ms(span_of(o->timeout), &timeout_ms, &failure))
		kubectl_failf(k, ERR_USAGE, "--timeout: %s", failure.text);
	else if (kubectl_choose(k, &o->choice, args->at + 1, args->count - 1, false, &targets) == 0)
		for (size_t i = 0; i < targets.count && kubectl_goes_on(k); i++)
			act(k, o, args->at[0], &targets.at[i],
			    clock_mono_ms() + (uint64_t)(timeout_ms ? timeout_ms : WEEK_MS));
	kubectl_targets_free(&targets);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct rollout_options o = { .choice.namespace = namespace, .watch = true, .timeout = "0" };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (kubectl_change_read(k, &o.change) && o.change.dry == DRY_CLIENT)
		kubectl_failf(k, ERR_USAGE, "rollout: --dry-run takes server or none");
	else if (k->first.code == ERR_NONE)
		rollout(k, &o, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_rollout = {
	"rollout",
	"status|history|undo|restart|pause|resume (TYPE NAME | TYPE/NAME | -f FILE) [options]",
	"Follow and steer the rollout of a deployment, daemonset or statefulset",
	rows,
	COUNT_OF(rows),
	run
};
