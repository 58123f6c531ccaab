/* history: what was deployed on a target's hosts, by whom, and how it went. */
#include "applets/deploy/deploy.h"
#include "lib/base/table.h"
#include "lib/rollout/history.h"

#define OUTPUT_MAX (4 * 1024 * 1024)

static const struct option_row rows[] = { DEPLOY_ROW_CONFIG };

static void put_entry(struct table *t, const char *node, const struct history_entry *entry)
{
	const char *const cells[] = { node, entry->time, entry->action, entry->services[0] ? entry->services : "all",
				      entry->tag, entry->who, entry->outcome };

	for (size_t i = 0; i < COUNT_OF(cells); i++)
		table_put_text(t, cells[i]);
	table_end_row(t);
}

static void put_history(struct table *t, const char *node, struct span text)
{
	struct history history;

	history_parse(text, &history);
	for (size_t i = 0; i < history.count; i++)
		put_entry(t, node, &history.at[i]);
	if (history.bad_count)
		fprintf(stderr, "%s: %zu lines of the history are none of ours\n", node, history.bad_count);
	history_free(&history);
}

static int run(struct deploy *d, struct err *e)
{
	static const struct history_entry head = { "TIME", "ACTION", "SERVICES", "TAG", "WHO", "OUTCOME", NULL };
	struct fleet_task *tasks;
	struct table *t;
	AUTO_BUF struct buf out;
	int status;

	buf_init(&out, OUTPUT_MAX);
	if (d->word_count == 0)
		return err_set(e, ERR_USAGE, "which target? %s history TARGET", d->program);
	if (deploy_open(d, d->words[0], d->words + 1, d->word_count - 1, e) < 0 ||
	    deploy_connect(d, false, e) < 0)
		return -1;
	tasks = deploy_read_hosts(d, script_put_history, &status, e);
	if (!tasks)
		return -1;
	t = table_new();
	put_entry(t, "NODE", &head);
	for (size_t i = 0; i < d->node_count; i++)
		put_history(t, d->node[i]->name, buf_span(&tasks[i].out));
	(void)table_flush(t, &out);
	table_free(t);
	fleet_tasks_free(tasks, d->node_count);
	if (buf_ok(&out, "the history", e) < 0)
		return -1;
	(void)fwrite(buf_str(&out), 1, out.len, stdout);
	return status;
}

const struct deploy_verb deploy_verb_history = {
	"history", "TARGET [NODE...]", "who deployed what, when, and how it went", rows, COUNT_OF(rows), run
};
