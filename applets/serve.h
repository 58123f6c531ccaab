/*
 * What the server applets share: options, the process's own limits, the configuration, signals, the
 * sentence at the end.
 */
#ifndef MK8S_APPLETS_SERVE_H
#define MK8S_APPLETS_SERVE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/options.h"
#include "lib/format/config.h"
#include "lib/net/loop.h"

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

/* Says "ok" for --check-config. */
int serve_say_ok(struct err *e);

/*
 * SIGTERM and SIGINT go to `on_stop`, SIGHUP to `on_reload` (NULL: left alone), on the loop with
 * `owner`; and as PID 1 the process reaps. The handlers last until loop_free.
 */
int serve_signals(struct loop *l, void (*on_stop)(void *owner, int signo),
		  void (*on_reload)(void *owner, int signo), void *owner, struct err *e);

/* The options of every server applet: the first member of its own struct. */
struct serve_options {
	const char *config;
	bool help, help_config, check_config;
};
/* Their rows; `sentence` tells which file --config names. */
#define SERVE_CONFIG_ROW(sentence)                                                           \
	{ "config", 'c', OPTION_TEXT, offsetof(struct serve_options, config), "FILE",        \
	  sentence, NULL, 0, 0 }
#define SERVE_ROWS                                                                           \
	{ "check-config", 0, OPTION_FLAG, offsetof(struct serve_options, check_config),      \
	  NULL, "read the configuration, say ok, end", NULL, 0, 0 },                         \
	{ "help-config", 0, OPTION_FLAG, offsetof(struct serve_options, help_config), NULL,  \
	  "every key of the configuration", NULL, 0, 0 },                                    \
	{ "help", 'h', OPTION_FLAG, offsetof(struct serve_options, help), NULL, "this text", \
	  NULL, 0, 0 }

struct serve_applet {
	const char *name;
	const char *usage; /* what --help shows before the options */
	const struct option_row *rows;
	size_t row_count;
	const struct config_table *config;
	/* What neither --help nor --help-config answers; `rest` are the words that are no options. */
	int (*run)(const void *options, const struct options_rest *rest, struct err *e);
};
/*
 * The applet from its words to its exit status: 0; 2 for usage and configuration, else 1, with
 * "mk8s APPLET: sentence" on standard error. `options` is the applet's struct, zeroed.
 */
int serve_main(const struct serve_applet *a, void *options, int argc, char **argv);

#endif
