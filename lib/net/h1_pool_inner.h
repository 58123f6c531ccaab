/* The inside of a pool of HTTP/1.1 client connections: h1_pool.c and the h1_client*.c files. */
#ifndef MK8S_NET_H1_POOL_INNER_H
#define MK8S_NET_H1_POOL_INNER_H

#include "lib/net/h1_parse.h"
#include "lib/net/h1_write.h"
#include "lib/net/http_stream.h"
#include "lib/net/loop_uv.h"

enum {
	H1_CLIENT_OUT_MAX = 256 * 1024,
	H1_CLIENT_PASSES = 4, /* of writing in one round of the loop */
	H1_CLIENT_IN_MAX = 256 * 1024,
};

struct h1_client;

/*
 * A request of ours. It is in exactly one place: the pool's waiting queue, a client, or the pool's
 * list of ends.
 */
struct h1_ask {
	struct http_stream base;
	struct h1_pool *pool;
	struct h1_client *client;  /* while it has one */
	struct h1_ask *prev, *next; /* in the waiting queue or the list of ends */
	struct http_queue head;    /* the request's head as text; kept for a retry until the answer begins */
	struct http_queue out;     /* its framed body */
	struct h1_body body;
	struct span protocol; /* it asks for this upgrade, on a connection that served nothing before; empty: none */
	bool is_head;   /* HEAD */
	bool may_retry; /* nothing would happen twice: a safe or idempotent method, or a body that was not sent */
	bool retried;   /* wants a new connection */
	bool head_sent, body_sent; /* given to the connection, at least in part */
	bool answer_began;
	uint64_t since_ms; /* when it began to wait; when the answer's first byte came */
	void *answer;      /* memory of the answer's head */
	bool ending;       /* in the list of ends */
	struct err why;
};

struct h1_ask_list {
	struct h1_ask *first, *last;
};

enum h1_client_state { H1_DIALING, H1_IDLE, H1_BUSY, H1_CLOSING, H1_CLIENT_STATES };

struct h1_client {
	struct h1_pool *pool;
	struct conn *conn;
	enum h1_client_state state;
	struct h1_client *prev, *next; /* in the pool's list of that state */
	struct h1_ask *ask;            /* H1_BUSY */
	struct h1_parser parser;
	uint64_t since_ms; /* in this state since */
	uint64_t write_ms; /* last progress of output */
	uint64_t handed, passed; /* bytes given to the conn, and by it to the kernel when last looked */
	unsigned served;   /* answers that came whole */
	bool end_said;     /* raw: the conn was told that we send no more */
	bool paused, busy;
	struct loop_task task; /* writes what the owner's calls queued */
};

struct h1_client_list {
	struct h1_client *first, *last;
	unsigned count;
};

struct h1_pool {
	struct loop *loop;
	struct conn_target target; /* strings are owned */
	struct h1_limits limits;
	unsigned conn_max;
	uint64_t queue_timeout_ms, idle_timeout_ms;
	struct h1_client_list clients[H1_CLIENT_STATES]; /* the idle one that was used last is the last */
	struct h1_ask_list waiting;
	struct h1_ask_list ends; /* on_close is due */
	struct loop_timer *timer;
	uint64_t tick_ms;
	bool ticking, dead;
	struct loop_task task; /* tells ends, places what waits, and frees a dead pool */
};

void h1_ask_append(struct h1_ask_list *list, struct h1_ask *a);
void h1_ask_prepend(struct h1_ask_list *list, struct h1_ask *a);
void h1_ask_remove(struct h1_ask_list *list, struct h1_ask *a);

/* A stream for the pool, not yet placed; what is wrong with the head is in `e`. */
struct h1_ask *h1_ask_new(struct h1_pool *p, const struct http_head *head, bool end,
			  const struct http_events *events, void *owner, struct err *e);
void h1_ask_free(struct h1_ask *a);

/* Calls h1_pool_work soon. */
void h1_pool_schedule(struct h1_pool *p);
/* Takes the stream from where it is; its on_close comes soon with `why`. */
void h1_pool_end(struct h1_pool *p, struct h1_ask *a, const struct err *why);
/* Keeps lists and counts; what waits is placed when that may help. */
void h1_pool_move(struct h1_pool *p, struct h1_client *c, enum h1_client_state state);
/*
 * The client's connection is gone, and so is the client after this. `why`: it was never open, and
 * somebody waited.
 */
void h1_pool_gone(struct h1_pool *p, struct h1_client *c, const struct err *why);

struct h1_client *h1_client_dial(struct h1_pool *p);
void h1_client_take(struct h1_client *c, struct h1_ask *a);
void h1_client_schedule(struct h1_client *c);
void h1_client_balance(struct h1_client *c);
void h1_client_close(struct h1_client *c);
/* After a 101 (h1_client_raw.c): says our end, and ends the stream when both sides have ended. */
void h1_client_raw_settle(struct h1_client *c);
/* Ends what stands still for too long. */
void h1_client_tick(struct h1_client *c, uint64_t now_ms);

#endif
