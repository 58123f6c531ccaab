/* The text of a JSONPath template, as the parser goes through it. For the jsonpath files only. */
#ifndef MK8S_FORMAT_JSONPATH_TEXT_H
#define MK8S_FORMAT_JSONPATH_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/span.h"

struct jsonpath_text {
	struct span text;
	size_t at;
	int depth; /* of expressions in filters */
	struct err *e;
};

/* The byte that stands here; -1 at the end. */
int jsonpath_peek(const struct jsonpath_text *p);
/* ERR_INPUT with the place. Always -1. */
int jsonpath_fail(struct jsonpath_text *p, const char *what);

bool jsonpath_is_blank(int c);
void jsonpath_skip_blanks(struct jsonpath_text *p);
/* A name, in which a backslash takes what follows as it is. The caller frees it. */
char *jsonpath_take_name(struct jsonpath_text *p);
/* "text" or 'text'; the caller frees it. NULL after an error. */
char *jsonpath_take_quoted(struct jsonpath_text *p);

#endif
