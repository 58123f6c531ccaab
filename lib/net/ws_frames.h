/*
 * WebSocket frames (RFC 6455) read as they pass by: the messages of one direction, by pieces, nothing held. Pure.
 */
#ifndef MK8S_NET_WS_FRAMES_H
#define MK8S_NET_WS_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/span.h"

/* A part of a text or binary message; `first` and `last` of a message may be the same. Borrowed during the call. */
struct ws_part {
	struct span bytes;
	bool first, last;
};
typedef int ws_part_fn(void *owner, const struct ws_part *part, struct err *e);

struct ws_frames {
	bool masked;    /* of a client (section 5.3) */
	bool closed;    /* after a close frame nothing counts any more */
	bool in_message; /* fragments of a message are awaited */
	bool first;     /* nothing of the message was given out yet */
	uint8_t head[14];
	size_t head_len;
	uint64_t left; /* of the frame's payload */
	uint64_t at;   /* of the payload, for the mask */
};

void ws_frames_init(struct ws_frames *f, bool masked);
/*
 * Takes what came. -1: ERR_PROTOCOL for what is no frame of that direction (an extension's bits, an unknown opcode,
 * a mask where none belongs or none where one does, a long or fragmented control frame, a fragment out of order), or
 * what `fn` returned; nothing more is to be fed then.
 */
int ws_frames_feed(struct ws_frames *f, struct span bytes, ws_part_fn *fn, void *owner, struct err *e);

#endif
