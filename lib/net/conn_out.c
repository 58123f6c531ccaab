/* What goes out: blocks of bytes for the wire, gathered in a round and written at once. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/net/conn_inner.h"

static struct conn_block *block_add(struct conn *c, size_t len)
{
	size_t cap = len > c->out_expected ? len : c->out_expected;
	struct conn_block *b;

	if (cap > CONN_BLOCK_MAX)
		cap = len > CONN_BLOCK_MAX ? len : CONN_BLOCK_MAX;
	if (cap < CONN_BLOCK_MIN && !c->tls)
		cap = CONN_BLOCK_MIN;
	b = malloc(sizeof(*b) + cap);
	if (!b)
		return NULL;
	b->conn = c;
	b->next = NULL;
	b->len = 0;
	b->cap = cap;
	*c->out_end = b;
	c->out_end = &b->next;
	c->out_last = b;
	return b;
}

int conn_out_put(struct conn *c, struct span bytes)
{
	struct conn_block *b = c->out_first ? c->out_last : NULL;

	while (bytes.len) {
		size_t len;

		if (!b || b->len == b->cap)
			b = block_add(c, bytes.len);
		if (!b)
			return -1;
		len = b->cap - b->len < bytes.len ? b->cap - b->len : bytes.len;
		memcpy(b->bytes + b->len, bytes.at, len);
		b->len += len;
		c->out_len += len;
		bytes.at += len;
		bytes.len -= len;
		c->out_expected -= c->out_expected < len ? c->out_expected : len;
	}
	return 0;
}

static void blocks_free(struct conn_block *b)
{
	struct conn_block *next;

	for (; b; b = next) {
		next = b->next;
		free(b);
	}
}

void conn_out_free(struct conn *c)
{
	blocks_free(c->out_first);
	c->out_first = NULL;
	c->out_end = &c->out_first;
	c->out_len = 0;
	buf_free(&c->staged);
}

static void on_sent(uv_write_t *req, int rc)
{
	struct conn_block *b = CONTAINER_OF(req, struct conn_block, req);
	struct conn *c = b->conn;

	blocks_free(b);
	if (c->state == CONN_CLOSING)
		return;
	if (rc < 0) {
		conn_fail_uv(c, rc);
		return;
	}
	if (c->state != CONN_OPEN || !c->is_above || conn_queued(c) >= CONN_LOW_WATER)
		return;
	c->is_above = false;
	if (c->events && c->events->on_drain)
		c->events->on_drain(c->owner);
}

/* Takes up to CONN_SEND_BLOCKS_MAX blocks off the queue. */
static struct conn_block *take_blocks(struct conn *c, uv_buf_t *ret_bufs, unsigned *ret_count)
{
	struct conn_block *first = c->out_first, *last = NULL;
	unsigned n = 0;

	for (struct conn_block *b = first; b && n < CONN_SEND_BLOCKS_MAX; b = b->next) {
		ret_bufs[n++] = uv_buf_init(b->bytes, (unsigned)b->len);
		c->out_len -= b->len;
		last = b;
	}
	c->out_first = last->next;
	if (!c->out_first)
		c->out_end = &c->out_first;
	last->next = NULL;
	*ret_count = n;
	return first;
}

void conn_out_send(struct conn *c)
{
	uv_buf_t bufs[CONN_SEND_BLOCKS_MAX];
	unsigned count;

	while (c->out_first && c->state != CONN_CLOSING) {
		struct conn_block *b = take_blocks(c, bufs, &count);
		int rc = uv_write(&b->req, (uv_stream_t *)c->tcp, bufs, count, on_sent);

		if (rc < 0) {
			blocks_free(b);
			conn_fail_uv(c, rc);
		}
	}
}

void conn_out_try(struct conn *c)
{
	if (uv_stream_get_write_queue_size((uv_stream_t *)c->tcp) > 0)
		return;
	while (c->out_first) {
		struct conn_block *b = c->out_first;
		uv_buf_t buf = uv_buf_init(b->bytes, (unsigned)b->len);
		int rc = uv_try_write((uv_stream_t *)c->tcp, &buf, 1);

		if (rc < 0 || (size_t)rc < b->len)
			return;
		c->out_first = b->next;
		free(b);
	}
	c->out_end = &c->out_first;
}

static void on_shutdown(uv_shutdown_t *req, int rc)
{
	struct conn *c = req->data;

	if (c->state == CONN_CLOSING)
		return;
	if (rc < 0) {
		conn_fail_uv(c, rc);
		return;
	}
	c->end_is_done = true;
	if (c->state == CONN_FLUSHING)
		conn_linger(c);
	else
		conn_close_when_done(c);
}

void conn_out_on_flush(struct loop_task *t)
{
	struct conn *c = CONTAINER_OF(t, struct conn, flush_task);
	struct err e;
	int rc;

	if (c->tls && conn_tls_flush(c, &e) < 0) {
		conn_fail(c, &e);
		return;
	}
	if (c->is_ended && c->tls && !c->end_was_sent)
		tls_stream_end(c->tls);
	conn_out_send(c);
	if (!c->is_ended || c->end_was_sent || c->state == CONN_CLOSING)
		return;
	c->end_was_sent = true;
	rc = uv_shutdown(&c->shutdown, (uv_stream_t *)c->tcp, on_shutdown);
	if (rc < 0)
		conn_fail_uv(c, rc);
}

void conn_write(struct conn *c, struct span bytes)
{
	struct err e;
	int rc;

	if (c->state == CONN_CLOSING || c->is_ended || bytes.len == 0)
		return;
	assert(c->state == CONN_OPEN);
	if (c->tls) {
		rc = conn_tls_write(c, bytes, &e);
	} else {
		rc = conn_out_put(c, bytes);
		if (rc < 0)
			err_set(&e, ERR_NOMEM, "no memory for output to %s", c->peer);
	}
	if (rc < 0) {
		conn_fail(c, &e);
		return;
	}
	if (c->out_len >= CONN_BLOCK_MAX)
		conn_out_send(c);
	if (c->state != CONN_OPEN)
		return;
	loop_task_queue(c->loop, &c->flush_task);
	if (conn_queued(c) >= CONN_LOW_WATER)
		c->is_above = true;
}

size_t conn_queued(const struct conn *c)
{
	size_t in_uv = c->tcp ? uv_stream_get_write_queue_size((uv_stream_t *)c->tcp) : 0;

	return c->staged.len + c->out_len + in_uv;
}

void conn_end(struct conn *c)
{
	if (c->state == CONN_CLOSING || c->is_ended)
		return;
	assert(c->state == CONN_OPEN);
	c->is_ended = true;
	loop_task_queue(c->loop, &c->flush_task);
}
