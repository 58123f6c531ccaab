/* The hosts' lines during a deploy, and the status that all of them come to. */
#include <string.h>

#include "applets/deploy/deploy.h"

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
