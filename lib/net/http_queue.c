/* Bytes that wait to go out. */
#include "lib/net/http_queue.h"

void http_queue_init(struct http_queue *q, size_t max_len)
{
	*q = (struct http_queue){ .max = max_len };
	buf_init(&q->bytes, max_len * 2); /* what is gone stays in front until it is half */
}

void http_queue_free(struct http_queue *q)
{
	buf_free(&q->bytes);
	q->at = 0;
}

size_t http_queue_len(const struct http_queue *q)
{
	return q->bytes.len - q->at;
}

int http_queue_put(struct http_queue *q, struct span bytes)
{
	if (bytes.len > q->max - http_queue_len(q))
		return -1;
	if (q->at > http_queue_len(q)) {
		buf_consume(&q->bytes, q->at);
		q->at = 0;
	}
	return buf_put_span(&q->bytes, bytes);
}

struct span http_queue_span(const struct http_queue *q)
{
	return span_from(q->bytes.at ? q->bytes.at + q->at : NULL, http_queue_len(q));
}

void http_queue_drop(struct http_queue *q, size_t len)
{
	q->at += len < http_queue_len(q) ? len : http_queue_len(q);
	if (q->at == q->bytes.len)
		http_queue_free(q);
}
