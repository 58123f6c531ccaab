/*
 * Secret references, op://VAULT/ITEM[/SECTION]/FIELD, with ?attribute=NAME or ?ssh-format=openssh behind it
 * (1Password's "secret reference syntax").
 */
#ifndef MK8S_ROLLOUT_SECRET_REF_H
#define MK8S_ROLLOUT_SECRET_REF_H

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/rollout/secret_source.h"

/* Of a name in a reference, besides the blank. */
#define SECRET_REF_SIGNS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

enum secret_attribute {
	SECRET_ATTRIBUTE_NONE,  /* what the field stands for: secret_field_value, or a file's content ("content") */
	SECRET_ATTRIBUTE_OTP,   /* "otp", "totp": the one-time code */
	SECRET_ATTRIBUTE_VALUE, /* "value": as it is stored; of an OTP field its otpauth:// URI */
	SECRET_ATTRIBUTE_TYPE,
	SECRET_ATTRIBUTE_ID,
	SECRET_ATTRIBUTE_TITLE, /* "title", "label", of a file "name" */
	SECRET_ATTRIBUTE_PURPOSE,
	SECRET_ATTRIBUTE_SIZE,    /* of a file, in bytes */
	SECRET_ATTRIBUTE_OPENSSH, /* ?ssh-format=openssh: a private key in OpenSSH's own format */
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

/* Appends what the reference stands for; one read of its item, and one of the file where it is one. */
int secret_ref_read(struct secret_source *s, const struct secret_ref *ref, struct buf *into, struct err *e);

#endif
