/*
 * The audit trail: rows in a hash chain, written by one thread in groups (spec/mk8s.md, Audit).
 *
 * Two immutable rows a request, `received` and `complete`, joined by their id. Rows of changes are
 * on disk (synchronous FULL) before audit_append reports; the others within 100 ms. Nothing here
 * ever holds a token or a Secret's value: callers pass names, verbs and counts only.
 */
#ifndef MK8S_GATE_AUDIT_H
#define MK8S_GATE_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

struct audit;
struct key;
struct loop;

enum audit_stage { AUDIT_RECEIVED, AUDIT_COMPLETE };

/* Strings are borrowed during audit_append; NULL counts as "". Longer than 1 KiB is cut. */
struct audit_row {
	enum audit_stage stage;
	const char *id; /* the request's UUID; also the Audit-ID upstream */
	int64_t time_unix_us;
	const char *user_id, *user, *cluster_id, *cluster;
	const char *command; /* "kubectl get" as the client says, or "POST /users" */
	const char *verb, *api_group, *resource, *subresource, *namespace, *name;
	const char *decision; /* "allow", "deny" or "refuse" (not signed in) */
	const char *rule;
	const char *source; /* address */
	const char *user_agent;
	int status;          /* HTTP; 0 in `received` */
	int64_t duration_ms; /* of `complete` */
	uint64_t bytes_in, bytes_out;
	int64_t count; /* refusals summed up in this row; else 1 */
};

struct audit_options {
	const char *path;       /* of the SQLite file */
	struct key *sign_key;   /* signs the head; borrowed */
	size_t queue_max;       /* rows waiting; beyond: ERR_BUSY */
	uint64_t sign_every_ms; /* 0: 60 s */
	uint64_t retention_ms;  /* older rows are pruned; 0: all stay */
	struct loop *loop;      /* reports go here; NULL (command line): to be read only, while central may run */
};

/* Opens, migrates, starts the writer. The caller owns it. */
int audit_open(const struct audit_options *o, struct audit **ret_audit, struct err *e);
/* Writes what waits, signs the head, ends the thread. Takes NULL. */
void audit_close(struct audit *a);

typedef void audit_done_fn(void *arg, const struct err *why);
/*
 * Queues a row, from any thread. With `done`: it is called on the loop when the row is on disk
 * (why->code ERR_NONE) or was not written; the batch is committed at once. Without: the row is on
 * disk within 100 ms. ERR_BUSY when the queue is full, ERR_IO while the disk takes no rows (rows
 * without `done` wait in the queue then); done is not called after such an error.
 */
int audit_append(struct audit *a, const struct audit_row *row, audit_done_fn *done, void *arg,
		 struct err *e);
/* As above, blocking until the row is on disk; for workers. */
int audit_append_wait(struct audit *a, const struct audit_row *row, struct err *e);
/* Whether the last commit succeeded; for /readyz and for refusing changes early. */
bool audit_is_healthy(const struct audit *a);
/*
 * Counts a request that was refused because nobody was signed in: one row per address and minute,
 * with the first command and the count. At most 4,096 addresses a minute have rows of their own,
 * the others share one; nothing is written below 10 % of free space. From any thread.
 */
void audit_refused(struct audit *a, const char *source, const char *command);

struct audit_filter {
	const char *user, *cluster, *verb; /* exact, UUIDs too; NULL: any */
	int64_t since_unix_us, until_unix_us; /* from, and before; 0: open */
	const char *cursor; /* from the previous page, or NULL */
	unsigned limit;     /* 1..1000 */
};
/*
 * Appends {"entries":[...],"next_cursor":"..."}, newest first, the two rows of a request joined
 * (spec/mk8s.md, GET /audit); the cursor only where there is more. A request without answer yet
 * has status 0; a row that sums up refusals has `count`. ERR_INPUT for a cursor that is none.
 * Blocking; for workers.
 */
int audit_query(struct audit *a, const struct audit_filter *f, struct buf *into, struct err *e);

/*
 * Appends the rows as audit.k8s.io/v1 Events, one JSON document a line, oldest first: `received`
 * as RequestReceived, `complete` as ResponseComplete. Filters as above, but `cursor` is the
 * annotation mk8s/seq of the last event had.
 */
int audit_export(struct audit *a, const struct audit_filter *f, struct buf *into, struct err *e);

struct audit_report {
	int64_t row_count;
	int64_t first_bad_seq; /* 0: the chain verifies */
	int64_t signed_until_seq;
	int64_t pruned_until_seq; /* by the signed checkpoint; 0: none */
	char sentence[240];
};
/*
 * Walks the whole chain, from the signed checkpoint of the last pruning on, and its signed heads:
 * a changed, removed or cut row is found (the newest rows, which no head covers yet, by the
 * process that wrote them). Blocking; for workers and the command line.
 */
int audit_verify(struct audit *a, struct audit_report *ret_report, struct err *e);

/*
 * A copy of the trail's file as it stands at one moment, into a new file (0600). Blocking; for
 * commands.
 */
int audit_file_copy(const char *path, const char *to, struct err *e);

#endif
