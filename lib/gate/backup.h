/*
 * A copy of the state directory while central runs on it (spec/mk8s.md, Commands and
 * configuration).
 */
#ifndef MK8S_GATE_BACKUP_H
#define MK8S_GATE_BACKUP_H

#include "lib/base/err.h"

struct store;

/*
 * Copies the database `db`, the audit trail and every other file of `state_dir` into the folder
 * `to`, which must not be there yet or be empty: a state directory that central starts on. Each
 * database is copied as it stands at one moment. The folder is made beside it, 0700, as
 * `to`.partial-XXXXXX, and has its name when it is whole and on disk; on failure it is removed.
 */
int backup_state(const char *state_dir, struct store *db, const char *to, struct err *e);

#endif
