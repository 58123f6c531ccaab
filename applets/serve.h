/* What the server applets share: the process's own limits, the configuration, the sentence at the
 * end. */
#ifndef MK8S_APPLETS_SERVE_H
#define MK8S_APPLETS_SERVE_H

#include "lib/base/err.h"
#include "lib/base/options.h"
#include "lib/format/config.h"
#include "lib/net/loop.h"

#define SERVE_EXIT_FAILED 1
#define SERVE_EXIT_USAGE 2

/*
 * Readies the process: crypto, no SIGPIPE, descriptors up to the hard limit, files for the owner
 * only, no core dumps (they would hold keys). Before the first thread.
 */
int serve_prepare(struct err *e);

/* config_load, with the warnings on standard error; every failure is ERR_USAGE. */
int serve_load(const char *applet, const struct config_table *table, const char *path, void *into,
	       struct err *e);

/* Sets up the operational log from log.level and log.format. */
void serve_log(const char *level, const char *format);

/* Runs the loop for a moment more: what was closed says so on later rounds. Before loop_free. */
void serve_settle(struct loop *l);

/* Prints "mk8s APPLET: sentence" and gives the exit status: 2 for usage and configuration, else 1.
 */
int serve_fail(const char *applet, const struct err *e);

/* Prints usage, options and hint of an applet to standard output; gives the exit status. */
int serve_help(const char *usage, const struct option_row *rows, size_t row_count);

#endif
