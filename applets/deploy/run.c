/* A run of deploy: the file, the words, connections, prerequisites, secrets. */
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "applets/deploy/deploy.h"
#include "lib/base/mem.h"
#include "lib/base/nearest.h"
#include "lib/rollout/secret_source.h"

#define NAMES_MAX 256
#define VALUE_MAX (120 * 1024) /* Linux takes 128 KiB for NAME=VALUE, execve(2) */

static int find_node(struct deploy *d, const char *word, struct err *e)
{
	const struct rollout_target *t = d->target;
	const char *names[NAMES_MAX];
	const char *near;

	for (size_t i = 0; i < t->node_count; i++) {
		names[i] = t->node[i].name;
		if (strcmp(names[i], word) != 0)
			continue;
		for (size_t k = 0; k < d->node_count; k++) {
			if (d->node[k] == &t->node[i])
				return err_set(e, ERR_USAGE, "node %s is named twice", word);
		}
		d->node[d->node_count++] = &t->node[i];
		return 0;
	}
	near = nearest_name(word, names, t->node_count);
	return err_set(e, ERR_USAGE, "%s has no node \"%.60s\"; %s%s", t->name, word,
		       near ? "did you mean " : "the first is ", near ? near : names[0]);
}

static int find_service(struct deploy *d, const char *word, struct err *e)
{
	const struct rollout_target *t = d->target;
	AUTO_BUF struct buf known;

	buf_init(&known, 4096);
	if (strcmp(word, "all") == 0)
		return 0;
	for (size_t i = 0; i < t->services.count; i++) {
		if (strcmp(t->services.at[i], word) == 0) {
			d->service[d->service_count++] = t->services.at[i];
			return 0;
		}
		(void)buf_printf(&known, "%s, ", t->services.at[i]);
	}
	return err_set(e, ERR_USAGE, "%s has no service \"%.60s\"; there are %sall", t->name, word,
		       buf_str(&known));
}

int deploy_open(struct deploy *d, const char *target, char **words, int word_count, struct err *e)
{
	const char *path = d->options.config ? d->options.config : getenv("MK8S_DEPLOY_CONFIG");

	if (!path || !path[0])
		path = ROLLOUT_CONFIG_NAME;
	if (rollout_config_load(path, &d->config, e) < 0)
		return e->code == ERR_NOT_FOUND ?
			       err_set(e, ERR_USAGE, "there is no %s; %s init writes one", path,
				       d->program) :
			       -1;
	if (rollout_config_find(&d->config, target, &d->target, e) < 0)
		return -1;
	d->node = mem_new_array(d->target->node_count + 1, sizeof(*d->node));
	d->service = mem_new_array((size_t)word_count + 1, sizeof(*d->service));
	for (int i = 0; i < word_count; i++) {
		if ((d->target->has_nodes ? find_node(d, words[i], e) :
					    find_service(d, words[i], e)) < 0)
			return -1;
	}
	for (size_t i = 0; !d->node_count && i < d->target->node_count; i++)
		d->node[i] = &d->target->node[i];
	if (!d->node_count)
		d->node_count = d->target->node_count;
	return 0;
}

int deploy_connect(struct deploy *d, bool want_source, struct err *e)
{
	struct secret_source_options o = { .cancel_fd = d->signals };

	d->redactor = redactor_new();
	d->fleet = fleet_new(d->signals, e);
	if (!d->fleet)
		return -1;
	if (!want_source)
		return 0;
	if (secret_source_environment(&o, e) < 0)
		return -1;
	d->source = secret_source_new(&o, e);
	return d->source ? 0 : -1;
}

void deploy_close(struct deploy *d)
{
	fleet_free(d->fleet);
	secret_source_free(d->source);
	redactor_free(d->redactor);
	free(d->node);
	free(d->service);
	rollout_config_free(&d->config);
	if (d->signals >= 0)
		(void)close(d->signals);
	d->signals = -1;
}

/* Gives DEPLOY_PREREQUISITES. */
static int print_failures(const struct check_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct check_failure *f = &report->at[i];

		fprintf(stderr, "  \xe2\x9c\x97 %s: %s\n      %s\n", f->where, f->what, f->remedy);
	}
	fprintf(stderr, "%zu prerequisite%s missing\n", report->count,
		report->count == 1 ? " is" : "s are");
	return DEPLOY_PREREQUISITES;
}

int deploy_validate(struct deploy *d, struct err *e)
{
	struct check_report report = { 0 };
	int status;

	if (d->options.skip_validation)
		return 0;
	fprintf(stderr, "Validating prerequisites...\n");
	status = check_run(d->fleet, d->target, d->node, d->node_count, d->source, &report, e);
	if (status == 0 && report.interrupted)
		status = err_set(e, ERR_BUSY, "interrupted; nothing was begun");
	else if (status == 0 && report.count)
		status = print_failures(&report);
	else if (status == 0)
		fprintf(stderr, "  \xe2\x9c\x93 All prerequisites validated\n");
	check_report_free(&report);
	return status;
}

/* What op says besides, as 1Password's news for its users. */
static void print_notices(struct deploy *d)
{
	struct span words = secret_source_words(d->source), line;

	while (span_take_part(&words, '\n', &line)) {
		if (span_trim(line).len)
			deploy_print(d, stderr, "op", line);
	}
}

static void take_value(struct deploy *d, const struct secret_item *item, const char *name,
		       struct span *ret, struct check_report *report)
{
	const struct secret_field *field;
	struct err why = { 0 };

	if (secret_item_field(item, name, &field, &why) < 0 ||
	    secret_field_value(item, field, ret, &why) < 0)
		check_add(report, "1Password", why.text,
			  "correct the item, or the field's name in deploy.yaml");
	else if (ret->len > VALUE_MAX)
		check_add(report, "1Password", "a field is too long for a variable of the environment",
			  "keep it below 120 KiB, or in a file");
	else
		redactor_add(d->redactor, *ret);
}

int deploy_fetch(struct deploy *d, const struct script_deploy *s, struct script_value **ret,
		 struct err *e)
{
	size_t count = script_value_count(s);
	struct script_value *values;
	const struct secret_item *item;
	struct check_report report = { 0 };

	fprintf(stderr, "Fetching secrets from 1Password...\n");
	if (secret_source_item(d->source, d->config.vault, d->config.item, &item, e) < 0)
		return -1;
	print_notices(d);
	values = mem_new_array(count + 1, sizeof(*values));
	for (size_t i = 0; i < count; i++) {
		values[i].name = script_value_name(s, i);
		take_value(d, item, script_value_field(s, i), &values[i].value, &report);
	}
	count = report.count;
	if (count)
		(void)print_failures(&report);
	check_report_free(&report);
	if (count) {
		free(values);
		return err_set(e, ERR_AUTH, "item %s does not hold all that is needed", d->config.item);
	}
	*ret = values;
	return 0;
}

struct script_deploy deploy_script(const struct deploy *d, const struct rollout_node *node,
				   const char *tag, const char *who)
{
	return (struct script_deploy){
		.config = &d->config,
		.target = d->target,
		.node = node,
		.tag = tag,
		.services = d->service,
		.service_count = d->service_count,
		.profiles = d->options.profile.at,
		.profile_count = d->options.profile.count,
		.who = who,
		.no_rollback = d->options.no_rollback,
		.lock_wait_s = d->options.lock_wait_s,
	};
}

char *deploy_who(void)
{
	const struct passwd *me = getpwuid(getuid());
	char host[256] = "";
	char *who;

	(void)gethostname(host, sizeof(host) - 1);
	who = mem_printf("%s@%s", me ? me->pw_name : "uid", host);
	for (char *c = who; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("._-@", *c))
			*c = '_';
	}
	return who;
}

struct fleet_task *deploy_read_hosts(struct deploy *d,
				     void (*put)(struct buf *out, const struct rollout_node *n),
				     int *ret_status, struct err *e)
{
	struct fleet_task *tasks = fleet_tasks_new(d->node_count);

	for (size_t i = 0; i < d->node_count; i++) {
		tasks[i].host = d->node[i]->host;
		tasks[i].timeout_ms = d->config.command_timeout_ms;
		put(&tasks[i].script, d->node[i]);
	}
	if (fleet_run(d->fleet, tasks, d->node_count, e) < 0) {
		fleet_tasks_free(tasks, d->node_count);
		return NULL;
	}
	*ret_status = DEPLOY_DONE;
	for (size_t i = 0; i < d->node_count; i++) {
		bool told = deploy_tell_end(d, &tasks[i]);

		if (!told && tasks[i].status != 0)
			deploy_print(d, stderr, tasks[i].host, buf_span(&tasks[i].err));
		if (told || tasks[i].status != 0)
			*ret_status = DEPLOY_FAILED;
	}
	return tasks;
}
