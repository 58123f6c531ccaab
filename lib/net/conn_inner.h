/* The inside of `struct conn`, for lib/net/conn*.c and listener.c only. */
#ifndef MK8S_NET_CONN_INNER_H
#define MK8S_NET_CONN_INNER_H

#include <uv.h>

#include "lib/base/buf.h"
#include "lib/net/conn.h"
#include "lib/net/loop_uv.h"
#include "lib/net/tls_stream.h"

#define CONN_KEPT_MAX (256 * 1024) /* input that waits; reading stops as soon as there is any */
#define CONN_BLOCK_MIN (4 * 1024)
#define CONN_BLOCK_MAX (4 * (TLS_RECORD_LEN + TLS_RECORD_COST))
#define CONN_SEND_BLOCKS_MAX 8 /* blocks in one write */
#define CONN_KEEPALIVE_S 30
#define CONN_SILENT_MS (150 * 1000) /* Linux probes a closed window at least each 120 s */
#define CONN_LINGER_MS 1000 /* how long a flushed connection waits for the peer's FIN */
#define CONN_PEER_SIZE 64   /* "[address]:port" */
#define CONN_NAME_SIZE 300  /* "host:port" in sentences */

struct conn_block {
	uv_write_t req; /* of the write that begins with this block */
	struct conn *conn;
	struct conn_block *next;
	size_t len, cap;
	char bytes[];
};

enum conn_state {
	CONN_STARTING, /* resolving, connecting, CONNECT, TLS handshake */
	CONN_OPEN,
	CONN_FLUSHING, /* conn_close_after_flush: input is thrown away */
	CONN_CLOSING,
};

struct dial;
struct conn_proxy;

struct conn {
	struct loop *loop;
	struct loop_item item;
	enum conn_state state;
	const struct conn_events *events; /* NULL until somebody owns it */
	void *owner;
	uv_tcp_t *tcp; /* NULL until connected */
	struct tls_stream *tls;
	struct dial *dial; /* while starting, when dialled */
	struct conn_proxy *proxy; /* the dial's, while it waits for the answer */
	struct loop_timer *timer;
	struct err *why; /* set by conn_fail */

	/*
	 * Takes bytes from the peer and returns how many; the rest is kept. Changes with the state.
	 */
	size_t (*on_input)(struct conn *c, struct span bytes);
	/* The TLS handshake is over. */
	void (*on_secured)(struct conn *c);
	/* Before the connection is freed, after on_close. */
	void (*on_gone)(void *arg, const struct conn *c);
	void *on_gone_arg;

	struct buf kept; /* input that waits for conn_resume, or for its turn in the handshake */
	struct loop_task input_task; /* gives `kept` to on_input; or ends what has no socket */
	bool is_reading, is_paused, peer_ended;

	struct buf staged; /* plain bytes of less than one TLS record; freed by the flush */
	struct conn_block *out_first, **out_end;
	struct conn_block *out_last;
	size_t out_len;      /* in these blocks */
	size_t out_expected; /* TLS: what is about to be emitted, to size a block */
	struct loop_task flush_task;
	bool is_ended, end_was_sent, end_is_done, is_above;
	uv_shutdown_t shutdown;
	uint64_t flush_until_ms; /* FLUSHING */

	char peer[CONN_PEER_SIZE];
	char peer_ip[INET6_ADDRSTRLEN];
};

/* conn.c */
struct conn *conn_new(struct loop *l);
/* Takes a connected socket over and learns the peer's address. */
void conn_adopt(struct conn *c, uv_tcp_t *tcp);
void conn_set_peer(struct conn *c, const struct sockaddr *address);
/* Closes because of an error; `fmt` as err_set. The first reason stays. */
void conn_fail(struct conn *c, const struct err *why);
/* conn_fail with "connection to PEER: TEXT OF THE CODE". */
void conn_fail_uv(struct conn *c, int rc);
/* Closes when both directions are over. */
void conn_close_when_done(struct conn *c);
/* FLUSHING, and all was sent: a moment for the peer's FIN, because a close with input unread is a
 * reset, which would overtake our last bytes. */
void conn_linger(struct conn *c);
void conn_timer_set(struct conn *c, uint64_t delay_ms, void (*fn)(void *conn));
void conn_timer_clear(struct conn *c);

/* conn_in.c */
/* Starts or stops reading as the state wants it. */
void conn_update_reading(struct conn *c);
/* Lets on_input see what is kept, soon. */
void conn_queue_input(struct conn *c);
void conn_on_input_task(struct loop_task *t);
/* on_input that throws away. */
size_t conn_drop_input(struct conn *c, struct span bytes);
/* Input goes to the owner from now on; the state is OPEN. */
void conn_open(struct conn *c);
void conn_deliver_end(struct conn *c);

/* conn_out.c */
/* Appends bytes for the wire to the queue; -1 without memory. */
int conn_out_put(struct conn *c, struct span bytes);
/* Hands the queue to the kernel. */
void conn_out_send(struct conn *c);
/* Tries once to send what is queued, without waiting: the alert or close_notify before a close. */
void conn_out_try(struct conn *c);
void conn_out_free(struct conn *c);
void conn_out_on_flush(struct loop_task *t);

/* conn_tls.c */
/* Begins the handshake; c->on_secured follows, or the connection fails. */
void conn_tls_start(struct conn *c, struct tls *t, const char *server_name, uint16_t port);
/* on_input of an open TLS connection. */
size_t conn_tls_input(struct conn *c, struct span bytes);
int conn_tls_write(struct conn *c, struct span bytes, struct err *e);
/* Encrypts what is staged. */
int conn_tls_flush(struct conn *c, struct err *e);

/* conn_dial.c */
/* Gives up what is on its way. */
void conn_dial_cancel(struct conn *c);
/* The proxy let us through; what it sent behind its answer is kept. */
void conn_dial_tunnelled(struct conn *c);

/* conn_proxy.c */
/* The way of `c` through the proxy at `url`. NULL and ERR_INPUT where it cannot be read. */
struct conn_proxy *conn_proxy_new(struct conn *c, const char *url, struct err *e);
void conn_proxy_free(struct conn_proxy *p);
const char *conn_proxy_host(const struct conn_proxy *p);
uint16_t conn_proxy_port(const struct conn_proxy *p);
/* Connected to the proxy: asks for a tunnel to host:port; conn_dial_tunnelled follows. */
void conn_proxy_start(struct conn_proxy *p, const char *host, uint16_t port);

#endif
