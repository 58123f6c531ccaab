/*
 * Programs of this machine, several at once: input from memory, output line by line, a time limit, and an end on
 * Ctrl-C that lets the other side clean up.
 *
 * Each runs in a process group of its own, with this process's environment but what begins with OP_ (1Password's
 * tokens). Its standard input stays open until it ends, or until it is to end: then the input is closed first, and
 * after JOBS_GRACE_MS the group is killed.
 */
#ifndef MK8S_ROLLOUT_JOBS_H
#define MK8S_ROLLOUT_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/span.h"

#define JOBS_GRACE_MS 12000
#define JOBS_LINE_MAX (1024 * 1024) /* the rest of a longer line is left out */

enum job_stream { JOB_OUT, JOB_ERR };

enum job_end {
	JOB_EXITED,      /* `status` is the exit status, 128 + n for signal n */
	JOB_TIMED_OUT,
	JOB_INTERRUPTED, /* SIGINT, SIGTERM or SIGHUP came */
	JOB_NOT_STARTED, /* `status` is the errno value */
};

struct job {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up on PATH */
	struct span input;       /* borrowed */
	int64_t timeout_ms;
	/* A line without its end, borrowed for the call. */
	void (*on_line)(struct job *j, enum job_stream stream, struct span line);
	void *user;
	/* results */
	enum job_end end;
	int status;
};

/* Runs all of them to their ends. ERR_IO when the system has no descriptors; then none has run. */
int jobs_run(struct job *jobs, size_t count, struct err *e);

#endif
