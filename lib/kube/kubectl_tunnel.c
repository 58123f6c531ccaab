/* Connections to a pod's ports: one loop over the WebSocket, the listeners and the local connections. */
#include "lib/kube/kubectl_tunnel.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/table.h"
#include "lib/kube/spdy.h"
#include "lib/net/ws.h"

enum {
	LINKS_MAX = 512,
	PENDING_MAX = 1024 * 1024, /* frames that open and reset streams */
	TO_LOCAL_MAX = 1024 * 1024, /* of a connection; above half of it nothing more is taken from the pod */
	MESSAGE_MAX = 8 * 1024,
	PING_EVERY_MS = 5 * 1000,
	SILENCE_MAX_MS = 60 * 1000,
	PIECES_A_TURN = 16,
};

/* A local connection. */
struct link {
	int fd; /* -1: closed; only the word of the error stream is waited for */
	uint32_t error_stream, data_stream;
	uint16_t local, remote;
	struct buf to_local, message;
	bool local_ended, remote_ended, error_ended;
	bool readable;
};

struct tunnel {
	struct kubectl *k;
	struct ws *ws;
	const struct tunnel_listener *listeners;
	size_t listener_count;
	struct link *links; /* LINKS_MAX */
	size_t link_count;
	struct spdy_writer writer;
	struct spdy_reader reader;
	struct buf pending;
	uint32_t next_stream, requests;
	size_t next_link; /* whose turn it is to send */
	uint64_t heard_ms, pinged_ms;
	bool lost;
};

static void put_stream(struct tunnel *t, uint32_t stream, const char *type, const struct link *l)
{
	char port[8], request[16];
	const struct spdy_header headers[] = { { "port", port }, { "requestid", request }, { "streamtype", type } };

	(void)snprintf(port, sizeof(port), "%u", l->remote);
	(void)snprintf(request, sizeof(request), "%u", t->requests);
	spdy_put_syn(&t->pending, &t->writer, stream, headers, COUNT_OF(headers));
}

/* As client-go: the error stream first, which we have nothing to say on. */
static void open_link(struct tunnel *t, int fd, const struct tunnel_listener *from)
{
	struct link *l = &t->links[t->link_count++];

	*l = (struct link){ .fd = fd, .local = from->local, .remote = from->remote };
	buf_init(&l->to_local, TO_LOCAL_MAX);
	buf_init(&l->message, MESSAGE_MAX);
	l->error_stream = t->next_stream;
	l->data_stream = t->next_stream + 2;
	t->next_stream += 4;
	put_stream(t, l->error_stream, "error", l);
	spdy_put_data_head(&t->pending, l->error_stream, 0, true);
	put_stream(t, l->data_stream, "data", l);
	t->requests++;
	kubectl_printf(t->k, KUBECTL_OUT, "Handling connection for %u\n", from->local);
}

static void close_local(struct tunnel *t, struct link *l)
{
	if (l->fd < 0)
		return;
	(void)close(l->fd);
	l->fd = -1;
	if (!l->remote_ended || !l->local_ended)
		spdy_put_reset(&t->pending, l->data_stream);
	buf_free(&l->to_local);
}

static void drop_link(struct tunnel *t, size_t i)
{
	close_local(t, &t->links[i]);
	buf_free(&t->links[i].message);
	t->links[i] = t->links[--t->link_count];
}

/* What the pod's side says about a connection that it could not make ends it all, as with kubectl. */
static void tell_error(struct tunnel *t, const struct link *l)
{
	AUTO_BUF struct buf text;

	buf_init(&text, PENDING_MAX);
	(void)buf_printf(&text, "an error occurred forwarding %u -> %u: ", l->local, l->remote);
	(void)table_put_escaped(&text, buf_span(&l->message));
	(void)buf_put_char(&text, '\n');
	kubectl_write(t->k, KUBECTL_ERR, buf_span(&text));
	t->lost = true;
}

static void take_link_event(struct tunnel *t, struct link *l, const struct spdy_event *event)
{
	bool is_error = event->stream == l->error_stream;
	bool ends = event->fin || event->kind == SPDY_RESET;

	if (is_error) {
		(void)buf_put_span(&l->message, event->bytes); /* too long: its front is not shown */
		l->error_ended |= ends;
		if (ends && l->message.len)
			tell_error(t, l);
		return;
	}
	l->remote_ended |= ends;
	if (l->fd >= 0 && event->bytes.len && buf_put_span(&l->to_local, event->bytes) < 0)
		close_local(t, l);
}

static void take_event(struct tunnel *t, const struct spdy_event *event)
{
	if (event->kind == SPDY_PING)
		spdy_put_ping(&t->pending, event->stream);
	t->lost |= event->kind == SPDY_GOAWAY;
	if (event->kind != SPDY_DATA && event->kind != SPDY_RESET)
		return;
	for (size_t i = 0; i < t->link_count; i++)
		if (t->links[i].data_stream == event->stream || t->links[i].error_stream == event->stream)
			take_link_event(t, &t->links[i], event);
}

static bool is_crowded(const struct tunnel *t)
{
	for (size_t i = 0; i < t->link_count; i++)
		if (t->links[i].to_local.len > TO_LOCAL_MAX / 2)
			return true;
	return false;
}

static void take_bytes(struct tunnel *t, struct span bytes)
{
	struct spdy_event event;
	struct err e = { 0 };
	int rc;

	while ((rc = spdy_read(&t->reader, &bytes, &event, &e)) > 0)
		take_event(t, &event);
	if (rc < 0) {
		kubectl_fail(t->k, &e);
		t->lost = true;
	}
}

static void receive(struct tunnel *t)
{
	struct ws_piece piece;
	struct err e = { 0 };

	for (int i = 0; i < PIECES_A_TURN && !t->lost && !is_crowded(t); i++) {
		int rc = ws_receive(t->ws, &piece, &e);

		if (rc == 0)
			return;
		t->heard_ms = clock_mono_ms();
		if (rc < 0 || piece.kind == WS_CLOSED)
			t->lost = true;
		else if (piece.kind == WS_MESSAGE)
			take_bytes(t, piece.bytes);
	}
}

/* Sends what one local connection has to say. */
static void send_local(struct tunnel *t, struct link *l, struct err *e)
{
	char bytes[SPDY_DATA_MAX];
	ssize_t len = read(l->fd, bytes, sizeof(bytes));
	AUTO_BUF struct buf head;

	buf_init(&head, SPDY_HEAD);
	l->readable = false;
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len < 0) {
		close_local(t, l);
		return;
	}
	l->local_ended = len == 0;
	spdy_put_data_head(&head, l->data_stream, (size_t)len, len == 0);
	(void)ws_send(t->ws, buf_span(&head), span_from(bytes, (size_t)len), e);
}

/* Frames that open streams go before their bytes; connections take turns. */
static void send_next(struct tunnel *t)
{
	struct err lost = { 0 };
	size_t len = t->pending.len < WS_SEND_MAX ? t->pending.len : WS_SEND_MAX;

	if (clock_mono_ms() - t->pinged_ms >= PING_EVERY_MS) {
		t->pinged_ms = clock_mono_ms();
		(void)ws_ping(t->ws, &lost);
	}
	(void)ws_flush(t->ws, &lost);
	if (!ws_is_sending(t->ws) && len) {
		(void)ws_send(t->ws, span_from(t->pending.at, len), SPAN_NONE, &lost);
		buf_consume(&t->pending, len);
	}
	for (size_t i = 0; i < t->link_count && !t->pending.len && !ws_is_sending(t->ws); i++) {
		struct link *l = &t->links[++t->next_link % t->link_count];

		if (l->readable && l->fd >= 0 && !l->local_ended)
			send_local(t, l, &lost);
	}
	t->lost |= lost.code != ERR_NONE || t->pending.failed;
}

static void write_local(struct tunnel *t, struct link *l)
{
	while (l->fd >= 0 && l->to_local.len) {
		ssize_t done = send(l->fd, l->to_local.at, l->to_local.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (done < 0 && errno == EAGAIN)
			return;
		if (done < 0 && errno != EINTR)
			close_local(t, l);
		else if (done > 0)
			buf_consume(&l->to_local, (size_t)done);
	}
}

static void tend_links(struct tunnel *t)
{
	for (size_t i = t->link_count; i-- > 0;) {
		struct link *l = &t->links[i];

		write_local(t, l);
		if (l->remote_ended && l->to_local.len == 0)
			close_local(t, l);
		if (l->fd < 0 && l->error_ended)
			drop_link(t, i);
	}
}

static void accept_one(struct tunnel *t, const struct tunnel_listener *from)
{
	int fd = accept4(from->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		open_link(t, fd, from);
}

static size_t fill_polls(struct tunnel *t, struct pollfd *at, int wake_fd)
{
	bool sending = ws_is_sending(t->ws) || t->pending.len;
	size_t count = 0;

	at[count++] = (struct pollfd){ .fd = ws_fd(t->ws),
				       .events = (short)((is_crowded(t) ? 0 : POLLIN) | (sending ? POLLOUT : 0)) };
	at[count++] = (struct pollfd){ .fd = wake_fd, .events = POLLIN };
	for (size_t i = 0; i < t->listener_count; i++)
		at[count++] = (struct pollfd){ .fd = t->link_count < LINKS_MAX ? t->listeners[i].fd : -1,
					       .events = POLLIN };
	for (size_t i = 0; i < t->link_count; i++) {
		const struct link *l = &t->links[i];
		bool reads = !l->local_ended && !l->readable && !sending;

		at[count++] = (struct pollfd){ .fd = reads || l->to_local.len ? l->fd : -1,
					       .events = (short)((reads ? POLLIN : 0) | (l->to_local.len ? POLLOUT : 0)) };
	}
	return count;
}

static void wait_turn(struct tunnel *t, struct pollfd *at, int wake_fd)
{
	size_t count = fill_polls(t, at, wake_fd), links = t->link_count, first = 2 + t->listener_count;

	if (poll(at, count, 1000) <= 0)
		return;
	for (size_t i = 0; i < links; i++)
		t->links[i].readable |= (at[first + i].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
	for (size_t i = 0; i < t->listener_count; i++)
		if (at[2 + i].revents && t->link_count < LINKS_MAX)
			accept_one(t, &t->listeners[i]);
}

void tunnel_run(struct kubectl *k, struct ws *ws, const struct tunnel_listener *listeners, size_t count, int wake_fd)
{
	struct tunnel t = { .k = k, .ws = ws, .listeners = listeners, .listener_count = count, .next_stream = 1 };
	struct pollfd *polls = mem_new_array(2 + count + LINKS_MAX, sizeof(*polls));

	t.links = mem_new_array(LINKS_MAX, sizeof(*t.links));
	t.heard_ms = t.pinged_ms = clock_mono_ms();
	buf_init(&t.pending, PENDING_MAX);
	while (!t.lost && kubectl_goes_on(k)) {
		receive(&t);
		tend_links(&t);
		send_next(&t);
		if (!t.lost)
			wait_turn(&t, polls, wake_fd);
		if (is_crowded(&t))
			t.heard_ms = clock_mono_ms(); /* it is we who do not listen */
		t.lost |= clock_mono_ms() - t.heard_ms >= SILENCE_MAX_MS;
	}
	if (t.lost)
		kubectl_failf(k, ERR_UNREACHABLE, "lost connection to pod");
	while (t.link_count)
		drop_link(&t, t.link_count - 1);
	buf_free(&t.pending);
	free(t.links);
	free(polls);
}
