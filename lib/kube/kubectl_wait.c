/* kubectl wait: until objects have a condition or a value, exist, or are gone. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/jsonpath.h"
#include "lib/format/timefmt.h"
#include "lib/kube/kubectl_change.h"

enum { WEEK_MS = 7 * 24 * 3600 * 1000, POLL_MS = 200 };

struct wait_options {
	struct kubectl_choice choice;
	struct kubectl_change change;
	const char *what, *timeout;
};

#define AT(member) offsetof(struct wait_options, member)
static const struct option_row rows[] = {
	KUBECTL_CHOICE_ROWS(struct wait_options, choice),
	{ "for", 0, OPTION_TEXT, AT(what), "WHAT",
	  "create, delete, condition=NAME[=VALUE] or jsonpath={PATH}[=VALUE]", NULL, 0, 0 },
	{ "timeout", 0, OPTION_TEXT, AT(timeout), "TIME", "0: look once; below 0: a week", NULL, 0,
	  0 },
	{ "output", 'o', OPTION_TEXT, AT(change.output), "FORMAT",
	  "json, yaml, name or jsonpath=TEMPLATE", NULL, 0, 0 },
};
#undef AT

struct wait {
	struct kubectl *k;
	const struct wait_options *o;
	enum { FOR_CREATE, FOR_DELETE, FOR_CONDITION, FOR_PATH } kind;
	char *condition, *value; /* owned; value NULL: any */
	struct jsonpath *path;
	uint64_t deadline_ms;
};

/* "NAME", "NAME=VALUE" */
static void read_condition(struct wait *w, const char *text)
{
	const char *equals = strchr(text, '=');

	w->kind = FOR_CONDITION;
	w->condition = equals ? mem_dup(text, (size_t)(equals - text)) : mem_dup_str(text);
	w->value = mem_dup_str(equals ? equals + 1 : "true");
}

/* "{.a}=b", "{.a}"; the '=' that counts stands behind the last brace. */
static int read_path(struct wait *w, const char *text, struct err *e)
{
	const char *brace = strrchr(text, '}');
	const char *equals = strchr(brace ? brace : text, '=');
	struct span path = span_from(text, equals ? (size_t)(equals - text) : strlen(text));

	if (equals && !equals[1])
		return err_set(e, ERR_USAGE, "jsonpath wait has to have a value after equal sign");
	w->kind = FOR_PATH;
	w->value = mem_dup_str(equals ? equals + 1 : NULL);
	return jsonpath_parse_field(path, &w->path, e);
}

static int read_what(struct wait *w, struct err *e)
{
	const char *what = w->o->what ? w->o->what : "";

	if (strcasecmp(what, "delete") == 0)
		w->kind = FOR_DELETE;
	else if (strcasecmp(what, "create") == 0)
		w->kind = FOR_CREATE;
	else if (strncmp(what, "condition=", 10) == 0)
		read_condition(w, what + 10);
	else if (strncmp(what, "jsonpath=", 9) == 0)
		return read_path(w, what + 9, e);
	else
		return err_set(e, ERR_USAGE, "unrecognized condition: \"%.100s\"", what);
	return 0;
}

static int read_timeout(struct wait *w, struct err *e)
{
	const char *text = w->o->timeout;
	int64_t ms = WEEK_MS;

	if (text[0] != '-' && timefmt_parse_duration_ms(span_of(text), &ms, e)) {
		e->code = ERR_USAGE;
		return err_context(e, "--timeout");
	}
	w->deadline_ms = clock_mono_ms() + (uint64_t)ms;
	return 0;
}

static bool has_condition(const struct wait *w, const struct json *object)
{
	for (const struct json *c = json_first(json_find(object, "status.conditions")); c;
	     c = json_next(c)) {
		int64_t of = kubectl_number(c, "observedGeneration", 0);

		if (strcasecmp(kubectl_text(c, "type"), w->condition) != 0)
			continue;
		if (of == 0)
			of = kubectl_number(object, "status.observedGeneration", 0);
		return (of == 0 || of >= kubectl_number(object, "metadata.generation", 0)) &&
		       strcasecmp(kubectl_text(c, "status"), w->value) == 0;
	}
	return false;
}

static bool has_value(struct wait *w, const struct json *object)
{
	struct jsonpath_found found = { 0 };
	struct err ignored = { 0 }; /* what cannot be looked up is not there yet */
	bool has = false;

	if (jsonpath_find(w->path, object, &found, &ignored))
		return false;
	if (found.count == 1 && !w->value)
		has = true;
	else if (found.count == 1 && json_kind(found.at[0]) == JSON_BOOL)
		has = strcasecmp(w->value, json_is_true(found.at[0]) ? "true" : "false") == 0;
	else if (found.count == 1)
		has = json_text(found.at[0]) && strcmp(json_text(found.at[0]), w->value) == 0;
	else if (found.count > 1)
		kubectl_failf(w->k, ERR_USAGE, "given jsonpath expression matches more than one value");
	free(found.at);
	return has;
}

static bool is_met(struct wait *w, const struct kubectl_target *t, const struct json *now)
{
	if (w->kind == FOR_CREATE)
		return now;
	if (w->kind == FOR_DELETE)
		return !now || strcmp(kubectl_text(now, "metadata.uid"),
				      kubectl_text(t->object, "metadata.uid")) != 0;
	return now && (w->kind == FOR_CONDITION ? has_condition(w, now) : has_value(w, now));
}

static void wait_one(struct wait *w, const struct kubectl_target *t)
{
	const struct timespec pause = { 0, POLL_MS * 1000 * 1000 };
	bool may_lack = w->kind == FOR_DELETE || w->kind == FOR_CREATE;

	while (kubectl_goes_on(w->k)) {
		AUTO_JSON struct json *now = kubectl_fetch(w->k, t, may_lack);
		bool met = is_met(w, t, now);

		if (w->k->first.code != ERR_NONE)
			return;
		if (met) {
			kubectl_change_report(w->k, &w->o->change, t, "condition met",
					      json_dup(now ? now : t->object));
			return;
		}
		if (clock_mono_ms() >= w->deadline_ms) {
			kubectl_failf(w->k, ERR_TIMEOUT, "timed out waiting for the condition on %s/%s",
				      t->resource->plural, t->name);
			return;
		}
		(void)nanosleep(&pause, NULL);
	}
}

/* What is waited for to exist is not fetched first. */
static int choose(struct wait *w, const struct options_rest *args, struct kubectl_targets *t)
{
	const struct kubectl_choice *c = &w->o->choice;

	if (w->kind == FOR_CREATE && c->files.count == 0 && !c->selector)
		return kubectl_targets_of_args(w->k, args->at, args->count,
					       kubectl_namespace(w->k, c->namespace), t);
	return kubectl_choose(w->k, c, args->at, args->count, false, t);
}

static void wait(struct wait *w, const struct options_rest *args)
{
	struct kubectl_targets targets = { 0 };
	struct err failure = { 0 };

	if (read_what(w, &failure) || read_timeout(w, &failure)) {
		kubectl_fail(w->k, &failure);
	} else if (choose(w, args, &targets) == 0) {
		if (targets.count == 0 && w->k->first.code == ERR_NONE && w->kind != FOR_DELETE)
			kubectl_failf(w->k, ERR_NOT_FOUND, "no matching resources found");
		for (size_t i = 0; i < targets.count && kubectl_goes_on(w->k); i++)
			wait_one(w, &targets.at[i]);
	}
	kubectl_targets_free(&targets);
	free(w->condition);
	free(w->value);
	jsonpath_free(w->path);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct wait_options o = { .choice.namespace = namespace, .timeout = "30s" };
	struct wait w = { .k = k, .o = &o };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (kubectl_change_read(k, &o.change))
		wait(&w, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_wait = {
	"wait",
	"(TYPE NAME | TYPE/NAME | TYPE -l SELECTOR | TYPE --all | -f FILE) --for=WHAT [--timeout=TIME]",
	"Wait for a condition on objects",
	rows,
	COUNT_OF(rows),
	run
};
