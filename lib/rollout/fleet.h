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
#include "lib/rollout/jobs.h"

#define FLEET_SCRIPT_MAX (8 * 1024 * 1024)

struct fleet;

/* Makes the private folder of the connections' sockets. */
struct fleet *fleet_new(struct err *e);
/* Closes every connection and removes the folder; takes NULL. */
void fleet_free(struct fleet *f);

/* One script on one host. */
struct fleet_task {
	const char *host; /* borrowed */
	struct buf script;
	int64_t timeout_ms;
	void (*on_line)(struct fleet_task *t, enum job_stream stream, struct span line);
	void *owner;
	struct buf out, err; /* what was printed, kept where on_line is NULL */
	enum job_end end;    /* as in jobs.h; an ended ssh gives the script's exit status, 255 for its own failures */
	int status;
};

/* `count` tasks, their buffers ready (the script's wipes itself); the caller frees them by fleet_tasks_free. */
struct fleet_task *fleet_tasks_new(size_t count);
void fleet_tasks_free(struct fleet_task *tasks, size_t count);

/* All of them at once, to their ends; -1 only when nothing could be started. */
int fleet_run(struct fleet *f, struct fleet_task *tasks, size_t count, struct err *e);

#endif
