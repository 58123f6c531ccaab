/*
 * The frame of every server applet: listeners, routes, workers, health, metrics, access log,
 * graceful stop.
 *
 * A route of kind REST is read whole and handed to a worker thread, where its handler is plain
 * blocking code from top to bottom. A route of kind STREAM stays on the loop, where its handler
 * owns the stream. Routes are const tables; /healthz, /readyz, /metrics and /openapi.json (from the
 * tables) are the frame's own.
 */
#ifndef MK8S_NET_SERVER_H
#define MK8S_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/net/conn.h"
#include "lib/net/grpc.h"
#include "lib/net/http.h"
#include "lib/net/loop.h"
#include "lib/net/metrics.h"

#define ROUTE_PARAM_MAX 4

struct server;
struct request;

enum route_access {
	ACCESS_PUBLIC, /* no authentication */
	ACCESS_USER, /* options.authenticate must succeed */
	ACCESS_ADMIN, /* and options.is_admin */
};

/* A REST handler, on a worker. -1 with an error: the frame answers err_http_status and a problem
 * document. */
typedef int request_fn(struct request *rq, struct err *e);
/* A stream handler, on the loop: attaches to the stream. `params` as strings, valid during the
 * call. */
typedef void stream_fn(void *app, struct http_stream *s, const char *const *params);

struct route {
	const char *method; /* "GET", or "*" for any */
	const char *pattern; /* "/clusters/{id}/token"; a last "*" takes the rest of the path */
	enum route_access access;
	request_fn *handle; /* exactly one of the two */
	stream_fn *stream;
	size_t body_max; /* bytes; 0: no body allowed */
	const char *summary; /* one line for /openapi.json */
};

/* What /openapi.json says of a route beyond the route itself. Names stand in server_listen.schemas. */
struct route_doc {
	const char *method, *pattern; /* as in the route */
	const char *query;            /* "user! since:date-time limit:integer", ! for required; NULL: none */
	const char *takes;            /* schema of the body; NULL: any JSON */
	int status;                   /* of success */
	const char *gives;            /* schema of the answer; NULL: no JSON */
	const char *gives_lines;      /* of a line, where application/x-ndjson is accepted; NULL: it is not */
};

/* One REST request on its worker. Everything lives until the handler returns, but for what it moves
 * out. */
struct request {
	void *app;
	const struct route *route;
	const struct http_head *head;
	const char *param[ROUTE_PARAM_MAX]; /* percent-decoded, in the pattern's order */
	struct span path; /* as sent, without the query */
	struct span query; /* as sent, without '?' */
	struct span body;
	const char *peer_ip; /* after X-Forwarded-For, where server.behind_proxy allows */
	const char *user_agent; /* "" when none */
	char request_id[40];
	void *identity; /* what options.authenticate gave */
	int status; /* 200 unless the handler sets another; one of 400..599 also goes with an error
		     */
	const char *content_type; /* "application/json" unless set; a literal */
	struct buf answer; /* the body; ceiling 64 MiB */
	struct buf fields; /* further "name: value\r\n" lines, by request_add_field */
};

/* The decoded value of the first query parameter `name`, copied into `into`; false when there is
 * none. Malformed or longer than `into`: *e is set and the result is false. */
bool request_query(const struct request *rq, const char *name, char *into, size_t into_size,
		   struct err *e);
/* The name in lower case. Control characters in the value become blanks. */
void request_add_field(struct request *rq, const char *name, const char *value);
/* Sets Retry-After and returns err_set(e, ERR_BUSY, ...): 429 when `status` is 429, else 503. */
int request_retry_later(struct request *rq, int status, unsigned after_s, struct err *e,
			const char *sentence);

struct server_options {
	const char *name; /* for logs: "central" */
	void *app;
	unsigned worker_count; /* 0: twice the processors, at least 4 */
	size_t worker_queue_max; /* beyond: 503 with Retry-After */
	uint64_t stall_timeout_ms; /* of streams that allow it (http_stream_allow_stall); 0: none may */
	uint64_t request_timeout_ms; /* reading a REST request's body */
	bool behind_proxy; /* trust the last X-Forwarded-For entry */
	bool access_log;
	/* Fills rq->identity from the request's credentials, on the worker. NULL: no route needs
	 * it. */
	int (*authenticate)(struct request *rq, struct err *e);
	bool (*is_admin)(const void *identity);
	void (*identity_free)(void *identity);
	/* What the access log calls the user; NULL: nothing. */
	const char *(*identity_name)(const void *identity);
	/* Added to /readyz: false, with a sentence, says not ready. On the loop. May be NULL. */
	bool (*is_ready)(void *app, char *why, size_t why_size);
	double rate_per_second, rate_burst; /* requests per address; 0: none */
};

/* The caller owns it. `options` are copied. */
struct server *server_new(struct loop *l, const struct server_options *options, struct err *e);

struct server_listen {
	struct listener_options listener;
	const struct route *routes; /* may be NULL */
	size_t route_count;
	const struct route_doc *docs; /* of these routes, in any order; may be NULL */
	size_t doc_count;
	const char *schemas; /* JSON Schemas by name, a JSON object; NULL: none */
	const struct grpc_method *grpc; /* may be NULL */
	size_t grpc_count;
	bool health; /* serve /healthz, /readyz, /metrics, /openapi.json here */
	/* Connections whose ALPN is `raw_alpn` are handed over whole; both may be NULL. */
	const char *raw_alpn;
	void (*on_raw)(void *app, struct conn *c);
};

/*
 * Opens one more listener; ALPN "h2" speaks HTTP/2, "http/1.1" or none HTTP/1.1. Returns the
 * listener for its port and for reloads; the server closes it when it stops. The tables must
 * outlive the server.
 */
struct listener *server_listen(struct server *s, const struct server_listen *o, struct err *e);
struct pool *server_pool(struct server *s);

/* What the frame knows of a stream that it handed out; lives as long as the stream. */
struct server_visit {
	char request_id[40]; /* a UUID of our own */
	char trace_id[33]; /* 32 hex digits (W3C Trace Context) */
	char traceparent[56]; /* to send upstream */
	char peer_ip[48]; /* after X-Forwarded-For, where server.behind_proxy allows */
};
/* NULL for a stream that is none of a server's. */
const struct server_visit *server_stream_visit(const struct http_stream *s);
/* What the access log calls the user of a STREAM route; copied. */
void server_stream_set_user(struct http_stream *s, const char *user);
/* Answers a stream with a whole body of ours and ends it; takes the stream over. */
void server_stream_answer(struct http_stream *s, int status, const char *content_type,
			  struct span body);
/*
 * Graceful stop: /readyz says no, listeners close, GOAWAY and Connection: close, open streams may
 * end within drain_ms, then on_stopped(app). Called twice: the second call ends the drain.
 */
void server_stop(struct server *s, uint64_t drain_ms, void (*on_stopped)(void *app));
bool server_is_stopping(const struct server *s);
/* After on_stopped; takes NULL. */
void server_free(struct server *s);

#endif
