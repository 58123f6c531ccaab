/* Bytes that wait to go out: appended at the end, taken off the front without moving the rest. */
#ifndef MK8S_NET_HTTP_QUEUE_H
#define MK8S_NET_HTTP_QUEUE_H

#include <stddef.h>

#include "lib/base/buf.h"

struct http_queue {
	struct buf bytes;
	size_t at;  /* bytes at the front that are gone already */
	size_t max; /* ceiling for what waits */
};

/* An empty queue of at most `max_len` bytes. Allocates nothing yet. */
void http_queue_init(struct http_queue *q, size_t max_len);
/* Gives the memory back; empty and usable again. */
void http_queue_free(struct http_queue *q);
size_t http_queue_len(const struct http_queue *q);
/* Appends all or nothing: -1 above the ceiling or without memory. */
int http_queue_put(struct http_queue *q, struct span bytes);
/* What waits, borrowed until the next change. */
struct span http_queue_span(const struct http_queue *q);
/* Takes `len` bytes (at most all) off the front; an empty queue holds no memory. */
void http_queue_drop(struct http_queue *q, size_t len);

#endif
