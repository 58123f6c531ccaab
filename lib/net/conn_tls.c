/* The TLS layer of a connection. */
#include "lib/net/conn_inner.h"

static int on_emit(void *arg, struct span bytes)
{
	return conn_out_put(arg, bytes);
}

static void fail_with_peer(struct conn *c, struct err *e)
{
	const char *name = c->tls ? tls_stream_name(c->tls) : NULL;

	if (name)
		err_context(e, "TLS with %s (%s)", name, c->peer);
	else
		err_context(e, "TLS with %s", c->peer);
	conn_fail(c, e);
}

static size_t handshake_input(struct conn *c, struct span bytes)
{
	struct span rest = bytes;
	struct err e;

	switch (tls_stream_handshake(c->tls, &rest, &e)) {
	case TLS_STEP_OPEN:
		conn_out_send(c);
		if (c->state != CONN_CLOSING)
			c->on_secured(c);
		break;
	case TLS_STEP_FAILED:
		fail_with_peer(c, &e);
		break;
	case TLS_STEP_MORE:
	case TLS_STEP_BYTES:
	case TLS_STEP_END:
		conn_out_send(c);
		break;
	}
	return bytes.len - rest.len;
}

void conn_tls_start(struct conn *c, struct tls *t, const char *server_name, uint16_t port)
{
	struct err e;

	c->on_input = handshake_input;
	c->tls = tls_stream_new(t, server_name, port, on_emit, c, &e);
	if (!c->tls)
		fail_with_peer(c, &e);
	else
		conn_queue_input(c);
}

/*
 * One record. What mbedTLS emits while it reads is either the alert before a failure or, in TLS
 * 1.2, its "no" to a renegotiation; whoever goes on asking could fill our queue with those, so one
 * is enough.
 */
static enum tls_step read_record(struct conn *c, struct span *rest, size_t *ret_len, struct err *e)
{
	size_t before = c->out_len;
	enum tls_step step = tls_stream_read(c->tls, rest, c->loop->plain, ret_len, e);

	if (step == TLS_STEP_FAILED || c->out_len == before)
		return step;
	err_set(e, ERR_PROTOCOL, "the peer wants to renegotiate");
	return TLS_STEP_FAILED;
}

size_t conn_tls_input(struct conn *c, struct span bytes)
{
	struct span rest = bytes;
	size_t len = 0;
	struct err e;

	while (rest.len && c->state == CONN_OPEN && !c->is_paused && !c->peer_ended) {
		switch (read_record(c, &rest, &len, &e)) {
		case TLS_STEP_BYTES:
			c->events->on_read(c->owner, span_from(c->loop->plain, len));
			break;
		case TLS_STEP_END:
			conn_deliver_end(c);
			break;
		case TLS_STEP_FAILED:
			fail_with_peer(c, &e);
			break;
		case TLS_STEP_MORE:
		case TLS_STEP_OPEN:
			break;
		}
	}
	/* behind close_notify nothing counts (RFC 8446 6.1) */
	return c->peer_ended ? bytes.len : bytes.len - rest.len;
}

static int encrypt(struct conn *c, struct span plain, struct err *e)
{
	c->out_expected = plain.len + (plain.len / TLS_RECORD_LEN + 1) * TLS_RECORD_COST;
	if (tls_stream_write(c->tls, plain, e) < 0)
		return err_context(e, "TLS with %s", c->peer);
	c->out_expected = 0;
	return 0;
}

int conn_tls_flush(struct conn *c, struct err *e)
{
	int rc = c->staged.len ? encrypt(c, buf_span(&c->staged), e) : 0;

	buf_free(&c->staged);
	return rc;
}

static int stage(struct conn *c, struct span bytes, struct err *e)
{
	if (buf_put_span(&c->staged, bytes) < 0)
		return err_set(e, ERR_NOMEM, "no memory for output to %s", c->peer);
	return 0;
}

/* Only full records are encrypted at once; the rest waits for more until the end of the round. */
int conn_tls_write(struct conn *c, struct span bytes, struct err *e)
{
	struct span part = bytes;

	if (c->staged.len) {
		if (part.len > TLS_RECORD_LEN - c->staged.len)
			part.len = TLS_RECORD_LEN - c->staged.len;
		if (stage(c, part, e) < 0)
			return -1;
		bytes = span_from(bytes.at + part.len, bytes.len - part.len);
		if (c->staged.len == TLS_RECORD_LEN && conn_tls_flush(c, e) < 0)
			return -1;
	}
	part = span_from(bytes.at, bytes.len - bytes.len % TLS_RECORD_LEN);
	if (part.len && encrypt(c, part, e) < 0)
		return -1;
	part = span_from(bytes.at + part.len, bytes.len - part.len);
	return part.len ? stage(c, part, e) : 0;
}
