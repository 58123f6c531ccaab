/* The verbs of the command line: const tables that the runner, the help and the completion read. */
#ifndef MK8S_APPLETS_MK8S_VERB_H
#define MK8S_APPLETS_MK8S_VERB_H

#include <stdbool.h>

#include "lib/base/attr.h"
#include "lib/base/err.h"
#include "lib/base/options.h"

struct cli;

/* One verb: a group of others (`verbs`), one that the runner reads the options of (`run`), or one
 * that reads all its words itself (`run_words`). */
struct verb {
	const char *name;
	const char *alias;     /* NULL: none */
	const char *arguments; /* for the usage line: "NAME [ROLE...]" */
	const char *help;      /* a sentence without full stop */
	const struct option_row *rows;
	size_t row_count;
	size_t options_size; /* of the struct that `rows` fill, zeroed before */
	int min, max;        /* words that are no options; max -1: any number */
	bool names_cluster;  /* the word is the name of a cluster that is there */
	/* The exit status, or -1 and an error. */
	int (*run)(struct cli *c, const void *options, const struct options_rest *rest,
		   struct err *e);
	int (*run_words)(struct cli *c, int argc, char **argv, struct err *e);
	const struct verb *const *verbs; /* NULL-terminated */
};

/* For the members rows, row_count, options_size. */
#define VERB_OPTIONS(option_rows, options_struct)                  \
	.rows = (option_rows), .row_count = COUNT_OF(option_rows), \
	.options_size = sizeof(options_struct)

/* All of them, NULL-terminated, as the help shows them. */
extern const struct verb *const cli_verbs[];

extern const struct verb verb_login, verb_logout, verb_status, verb_clusters, verb_kubectl,
	verb_kubeconfig, verb_credential, verb_users, verb_roles, verb_audit, verb_completion,
	verb_version, verb_why;

/* By name or alias; NULL when there is none. */
const struct verb *verb_find(const struct verb *const *verbs, const char *name);

/*
 * Runs the verb that argv[0] names; `path` is what stands before it ("mk8s"). The exit status, or
 * -1 and an error; every verb answers --help.
 */
int verb_run(const struct verb *const *verbs, struct cli *c, const char *path, int argc,
	     char **argv, struct err *e);

/* Help of `mk8s` itself to standard output. */
int verb_print_overview(struct err *e);

#endif
