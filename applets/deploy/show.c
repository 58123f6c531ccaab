/* What is shown of the hosts' lines and ends, and the status that all of them come to. */
#include <string.h>

#include "applets/deploy/deploy.h"
#include "lib/base/table.h"

#define LINE_SHOWN_MAX (4 * 1024 * 1024)

void deploy_print(struct deploy *d, FILE *to, const char *label, struct span line)
{
	AUTO_BUF struct buf plain, shown;

	buf_init_secret(&plain, LINE_SHOWN_MAX);
	buf_init(&shown, LINE_SHOWN_MAX * 4);
	redactor_put(d->redactor, line, &plain);
	(void)table_put_escaped(&shown, buf_span(&plain));
	if (label)
		fprintf(to, "%s: ", label);
	(void)fwrite(buf_str(&shown), 1, shown.len, to);
	(void)fputc('\n', to);
}

const char *deploy_label(const struct deploy *d, const struct fleet_task *t)
{
	for (size_t i = 0; d->node_count > 1 && i < d->node_count; i++) {
		if (d->node[i]->host == t->host)
			return d->node[i]->name;
	}
	return NULL;
}

bool deploy_tell_end(struct deploy *d, const struct fleet_task *t)
{
	struct check_report report = { 0 };

	if (t->end == FLEET_EXITED && t->status != 255)
		return false;
	if (t->end == FLEET_INTERRUPTED)
		check_add(&report, t->host, "interrupted", "its command there was ended");
	else if (t->end == FLEET_TIMED_OUT)
		check_add(&report, t->host, "the time limit was reached; the command there was ended",
			  "raise command_timeout in deploy.yaml");
	else if (t->end == FLEET_NOT_STARTED)
		check_add(&report, t->host, t->error.text, "install openssh-client");
	else
		check_add_ssh(&report, t->host, buf_span(&t->err));
	fprintf(stderr, "  \xe2\x9c\x97 %s: ", report.at[0].where);
	deploy_print(d, stderr, NULL, span_of(report.at[0].what));
	fprintf(stderr, "      %s\n", report.at[0].remedy);
	check_report_free(&report);
	return true;
}

static void show_line(struct fleet_task *t, enum process_stream stream, struct span line)
{
	struct deploy *d = t->owner;

	if (stream == PROCESS_ERR && t->err.len < 64 * 1024) {
		(void)buf_put_span(&t->err, line); /* for what ssh itself says at the end */
		(void)buf_put_char(&t->err, '\n');
	}
	deploy_print(d, stream == PROCESS_OUT ? stdout : stderr, deploy_label(d, t), line);
}

static int judge(struct deploy *d, const struct fleet_task *t)
{
	if (deploy_tell_end(d, t))
		return DEPLOY_FAILED;
	if (t->status == SCRIPT_DEPLOYED)
		return DEPLOY_DONE;
	return t->status == SCRIPT_ROLLED_BACK ? DEPLOY_ROLLED_BACK : DEPLOY_FAILED;
}

int deploy_run_scripts(struct deploy *d, struct fleet_task *tasks, struct err *e)
{
	int worst = DEPLOY_DONE;

	for (size_t i = 0; i < d->node_count; i++) {
		tasks[i].on_line = show_line;
		tasks[i].owner = d;
		tasks[i].timeout_ms = d->config.command_timeout_ms + d->options.lock_wait_s * 1000;
	}
	if (fleet_run(d->fleet, tasks, d->node_count, e) < 0)
		return -1;
	for (size_t i = 0; i < d->node_count; i++) {
		int status = judge(d, &tasks[i]);

		if (status == DEPLOY_FAILED || worst == DEPLOY_DONE)
			worst = status;
		if (d->node_count > 1)
			fprintf(stderr, "%s: %s\n", deploy_label(d, &tasks[i]),
				status == DEPLOY_DONE	     ? "deployed" :
				status == DEPLOY_ROLLED_BACK ? "rolled back" :
							       "failed");
	}
	return worst;
}
