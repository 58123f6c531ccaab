/* An HTTP/1.1 client connection after a 101: bytes both ways, each side ends for itself. */
#include "lib/net/h1_pool_inner.h"

enum { FLUSH_MS = 10 * 1000 }; /* for our last bytes */

/* Both sides have ended: the stream ends in order, the connection with it. */
static void raw_done(struct h1_client *c)
{
	static const struct err in_order = { .code = ERR_NONE };
	struct h1_ask *a = c->ask;

	c->ask = NULL;
	a->client = NULL;
	h1_pool_move(c->pool, c, H1_CLOSING);
	conn_close_after_flush(c->conn, FLUSH_MS);
	http_stream_emit_close(&a->base, &in_order);
	h1_ask_free(a);
}

void h1_client_raw_settle(struct h1_client *c)
{
	struct h1_ask *a = c->ask;

	if (!a || !a->base.raw || !a->base.ended || http_queue_len(&a->out) || c->state == H1_CLOSING)
		return;
	if (!c->end_said) {
		c->end_said = true;
		conn_end(c->conn);
	}
	if (a->base.peer_ended)
		raw_done(c);
}
