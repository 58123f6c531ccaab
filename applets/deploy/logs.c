/* logs: what the services wrote, without the secrets of today. */
#include "applets/deploy/deploy.h"
#include "lib/base/mem.h"

#define FOLLOW_MS (INT64_C(24) * 3600 * 1000)

static const struct option_row rows[] = {
	DEPLOY_ROW_CONFIG,
	{ .name = "tail", .kind = OPTION_INT, .value_name = "LINES", DEPLOY_ROW(tail), .max = 1000000,
	  .help = "so many of each container's last lines; 100 without" },
	{ .name = "follow", .letter = 'f', .kind = OPTION_FLAG, DEPLOY_ROW(follow),
	  .help = "go on with what comes, at most a day" },
	{ .name = "raw", .kind = OPTION_FLAG, DEPLOY_ROW(raw),
	  .help = "do not fetch the secrets to leave them out of the lines" },
};

static void show_line(struct fleet_task *t, enum process_stream stream, struct span line)
{
	if (stream == PROCESS_ERR && t->err.len < 64 * 1024) {
		(void)buf_put_span(&t->err, line);
		(void)buf_put_char(&t->err, '\n');
	}
	deploy_print(t->owner, stream == PROCESS_OUT ? stdout : stderr, deploy_label(t->owner, t), line);
}

static int show(struct deploy *d, struct err *e)
{
	struct fleet_task *tasks = fleet_tasks_new(d->node_count);
	int status;

	for (size_t i = 0; i < d->node_count; i++) {
		tasks[i].host = d->node[i]->host;
		tasks[i].timeout_ms = d->options.follow ? FOLLOW_MS : d->config.command_timeout_ms;
		tasks[i].on_line = show_line;
		tasks[i].owner = d;
		script_put_logs(&tasks[i].script, d->node[i], d->service, d->service_count, d->options.tail,
				d->options.follow);
	}
	status = fleet_run(d->fleet, tasks, d->node_count, e);
	for (size_t i = 0; i < d->node_count && status >= 0; i++) {
		bool stopped = d->options.follow && tasks[i].end == FLEET_INTERRUPTED; /* as it is meant to end */

		if (!stopped && (deploy_tell_end(d, &tasks[i]) || tasks[i].status != 0))
			status = DEPLOY_FAILED;
	}
	fleet_tasks_free(tasks, d->node_count);
	return status;
}

static int run(struct deploy *d, struct err *e)
{
	AUTO_FREE struct script_value *values = NULL;
	struct script_deploy s;

	if (d->word_count == 0)
		return err_set(e, ERR_USAGE, "which target? %s logs TARGET", d->program);
	if (deploy_open(d, d->words[0], d->words + 1, d->word_count - 1, e) < 0 ||
	    deploy_connect(d, !d->options.raw, e) < 0)
		return -1;
	s = deploy_script(d, d->node[0], "", "");
	if (!d->options.raw && deploy_fetch(d, &s, &values, e) < 0)
		return -1;
	return show(d, e);
}

const struct deploy_verb deploy_verb_logs = {
	"logs", "TARGET [NODE|SERVICE...]", "the services' logs, secrets left out", rows, COUNT_OF(rows), run
};
