/* The server's connections: HTTP/1.1 or HTTP/2 by ALPN, and the list by which they are drained and
 * closed. */
#include "lib/base/mem.h"
#include "lib/net/server_inner.h"

#include <string.h>

#define SERVER_HEAD_MAX (64 * 1024)
#define SERVER_FIELDS_MAX 128

static const struct h1_limits h1_limits = {
	.head_max = SERVER_HEAD_MAX,
	.field_count_max = SERVER_FIELDS_MAX,
	.head_timeout_ms = 10 * 1000,
	.idle_timeout_ms =
		120 * 1000, /* above the 90 s of Go's clients, so that they close first */
	.body_timeout_ms = 30 * 1000,
	.write_timeout_ms = 60 * 1000,
};

static const struct h2_limits h2_limits = {
	.stream_max = 250,
	.stream_window = 256 * 1024,
	.conn_window = 1024 * 1024,
	.head_max = SERVER_HEAD_MAX,
	.field_count_max = SERVER_FIELDS_MAX,
	.ping_interval_ms = 30 * 1000,
	.idle_timeout_ms = 120 * 1000,
	.write_timeout_ms = 60 * 1000,
	.body_timeout_ms = 30 * 1000,
};

static void on_request(void *owner, struct http_stream *s)
{
	server_dispatch(owner, s);
}

static void conn_closed(void *arg)
{
	struct server_conn *c = arg;

	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->from->server->conn_count--;
	free(c);
}

static void on_h2_close(void *owner, struct h2 *h, const struct err *why)
{
	(void)h;
	(void)why;
	conn_closed(owner);
}

static const struct h2_events h2_events = { .on_close = on_h2_close };

static void conn_drain(struct server_conn *c)
{
	if (c->h1)
		h1_server_drain(c->h1);
	else
		h2_drain(c->h2);
}

static void serve_h2(struct server_conn *c)
{
	struct server *s = c->from->server;
	struct h2_limits limits = h2_limits;

	limits.stall_timeout_ms = s->o.stall_timeout_ms;
	limits.tcp_is_life = true;
	c->h2 = h2_server_new(s->loop, c->conn, &limits, &c->acceptor, &h2_events, c);
}

static void serve_h1(struct server_conn *c)
{
	struct server *s = c->from->server;
	struct h1_limits limits = h1_limits;

	limits.stall_timeout_ms = s->o.stall_timeout_ms;
	c->h1 = h1_server_new(s->loop, c->conn, &limits, &c->acceptor, conn_closed, c);
}

void server_on_conn(void *owner, struct conn *conn)
{
	struct server_listener *from = owner;
	struct server *s = from->server;
	struct server_conn *c;

	if (from->o.raw_alpn && strcmp(conn_alpn(conn), from->o.raw_alpn) == 0) {
		from->o.on_raw(s->o.app, conn);
		return;
	}
	c = mem_new(sizeof(*c));
	*c = (struct server_conn){
		.next = s->conns, .link = &s->conns, .from = from, .conn = conn
	};
	c->acceptor = (struct http_acceptor){ on_request, c };
	if (s->conns)
		s->conns->link = &c->next;
	s->conns = c;
	s->conn_count++;
	if (strcmp(conn_alpn(conn), "h2") == 0)
		serve_h2(c);
	else
		serve_h1(c);
	if (s->stopping)
		conn_drain(c);
}

void server_drain_conns(struct server *s)
{
	for (struct server_conn *c = s->conns, *next; c; c = next) {
		next = c->next;
		conn_drain(c);
	}
}

void server_cut_conns(struct server *s)
{
	for (struct server_conn *c = s->conns, *next; c; c = next) {
		next = c->next;
		conn_close(c->conn);
	}
}
