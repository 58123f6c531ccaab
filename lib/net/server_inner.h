/* The inside of a server, for lib/net/server*.c. */
#ifndef MK8S_NET_SERVER_INNER_H
#define MK8S_NET_SERVER_INNER_H

#include "lib/net/h1.h"
#include "lib/net/h2.h"
#include "lib/net/limiter.h"
#include "lib/net/pool.h"
#include "lib/net/route.h"
#include "lib/net/server.h"
#include "lib/net/server_visit.h"

#define SERVER_LIMITER_KEYS 65536 /* addresses remembered */
#define SERVER_HELD_MAX                                                                            \
	((size_t)256 * 1024 * 1024) /* request bodies in memory at once; beyond: 503 */

struct server_listener {
	struct server_listener *next;
	struct server *server;
	struct server_listen o; /* its listener part is only used at the start */
	struct listener *listener; /* NULL once stopped */
};

/* A connection that speaks HTTP; it is out of the list when it is closed. */
struct server_conn {
	struct server_conn *next, **link;
	struct server_listener *from;
	struct conn *conn;
	struct h1_server *h1; /* one of the two */
	struct h2 *h2;
	struct http_acceptor acceptor;
};

struct server {
	struct loop *loop;
	struct server_options o;
	struct pool *pool;
	struct metrics *metrics;
	struct limiter *limiter; /* NULL: no limit */
	struct server_listener *listeners;
	struct server_conn *conns;
	size_t conn_count, visit_count;
	size_t held_bytes; /* request bodies in memory */
	bool stopping, cut; /* cut: the drain is over, connections were closed */
	struct loop_timer *stop_timer;
	uint64_t stop_at_ms;
	void (*on_stopped)(void *app);
};

extern const struct metric_family server_families[];
enum {
	FAMILY_REQUESTS,
	FAMILY_DURATION,
	FAMILY_IN_FLIGHT,
	FAMILY_CONNECTIONS,
	FAMILY_JOBS,
	FAMILY_COUNT
};

/* listener_open's callback; `owner` is a struct server_listener. */
void server_on_conn(void *owner, struct conn *c);
/* Ends connections after their open requests, or at once. */
void server_drain_conns(struct server *s);
void server_cut_conns(struct server *s);

/* Hands a new request to its route; takes the stream. */
void server_dispatch(struct server_conn *from, struct http_stream *s);

struct rest_arrival {
	struct server *server;
	struct visit *visit;
	const struct route_match *match;
	struct span path, query;
};
/* Reads the body, runs the handler on a worker, answers. Takes the stream. */
void rest_start(const struct rest_arrival *arrival, struct http_stream *s);

/* The routes of the frame itself; their `app` is the struct server_listener. */
extern const struct route_table server_own_routes;
/* Appends the OpenAPI 3.1 document of a listener's routes. */
void server_put_openapi(const struct server_listener *from, struct buf *into);

#endif
