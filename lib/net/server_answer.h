/* Whole answers of ours on a stream: sent piece by piece as the peer reads; problem documents (RFC
 * 9457). */
#ifndef MK8S_NET_SERVER_ANSWER_H
#define MK8S_NET_SERVER_ANSWER_H

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/net/http.h"

/*
 * Answers and ends `s`, which it takes over. `body` (may be NULL) is moved out; it is left out for
 * HEAD. `trailers` (NULL: none) must outlive the stream: static ones. Up to ANSWER_DROP_MAX bytes
 * of the request's body that still come are dropped.
 */
#define ANSWER_DROP_MAX (1024 * 1024)
void answer_stream(struct http_stream *s, const struct http_head *head, struct buf *body,
		   const struct http_field *trailers, size_t trailer_count);

/* Fields of an answer as they grow; at most ANSWER_FIELD_MAX, what is more is left out. */
#define ANSWER_FIELD_MAX 24
struct answer_fields {
	struct http_field at[ANSWER_FIELD_MAX];
	size_t count;
};
/* The texts are borrowed until the answer is given. */
void answer_add_field(struct answer_fields *fields, const char *name, struct span value);

/*
 * Answers with `status` and `body` (moved out) under the frame's own fields (date, request id,
 * nosniff, no-store) and those of `fields` (may be NULL). 204 and 304 have no body.
 */
void answer_own(struct http_stream *s, int status, const char *content_type, struct buf *body,
		const struct answer_fields *fields);

/*
 * The same; `gone` is called once, later, when the stream is closed and with it the body's memory is free.
 */
void answer_own_then(struct http_stream *s, int status, const char *content_type, struct buf *body,
		     void (*gone)(void *owner), void *owner);

/* Appends a problem document; `detail` may be "". */
void answer_put_problem(struct buf *into, int status, const char *detail, const char *request_id);
/* answer_own with a problem document. */
void answer_problem(struct http_stream *s, int status, const char *detail,
		    const struct answer_fields *fields);
/* The same with Retry-After. */
void answer_problem_later(struct http_stream *s, int status, unsigned after_s, const char *detail);

#endif
