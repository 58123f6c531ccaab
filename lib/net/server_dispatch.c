/* From a request's head to the one who serves it: route, gRPC method, or a refusal. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/net/server_answer.h"
#include "lib/net/server_inner.h"

/* An address is one IPv4 address or one IPv6 /64: whoever has one IPv6 address has the whole
 * network. */
static void limit_key(const char *peer_ip, char *into, size_t into_size)
{
	struct in6_addr address;

	if (inet_pton(AF_INET6, peer_ip, &address) == 1)
		memset(address.s6_addr + 8, 0, 8);
	if (!strchr(peer_ip, ':') || !inet_ntop(AF_INET6, &address, into, (socklen_t)into_size))
		(void)snprintf(into, into_size, "%s", peer_ip);
}

/* Whether the address may have one more answer; else the stream was answered with 429. */
static bool limit_allows(struct server *server, const struct visit *v, struct http_stream *s)
{
	char key[sizeof(v->shown.peer_ip)];
	unsigned wait_s = 1;

	if (!server->limiter)
		return true;
	limit_key(v->shown.peer_ip, key, sizeof(key));
	if (limiter_take(server->limiter, key, loop_now_ms(server->loop), &wait_s))
		return true;
	answer_problem_later(s, 429, wait_s, "too many requests from this address");
	return false;
}

static const struct grpc_method *find_method(const struct server_listener *from, struct span path)
{
	for (size_t i = 0; i < from->o.grpc_count; i++)
		if (span_equal_str(path, from->o.grpc[i].path))
			return &from->o.grpc[i];
	return NULL;
}

/* Serves what is meant for gRPC: a method's path, the content type, or a listener that has nothing
 * else. */
static bool dispatch_grpc(struct server_conn *from, struct visit *v, struct http_stream *s,
			  struct span path)
{
	const struct server_listener *listener = from->from;
	const struct grpc_method *method = find_method(listener, path);
	const struct span *type = http_field_find(http_stream_request(s), "content-type");
	struct server *server = listener->server;
	struct grpc_server_options o = {
		.loop = server->loop,
		.pool = server->pool,
		.app = server->o.app,
		.methods = listener->o.grpc,
		.method_count = listener->o.grpc_count,
		.held_bytes = &server->held_bytes,
		.held_max = SERVER_HELD_MAX,
		.on_status = visit_grpc_status,
	};

	if (listener->o.grpc_count == 0 ||
	    (!method && !(type && span_starts(*type, SPAN("application/grpc")))))
		return false;
	if (method)
		v->route = method->path;
	if (from->h2)
		grpc_serve(&o, s);
	else
		answer_problem(s, 505, "gRPC needs HTTP/2", NULL);
	return true;
}

static void dispatch_route(struct server_listener *from, struct visit *v, struct http_stream *s,
			   const struct route_match *m)
{
	struct span rest = http_stream_request(s)->target, path = SPAN_NONE;

	v->route = m->route->pattern;
	if (m->route->stream) {
		m->route->stream(m->table == 0 ? (void *)from : from->server->o.app, s, m->param);
		return;
	}
	(void)span_take_part(&rest, '?', &path);
	rest_start(&(struct rest_arrival){ from->server, v, m, path, rest }, s);
}

static void refuse_method(struct http_stream *s, const char *allow)
{
	struct answer_fields fields = { 0 };
	char detail[120];

	(void)snprintf(detail, sizeof(detail), "this path serves %s", allow);
	answer_add_field(&fields, "allow", span_of(allow));
	answer_problem(s, 405, detail, &fields);
}

void server_dispatch(struct server_conn *from, struct http_stream *s)
{
	struct server_listener *listener = from->from;
	const struct route_table tables[] = { listener->o.health ? server_own_routes :
								   (struct route_table){ 0 },
					      { listener->o.routes, listener->o.route_count } };
	const struct http_head *head = http_stream_request(s);
	struct visit *v = visit_begin(listener->server, s);
	struct span rest = head->target, path = SPAN_NONE;
	enum route_verdict verdict;
	struct route_match m;
	struct err e;

	(void)span_take_part(&rest, '?', &path);
	if (dispatch_grpc(from, v, s, path))
		return;
	verdict = route_find(tables, COUNT_OF(tables), head->method, path, &m, &e);
	/* probes of the frame's own routes and signed-in streams have limits of their own */
	if ((verdict != ROUTE_FOUND ||
	     (m.table == 1 && (m.route->handle || m.route->access == ACCESS_PUBLIC))) &&
	    !limit_allows(listener->server, v, s))
		return;
	switch (verdict) {
	case ROUTE_FOUND:
		dispatch_route(listener, v, s, &m);
		break;
	case ROUTE_UNKNOWN:
		answer_problem(s, 404, "there is nothing at this path", NULL);
		break;
	case ROUTE_OTHER_METHOD:
		refuse_method(s, m.allow);
		break;
	case ROUTE_BAD:
		answer_problem(s, 400, e.text, NULL);
		break;
	}
}
