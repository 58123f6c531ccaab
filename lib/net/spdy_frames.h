/*
 * SPDY/3.1 frames, as Kubernetes' streams use them, read as they pass by in one direction: the streams that are
 * opened with their fields, and the data on them, by pieces. Source: SPDY Protocol Draft 3.1. Pure.
 */
#ifndef MK8S_NET_SPDY_FRAMES_H
#define MK8S_NET_SPDY_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/net/http.h"

#define SPDY_FIELDS_MAX 32
#define SPDY_BLOCK_MAX (16 * 1024) /* of a stream's fields, compressed and not */

struct spdy_frames_events {
	/* A stream is opened. Names in lower case; no name comes twice. Borrowed during the call. */
	int (*on_stream)(void *owner, uint32_t stream, const struct http_field *fields, size_t count, struct err *e);
	/* Bytes on a stream; whether it is open is the owner's to know. */
	int (*on_data)(void *owner, uint32_t stream, struct span bytes, struct err *e);
};

struct spdy_frames;

/* The caller owns it. */
struct spdy_frames *spdy_frames_new(const struct spdy_frames_events *events, void *owner);
/* Takes NULL. */
void spdy_frames_free(struct spdy_frames *f);
/*
 * Takes what came. -1: ERR_PROTOCOL for what is no SPDY/3.1, ERR_LIMIT for a block of fields above the limits, or what
 * an event returned; nothing more is to be fed then.
 */
int spdy_frames_feed(struct spdy_frames *f, struct span bytes, struct err *e);

/* What primes the compression of fields (section 2.6.10.1). */
#define SPDY_DICTIONARY_SIZE 1423
extern const uint8_t spdy_dictionary[SPDY_DICTIONARY_SIZE];

#endif
