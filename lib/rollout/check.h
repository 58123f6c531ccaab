/* What a deploy needs before it begins: every host's ssh, docker and folder, and 1Password, all asked at once. */
#ifndef MK8S_ROLLOUT_CHECK_H
#define MK8S_ROLLOUT_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/rollout/config.h"

struct fleet;
struct secret_source;

struct check_failure {
	char *where; /* the host, or "1Password" */
	char *what;  /* one sentence without full stop */
	char *remedy;
};

struct check_report {
	struct check_failure *at;
	size_t count;
	bool interrupted; /* Ctrl-C */
};

/*
 * Asks for all; `source` NULL leaves 1Password out. Failures are added to `report`, which the caller frees; -1
 * only when nothing could be asked.
 */
int check_run(struct fleet *f, const struct rollout_target *target,
	      const struct rollout_node *const *nodes, size_t node_count,
	      struct secret_source *source, struct check_report *report, struct err *e);

/* Adds one, found elsewhere; the texts are copied. */
void check_add(struct check_report *report, const char *where, const char *what,
	       const char *remedy);
void check_report_free(struct check_report *report);

/* What ssh's own words mean; for a run that it could not begin. */
void check_add_ssh(struct check_report *report, const char *host, struct span said);

#endif
