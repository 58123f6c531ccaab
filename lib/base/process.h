/*
 * Programs run as children, without a shell: argument vector, chosen environment, bytes in, bytes out.
 *
 * A child gets its three streams and nothing else of ours (every other descriptor is closed), an
 * environment by allow-list, no core dumps, a process group of its own, and dies with the thread that
 * runs it. Calls block.
 */
#ifndef MK8S_BASE_PROCESS_H
#define MK8S_BASE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

enum process_stream { PROCESS_OUT, PROCESS_ERR };

struct process_request {
	const char *program;     /* a path (process_find); argv[0] is only what it is called */
	const char *const *argv; /* NULL-terminated; never a secret in it: /proc shows it to all */
	/* Names of variables that pass from our environment, NULL-terminated, besides
	 * those of process_env_common; one that ends in * means all that begin so. May be NULL. */
	const char *const *env_names;
	const char *const *env_except; /* in the same form: what never passes; may be NULL */
	const char *const *env_more; /* further "NAME=value", NULL-terminated; may be NULL */
	struct span input;           /* bytes for standard input; borrowed */
	bool hold_input; /* standard input stays open behind `input` until the child ends or is stopped */
	uint64_t timeout_ms; /* for all of it; 0: none */
	int cancel_fd;       /* the child is stopped when this becomes readable; 0 or -1: none */
	/*
	 * How it is stopped. 0: SIGTERM to its group, SIGKILL two seconds later. Else its standard input ends, by
	 * which it is to end by itself, and SIGKILL comes so much later: for a program with another end to tidy up.
	 */
	uint64_t grace_ms;
	/*
	 * Called on this thread with each piece as it comes; what it takes (true) is not kept in `out` or
	 * `err`. NULL: everything is kept.
	 */
	bool (*on_output)(void *owner, enum process_stream stream, struct span bytes);
	void *owner;
};

struct process_result {
	int status;     /* the exit status, or 128 + the signal that ended it */
	bool timed_out; /* stopped at timeout_ms */
	bool cancelled; /* stopped for cancel_fd */
};

/* PATH, HOME, USER, LOGNAME, LANG, LC_*, TZ, TERM, TMPDIR, XDG_*, NULL behind them. */
extern const char *const process_env_common[];

/*
 * The program `name` on $PATH (a name with '/' is itself), as a path that the caller frees. This very
 * executable is skipped whatever it is called there. ERR_NOT_FOUND "NAME is not installed: ...".
 */
int process_find(const char *name, char **ret_path, struct err *e);

/*
 * Runs the program to its end, and takes what it wrote until then: a program that it leaves behind may keep the
 * streams. 0 for any end of the child; -1 when it could not be started (ERR_IO) or wrote more than `out` or `err`
 * take (ERR_LIMIT; it was stopped). `out` and `err` are the caller's, with their ceilings; where NULL, the bytes
 * are dropped.
 */
int process_run(const struct process_request *rq, struct buf *out, struct buf *err,
		struct process_result *ret, struct err *e);

/* One of several children; what process_run takes and gives. `error.code` is 0 where that would give 0. */
struct process {
	struct process_request rq;
	struct buf *out, *err;
	struct process_result result;
	struct err error;
};

/* Runs all of them side by side on this thread, to their ends. */
void process_run_all(struct process *all, size_t count);

#endif
