/* What both roles of gRPC write and read: frames, grpc-timeout, grpc-message (the gRPC over HTTP/2
 * specification). */
#ifndef MK8S_NET_GRPC_WIRE_H
#define MK8S_NET_GRPC_WIRE_H

#include <stdbool.h>

#include "lib/net/grpc.h"

#define GRPC_FRAME_HEAD 5 /* a flag and four bytes of length before each message */
#define GRPC_TIMEOUT_MAX_MS (60 * 1000)

/*
 * Reads "100m": at most eight digits, then one of H M S m u n. Rounded up to milliseconds, never 0.
 * 0, or -1 for anything else.
 */
int grpc_timeout_parse(struct span text, uint64_t *ret_ms);

/* Appends a sentence as grpc-message: bytes outside 0x20..0x7E, and %, as %XX. */
void grpc_message_encode(const char *sentence, struct buf *into);
/* The reverse, never failing: malformed escapes stay as they are, control characters become blanks;
 * cut to fit. */
void grpc_message_decode(struct span text, char *into, size_t into_size);

/* Whether a content-type is that of gRPC with protobuf messages: application/grpc, or with +proto,
 * and parameters. */
bool grpc_is_content_type(struct span value);

/* Appends a message with its frame head. */
void grpc_frame_put(struct buf *into, struct span message);

/*
 * What the bytes of a unary message say so far: GRPC_OK while all is well (`ended` and whole:
 * *ret_message is set), else a status and a sentence: compressed, too large, more than one message,
 * cut short, none at all.
 */
enum grpc_status grpc_frame_read(struct span bytes, bool ended, struct span *ret_message,
				 struct err *e);

/* How a call ended, as the client reads it from the answer's head and trailers. */
struct grpc_outcome {
	bool is_grpc; /* the head was that of a gRPC answer */
	int http_status;
	bool has_status;
	enum grpc_status status;
	char sentence[300];
};
/* From the head, which holds the status too where no message came (Trailers-Only). */
void grpc_outcome_take_head(struct grpc_outcome *o, const struct http_head *head);
/* From trailers. */
void grpc_outcome_take(struct grpc_outcome *o, const struct http_field *fields, size_t count);
/* The status, with the sentence in `e` unless it is GRPC_OK. An answer without one is an error. */
enum grpc_status grpc_outcome_judge(const struct grpc_outcome *o, struct err *e);

#endif
