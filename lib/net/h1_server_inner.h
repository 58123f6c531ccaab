/* The inside of an HTTP/1.1 server connection: shared by the h1_server*.c files. */
#ifndef MK8S_NET_H1_SERVER_INNER_H
#define MK8S_NET_H1_SERVER_INNER_H

#include "lib/net/h1_parse.h"
#include "lib/net/h1_write.h"
#include "lib/net/http_stream.h"
#include "lib/net/loop_uv.h"

enum {
	H1_OUT_MAX = 256 * 1024,     /* given to the connection and not yet sent; the rest waits in `out` */
	H1_PASSES = 4,               /* of writing and the next request in one round of the loop */
	H1_IN_MAX = 256 * 1024,      /* body bytes that the owner has not consumed; beyond, reading pauses */
	H1_PENDING_MAX = 64 * 1024,  /* pipelined bytes; beyond, reading pauses */
	H1_DISCARD_MAX = 256 * 1024, /* of a body that nobody wants: read so far to keep the connection */
	H1_FLUSH_MS = 10 * 1000,     /* for the last answer of a connection when there is no write timeout */
};

struct h1_stream {
	struct http_stream base;
	struct h1_server *server;
	struct h1_body body;
	bool keep;    /* the connection may live on after this answer */
	bool is_1_0;
	bool expects; /* 100-continue, and none was sent */
	_Alignas(max_align_t) char memory[]; /* the request's fields and bytes */
};

struct h1_server {
	struct loop *loop;
	struct conn *conn;
	struct h1_limits limits;
	struct http_acceptor acceptor;
	void (*on_closed)(void *arg);
	void *closed_arg;
	struct h1_parser parser;
	struct h1_stream *stream;  /* the current request's, or NULL */
	struct http_queue pending; /* input behind the current request */
	struct http_queue out;     /* framed output */
	struct loop_timer *timer;
	uint64_t armed_ms;         /* when the timer fires; 0: it does not run */
	uint64_t since_ms;         /* begin of the current idle time or head */
	uint64_t read_ms;          /* last progress of a request body */
	uint64_t write_ms;         /* last progress of output */
	uint64_t spared_ms;        /* when a reader without progress was last let be; 0: never */
	uint64_t handed, passed;   /* bytes given to the conn, and by it to the kernel when last looked */
	size_t discarded;
	bool close_after;  /* no request after the current one */
	bool draining;
	bool peer_ended;
	bool end_said;     /* raw: the conn was told that we send no more */
	bool paused;
	bool closing;      /* the conn was told to close; nothing but on_close follows */
	bool busy;         /* in a callback of the connection: work is settled at its end */
	struct loop_task task; /* settles what the owner's calls asked for */
};

/* Does what the owner's call asked for after it has returned. */
void h1_server_schedule(struct h1_server *h);
/* Pauses or resumes reading as the unconsumed bytes ask. */
void h1_server_balance(struct h1_server *h);
/* Refuses what came: the stream, if any, ends with a sentence; the peer gets a short text answer when none began. */
void h1_server_reject(struct h1_server *h, int status, enum err_code code, const char *why);
void h1_server_close(struct h1_server *h);
/* Arms the timer for the next deadline. */
void h1_server_rearm(struct h1_server *h);
/* The timer's callback. */
void h1_server_on_timer(void *owner);
/* Ends what the timer found or did. */
void h1_server_settle(struct h1_server *h);
/* The request whose head the parser has; handed to the acceptor. */
void h1_stream_accept(struct h1_server *h);
/* After a 101 (h1_server_raw.c): delivers what waits and says our end; takes bytes that came. */
void h1_raw_settle(struct h1_server *h);
void h1_raw_read(struct h1_server *h, struct span bytes);
/* Whether nothing more happens on the current stream. */
bool h1_stream_is_over(const struct h1_server *h);
/* Ends the stream. */
void h1_stream_close(struct h1_server *h, enum err_code code, const char *why);

#endif
