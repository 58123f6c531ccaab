/* What the files of the directory share; for lib/gate/directory*.c and snapshot*.c only. */
#ifndef MK8S_GATE_DIRECTORY_INNER_H
#define MK8S_GATE_DIRECTORY_INNER_H

#include "lib/gate/directory.h"
#include "lib/store/store.h"

struct directory {
	struct store *store; /* borrowed */
};

typedef int directory_fn(struct store *s, void *arg, struct err *e);

/*
 * A transaction after which there still is an enabled administrator if there was one before: else
 * ERR_EXISTS.
 */
int directory_guarded(struct directory *d, directory_fn *fn, void *arg, struct err *e);

/* Copies an e-mail or id in lower case; -1 (no error is set) when it is longer than any can be. */
int directory_lower(const char *text, char into[256]);
/* Lower case, and of a form that no header, list or path can misread: ERR_INPUT. */
int directory_email(const char *text, char into[256], struct err *e);

/* A role from its stored JSON: ERR_CORRUPT. */
int directory_role_read(const char *permissions, struct role **ret_role, struct err *e);

/* Replaces a user's roles; inside a transaction. */
int directory_roles_of_user(struct store *s, const char *user_id, char *const *roles,
			    struct err *e);
/* The id of the user (UUID or e-mail): ERR_NOT_FOUND. */
int directory_user_id(struct store *s, const char *id_or_email, char ret_id[37], struct err *e);

/*
 * PREFIX and 256 random bits, with its SHA-256 in hex, which is all that is stored. The caller
 * wipes the token.
 */
char *directory_token_make(const char *prefix, char ret_sha256[65]);

#endif
