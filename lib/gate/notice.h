/*
 * What a command that worked on the state directory tells the central that runs on it: one small
 * file a notice.
 *
 * So a change is in force within a second wherever central runs (another process namespace, too),
 * and each command is a row of the audit trail, which only central writes. Notices that find no
 * central wait for its next start.
 */
#ifndef MK8S_GATE_NOTICE_H
#define MK8S_GATE_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

#define NOTICE_FOLDER "notices"

struct notice {
	char id[37];
	int64_t time_unix_us;
	char verb[32];     /* "reset-password" */
	char resource[32]; /* "users" */
	char name[256];
};

/* Stores a notice; `name` may be "". */
int notice_post(const char *state_dir, const char *verb, const char *resource, const char *name,
		struct err *e);
/* Whether any is there: one look into a folder that is empty most of the time. */
bool notice_is_waiting(const char *state_dir);
/*
 * Gives each to `take`, in no order, and removes it when that returns 0; stops at -1. What is no
 * notice is removed.
 */
int notice_take_all(const char *state_dir,
		    int (*take)(void *arg, const struct notice *n, struct err *e), void *arg,
		    struct err *e);

#endif
