/* What the verbs of op share: the source that the environment chooses, and what may reach a terminal. */
#ifndef MK8S_APPLETS_OP_OP_H
#define MK8S_APPLETS_OP_OP_H

#include <stdbool.h>

#include "applets/mk8s/verb.h"
#include "lib/base/mem.h"
#include "lib/rollout/secret_source.h"

#define OP_OUTPUT_MAX (64 * 1024 * 1024)
#define OP_FIELDS_MAX 4096

/* The options that every verb of op takes; the first member of its struct. */
struct op_common {
	const char *account, *ca_file;
};

#define OP_ROWS(type)                                                                          \
	{ .name = "account", .kind = OPTION_TEXT, .value_name = "ACCOUNT",                     \
	  .offset = offsetof(struct type, common.account),                                     \
	  .help = "which account of op: its shorthand, address or ID" },                       \
	{ .name = "ca-file", .kind = OPTION_TEXT, .value_name = "FILE",                        \
	  .offset = offsetof(struct type, common.ca_file),                                     \
	  .help = "certificates that Connect's must come from (default: the machine's)" }

extern const struct verb verb_op_fetch, verb_op_check, verb_op_run, verb_op_inject;

/* Connect where OP_CONNECT_HOST and OP_CONNECT_TOKEN are set, else op. The caller owns it. */
struct secret_source *op_open(const struct op_common *common, struct err *e);
/* Passes on to standard error what op wrote there, line by line, where the error does not hold it already. */
void op_pass_words(const struct secret_source *s);
/* Whether standard output is a terminal that must not see a secret. */
bool op_is_hidden(bool reveal);

#endif
