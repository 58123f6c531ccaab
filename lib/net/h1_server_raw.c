/* An HTTP/1.1 server connection after a 101: bytes both ways, each side ends for itself. */
#include "lib/net/h1_server_inner.h"

/* What came before the switch, then the peer's end. */
static void raw_deliver(struct h1_server *h)
{
	while (http_queue_len(&h->pending)) {
		struct span piece = http_queue_span(&h->pending);

		if (h->stream->base.is_reset || h->stream->base.unconsumed > H1_IN_MAX)
			return;
		if (piece.len > H1_PENDING_MAX)
			piece.len = H1_PENDING_MAX;
		http_stream_emit_body(&h->stream->base, piece);
		http_queue_drop(&h->pending, piece.len);
	}
	if (h->peer_ended && !h->stream->base.peer_ended)
		http_stream_emit_end(&h->stream->base, NULL, 0);
}

void h1_raw_settle(struct h1_server *h)
{
	if (!h->stream || !h->stream->base.raw || h->closing)
		return;
	raw_deliver(h);
	if (!h->stream->base.ended || h->stream->base.is_reset || http_queue_len(&h->out) ||
	    h->end_said)
		return;
	h->end_said = true;
	conn_end(h->conn);
}

void h1_raw_read(struct h1_server *h, struct span bytes)
{
	if (!http_queue_len(&h->pending))
		http_stream_emit_body(&h->stream->base, bytes);
	else if (http_queue_put(&h->pending, bytes) < 0)
		h1_server_close(h);
}

bool h1_stream_is_over(const struct h1_server *h)
{
	const struct http_stream *s = &h->stream->base;

	if (!s->ended || s->is_reset || http_queue_len(&h->out))
		return false;
	return !s->raw || s->peer_ended || s->unwanted;
}
