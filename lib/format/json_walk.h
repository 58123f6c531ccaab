/*
 * Walks JSON (RFC 8259) that comes in pieces of any size: says what the bytes are, keeps no tree,
 * allocates nothing.
 *
 * One text after another is fine, as in a watch: at depth 0 a value may follow a value. The grammar
 * is checked, the UTF-8 of strings and lone surrogates are not (they change no structure).
 */
#ifndef MK8S_FORMAT_JSON_WALK_H
#define MK8S_FORMAT_JSON_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/span.h"

enum { JSON_WALK_DEPTH_MAX = 128, JSON_WALK_TEXT_SIZE = 256 };

enum json_step {
	JSON_STEP_MORE,	  /* inside a name or scalar; all bytes are taken */
	JSON_STEP_OPEN,	  /* a { or [, which `depth` counts already */
	JSON_STEP_CLOSE,  /* a } or ], which `depth` counts no more */
	JSON_STEP_NAME,	  /* a member's name is whole */
	JSON_STEP_SCALAR, /* a string, number, true, false or null is whole */
	JSON_STEP_COLON,
	JSON_STEP_COMMA,
	JSON_STEP_BLANK,
};

struct json_walk {
	uint8_t state, number, hex_left;
	bool is_name, text_odd;
	char scalar; /* the first byte of the last scalar: '"', '-', a digit, 't', 'f' or 'n' */
	uint16_t hex;
	const char *literal; /* what must still come of true, false, null */
	size_t depth;
	uint64_t objects[JSON_WALK_DEPTH_MAX / 64]; /* one bit a level: { or [ */
	size_t text_len;
	char text[JSON_WALK_TEXT_SIZE];
};

void json_walk_init(struct json_walk *w);
/*
 * Takes bytes off the front of `*rest` (not empty) up to the next step; *ret_piece are the bytes
 * taken, borrowed. A number ends at the byte behind it, so its SCALAR may come with an empty piece.
 * ERR_INPUT for what is no JSON, ERR_LIMIT when nested deeper than JSON_WALK_DEPTH_MAX.
 */
int json_walk_step(struct json_walk *w, struct span *rest, struct span *ret_piece,
		   enum json_step *ret_step, struct err *e);
/* Whether the level that `depth` counts last is an object. */
bool json_walk_in_object(const struct json_walk *w);
/* After NAME, or SCALAR of a string: whether its decoded text is `text`. */
bool json_walk_text_is(const struct json_walk *w, const char *text);
/*
 * The decoded text; NULL when it is no string, longer than 255 bytes, or holds NUL or escapes above
 * ASCII.
 */
const char *json_walk_text(struct json_walk *w);
/* Whether no value is begun. */
bool json_walk_at_rest(const struct json_walk *w);

#endif
