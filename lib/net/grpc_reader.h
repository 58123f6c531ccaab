/*
 * Takes messages out of the bytes of one direction of a gRPC stream, however they are cut (the gRPC
 * over HTTP/2 specification: Length-Prefixed-Message).
 */
#ifndef MK8S_NET_GRPC_READER_H
#define MK8S_NET_GRPC_READER_H

#include "lib/net/grpc.h"

struct grpc_reader {
	struct buf held; /* bytes that are not a whole message yet, or not yet taken */
	size_t taken;	 /* of them, from the front */
	size_t message_max;
};

/* At most `message_max` bytes a message, itself at most GRPC_MESSAGE_MAX. */
void grpc_reader_init(struct grpc_reader *r, size_t message_max);
void grpc_reader_free(struct grpc_reader *r);
/*
 * Adds bytes that came, at most GRPC_READER_PUT_MAX at once; every message is to be taken before
 * the next put. ERR_LIMIT.
 */
#define GRPC_READER_PUT_MAX (2 * 1024 * 1024)
int grpc_reader_put(struct grpc_reader *r, struct span bytes, struct err *e);
/*
 * 1 and the next message, borrowed until the next call; 0 when more bytes are needed; -1 for a
 * compressed or too large message or a flag that is none: ERR_PROTOCOL, ERR_LIMIT.
 */
int grpc_reader_next(struct grpc_reader *r, struct span *ret_message, struct err *e);
/* Whether nothing of a message is left: else the stream was cut. */
bool grpc_reader_is_empty(const struct grpc_reader *r);

#endif
