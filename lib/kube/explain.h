/*
 * The documentation of a resource's fields, read from an OpenAPI v3 document of an API server
 * (/openapi/v3/apis/GROUP/VERSION), in the words and the order of kubectl explain.
 */
#ifndef MK8S_KUBE_EXPLAIN_H
#define MK8S_KUBE_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

struct json;

struct explain {
	const struct json *document;
	const char *group, *version, *plural; /* of the resource; group "" is the core */
	const char *const *fields;	      /* the way to the field: {"spec", "containers"} */
	size_t field_count;		      /* 0: the resource itself */
	bool recursive;
};

/*
 * Appends the text, with tabs and line feeds; control characters of the document are still in it.
 * ERR_NOT_FOUND where the document has no such resource or field: what `out` has got by then (the
 * head) is to be shown, as kubectl does. ERR_LIMIT for schemas that nest too deep or are too many.
 */
int explain_print(const struct explain *what, struct buf *out, struct err *e);

/*
 * Appends `text`, broken between words into lines of `width` characters, each behind `indent`
 * blanks.
 */
void explain_put_wrapped(struct span text, size_t width, size_t indent, struct buf *out);

#endif
