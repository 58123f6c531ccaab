/*
 * Reads a JSON text in order, without a tree: its strings go into one block of the caller's, which may be locked.
 *
 * The text has passed json_scan; the reader trusts its grammar. A decoded string with its NUL is never
 * longer than it was in the text, so a block of the text's length holds all of them.
 */
#ifndef MK8S_ROLLOUT_JSON_READER_H
#define MK8S_ROLLOUT_JSON_READER_H

#include <stdbool.h>

#include "lib/base/span.h"

struct json_reader {
	const char *at, *end;
	char *room; /* where the next string goes */
};

/* Enters the container that begins with `bracket`; false (and nothing taken) for another value. */
bool json_reader_open(struct json_reader *r, char bracket);
/* The next member of the object that was entered; false at its end, which is taken. The name is as written,
 * between its quotes. Its value must be read or skipped. */
bool json_reader_name(struct json_reader *r, struct span *ret_name);
/* Whether another element of the array follows; false at its end, which is taken. */
bool json_reader_element(struct json_reader *r);
/* The decoded string, a NUL behind it; another value is skipped and gives at == NULL. */
struct span json_reader_string(struct json_reader *r);
void json_reader_skip(struct json_reader *r);

#endif
