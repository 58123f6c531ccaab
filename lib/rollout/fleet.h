/*
 * The hosts of one run, reached by the system's ssh: one multiplexed connection each, scripts on standard input.
 *
 * The user's ssh configuration, agent and jump hosts apply; nothing is asked on the terminal (BatchMode).
 */
#ifndef MK8S_ROLLOUT_FLEET_H
#define MK8S_ROLLOUT_FLEET_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/process.h"

#define FLEET_SCRIPT_MAX (8 * 1024 * 1024)
#define FLEET_LINE_MAX (1024 * 1024) /* the rest of a longer line is left out */
#define FLEET_GRACE_MS 12000         /* what a script has to tidy up; then ssh is killed */

struct fleet;

enum fleet_end {
	FLEET_EXITED,      /* `status` is the script's exit status; 255: a failure of ssh itself */
	FLEET_TIMED_OUT,
	FLEET_INTERRUPTED, /* cancel_fd was readable */
	FLEET_NOT_STARTED, /* `error` says why; ERR_NOT_FOUND: there is no ssh */
};

/*
 * Makes the private folder of the connections' sockets. Once `cancel_fd` (0 or -1: none) is readable, every script
 * is ended, those of later runs, too.
 */
struct fleet *fleet_new(int cancel_fd, struct err *e);
/* Closes every connection and removes the folder; takes NULL. */
void fleet_free(struct fleet *f);

/* One script on one host. */
struct fleet_task {
	const char *host; /* borrowed */
	struct buf script;
	int64_t timeout_ms;
	/* A line without its end, borrowed for the call. */
	void (*on_line)(struct fleet_task *t, enum process_stream stream, struct span line);
	void *owner;
	struct buf out, err; /* what was printed, kept where on_line is NULL */
	enum fleet_end end;
	int status;
	struct err error;
	struct buf line[2]; /* begun lines, by stream: the fleet's own */
	bool cut[2];
};

/* `count` tasks, their buffers ready (the script's wipes itself); the caller frees them by fleet_tasks_free. */
struct fleet_task *fleet_tasks_new(size_t count);
void fleet_tasks_free(struct fleet_task *tasks, size_t count);

/*
 * All of them at once, to their ends. A script that is to end sees the end of its standard input, by which it tidies
 * up. -1 (ERR_LIMIT) only where a script is too long; then none has run.
 */
int fleet_run(struct fleet *f, struct fleet_task *tasks, size_t count, struct err *e);

#endif
