/* The parsed form of a JSONPath template. For the jsonpath files only. */
#ifndef MK8S_FORMAT_JSONPATH_NODE_H
#define MK8S_FORMAT_JSONPATH_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/format/jsonpath.h"

enum jsonpath_kind {
	PATH_FIELD,     /* text: the member's name */
	PATH_WILDCARD,  /* every element or member */
	PATH_RECURSIVE, /* the value and everything below */
	PATH_SLICE,     /* from, to, step */
	PATH_FILTER,    /* paths[0] op paths[1] */
	PATH_UNION,     /* each of paths */
	PATH_CONSTANT,  /* constant */
};

enum jsonpath_op { OP_EXISTS, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE };

/* Steps one behind the other. */
struct jsonpath_path {
	struct jsonpath_step *at;
	size_t count;
};

struct jsonpath_step {
	enum jsonpath_kind kind;
	enum jsonpath_op op;
	char *text;
	struct json *constant;
	int64_t from, to, step;
	bool has_to, single; /* single: [n], which is [n:n+1] */
	struct jsonpath_path *paths;
	size_t path_count;
};

enum jsonpath_part_kind { PART_TEXT, PART_PATH, PART_RANGE, PART_END };

/* A piece of the template: text between braces, or what is in them. */
struct jsonpath_part {
	enum jsonpath_part_kind kind;
	char *text;
	struct jsonpath_path path;
	size_t end; /* of PART_RANGE: the index of its PART_END, or the number of parts */
};

struct jsonpath {
	struct jsonpath_part *at;
	size_t count;
};

#define JSONPATH_NESTING_MAX 16 /* of filters in filters, and of ranges */

struct jsonpath_text;
/*
 * Appends the steps up to what ends an expression or an operand. ERR_INPUT; `path` is then partly
 * filled, and still to be freed.
 */
int jsonpath_path_parse(struct jsonpath_text *p, struct jsonpath_path *path);
/* Frees the steps, not `path` itself. */
void jsonpath_path_free(struct jsonpath_path *path);

#endif
