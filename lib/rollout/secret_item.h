/*
 * A 1Password item as both sources give it, and how a field of it is named.
 *
 * Everything of an item, the values too, lives in locked memory that is wiped at the end.
 */
#ifndef MK8S_ROLLOUT_SECRET_ITEM_H
#define MK8S_ROLLOUT_SECRET_ITEM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/span.h"

struct secret_field {
	const char *id;      /* "" is never an id */
	const char *label;   /* "" when it has none */
	const char *type;    /* "CONCEALED", "STRING", "OTP" ... */
	const char *purpose; /* "USERNAME", "PASSWORD", "NOTES" or "" */
	const char *section_id, *section; /* "" when it stands in none; `section` is the label */
	struct span value; /* any byte but NUL, and a NUL behind it; empty when the field is empty */
	struct span totp;  /* the one-time code of an OTP field at the time of reading, else empty */
};

struct secret_file {
	const char *id, *name, *section_id, *section;
};

struct secret_item {
	const char *id, *title, *vault_id, *vault;
	const struct secret_field *fields;
	size_t field_count;
	const struct secret_file *files;
	size_t file_count;
};

/* Whether the field is secret by its type (CONCEALED, SSHKEY, OTP, CREDIT_CARD_NUMBER, notes). */
bool secret_field_is_concealed(const struct secret_field *f);

/*
 * The field that `name` means: its id, or its label, or SECTION/LABEL or SECTION.LABEL where SECTION is a label
 * or id. Letters compare without case only where no exact match exists. ERR_NOT_FOUND lists the
 * labels there are (and says so when `name` is a file); ERR_EXISTS for several lists them as SECTION/LABEL (id).
 * Fields without a value are found; what that means is the caller's (secret_field_value).
 */
int secret_item_field(const struct secret_item *item, const char *name,
		      const struct secret_field **ret, struct err *e);
/* The same with a section apart; NULL: any. */
int secret_item_field_in(const struct secret_item *item, const char *section, const char *name,
			 const struct secret_field **ret, struct err *e);
/* The file by id or name (section may be NULL), or NULL. */
const struct secret_file *secret_item_file(const struct secret_item *item, const char *section,
					   const char *name);

/*
 * What the field stands for, borrowed from the item: the value; of an OTP field the code. ERR_INPUT
 * when it is empty.
 */
int secret_field_value(const struct secret_item *item, const struct secret_field *f,
		       struct span *ret_value, struct err *e);

#endif
