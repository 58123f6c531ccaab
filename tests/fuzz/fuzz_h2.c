/* Frames of a hostile HTTP/2 client on a real connection: every request is closed once, and the connection ends. */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "lib/base/mem.h"
#include "lib/net/conn.h"
#include "lib/net/h2.h"
#include "lib/net/http.h"
#include "lib/net/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct door {
	struct loop *loop;
	struct listener *listener;
	size_t requests, closes, conns;
};

static void on_body(void *owner, struct http_stream *s, struct span bytes)
{
	struct err e;

	(void)owner;
	(void)http_stream_send(s, bytes, &e); /* a full queue is fine */
	http_stream_consume(s, bytes.len);
}

static void on_end(void *owner, struct http_stream *s, const struct http_field *trailers, size_t count)
{
	struct err e;

	(void)owner;
	assert(http_stream_end(s, trailers, count, &e) == 0);
}

static void on_close(void *owner, struct http_stream *s, const struct err *why)
{
	struct door *d = owner;

	(void)s;
	assert(why->code == ERR_NONE || why->text[0]);
	d->closes++;
}

static void on_request(void *owner, struct http_stream *s)
{
	static const struct http_events events = { .on_body = on_body, .on_end = on_end, .on_close = on_close };
	struct door *d = owner;
	struct http_head answer = { .status = 200 };
	const struct http_head *r = http_stream_request(s);
	struct err e;

	d->requests++;
	http_stream_attach(s, &events, d);
	assert(r->method.len && r->authority.len && r->target.len);
	assert(http_field_count(r, "connection") == 0 && http_field_count(r, "host") == 0);
	assert(http_stream_answer(s, &answer, false, &e) == 0);
}

static void on_h2_close(void *owner, struct h2 *h, const struct err *why)
{
	struct door *d = owner;

	(void)h;
	(void)why;
	d->conns--;
	loop_stop(d->loop);
}

static void on_conn(void *owner, struct conn *c)
{
	static const struct h2_events events = { .on_close = on_h2_close };
	static const struct h2_limits limits = {
		.stream_max = 20, .stream_window = 65536, .conn_window = 65536, .head_max = 4096, .field_count_max = 20,
		.extended_connect = true,
	};
	struct door *d = owner;
	struct http_acceptor acceptor = { on_request, d };

	(void)h2_server_new(d->loop, c, &limits, &acceptor, &events, d);
}

static struct door *door_get(void)
{
	static struct door door;
	struct listener_options o = { .address = "127.0.0.1", .conn_max = 10, .handshake_timeout_ms = 1000 };
	struct err e;

	if (door.loop)
		return &door;
	door.loop = loop_new(&e);
	assert(door.loop);
	door.listener = listener_open(door.loop, &o, on_conn, &door, &e);
	assert(door.listener);
	return &door;
}

static void send_all(const struct door *d, struct span bytes)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(listener_port(d->listener)) };
	struct span magic = SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	assert(send(fd, magic.at, magic.len, MSG_NOSIGNAL) == (ssize_t)magic.len);
	(void)send(fd, bytes.at, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	loop_run(d->loop);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct door *d = door_get();

	if (len > 16 * 1024)
		return 0;
	d->conns++;
	send_all(d, span_from(bytes, len));
	assert(d->conns == 0);
	assert(d->requests == d->closes);
	return 0;
}
