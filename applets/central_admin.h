/* The verbs of mk8s central that work on the state directory, whether or not central runs on it. */
#ifndef MK8S_APPLETS_CENTRAL_ADMIN_H
#define MK8S_APPLETS_CENTRAL_ADMIN_H

#include <stdbool.h>

#include "lib/gate/central.h"

/* The verbs, for the help. */
#define CENTRAL_ADMIN_HELP                                                                        \
	"\nVerbs, which work on the state directory while central runs or does not:\n"            \
	"  reset-password EMAIL   makes a new password, prints it, ends the user's sessions\n"    \
	"  rotate-keys            makes a new key for tokens; the old one verifies until its "    \
	"tokens end\n"                                                                            \
	"  rotate-ca              makes a new CA beside the old one; rotate-ca finish ends the "     \
	"old one\n"                                                                               \
	"  backup DIR             copies the state directory into DIR, which is new or empty\n"

bool central_admin_knows(const char *verb);
/* applets/central_ca.c; `word` is "finish", "finish-now" or NULL. */
int central_ca_rotate(const struct central_config *config, const char *word, struct err *e);
/* words[0] is the verb. ERR_USAGE for words that it does not take. */
int central_admin_run(const struct central_config *config, char *const *words, int word_count,
		      struct err *e);

#endif
