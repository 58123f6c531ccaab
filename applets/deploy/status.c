/* status: the last deploy, who holds the lock, what runs. */
#include "applets/deploy/deploy.h"
#include "lib/base/table.h"
#include "lib/rollout/history.h"

#define OUTPUT_MAX (4 * 1024 * 1024)

static const struct option_row rows[] = { DEPLOY_ROW_CONFIG };

/* What stands behind the word at the line's start, or an empty span. */
static struct span after(struct span line, struct span word)
{
	return span_starts(line, word) ? span_from(line.at + word.len, line.len - word.len) : SPAN_NONE;
}

static void put_last(struct buf *out, struct span entry)
{
	struct history history;

	history_parse(entry, &history);
	if (history.count) {
		const struct history_entry *h = &history.at[0];

		(void)buf_put_str(out, "  last: ");
		(void)table_put_escaped(out, span_of(h->action));
		(void)buf_put_str(out, " of ");
		(void)table_put_escaped(out, span_of(h->services[0] ? h->services : "all services"));
		(void)buf_put_str(out, ", tag ");
		(void)table_put_escaped(out, span_of(h->tag));
		(void)buf_put_str(out, ", by ");
		(void)table_put_escaped(out, span_of(h->who));
		(void)buf_put_str(out, " at ");
		(void)table_put_escaped(out, span_of(h->time));
		(void)buf_put_str(out, ": ");
		(void)table_put_escaped(out, span_of(h->outcome));
		(void)buf_put_char(out, '\n');
	}
	history_free(&history);
}

static void put_containers(struct buf *out, struct span said)
{
	struct table *t = table_new();
	struct span line, cells, cell;
	bool any = false;

	while (span_take_part(&said, '\n', &line)) {
		cells = after(line, SPAN("container "));
		if (!cells.len)
			continue;
		table_put_text(t, "");
		while (span_take_part(&cells, '\t', &cell))
			table_put_cell(t, cell);
		table_end_row(t);
		any = true;
	}
	(void)table_flush(t, out);
	table_free(t);
	if (!any)
		(void)buf_put_str(out, "  no container\n");
}

static void put_host(struct buf *out, const struct rollout_node *node, struct span said)
{
	struct span rest = said, line;
	size_t before;

	(void)buf_printf(out, "%s on %s:%s\n", node->name, node->host, node->workdir);
	before = out->len;
	while (span_take_part(&rest, '\n', &line)) {
		if (span_starts(line, SPAN("entry ")))
			put_last(out, after(line, SPAN("entry ")));
		if (!span_starts(line, SPAN("lock ")))
			continue;
		(void)buf_put_str(out, "  a deploy is running: ");
		(void)table_put_escaped(out, after(line, SPAN("lock ")));
		(void)buf_put_char(out, '\n');
	}
	if (out->len == before)
		(void)buf_put_str(out, "  nothing was deployed here yet\n");
	put_containers(out, said);
}

static int run(struct deploy *d, struct err *e)
{
	struct fleet_task *tasks;
	AUTO_BUF struct buf out;
	int status;

	buf_init(&out, OUTPUT_MAX);
	if (d->word_count == 0)
		return err_set(e, ERR_USAGE, "which target? %s status TARGET", d->program);
	if (deploy_open(d, d->words[0], d->words + 1, d->word_count - 1, e) < 0 ||
	    deploy_connect(d, false, e) < 0)
		return -1;
	tasks = deploy_read_hosts(d, script_put_status, &status, e);
	if (!tasks)
		return -1;
	for (size_t i = 0; i < d->node_count; i++) {
		if (tasks[i].end == FLEET_EXITED && tasks[i].status == 0)
			put_host(&out, d->node[i], buf_span(&tasks[i].out));
	}
	fleet_tasks_free(tasks, d->node_count);
	if (buf_ok(&out, "the status", e) < 0)
		return -1;
	(void)fwrite(buf_str(&out), 1, out.len, stdout);
	return status;
}

const struct deploy_verb deploy_verb_status = {
	"status", "TARGET [NODE...]", "the last deploy, who holds the lock, what runs", rows, COUNT_OF(rows), run
};
