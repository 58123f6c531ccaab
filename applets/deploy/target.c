/* core, workers and every other target: validate, fetch, deploy on all hosts at once. */
#include <stdio.h>
#include <string.h>

#include "applets/deploy/deploy.h"
#include "lib/base/mem.h"
#include "lib/base/process.h"

#define GIT_TIMEOUT_MS 10000

static const struct option_row rows[] = {
	DEPLOY_ROW_CONFIG,
	{ .name = "dry-run", .kind = OPTION_FLAG, DEPLOY_ROW(dry_run),
	  .help = "change, fetch and log in nothing; print the commands that would do it" },
	{ .name = "tag", .kind = OPTION_TEXT, .value_name = "TAG", DEPLOY_ROW(tag),
	  .help = "the images' tag, instead of sha- and git's short commit" },
	{ .name = "profile", .kind = OPTION_LIST, .value_name = "PROFILE", DEPLOY_ROW(profile),
	  .help = "a compose profile to enable; may be repeated" },
	DEPLOY_ROW_SKIP,
	{ .name = "no-rollback", .kind = OPTION_FLAG, DEPLOY_ROW(no_rollback),
	  .help = "leave what did not become healthy as it is" },
	DEPLOY_ROW_LOCK,
};

/* "sha-a1b2c3d"; the caller frees it. */
static char *git_tag(struct err *e)
{
	const char *const argv[] = { "git", "rev-parse", "--short", "HEAD", NULL };
	struct process_request rq = { .argv = argv, .timeout_ms = GIT_TIMEOUT_MS };
	struct process_result result;
	AUTO_FREE char *program = NULL;
	AUTO_BUF struct buf out, said;
	struct span sha;

	buf_init(&out, 4096);
	buf_init(&said, 4096);
	if (process_find("git", &program, e) < 0) {
		err_context(e, "the tag is git's commit unless --tag names one");
		return NULL;
	}
	rq.program = program;
	if (process_run(&rq, &out, &said, &result, e) < 0)
		return NULL;
	sha = buf_span(&out);
	while (sha.len && sha.at[sha.len - 1] == '\n')
		sha.len--;
	if (result.status == 0 && sha.len && sha.len < 64)
		return mem_printf("sha-%.*s", SPAN_ARG(sha));
	err_set(e, ERR_INPUT, "no tag: this folder has no git commit (name one with --tag): %.200s",
		buf_str(&said));
	e->text[strcspn(e->text, "\n")] = '\0';
	return NULL;
}

static char *choose_tag(const struct deploy_options *o, struct err *e)
{
	if (!o->tag)
		return git_tag(e);
	if (rollout_tag_valid(o->tag))
		return mem_dup_str(o->tag);
	err_set(e, ERR_USAGE, "--tag: \"%.60s\" is no tag of an image: letters, digits, . _ -, at most 128",
		o->tag);
	return NULL;
}

static int check_profiles(const struct deploy *d, struct err *e)
{
	const struct rollout_names *known = &d->target->profiles;

	for (size_t i = 0; i < d->options.profile.count; i++) {
		const char *asked = d->options.profile.at[i];
		bool found = false;

		for (size_t k = 0; k < known->count; k++)
			found = found || strcmp(known->at[k], asked) == 0;
		if (!found)
			return err_set(e, ERR_USAGE,
				       "target %s has no profile \"%.60s\" in deploy.yaml",
				       d->target->name, asked);
	}
	return 0;
}

static int print_dry(struct deploy *d, const char *tag, const char *who, struct err *e)
{
	AUTO_BUF struct buf out;

	buf_init(&out, FLEET_SCRIPT_MAX);
	for (size_t i = 0; i < d->node_count; i++) {
		struct script_deploy s = deploy_script(d, d->node[i], tag, who);

		if (i == 0) {
			(void)buf_put_str(&out, "# Needs these names set in the shell, from 1Password item ");
			(void)buf_printf(&out, "%s:\n", d->config.item);
			for (size_t k = 0; k < script_value_count(&s); k++)
				(void)buf_printf(&out, "#   %s: field %s\n", script_value_name(&s, k),
						 script_value_field(&s, k));
		}
		(void)buf_printf(&out, "# %s on %s\n", d->node[i]->name, d->node[i]->host);
		script_put_deploy(&out, &s, SCRIPT_PASTE, NULL);
	}
	if (buf_ok(&out, "the script", e) < 0)
		return -1;
	(void)fwrite(buf_str(&out), 1, out.len, stdout);
	return fflush(stdout) == 0 ? DEPLOY_DONE : DEPLOY_FAILED;
}

static int deploy_now(struct deploy *d, const char *tag, const char *who, struct err *e)
{
	struct fleet_task *tasks;
	struct script_deploy s = deploy_script(d, d->node[0], tag, who);
	AUTO_FREE struct script_value *values = NULL;
	int status;

	if (deploy_fetch(d, &s, &values, e) < 0)
		return -1;
	tasks = fleet_tasks_new(d->node_count);
	for (size_t i = 0; i < d->node_count; i++) {
		s = deploy_script(d, d->node[i], tag, who);
		tasks[i].host = d->node[i]->host;
		script_put_deploy(&tasks[i].script, &s, SCRIPT_SEND, values);
	}
	status = deploy_run_scripts(d, tasks, e);
	fleet_tasks_free(tasks, d->node_count);
	return status;
}

static int run(struct deploy *d, struct err *e)
{
	AUTO_FREE char *tag = NULL;
	AUTO_FREE char *who = deploy_who();
	int status;

	if (deploy_open(d, d->verb, d->words, d->word_count, e) < 0 || check_profiles(d, e) < 0)
		return -1;
	if (d->word_count == 0)
		return err_set(e, ERR_USAGE, "which %s of %s? %s", d->target->has_nodes ? "node" : "service",
			       d->verb, d->target->has_nodes ? "name one or more" : "name one, or all");
	tag = choose_tag(&d->options, e);
	if (!tag || deploy_connect(d, true, e) < 0)
		return -1;
	status = deploy_validate(d, e);
	if (status != 0)
		return status;
	return d->options.dry_run ? print_dry(d, tag, who, e) : deploy_now(d, tag, who, e);
}

const struct deploy_verb deploy_verb_core = {
	"core", "SERVICE|all...", "deploy services of the target core", rows, COUNT_OF(rows), run
};

const struct deploy_verb deploy_verb_workers = {
	"workers", "NODE...", "deploy the workers of one or more nodes", rows, COUNT_OF(rows), run
};
