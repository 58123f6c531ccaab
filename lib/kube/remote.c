/* A command's streams over a WebSocket: one thread that waits for both sides. */
#include "lib/kube/remote.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/net/ws.h"

#define PROTOCOLS "v5.channel.k8s.io, v4.channel.k8s.io"

/* kubectl pings every 5 s and gives a server up that is silent for a minute. */
enum {
	PING_EVERY_MS = 5 * 1000,
	SILENCE_MAX_MS = 60 * 1000,
	GOODBYE_MS = 5 * 1000, /* for the close behind the Status */
	STATUS_MAX = 64 * 1024,
	INPUT_MAX = 32 * 1024,
	PIECES_A_TURN = 64,
};

struct session {
	struct ws *ws;
	const struct remote_peer *peer;
	struct buf status; /* what the error channel has brought */
	int channel;       /* of the message that is coming; -1: not known yet */
	bool closed;       /* by the server */
	bool stopped;      /* by the caller */
	bool input_ended, input_ready;
	bool resized;      /* the size is to be told */
	uint64_t heard_ms, pinged_ms, told_ms, until_ms;
};

static void take_message(struct session *s, const struct ws_piece *piece)
{
	struct span bytes = piece->bytes;

	if (piece->first)
		s->channel = -1;
	if (s->channel < 0 && bytes.len) {
		s->channel = (unsigned char)bytes.at[0];
		bytes = span_from(bytes.at + 1, bytes.len - 1);
	}
	if (!bytes.len)
		return;
	if (s->channel == REMOTE_STDOUT || s->channel == REMOTE_STDERR)
		s->stopped |= !s->peer->on_output(s->peer->owner, (enum remote_channel)s->channel, bytes);
	else if (s->channel == REMOTE_ERROR)
		(void)buf_put_span(&s->status, bytes); /* too long: found at the end */
	/* other channels are dropped, as kubectl does */
	if (s->channel == REMOTE_ERROR && piece->last && !s->told_ms)
		s->told_ms = clock_mono_ms();
}

static int receive(struct session *s, struct err *e)
{
	struct ws_piece piece;

	for (int i = 0; i < PIECES_A_TURN && !s->closed && !s->stopped; i++) {
		int rc = ws_receive(s->ws, &piece, e);

		if (rc == 0)
			return 0;
		if (rc < 0 && s->status.len == 0)
			return err_context(e, "error reading from error stream");
		if (rc < 0 || piece.kind == WS_CLOSED)
			s->closed = true;
		else if (piece.kind == WS_MESSAGE)
			take_message(s, &piece);
		s->heard_ms = clock_mono_ms(); /* behind on_output, which may block */
	}
	return 0;
}

static int send_size(struct session *s, struct err *e)
{
	static const char channel = REMOTE_RESIZE;
	uint16_t columns, rows;
	char text[64];

	s->resized = false;
	if (!s->peer->size || !s->peer->size(s->peer->owner, &columns, &rows))
		return 0;
	(void)snprintf(text, sizeof(text), "{\"Width\":%u,\"Height\":%u}", columns, rows);
	return ws_send(s->ws, span_from(&channel, 1), span_of(text), e);
}

static int send_input(struct session *s, struct err *e)
{
	static const char channel = REMOTE_STDIN;
	static const char end[] = { (char)REMOTE_CLOSE, REMOTE_STDIN };
	char bytes[INPUT_MAX];
	size_t len = 0;

	s->input_ready = false;
	if (s->peer->read_input(s->peer->input_owner, bytes, sizeof(bytes), &len, e) < 0)
		return -1;
	if (len)
		return ws_send(s->ws, span_from(&channel, 1), span_from(bytes, len), e);
	s->input_ended = true;
	if (strcmp(ws_protocol(s->ws), "v5.channel.k8s.io") != 0)
		return 0; /* v4 has no word for it */
	return ws_send(s->ws, span_from(end, sizeof(end)), SPAN_NONE, e);
}

static bool wants_input(const struct session *s)
{
	return s->peer->read_input && !s->input_ended && !s->told_ms;
}

/* A lost connection shows when it is read, with what came before. */
static int send_next(struct session *s, struct err *e)
{
	struct err lost = { 0 };

	if (clock_mono_ms() - s->pinged_ms >= PING_EVERY_MS) {
		s->pinged_ms = clock_mono_ms();
		(void)ws_ping(s->ws, &lost);
	}
	(void)ws_flush(s->ws, &lost);
	if (!ws_is_sending(s->ws) && s->resized)
		(void)send_size(s, &lost);
	if (ws_is_sending(s->ws) || !wants_input(s) || lost.code)
		return 0;
	return s->input_ready || s->peer->input_fd < 0 ? send_input(s, e) : 0;
}

static int check_time(const struct session *s, struct err *e)
{
	uint64_t now = clock_mono_ms();

	if (s->until_ms && now >= s->until_ms)
		return err_set(e, ERR_TIMEOUT, "the command did not end within %llu s",
			       (unsigned long long)s->peer->timeout_ms / 1000);
	if (now - s->heard_ms >= SILENCE_MAX_MS)
		return err_set(e, ERR_TIMEOUT,
			       "error reading from error stream: the server has been silent for %d s",
			       SILENCE_MAX_MS / 1000);
	return 0;
}

static int wait_turn(struct session *s, struct err *e)
{
	const struct remote_peer *p = s->peer;
	bool sending = ws_is_sending(s->ws);
	bool eager = wants_input(s) && p->input_fd < 0 && !sending;
	struct pollfd at[3] = {
		{ .fd = ws_fd(s->ws), .events = (short)(POLLIN | (sending ? POLLOUT : 0)) },
		{ .fd = p->wake_fd, .events = POLLIN },
		{ .fd = wants_input(s) && !sending ? p->input_fd : -1, .events = POLLIN },
	};
	int count = poll(at, 3, eager ? 0 : 1000);

	if (count < 0 && errno != EINTR)
		return err_set_errno(e, ERR_IO, errno, "waiting for the command's streams");
	s->input_ready = count > 0 && at[2].revents != 0;
	if (count > 0 && at[1].revents) {
		s->resized = true;
		s->stopped |= !p->on_wake(p->owner);
	}
	return check_time(s, e);
}

static bool is_over(const struct session *s)
{
	return s->closed || s->stopped || (s->told_ms && clock_mono_ms() - s->told_ms > GOODBYE_MS);
}

static int judge(struct session *s, struct remote_end *ret_end, struct err *e)
{
	*ret_end = (struct remote_end){ 0 };
	if (s->status.len || s->status.failed) {
		ret_end->told = true;
		return remote_read_status(buf_span(&s->status), &ret_end->exit_code, e);
	}
	if (s->stopped)
		return 0;
	return err_set(e, ERR_UNREACHABLE,
		       "error reading from error stream: the connection was closed before the command ended");
}

static int run(struct session *s, struct remote_end *ret_end, struct err *e)
{
	struct err ignored;
	int result = 0;

	while (result == 0 && !is_over(s)) {
		result = receive(s, e);
		if (result == 0 && !is_over(s))
			result = send_next(s, e);
		if (result == 0 && !is_over(s))
			result = wait_turn(s, e);
	}
	if (result == 0)
		result = judge(s, ret_end, e);
	(void)ws_close(s->ws, &ignored);
	return result;
}

int remote_run(struct kube_client *c, const char *path, const struct remote_peer *peer,
	       struct remote_end *ret_end, struct kube_status *ret_status, struct err *e)
{
	struct session s = { .peer = peer, .channel = -1, .resized = true };
	int result;

	s.ws = kube_open_ws(c, path, PROTOCOLS, ret_status, e);
	if (!s.ws)
		return -1;
	s.heard_ms = s.pinged_ms = clock_mono_ms();
	s.until_ms = peer->timeout_ms ? s.heard_ms + peer->timeout_ms : 0;
	buf_init(&s.status, STATUS_MAX);
	result = run(&s, ret_end, e);
	buf_free(&s.status);
	ws_free(s.ws);
	return result;
}
