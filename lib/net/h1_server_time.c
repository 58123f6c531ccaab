/* The deadlines of an HTTP/1.1 server connection, on one timer that is moved only when it must fire earlier. */
#include "lib/net/h1_server_inner.h"

enum deadline { DEADLINE_NONE, DEADLINE_WRITE, DEADLINE_BODY, DEADLINE_HEAD, DEADLINE_IDLE };

static void earlier(enum deadline which, uint64_t from_ms, uint64_t timeout_ms, enum deadline *first,
		    uint64_t *first_ms)
{
	if (!timeout_ms || (*first != DEADLINE_NONE && from_ms + timeout_ms >= *first_ms))
		return;
	*first = which;
	*first_ms = from_ms + timeout_ms;
}

static bool may_stall(const struct h1_server *h)
{
	return h->limits.stall_timeout_ms && h->stream && h->stream->base.may_stall;
}

/* Who may stall is looked at as often as others, to see whether TCP still lives. */
static uint64_t write_timeout(const struct h1_server *h)
{
	uint64_t stall_ms = h->limits.stall_timeout_ms, write_ms = h->limits.write_timeout_ms;

	return may_stall(h) && stall_ms < write_ms ? stall_ms : write_ms;
}

/* What the connection waits for, and until when. */
static enum deadline server_deadline(const struct h1_server *h, uint64_t *ret_ms)
{
	const struct h1_limits *limits = &h->limits;
	enum deadline first = DEADLINE_NONE;

	if (h->stream && h->stream->base.raw)
		return DEADLINE_NONE; /* whoever uses a terminal may think, or stop the output, for hours */
	if (conn_queued(h->conn) || http_queue_len(&h->out))
		earlier(DEADLINE_WRITE, h->write_ms > h->spared_ms ? h->write_ms : h->spared_ms,
			write_timeout(h), &first, ret_ms);
	if (h->parser.state == H1_PARSE_BODY && !h->paused)
		earlier(DEADLINE_BODY, h->read_ms, limits->body_timeout_ms, &first, ret_ms);
	else if (h->parser.state == H1_PARSE_HEAD)
		earlier(DEADLINE_HEAD, h->since_ms, limits->head_timeout_ms, &first, ret_ms);
	else if (h->parser.state == H1_PARSE_IDLE && !h->stream)
		earlier(DEADLINE_IDLE, h->since_ms, limits->idle_timeout_ms, &first, ret_ms);
	return first;
}

void h1_server_rearm(struct h1_server *h)
{
	uint64_t now_ms = loop_now_ms(h->loop);
	uint64_t at_ms = 0;

	if (h->closing || server_deadline(h, &at_ms) == DEADLINE_NONE || (h->armed_ms && h->armed_ms <= at_ms))
		return;
	h->armed_ms = at_ms;
	loop_timer_start(h->timer, at_ms > now_ms ? at_ms - now_ms : 1, 0);
}

/* The connection tells of drains only at its low water; progress in between is looked at here. */
static void note_progress(struct h1_server *h, uint64_t now_ms)
{
	uint64_t passed = h->handed - conn_queued(h->conn);

	if (passed != h->passed)
		h->write_ms = now_ms;
	h->passed = passed;
}

static bool spare(struct h1_server *h)
{
	uint64_t now_ms = loop_now_ms(h->loop);

	if (!may_stall(h) || now_ms - h->write_ms >= h->limits.stall_timeout_ms ||
	    !conn_is_acknowledged(h->conn))
		return false;
	h->spared_ms = now_ms;
	return true;
}

static void server_expire(struct h1_server *h, enum deadline which)
{
	switch (which) {
	case DEADLINE_NONE:
		return;
	case DEADLINE_IDLE:
		h1_server_close(h);
		return;
	case DEADLINE_WRITE:
		if (spare(h))
			return;
		h1_stream_close(h, ERR_TIMEOUT, "the client did not read the answer in time");
		h1_server_close(h);
		return;
	case DEADLINE_HEAD:
		h1_server_reject(h, 408, ERR_TIMEOUT, "the request's head did not come in time");
		return;
	case DEADLINE_BODY:
		h1_server_reject(h, 408, ERR_TIMEOUT, "the request's body did not come in time");
		return;
	}
}

void h1_server_on_timer(void *owner)
{
	struct h1_server *h = owner;
	uint64_t now_ms = loop_now_ms(h->loop);
	uint64_t at_ms = 0;
	enum deadline which;

	h->armed_ms = 0;
	if (h->closing)
		return;
	h->busy = true;
	note_progress(h, now_ms);
	which = server_deadline(h, &at_ms);
	if (which != DEADLINE_NONE && at_ms <= now_ms)
		server_expire(h, which);
	h1_server_settle(h);
	h->busy = false;
}
