/* What comes in: reading, what is kept while the owner pauses, the peer's end. */
#include "lib/base/attr.h"
#include "lib/net/conn_inner.h"

void conn_queue_input(struct conn *c)
{
	if (c->state == CONN_STARTING && c->tls)
		loop_task_queue_heavy(c->loop, &c->input_task);
	else
		loop_task_queue(c->loop, &c->input_task);
}

void conn_on_input_task(struct loop_task *t)
{
	struct conn *c = CONTAINER_OF(t, struct conn, input_task);

	if (c->state == CONN_OPEN && c->is_paused)
		return; /* conn_resume comes back */
	buf_consume(&c->kept, c->on_input(c, buf_span(&c->kept)));
	if (c->kept.len == 0)
		buf_free(&c->kept);
	else if (c->state == CONN_OPEN && !c->is_paused)
		conn_queue_input(c);
	conn_update_reading(c);
}

void conn_deliver_end(struct conn *c)
{
	c->peer_ended = true;
	conn_update_reading(c);
	c->events->on_end(c->owner);
	conn_close_when_done(c);
}

static void on_eof(struct conn *c)
{
	struct err e;

	switch (c->state) {
	case CONN_STARTING:
		err_set(&e, ERR_UNREACHABLE, "%s closed the connection during the %s", c->peer,
			c->tls ? "TLS handshake" : "proxy's answer");
		conn_fail(c, &e);
		break;
	case CONN_OPEN:
		if (!c->tls) {
			conn_deliver_end(c);
			break;
		}
		err_set(&e, ERR_UNREACHABLE, "connection to %s was cut (no TLS close_notify)",
			c->peer);
		conn_fail(c, &e);
		break;
	case CONN_FLUSHING:
		c->peer_ended = true;
		conn_update_reading(c);
		conn_close_when_done(c);
		break;
	case CONN_CLOSING:
		break;
	}
}

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
	struct conn *c = handle->data;

	(void)wanted;
	*ret = uv_buf_init(c->loop->read, sizeof(c->loop->read));
}

static void take_input(struct conn *c, struct span bytes)
{
	size_t taken = 0;
	struct err e;

	/* a handshake waits for its turn */
	if (c->kept.len == 0 && !(c->state == CONN_STARTING && c->tls))
		taken = c->on_input(c, bytes);
	if (c->state == CONN_CLOSING || taken == bytes.len)
		return;
	if (buf_put(&c->kept, bytes.at + taken, bytes.len - taken) < 0) {
		err_set(&e, ERR_NOMEM, "no memory for input from %s", c->peer);
		conn_fail(c, &e);
		return;
	}
	if (c->state != CONN_OPEN || !c->is_paused)
		conn_queue_input(c);
	conn_update_reading(c);
}

static void on_uv_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
	struct conn *c = stream->data;

	if (len > 0)
		take_input(c, span_from(buf->base, (size_t)len));
	else if (len == UV_EOF)
		on_eof(c);
	else if (len < 0)
		conn_fail_uv(c, (int)len);
}

void conn_update_reading(struct conn *c)
{
	bool wants = c->tcp && !c->peer_ended && c->kept.len == 0;

	if (c->state == CONN_CLOSING)
		return;
	if (c->state == CONN_OPEN && c->is_paused)
		wants = false;
	if (wants == c->is_reading)
		return;
	c->is_reading = wants;
	if (!wants)
		(void)uv_read_stop((uv_stream_t *)c->tcp); /* always 0 */
	else /* fails only on a socket that is closed or not connected */
		(void)uv_read_start((uv_stream_t *)c->tcp, on_alloc, on_uv_read);
}

size_t conn_drop_input(struct conn *c, struct span bytes)
{
	(void)c;
	return bytes.len;
}

static size_t plain_input(struct conn *c, struct span bytes)
{
	c->events->on_read(c->owner, bytes);
	return bytes.len;
}

void conn_open(struct conn *c)
{
	c->state = CONN_OPEN;
	c->on_input = c->tls ? conn_tls_input : plain_input;
	conn_timer_clear(c);
}

void conn_attach(struct conn *c, const struct conn_events *events, void *owner)
{
	c->events = events;
	c->owner = owner;
	conn_resume(c);
}

void conn_pause(struct conn *c)
{
	c->is_paused = true;
	conn_update_reading(c);
}

void conn_resume(struct conn *c)
{
	c->is_paused = false;
	if (c->state == CONN_OPEN && c->kept.len)
		conn_queue_input(c);
	conn_update_reading(c);
}
