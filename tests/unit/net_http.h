/* What the tests of HTTP share: a server that does what the path asks, owners that record, raw sockets. */
#ifndef MK8S_TESTS_NET_HTTP_H
#define MK8S_TESTS_NET_HTTP_H

#include "tests/unit/net_peer.h"

#include "lib/net/h1.h"
#include "lib/net/h2.h"
#include "lib/net/http.h"

/*
 * The paths of the server:
 *   /echo     the request's body and trailers, as they come
 *   /bytes/N  N bytes, with a length; /stream/N the same without one
 *   /early    413 before the body
 *   /stop     200 and an end as soon as the body's first bytes came, without reading on
 *   /hold     nothing until test_server_release
 *   /deaf     200 and its head; the body is never consumed
 *   /reset    reset
 *   /204      no content
 *   /upgrade  grants an upgrade that is asked for; then as /echo
 *   /grant-end  grants it, says "bye", ends and wants no more
 *   /refuse/N N and a text to whoever asks for an upgrade, instead of it
 * Everything else: at the end of the request 200 and a text that repeats the head, one "name=value" a line.
 */
struct test_server {
	struct loop *loop;
	struct listener *listener;
	struct tls *tls; /* NULL: plain */
	bool is_h2;      /* plain HTTP/2 without ALPN; with TLS the ALPN decides */
	struct h1_limits h1_limits;
	struct h2_limits h2_limits;
	struct h1_server *h1; /* of the last connection */
	struct h2 *h2;
	size_t conns, conns_closed;
	size_t requests, ends, closes;
	size_t body_bytes;
	size_t open; /* streams */
	struct err last_close; /* of a stream */
	struct err last_h2_close;
	struct http_stream *held, *deaf;
	size_t observed;
};

void test_server_start(struct test_server *t, struct loop *l);
void test_server_stop(struct test_server *t);
uint16_t test_server_port(const struct test_server *t);
/* Answers the held request with 200 and "released". */
void test_server_release(struct test_server *t);

/* A client's stream, as its owner sees it. */
struct test_ask {
	struct http_stream *s; /* NULL after on_close */
	unsigned heads, ends, drains, closes;
	int status;
	struct buf fields, body, trailers; /* "name=value\n" */
	struct err why;
	bool in_call;        /* set by the test around its own calls; a callback then is a failure */
	bool consumes_none;
	size_t send_left;    /* bytes to send as drains allow; then the end */
	size_t body_len;
	bool pumps;
};

extern const struct http_events test_ask_events;
void test_ask_init(struct test_ask *a);
void test_ask_free(struct test_ask *a);
/* Sends `len` bytes with back-pressure, then the end. */
void test_ask_pump(struct test_ask *a, size_t len);

/* A GET head, or any other method. */
struct http_head test_head(const char *method, const char *target);

/* A blocking raw connection to 127.0.0.1, and one question with everything that comes until the end. */
int raw_connect(uint16_t port);
void raw_send(int fd, struct span bytes);
/* Turns the loop and reads until the peer ends, or `until` appears (NULL: only the end), or `ms` have passed. */
void raw_read(struct loop *l, int fd, const char *until, unsigned ms, struct buf *got);
/* Whether the peer closed: nothing comes any more. */
bool raw_is_closed(struct loop *l, int fd, unsigned ms);

/* Runs a program beside the loop; its output and exit status. Fails the test when it takes longer than `ms`. */
int run_beside(struct loop *l, const char *const *argv, unsigned ms, struct buf *output);
/* Whether a program is on PATH. */
bool have_program(const char *name);

#endif
