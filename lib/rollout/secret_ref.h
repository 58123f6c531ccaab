/* Secret references, op://VAULT/ITEM[/SECTION]/FIELD[?attribute=NAME], and texts that hold them. */
#ifndef MK8S_ROLLOUT_SECRET_REF_H
#define MK8S_ROLLOUT_SECRET_REF_H

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/rollout/secret_source.h"

enum secret_attribute {
	SECRET_ATTRIBUTE_NONE,  /* what the field stands for: secret_field_value, or a file's content */
	SECRET_ATTRIBUTE_OTP,   /* "otp", "totp": the one-time code */
	SECRET_ATTRIBUTE_VALUE, /* "value": as it is stored; of an OTP field its otpauth:// URI */
	SECRET_ATTRIBUTE_TYPE,
	SECRET_ATTRIBUTE_ID,
	SECRET_ATTRIBUTE_TITLE, /* "title", "label" */
};

struct secret_ref {
	char vault[128], item[128], section[128], field[128]; /* section "": none */
	enum secret_attribute attribute;
};

/*
 * ERR_INPUT says what is wrong. Names hold letters, digits, - _ . and blanks, as op has it; what is called
 * otherwise is named by its id.
 */
int secret_ref_parse(struct span text, struct secret_ref *ret, struct err *e);

/* A part of a template: text that stays, or a reference (without braces and blanks). */
struct template_piece {
	bool is_reference;
	struct span text;
};

/*
 * Takes the next piece off the front of `*rest`. A reference is {{ op://... }}, where names may hold
 * blanks, or op://... up to the first character that no reference has. 1: a piece, 0: the end,
 * -1: ERR_INPUT, braces that do not close in their line.
 */
int template_next(struct span *rest, struct template_piece *ret, struct err *e);

/* Appends `text` with every reference replaced; errors begin with "line N". Nothing is appended where one fails. */
int template_fill(struct span text, struct secret_source *s, struct buf *into, struct err *e);

#endif
