/* rollback: the images of an earlier deploy, by digest, with today's secrets. */
#include "applets/deploy/deploy.h"
#include "lib/base/mem.h"
#include "lib/rollout/history.h"

static const struct option_row rows[] = {
	DEPLOY_ROW_CONFIG,
	{ .name = "tag", .kind = OPTION_TEXT, .value_name = "TAG", DEPLOY_ROW(tag),
	  .help = "to the last deploy of this tag, instead of what ran before" },
	{ .name = "profile", .kind = OPTION_LIST, .value_name = "PROFILE", DEPLOY_ROW(profile),
	  .help = "a compose profile to enable; may be repeated" },
	DEPLOY_ROW_SKIP,
	DEPLOY_ROW_LOCK,
};

#define SERVICES_MAX 128

struct way_back {
	struct history history;
	const char *service[SERVICES_MAX]; /* of the entry */
	size_t service_count;
	struct buf images;
	const struct history_entry *to;
};

static int find_ways(struct deploy *d, struct way_back *ways, struct err *e)
{
	struct fleet_task *tasks;
	int status;

	tasks = deploy_read_hosts(d, script_put_history, &status, e);
	if (!tasks)
		return -1;
	if (status != 0)
		err_set(e, ERR_UNREACHABLE, "the history could not be read on every host; nothing was changed");
	for (size_t i = 0; i < d->node_count && status == 0; i++) {
		history_parse(buf_span(&tasks[i].out), &ways[i].history);
		if (history_find_rollback(&ways[i].history, d->options.tag, &ways[i].to, e) < 0 ||
		    history_put_images(ways[i].to, &ways[i].images, e) < 0)
			status = err_context(e, "%s", d->node[i]->host);
		else
			ways[i].service_count =
				history_services(ways[i].to, ways[i].service, SERVICES_MAX);
	}
	fleet_tasks_free(tasks, d->node_count);
	return status == 0 ? 0 : -1;
}

static int go_back(struct deploy *d, struct way_back *ways, struct err *e)
{
	AUTO_FREE char *who = deploy_who();
	AUTO_FREE struct script_value *values = NULL;
	struct script_deploy s = deploy_script(d, d->node[0], ways[0].to->tag, who);
	struct fleet_task *tasks;
	int status;

	if (deploy_fetch(d, &s, &values, e) < 0)
		return -1;
	tasks = fleet_tasks_new(d->node_count);
	for (size_t i = 0; i < d->node_count; i++) {
		s = deploy_script(d, d->node[i], ways[i].to->tag, who);
		if (!s.service_count) { /* what ran, and nothing that did not run then */
			s.services = ways[i].service;
			s.service_count = ways[i].service_count;
		}
		s.images = buf_str(&ways[i].images);
		tasks[i].host = d->node[i]->host;
		fprintf(stderr, "%s: back to tag %s of %s\n", d->node[i]->name, ways[i].to->tag,
			ways[i].to->time);
		script_put_deploy(&tasks[i].script, &s, SCRIPT_SEND, values);
	}
	status = deploy_run_scripts(d, tasks, e);
	fleet_tasks_free(tasks, d->node_count);
	return status;
}

static int run(struct deploy *d, struct err *e)
{
	struct way_back *ways;
	int status;

	if (d->word_count == 0)
		return err_set(e, ERR_USAGE, "which target? %s rollback TARGET", d->program);
	if (deploy_open(d, d->words[0], d->words + 1, d->word_count - 1, e) < 0 ||
	    deploy_connect(d, true, e) < 0)
		return -1;
	status = deploy_validate(d, e);
	if (status != 0)
		return status;
	ways = mem_new_array(d->node_count, sizeof(*ways));
	for (size_t i = 0; i < d->node_count; i++)
		buf_init(&ways[i].images, 256 * 1024);
	status = find_ways(d, ways, e) < 0 ? -1 : go_back(d, ways, e);
	for (size_t i = 0; i < d->node_count; i++) {
		buf_free(&ways[i].images);
		history_free(&ways[i].history);
	}
	free(ways);
	return status;
}

const struct deploy_verb deploy_verb_rollback = {
	"rollback", "TARGET [NODE|SERVICE...]", "bring back the images that ran before", rows,
	COUNT_OF(rows), run
};
