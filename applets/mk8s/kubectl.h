/* The two ways of `mk8s kubectl`: the program on PATH and the built-in one. */
#ifndef MK8S_APPLETS_MK8S_KUBECTL_H
#define MK8S_APPLETS_MK8S_KUBECTL_H

#include <stddef.h>

#include "applets/mk8s/cli.h"

/* The first program kubectl on PATH that is not this one; NULL when there is none. The caller frees
 * it. */
char *cli_kubectl_find(void);
/* Becomes that program, with a kubeconfig of our own. argv[0] is the program's name. Returns only
 * when it fails. */
int cli_kubectl_become(struct cli *c, const char *program, const char *cluster, char **argv,
		       struct err *e);
/* What -f names: a file, a folder's manifests, or "-". As read_file of struct kubectl_io. */
int cli_kubectl_read(void *owner, const char *path, struct buf *out, struct err *e);
/* What this program's exit statuses tell apart, of the built-in one's status and error. */
int cli_kubectl_status(int status, const struct err *why);
/* Runs the built-in one. The exit status, or -1 and an error. argv[0] is the first kubectl word. */
int cli_kubectl_builtin(struct cli *c, const char *cluster, const char *token, int argc,
			char **argv, struct err *e);

/* The clusters that a command is for, and how long each of them may take. */
struct cli_fleet {
	const char *globs; /* names with * and ?, parted by commas; NULL: all that the user sees */
	int64_t timeout_ms;
};
/*
 * fleet.c: runs the built-in one on all of them and joins what they say. 0 when all went well; where none did, and all
 * for the same reason, its exit status; else 1. -1 and an error when there is nothing to run.
 */
int cli_fleet_run(struct cli *c, const struct cli_fleet *fleet, int argc, char **argv, struct err *e);

/* fleet_join.c: what the clusters said, as one output. */

struct fleet_answer {
	char *cluster;
	bool connected; /* to central, by the list of clusters */
	struct buf out, err;
	int status;
	struct err why;
};
enum fleet_form {
	FLEET_TABLES, /* tables under a CLUSTER column, other lines with "[CLUSTER] " in front */
	FLEET_WORDS,  /* lines with "CLUSTER " in front */
	FLEET_JSON,   /* one List, each item with a member "cluster" */
	FLEET_YAML,
};
/* To standard output. The clusters' errors are not its concern. */
int cli_fleet_join(const struct fleet_answer *answers, size_t count, enum fleet_form form, bool has_headers,
		   struct err *e);

#endif
