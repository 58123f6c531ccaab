/* Texts that hold secret references (secret_ref.h). */
#ifndef MK8S_ROLLOUT_SECRET_TEMPLATE_H
#define MK8S_ROLLOUT_SECRET_TEMPLATE_H

#include "lib/rollout/secret_ref.h"

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
