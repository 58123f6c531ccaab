/* One HTTP/1.1 client connection of a pool. */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/net/h1_pool_inner.h"

static void client_settle(struct h1_client *c);

static void on_task(struct loop_task *t)
{
	client_settle(CONTAINER_OF(t, struct h1_client, task));
}

void h1_client_schedule(struct h1_client *c)
{
	if (!c->busy)
		loop_task_queue(c->pool->loop, &c->task);
}

void h1_client_close(struct h1_client *c)
{
	if (c->state == H1_CLOSING)
		return;
	h1_pool_move(c->pool, c, H1_CLOSING);
	conn_close(c->conn);
}

/* The stream ends by the connection's fault, or for a new try. */
static void client_fail(struct h1_client *c, enum err_code code, const char *why)
{
	struct h1_ask *a = c->ask;
	struct err e = { .code = ERR_NONE };
	bool retry = a && c->served && a->may_retry && !a->retried && !a->answer_began &&
		     !a->body_sent && code == ERR_UNREACHABLE && !c->pool->dead;

	h1_client_close(c);
	if (!a)
		return;
	if (!retry) {
		err_set(&e, code, "%s: %s", c->pool->target.host, why);
		h1_pool_end(c->pool, a, &e);
		return;
	}
	c->ask = NULL;
	a->client = NULL;
	a->base.conn = NULL;
	a->retried = true;
	a->head_sent = false;
	a->since_ms = loop_now_ms(c->pool->loop);
	a->head.at = 0;
	h1_ask_prepend(&c->pool->waiting, a);
	h1_pool_schedule(c->pool);
}

static void client_write(struct h1_client *c, struct span piece)
{
	if (!conn_queued(c->conn))
		c->write_ms = loop_now_ms(c->pool->loop);
	conn_write(c->conn, piece);
	c->handed += piece.len;
}

static void client_flush(struct h1_client *c)
{
	struct h1_ask *a = c->ask;

	if (!a->head_sent) {
		a->head_sent = true;
		client_write(c, http_queue_span(&a->head)); /* the text stays for a retry */
	}
	if (a->protocol.len && !a->base.raw)
		return; /* bytes before the 101 could be taken for a request */
	while (http_queue_len(&a->out)) {
		size_t queued = conn_queued(c->conn);
		struct span piece = http_queue_span(&a->out);

		if (queued >= H1_CLIENT_OUT_MAX)
			return;
		if (piece.len > H1_CLIENT_OUT_MAX - queued)
			piece.len = H1_CLIENT_OUT_MAX - queued;
		a->body_sent = true;
		client_write(c, piece);
		http_queue_drop(&a->out, piece.len);
	}
}

/* The answer is whole: the stream ends in order, and the connection may serve again. */
static void client_done(struct h1_client *c)
{
	static const struct err in_order = { .code = ERR_NONE };
	struct h1_ask *a = c->ask;
	bool keep = c->parser.keeps_alive && a->base.ended && !a->protocol.len &&
		    !http_queue_len(&a->out);

	c->served++;
	c->ask = NULL;
	a->client = NULL;
	if (keep) {
		h1_parser_next(&c->parser);
		h1_parser_trim(&c->parser);
		h1_client_balance(c);
		h1_pool_move(c->pool, c, H1_IDLE);
	} else {
		h1_client_close(c);
	}
	http_stream_emit_close(&a->base, &in_order);
	h1_ask_free(a);
}

/*
 * Ends with what the callbacks and the owner left to do. Callbacks come last: they may end
 * everything.
 */
static void client_settle(struct h1_client *c)
{
	bool outer = !c->busy;
	bool again = c->ask && c->state != H1_CLOSING;

	c->busy = true;
	for (int pass = 0; again && pass < H1_CLIENT_PASSES; pass++) {
		client_flush(c);
		http_stream_emit_drain(&c->ask->base);
		again = c->ask && c->state != H1_CLOSING && http_queue_len(&c->ask->out) &&
			conn_queued(c->conn) < H1_CLIENT_OUT_MAX;
	}
	if (again)
		loop_task_queue(c->pool->loop, &c->task);
	h1_client_raw_settle(c);
	if (c->ask && c->state != H1_CLOSING)
		h1_client_balance(c);
	if (outer)
		c->busy = false;
}

void h1_client_balance(struct h1_client *c)
{
	bool want = c->ask && c->ask->base.unconsumed > H1_CLIENT_IN_MAX;

	if (want == c->paused || c->state == H1_CLOSING)
		return;
	c->paused = want;
	if (want)
		conn_pause(c->conn);
	else
		conn_resume(c->conn);
}

void h1_client_take(struct h1_client *c, struct h1_ask *a)
{
	h1_pool_move(c->pool, c, H1_BUSY);
	c->ask = a;
	c->parser.protocol = a->protocol;
	a->client = c;
	a->base.conn = c->conn;
	h1_client_schedule(c);
}

static bool on_head(void *owner, struct h1_parser *p)
{
	struct h1_client *c = owner;
	struct h1_ask *a = c->ask;
	struct http_head head;

	if (!a)
		return false;
	a->answer = mem_new(h1_parser_head_size(p) + 1);
	h1_parser_take_head(p, a->answer, &head);
	a->base.raw = head.status == 101;
	a->base.peer_ended = !a->base.raw && (a->is_head || !p->has_body);
	http_stream_emit_head(&a->base, &head);
	return !c->ask || !c->ask->is_head;
}

static void on_body(void *owner, struct span bytes)
{
	struct h1_client *c = owner;

	if (c->ask)
		http_stream_emit_body(&c->ask->base, bytes);
}

static void on_answer_end(void *owner, const struct http_field *trailers, size_t count)
{
	struct h1_client *c = owner;

	if (c->ask && !c->ask->base.raw)
		http_stream_emit_end(&c->ask->base, trailers, count);
}

static const struct h1_parse_events parse_events = {
	.on_head = on_head,
	.on_body = on_body,
	.on_end = on_answer_end,
};

static void on_open(void *owner, struct conn *conn UNUSED)
{
	struct h1_client *c = owner;

	c->busy = true;
	h1_pool_move(c->pool, c, H1_IDLE);
	client_settle(c);
	c->busy = false;
}

static void client_read(struct h1_client *c, struct span bytes)
{
	size_t taken;

	if (!c->ask || !c->ask->head_sent) {
		client_fail(c, ERR_UNREACHABLE, "the server sent bytes that nobody asked for");
		return;
	}
	if (c->ask->base.raw) {
		http_stream_emit_body(&c->ask->base, bytes);
		return;
	}
	if (!c->ask->answer_began) {
		c->ask->answer_began = true;
		c->ask->since_ms = loop_now_ms(c->pool->loop);
	}
	taken = h1_parser_feed(&c->parser, bytes);
	if (!c->ask)
		return;
	if (c->parser.state == H1_PARSE_BAD) {
		client_fail(c, ERR_PROTOCOL, c->parser.why);
	} else if (c->ask->base.raw) {
		if (taken < bytes.len)
			http_stream_emit_body(&c->ask->base, span_from(bytes.at + taken, bytes.len - taken));
	} else if (c->parser.state == H1_PARSE_WHOLE) {
		c->parser.keeps_alive = c->parser.keeps_alive && taken == bytes.len;
		client_done(c);
	}
}

static void on_read(void *owner, struct span bytes)
{
	struct h1_client *c = owner;

	if (c->state == H1_CLOSING)
		return;
	c->busy = true;
	client_read(c, bytes);
	client_settle(c);
	c->busy = false;
}

static void on_drain(void *owner)
{
	client_settle(owner);
}

static void on_peer_end(void *owner)
{
	struct h1_client *c = owner;

	if (c->state == H1_CLOSING)
		return;
	c->busy = true;
	if (c->ask && c->ask->base.raw) {
		http_stream_emit_end(&c->ask->base, NULL, 0);
		client_settle(c);
		c->busy = false;
		return;
	}
	if (c->ask && c->ask->answer_began)
		h1_parser_finish(&c->parser);
	if (c->ask && c->parser.state == H1_PARSE_WHOLE) {
		c->parser.keeps_alive = false;
		client_done(c);
	} else {
		client_fail(c, ERR_UNREACHABLE, c->ask && c->ask->answer_began ?
							"the server ended the connection in the middle of its answer" :
							"the server ended the connection without an answer");
	}
	c->busy = false;
}

static void on_close(void *owner, const struct err *why)
{
	struct h1_client *c = owner;
	bool was_dialing = c->state == H1_DIALING;
	struct err e = *why;

	c->busy = true;
	if (e.code == ERR_NONE)
		err_set(&e, ERR_UNREACHABLE, "the server closed the connection");
	h1_pool_move(c->pool, c, H1_CLOSING);
	if (c->ask)
		client_fail(c, ERR_UNREACHABLE, e.text);
	h1_parser_free(&c->parser);
	h1_pool_gone(c->pool, c, was_dialing ? &e : NULL);
	loop_task_cancel(&c->task);
	free(c);
}

static const struct conn_events conn_events = {
	.on_open = on_open,
	.on_read = on_read,
	.on_drain = on_drain,
	.on_end = on_peer_end,
	.on_close = on_close,
};

struct h1_client *h1_client_dial(struct h1_pool *p)
{
	struct h1_client *c = mem_new(sizeof(*c));

	c->pool = p;
	loop_task_init(&c->task, on_task);
	h1_parser_init(&c->parser, H1_ANSWERS, &p->limits, &parse_events, c);
	c->conn = conn_dial(p->loop, &p->target, &conn_events, c);
	return c;
}

void h1_client_tick(struct h1_client *c, uint64_t now_ms)
{
	const struct h1_limits *limits = &c->pool->limits;
	struct h1_ask *a = c->ask;
	uint64_t passed = c->handed;

	if (a->base.raw)
		return;
	passed -= conn_queued(c->conn);
	if (passed != c->passed || !(conn_queued(c->conn) || http_queue_len(&a->out)))
		c->write_ms = now_ms;
	c->passed = passed;
	if (limits->write_timeout_ms && now_ms - c->write_ms >= limits->write_timeout_ms)
		client_fail(c, ERR_TIMEOUT, "the server did not read the request in time");
	else if (limits->head_timeout_ms && a->answer_began && c->parser.state == H1_PARSE_HEAD &&
		 now_ms - a->since_ms >= limits->head_timeout_ms)
		client_fail(c, ERR_TIMEOUT, "the head of the answer did not come in time");
}
