/* What the verbs of deploy share: options, the run's state, output without secrets. */
#ifndef MK8S_APPLETS_DEPLOY_DEPLOY_H
#define MK8S_APPLETS_DEPLOY_DEPLOY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/err.h"
#include "lib/base/options.h"
#include "lib/rollout/check.h"
#include "lib/rollout/config.h"
#include "lib/rollout/fleet.h"
#include "lib/rollout/redact.h"
#include "lib/rollout/script.h"

struct secret_source;

enum deploy_status {
	DEPLOY_DONE = 0,
	DEPLOY_FAILED = 1,
	DEPLOY_USAGE = 2,
	DEPLOY_PREREQUISITES = 3,
	DEPLOY_ROLLED_BACK = 4,
};

/* The options of all verbs; each verb's rows fill what it takes. */
struct deploy_options {
	const char *config, *tag;
	struct option_list profile;
	bool dry_run, skip_validation, no_rollback, raw, follow, help;
	int64_t lock_wait_s, tail;
};

#define DEPLOY_ROW(member) .offset = offsetof(struct deploy_options, member)
#define DEPLOY_ROW_CONFIG \
	{ .name = "config", .letter = 'c', .kind = OPTION_TEXT, .value_name = "FILE", DEPLOY_ROW(config), \
	  .help = "instead of MK8S_DEPLOY_CONFIG, or deploy.yaml in this folder" }
#define DEPLOY_ROW_SKIP \
	{ .name = "skip-validation", .kind = OPTION_FLAG, DEPLOY_ROW(skip_validation), \
	  .help = "begin without asking whether the prerequisites are there" }
#define DEPLOY_ROW_LOCK \
	{ .name = "lock-wait", .kind = OPTION_INT, .value_name = "SECONDS", DEPLOY_ROW(lock_wait_s), .max = 86400, \
	  .help = "wait that long for another deploy to end; without, it is refused" }

/* One run of one verb. */
struct deploy {
	const char *program; /* "mk8s deploy" */
	const char *verb;    /* the word: a verb's name, or a target's */
	struct deploy_options options;
	char **words; /* what is no option: the target and what is behind it */
	int word_count;
	int signals; /* readable once Ctrl-C came */
	struct rollout_config config;
	const struct rollout_target *target;
	const struct rollout_node **node; /* the hosts that are meant */
	size_t node_count;
	const char **service; /* empty: all */
	size_t service_count;
	struct fleet *fleet;
	struct secret_source *source;
	struct redactor *redactor; /* knows every secret that was fetched */
};

struct deploy_verb {
	const char *name, *arguments, *help;
	const struct option_row *rows;
	size_t row_count;
	int (*run)(struct deploy *d, struct err *e); /* the exit status, or -1 and an error */
};

extern const struct deploy_verb deploy_verb_core, deploy_verb_workers, deploy_verb_status,
	deploy_verb_logs, deploy_verb_history, deploy_verb_rollback, deploy_verb_check,
	deploy_verb_init, deploy_verb_audit_leaks;

/* Reads deploy.yaml and what the words mean: TARGET [NODE|SERVICE...]. ERR_USAGE, ERR_INPUT, ERR_NOT_FOUND. */
int deploy_open(struct deploy *d, const char *target, char **words, int word_count, struct err *e);
/* Opens the hosts' connections and, when `want_source`, 1Password (nothing is asked of it yet). */
int deploy_connect(struct deploy *d, bool want_source, struct err *e);
void deploy_close(struct deploy *d);

/* Checks the prerequisites and prints what is missing: 0, an exit status, or -1 and an error. */
int deploy_validate(struct deploy *d, struct err *e);

/*
 * Fetches what script_value_* of `s` name: one read of the item. The values are borrowed from the source; the array is
 * the caller's. Every failing field is named in one sentence.
 */
int deploy_fetch(struct deploy *d, const struct script_deploy *s, struct script_value **ret,
		 struct err *e);

/* The script's description for one host, with the run's options. */
struct script_deploy deploy_script(const struct deploy *d, const struct rollout_node *node,
				   const char *tag, const char *who);
/* "USER@HOST" of this machine, of characters that need no escape; the caller frees it. */
char *deploy_who(void);

/* Runs scripts that deploy, shows their lines, gives the worst exit status. The scripts are wiped. */
int deploy_run_scripts(struct deploy *d, struct fleet_task *tasks, struct err *e);
/* Runs a script that only reads on every host; a host that fails is told. `put` writes the script. */
struct fleet_task *deploy_read_hosts(struct deploy *d,
				     void (*put)(struct buf *out, const struct rollout_node *n),
				     int *ret_status, struct err *e);

/* Prints a line, secrets left out and control characters escaped; `label` NULL: none in front. */
void deploy_print(struct deploy *d, FILE *to, const char *label, struct span line);
/* The label of the host's lines: NULL with one host only. */
const char *deploy_label(const struct deploy *d, const struct fleet_task *t);
/* One sentence about a task that did not end as it should, or false when it did. */
bool deploy_tell_end(struct deploy *d, const struct fleet_task *t);

#endif
