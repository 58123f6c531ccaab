/*
 * The client's side of SPDY/3.1 as far as port-forward needs it (the SPDY protocol, draft 3.1):
 * streams are opened, bytes and ends go both ways. Header blocks are written as stored zlib blocks,
 * and those that come are not looked at: the answer to a stream says nothing. Flow control is not
 * used by the other side (moby/spdystream).
 */
#ifndef MK8S_KUBE_SPDY_H
#define MK8S_KUBE_SPDY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

enum { SPDY_HEAD = 8, SPDY_DATA_MAX = 32 * 1024 };

struct spdy_header {
	const char *name, *value; /* name in lower case */
};

/* The one header compression state of a connection: zeroed in the beginning. */
struct spdy_writer {
	bool has_begun;
};

/* Append frames. Streams of a client are odd and grow. */
void spdy_put_syn(struct buf *out, struct spdy_writer *w, uint32_t stream, const struct spdy_header *headers,
		  size_t count);
/* The head of a data frame; `len` (at most SPDY_DATA_MAX) bytes follow. `fin`: the last one. */
void spdy_put_data_head(struct buf *out, uint32_t stream, size_t len, bool fin);
void spdy_put_reset(struct buf *out, uint32_t stream);

/* What came. */
enum spdy_kind {
	SPDY_DATA,   /* a part of a stream's bytes; `fin` with the last one, which may be empty */
	SPDY_RESET,  /* the stream is over */
	SPDY_PING,   /* to be sent back with spdy_put_ping */
	SPDY_GOAWAY, /* no more streams */
	SPDY_OTHER,
};

struct spdy_event {
	enum spdy_kind kind;
	uint32_t stream; /* or the ping's number */
	bool fin;
	struct span bytes;
};

void spdy_put_ping(struct buf *out, uint32_t number);

/* Zeroed in the beginning. */
struct spdy_reader {
	unsigned char head[SPDY_HEAD + 8];
	size_t head_len;
	uint32_t left; /* of a frame's payload */
	bool in_data, in_rest;
};

/*
 * Takes one event off the front of `*bytes`: 1, 0 when more bytes are needed, -1 and ERR_PROTOCOL for what is no frame
 * of SPDY/3.1.
 */
int spdy_read(struct spdy_reader *r, struct span *bytes, struct spdy_event *ret_event, struct err *e);

#endif
