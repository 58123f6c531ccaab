/* audit-leaks: where on a target's hosts the values of today's secrets stand. */
#include "applets/deploy/deploy.h"
#include "lib/base/mem.h"

static const struct option_row rows[] = { DEPLOY_ROW_CONFIG };

/* Prints the places; the count of them. */
static size_t put_places(struct deploy *d, const struct fleet_task *t)
{
	struct span rest = buf_span(&t->out), line;
	size_t count = 0;

	while (span_take_part(&rest, '\n', &line)) {
		if (!span_starts(line, SPAN("leak ")))
			continue;
		deploy_print(d, stdout, t->host, span_from(line.at + 5, line.len - 5));
		count++;
	}
	return count;
}

static int judge(struct deploy *d, struct fleet_task *tasks)
{
	size_t count = 0;
	int status = DEPLOY_DONE;

	for (size_t i = 0; i < d->node_count; i++) {
		bool told = deploy_tell_end(d, &tasks[i]);

		if (!told && tasks[i].status != 0)
			deploy_print(d, stderr, tasks[i].host, buf_span(&tasks[i].err));
		if (told || tasks[i].status != 0)
			status = DEPLOY_FAILED;
		count += put_places(d, &tasks[i]);
	}
	if (count)
		fprintf(stderr, "%zu places hold a secret\n", count);
	else if (status == DEPLOY_DONE)
		fprintf(stderr, "no place was found\n");
	return count ? DEPLOY_FAILED : status;
}

static int run(struct deploy *d, struct err *e)
{
	AUTO_FREE struct script_value *values = NULL;
	struct script_deploy s;
	struct fleet_task *tasks;
	int status;

	if (d->word_count == 0)
		return err_set(e, ERR_USAGE, "which target? %s audit-leaks TARGET", d->program);
	if (deploy_open(d, d->words[0], d->words + 1, d->word_count - 1, e) < 0 ||
	    deploy_connect(d, true, e) < 0)
		return -1;
	s = deploy_script(d, d->node[0], "", "");
	if (deploy_fetch(d, &s, &values, e) < 0)
		return -1;
	tasks = fleet_tasks_new(d->node_count);
	for (size_t i = 0; i < d->node_count; i++) {
		tasks[i].host = d->node[i]->host;
		tasks[i].timeout_ms = d->config.command_timeout_ms;
		script_put_audit(&tasks[i].script, d->node[i], values, script_value_count(&s));
	}
	status = fleet_run(d->fleet, tasks, d->node_count, e);
	if (status == 0)
		status = judge(d, tasks);
	fleet_tasks_free(tasks, d->node_count);
	return status;
}

const struct deploy_verb deploy_verb_audit_leaks = {
	"audit-leaks", "TARGET [NODE...]", "search the hosts for the values of today's secrets", rows,
	COUNT_OF(rows), run
};
