/* HTTP/1.1 messages into bytes: heads, and bodies framed by length or chunks (RFC 9112). */
#ifndef MK8S_NET_H1_WRITE_H
#define MK8S_NET_H1_WRITE_H

#include <stdbool.h>

#include "lib/net/http_head.h"
#include "lib/net/http_queue.h"

enum h1_framing {
	H1_NO_BODY,     /* what is sent is left out: HEAD, 204, 304 */
	H1_LENGTH,      /* Content-Length bytes, neither more nor fewer */
	H1_CHUNKED,
	H1_UNTIL_CLOSE, /* the end is the connection's end: answers to HTTP/1.0 */
};

struct h1_body {
	enum h1_framing framing;
	uint64_t left; /* H1_LENGTH: bytes to come */
};

struct h1_answer_form {
	struct span method; /* of the request */
	bool is_1_0;        /* the request's version */
	bool end;           /* no body follows */
	bool close;         /* the connection ends with this answer */
	struct span protocol; /* 101: what the connection becomes */
};

/*
 * Writes an answer's head; fields that frame or belong to the connection are the writer's own and
 * left out. Sets `ret_body`. ERR_INPUT when Content-Length is no number or does not fit `end`;
 * ERR_LIMIT when the queue is full.
 */
int h1_write_answer(struct http_queue *q, const struct http_head *head,
		    const struct h1_answer_form *form, struct h1_body *ret_body, struct err *e);
/*
 * The same for a request; the target must be valid, the authority becomes Host. With a `protocol`
 * the request asks for the upgrade and has no body; what is sent afterwards is raw.
 */
int h1_write_request(struct http_queue *q, const struct http_head *head, bool end,
		     struct h1_body *ret_body, struct err *e);
/* Body bytes in their framing. ERR_INPUT when more than Content-Length come. */
int h1_write_body(struct http_queue *q, struct h1_body *body, struct span bytes, struct err *e);
/*
 * The end; trailers are sent with chunks and left out otherwise. ERR_INPUT when bytes of
 * Content-Length miss.
 */
int h1_write_end(struct http_queue *q, struct h1_body *body, const struct http_field *trailers,
		 size_t count, struct err *e);

#endif
