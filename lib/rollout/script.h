/*
 * The shell scripts that are sent to a host on ssh's standard input.
 *
 * Each is one brace group: what is cut short is a syntax error, of which nothing runs. Standard input stays open while
 * it runs; its end (a cut connection, Ctrl-C here) ends the whole process group there, and the kernel gives the lock
 * back with the last of its processes. A value becomes a shell variable that only docker compose gets exported, and
 * only builtin commands see it otherwise. Scripts are POSIX sh, with docker, compose and flock(1).
 */
#ifndef MK8S_ROLLOUT_SCRIPT_H
#define MK8S_ROLLOUT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/span.h"
#include "lib/rollout/config.h"

/* What the exit statuses of a deploy script mean; others are failures. */
enum script_status {
	SCRIPT_DEPLOYED = 0,
	SCRIPT_FAILED = 1,
	SCRIPT_ROLLED_BACK = 4,
	SCRIPT_LOCKED = 75,
};

/* A deploy writes below the target's workdir: the lock, its holder, history.jsonl, an override that pins images. */
#define SCRIPT_STATE_DIR ".deploy"

/* What is done on one host; everything is borrowed. */
struct script_deploy {
	const struct rollout_config *config;
	const struct rollout_target *target;
	const struct rollout_node *node;
	const char *tag;
	const char *const *services; /* empty: all */
	size_t service_count;
	const char *const *profiles;
	size_t profile_count;
	const char *who;    /* USER@HOST, for the lock and the history */
	const char *images; /* rollback: "SERVICE IMAGE\n" lines that are brought up instead of the tag; else NULL */
	bool no_rollback;
	int64_t lock_wait_s;
};

struct script_value {
	const char *name;
	struct span value;
};

enum script_form {
	SCRIPT_SEND,  /* for ssh's standard input, with the values */
	SCRIPT_PASTE, /* a command for a local shell that has the names set, and sends the same */
};

/* 'text' for a POSIX shell; the bytes may be any but NUL. */
void script_put_quoted(struct buf *out, struct span text);

/* Values that SCRIPT_SEND holds: the registry's token and the target's secrets, in this order. */
size_t script_value_count(const struct script_deploy *d);
const char *script_value_name(const struct script_deploy *d, size_t index);
/* The item's field that the value comes from. */
const char *script_value_field(const struct script_deploy *d, size_t index);

/* `values` are those of script_value_*; SCRIPT_PASTE needs their names only. Failures stay in `out`. */
void script_put_deploy(struct buf *out, const struct script_deploy *d, enum script_form form,
		       const struct script_value *values);

/* Reads: prerequisites (a line "missing NAME" each), the state, the history, the logs. */
void script_put_probe(struct buf *out, const struct rollout_target *t, const struct rollout_node *n);
void script_put_status(struct buf *out, const struct rollout_node *n);
void script_put_history(struct buf *out, const struct rollout_node *n);
void script_put_logs(struct buf *out, const struct rollout_node *n, const char *const *services,
		     size_t service_count, int64_t tail, bool follow);
/* Prints where a value stands on the host, "leak WHERE", never the value. */
void script_put_audit(struct buf *out, const struct rollout_node *n,
		      const struct script_value *values, size_t count);

#endif
