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
	struct span openssh; /* a private key in OpenSSH's own format, where the source gives it, else empty */
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

/* Whether the field is of type CONCEALED: what 1Password itself hides. */
bool secret_field_is_concealed(const struct secret_field *f);

/*
 * The field that `name` means: its label, else its id; where no field is called so, SECTION/FIELD or SECTION.FIELD
 * with labels or ids. `id=ID` and `label=LABEL` say which. Letters compare without case only
 * where nothing matches exactly. ERR_NOT_FOUND lists the labels there are; ERR_EXISTS for several lists each with
 * section and id. A field without a value is found; secret_field_value refuses it.
 */
int secret_item_field(const struct secret_item *item, const char *name,
		      const struct secret_field **ret, struct err *e);
/* The same with the section apart, which may be NULL: any. */
int secret_item_field_in(const struct secret_item *item, const char *section, const char *name,
			 const struct secret_field **ret, struct err *e);
/* The file by name or id (section may be NULL); NULL when there is none or several have the name. */
const struct secret_file *secret_item_file(const struct secret_item *item, const char *section,
					   const char *name);

/*
 * What the field stands for, borrowed from the item: the value; of an OTP field the code at the time of
 * reading. ERR_INPUT when it is empty.
 */
int secret_field_value(const struct secret_item *item, const struct secret_field *f,
		       struct span *ret_value, struct err *e);

#endif
