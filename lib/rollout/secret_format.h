/* Secrets as a text that a program reads: environment lines, dotenv, shell, JSON, or the bytes alone. */
#ifndef MK8S_ROLLOUT_SECRET_FORMAT_H
#define MK8S_ROLLOUT_SECRET_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

enum secret_format {
	SECRET_FORMAT_ENV,    /* NAME=VALUE lines, nothing quoted; a value with a line break is refused */
	SECRET_FORMAT_JSON,   /* one object, the names as they are in 1Password */
	SECRET_FORMAT_DOTENV, /* NAME='VALUE', or "..." with escapes where it must be */
	SECRET_FORMAT_SHELL,  /* export NAME='VALUE' for POSIX shells */
	SECRET_FORMAT_RAW,    /* one value, no line break behind it */
};

struct secret_pair {
	const char *name;  /* a label */
	struct span value; /* any bytes; JSON, env, dotenv and shell take no NUL, JSON only UTF-8 */
};

/* "env", "json", "dotenv", "shell", "raw"; NULL is env. ERR_USAGE. */
int secret_format_parse(const char *text, enum secret_format *ret, struct err *e);

/*
 * Appends all of them. ERR_INPUT for a value that the format cannot say, for two pairs that would get one name;
 * ERR_USAGE for other than one pair in RAW. No value is ever in the error.
 */
int secret_format_put(enum secret_format format, const struct secret_pair *pairs, size_t count,
		      struct buf *into, struct err *e);

/* Whether `name` can be a variable's: [A-Za-z_][A-Za-z0-9_]*. */
bool secret_name_valid(const char *name);
/* A label as a variable's name: what it cannot hold becomes _; "2fa" becomes "_2fa". */
void secret_name_put(const char *label, struct buf *into);

/* Reads "NAME=FIELD"; *ret_field is borrowed from `text`, the name appended to `ret_name`. ERR_USAGE. */
int secret_map_parse(const char *text, struct buf *ret_name, const char **ret_field, struct err *e);

#endif
