/* What 1Password's words mean: the texts of op's standard error and of Connect's answers. */
#ifndef MK8S_ROLLOUT_OP_ERROR_H
#define MK8S_ROLLOUT_OP_ERROR_H

#include "lib/rollout/secret_source.h"

/* What was asked for, for the sentence; any may be NULL. */
struct op_asked {
	const char *item, *vault, *account;
};

/*
 * Reads what op wrote to standard error (its exit status says nothing) and sets code and sentence, op's words in
 * brackets. `words` has been redacted. Gives the failure, SECRET_FAILURE_OTHER for unknown words.
 */
enum secret_failure op_error_set(struct span words, const struct op_asked *asked, struct err *e);

/* The line of `words` that holds the message: behind "[ERROR] DATE TIME ", else the last that is not empty. */
struct span op_error_message(struct span words);

/* Seconds of "retry in 58 minutes" (op's) or "again in 58 minutes" (ours); 0: none are said. */
uint64_t op_error_retry_s(struct span words);

#endif
