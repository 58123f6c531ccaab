/*
 * kubectl's JSONPath templates (client-go util/jsonpath): text with expressions in braces.
 *
 * {.a.b}, {['a']}, {.a['b','c']}, {[0]}, {[-1]}, {[1:3]}, {[0:9:2]}, {[0,2]}, {[*]}, {.*}, {..a},
 * {[?(@.a=="b")]} with == != < <= > >= or none, {"text"}, {range .a[*]}...{end}. What is not there
 * gives nothing; an index outside of an array is an error. As there, $ and @ both mean the value
 * that the expression starts from.
 */
#ifndef MK8S_FORMAT_JSONPATH_H
#define MK8S_FORMAT_JSONPATH_H

#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

enum { JSONPATH_TEXT_MAX = 64 * 1024, JSONPATH_FOUND_MAX = 4 * 1024 * 1024 };

struct json;
struct jsonpath;

/*
 * Parses a template. ERR_INPUT with the offset of what is wrong; ERR_LIMIT above
 * JSONPATH_TEXT_MAX.
 */
int jsonpath_parse(struct span text, struct jsonpath **ret, struct err *e);
/*
 * Parses one expression as custom columns and --sort-by take it: "{.a.b}", "{a.b}", ".a.b" or
 * "a.b".
 */
int jsonpath_parse_field(struct span text, struct jsonpath **ret, struct err *e);
/* Takes NULL. */
void jsonpath_free(struct jsonpath *p);

/*
 * Appends what the template makes of `root`: results of one expression with a blank between,
 * arrays and objects as compact JSON with <, > and & escaped, as Go writes them. ERR_INPUT where
 * client-go fails: an index out of bounds, a filter on what is no array, things that cannot be
 * compared. ERR_LIMIT above JSONPATH_FOUND_MAX results.
 */
int jsonpath_print(const struct jsonpath *p, const struct json *root, struct buf *out,
		   struct err *e);

/* Values that an expression has found, borrowed from the tree and the template. */
struct jsonpath_found {
	const struct json **at; /* owned: free() */
	size_t count;
};

/* The results of the first expression; errors as jsonpath_print. */
int jsonpath_find(const struct jsonpath *p, const struct json *root, struct jsonpath_found *ret,
		  struct err *e);

#endif
