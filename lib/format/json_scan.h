/* The strict pass over a JSON text, before a tree is built of it or a reader trusts its grammar. */
#ifndef MK8S_FORMAT_JSON_SCAN_H
#define MK8S_FORMAT_JSON_SCAN_H

#include "lib/format/json.h"

/* A member name or a number, in the order of the text. */
struct json_token {
	size_t offset;
	size_t len;
};

#define JSON_NUMBER_MAX_LEN 63 /* cJSON copies no more of a number */

/*
 * Checks the whole of `text` and appends its tokens (struct json_token, as bytes) to `tokens`.
 * Fails as json_parse does.
 */
int json_scan(struct span text, struct json_limits limits, struct buf *tokens, struct err *e);

/* Sets "line L, column C: WHAT" for the byte at `offset`. Always -1. */
int json_scan_fail(struct span text, size_t offset, enum err_code code, const char *what,
		   struct err *e);

#endif
