/* Two HTTP streams joined, with back-pressure both ways. */
#include "lib/gate/relay.h"

#include <assert.h>
#include <stdio.h>

#include "lib/base/mem.h"

#define RELAY_QUEUE_HIGH (256 * 1024) /* above it the other side is not read from */
#define RELAY_HELD_MAX (2 * 1024 * 1024) /* above any stream window that we announce */
#define RELAY_REPLAY_MAX (256 * 1024)    /* of a request's body are kept for another upstream */
#define RELAY_FILTERED_MAX (8 * 1024 * 1024) /* a filter's largest item, and what a window lets in besides */
#define RELAY_PIECE (64 * 1024)              /* of it go into the stream's queue at once */

struct relay_side {
	struct http_stream *stream; /* NULL before it is there and after its on_close */
	size_t owed;  /* bytes of this side's body that are not consumed yet */
	bool ended;   /* this side's message is whole */
	bool finished; /* we ended our message to this side */
};

struct relay {
	const struct relay_events *events;
	void *owner;
	struct relay_side down, up;
	struct buf held; /* the request's body so far, while it may have to be sent (again) */
	bool held_lost;  /* more came than is kept for another upstream */
	bool answered;   /* a head went down */
	relay_filter_fn *filter; /* NULL: bodies pass as they come */
	void *filter_ctx;
	relay_tap_fn *tap; /* NULL: nobody looks */
	void *tap_ctx;
	bool held_up; /* the upstream is not paid */
	struct buf filtered;   /* what waits for room in the down side's queue */
	size_t filtered_sent; /* of it, from the front */
	struct http_stats stats; /* of down, kept past its end */
	struct err why;
};

static const struct http_events relay_downstream;

struct relay *relay_new(struct http_stream *down, const struct relay_events *events, void *owner)
{
	struct relay *r = mem_new(sizeof(*r));

	r->events = events;
	r->owner = owner;
	r->down.stream = down;
	http_stream_await_upgrade(down); /* where the request asks for one */
	r->down.ended = http_stream_ended(down);
	buf_init(&r->held, RELAY_HELD_MAX);
	buf_init(&r->filtered, RELAY_FILTERED_MAX);
	http_stream_attach(down, &relay_downstream, r);
	return r;
}

static void relay_finish_if_done(struct relay *r)
{
	if (r->down.stream || r->up.stream)
		return;
	r->events->on_done(r->owner, r, &r->why);
	buf_free(&r->held);
	buf_free(&r->filtered);
	free(r);
}

static void relay_note(struct relay *r, const struct err *why)
{
	if (why->code != ERR_NONE && r->why.code == ERR_NONE)
		r->why = *why;
}

static void reset_side(struct relay_side *side, enum http_reset reason)
{
	if (side->stream)
		http_stream_reset(side->stream, reason);
}

static void pay_owed(struct relay *r, struct relay_side *side)
{
	size_t owed = side->owed;

	if (r->held_up && side == &r->up)
		return;
	side->owed = 0;
	if (owed && side->stream)
		http_stream_consume(side->stream, owed);
}

/* Sends `bytes` to `to`; what `from` is owed is paid now or when `to` drains. */
static void pass_on(struct relay *r, struct relay_side *from, struct relay_side *to, struct span bytes)
{
	struct err e = { 0 };

	if (http_stream_send(to->stream, bytes, &e) < 0)
		relay_abort(r, &e);
	else if (http_stream_queued(to->stream) <= RELAY_QUEUE_HIGH)
		pay_owed(r, from);
}

static void pass_end(struct relay *r, struct relay_side *to)
{
	struct err e = { 0 };

	if (to->finished || !to->stream)
		return;
	to->finished = true;
	if (http_stream_end(to->stream, NULL, 0, &e) < 0)
		relay_abort(r, &e);
}

/* Sends on what the filter gave, as far as the queue has room; the upstream is paid when all is gone. */
static void send_filtered(struct relay *r)
{
	struct err e = { 0 };

	while (r->filtered_sent < r->filtered.len && http_stream_queued(r->down.stream) <= RELAY_QUEUE_HIGH) {
		size_t len = r->filtered.len - r->filtered_sent;
		struct span piece = span_from(r->filtered.at + r->filtered_sent, len < RELAY_PIECE ? len : RELAY_PIECE);

		if (http_stream_send(r->down.stream, piece, &e) < 0) {
			relay_abort(r, &e);
			return;
		}
		r->filtered_sent += piece.len;
	}
	if (r->filtered_sent < r->filtered.len || http_stream_queued(r->down.stream) > RELAY_QUEUE_HIGH)
		return;
	buf_free(&r->filtered);
	r->filtered_sent = 0;
	if (r->up.ended)
		pass_end(r, &r->down);
	else
		pay_owed(r, &r->up);
}

static void filter_on(struct relay *r, struct span bytes, bool is_end)
{
	struct err e = { 0 };

	if (r->filter(r->filter_ctx, bytes, is_end, &r->filtered, &e) < 0)
		relay_abort(r, &e);
	else
		send_filtered(r);
}

/* False when what came must not go on. */
static bool tap_lets(struct relay *r, bool from_down, struct span bytes)
{
	struct err e = { 0 };

	if (!r->tap || r->tap(r->tap_ctx, from_down, bytes, &e) == 0)
		return true;
	relay_abort(r, &e);
	return false;
}

/* The asking side. */

/* Keeps `bytes` for an upstream that is not there yet, or for another one should this one refuse. */
static void hold(struct relay *r, struct span bytes)
{
	struct err e = { 0 };

	if (!r->held_lost && buf_put_span(&r->held, bytes) < 0) {
		err_set(&e, ERR_LIMIT, "the request's body is larger than its window");
		relay_abort(r, &e);
	}
}

static void drop_held_above(struct relay *r, size_t max_len)
{
	if (r->held.len > max_len) {
		r->held_lost = true;
		buf_free(&r->held);
	}
}

static void down_body(void *owner, struct http_stream *s, struct span bytes)
{
	struct relay *r = owner;

	if (r->answered && !r->up.stream) {
		http_stream_consume(s, bytes.len); /* answered without an upstream: read and dropped */
		return;
	}
	r->down.owed += bytes.len;
	if (!tap_lets(r, true, bytes))
		return;
	hold(r, bytes);
	if (r->up.stream) {
		pass_on(r, &r->down, &r->up, bytes);
		drop_held_above(r, r->answered ? 0 : RELAY_REPLAY_MAX);
	}
}

static void down_end(void *owner, struct http_stream *s UNUSED, const struct http_field *trailers UNUSED,
		     size_t count UNUSED)
{
	struct relay *r = owner;

	r->down.ended = true;
	if (r->up.stream)
		pass_end(r, &r->up);
	else if (!r->answered && r->events->on_held)
		r->events->on_held(r->owner, r);
}

static void down_drain(void *owner, struct http_stream *s UNUSED)
{
	struct relay *r = owner;

	if (r->filter)
		send_filtered(r);
	else
		pay_owed(r, &r->up);
}

static void down_close(void *owner, struct http_stream *s, const struct err *why)
{
	struct relay *r = owner;

	r->stats = *http_stream_stats(s);
	r->down.stream = NULL;
	relay_note(r, why);
	if (r->up.stream && !(r->up.ended && r->up.finished))
		reset_side(&r->up, HTTP_RESET_CANCEL);
	relay_finish_if_done(r);
}

static const struct http_events relay_downstream = {
	.on_body = down_body,
	.on_end = down_end,
	.on_drain = down_drain,
	.on_close = down_close,
};

/* The asked side. */

static void up_head(void *owner, struct http_stream *s UNUSED, const struct http_head *head)
{
	struct relay *r = owner;

	if (r->down.stream && !r->answered)
		r->events->on_head(r->owner, r, head);
}

static void up_body(void *owner, struct http_stream *s, struct span bytes)
{
	struct relay *r = owner;

	if (!r->down.stream || !r->answered || r->down.finished) {
		http_stream_consume(s, bytes.len);
		return;
	}
	r->up.owed += bytes.len;
	if (!tap_lets(r, false, bytes))
		return;
	if (r->filter)
		filter_on(r, bytes, false);
	else
		pass_on(r, &r->up, &r->down, bytes);
}

static void up_end(void *owner, struct http_stream *s UNUSED, const struct http_field *trailers UNUSED,
		   size_t count UNUSED)
{
	struct relay *r = owner;

	r->up.ended = true;
	if (!r->answered || !r->down.stream || r->down.finished)
		return;
	if (r->filter)
		filter_on(r, SPAN_NONE, true);
	else
		pass_end(r, &r->down);
}

static void up_drain(void *owner, struct http_stream *s UNUSED)
{
	struct relay *r = owner;

	pay_owed(r, &r->down);
}

static void up_close(void *owner, struct http_stream *s UNUSED, const struct err *why)
{
	struct relay *r = owner;

	r->up.stream = NULL;
	if (r->down.stream && !r->answered) {
		struct err e = *why;

		if (e.code == ERR_NONE)
			err_set(&e, ERR_PROTOCOL, "the upstream ended without an answer");
		r->events->on_failed(r->owner, r, &e);
		return;
	}
	relay_note(r, why);
	if (r->down.stream && !r->up.ended && !r->down.finished)
		reset_side(&r->down, HTTP_RESET_INTERNAL); /* a cut answer must not look whole */
	else if (r->down.stream)
		http_stream_unwant(r->down.stream); /* nobody takes what an upgraded client would still send */
	relay_finish_if_done(r);
}

const struct http_events relay_upstream = {
	.on_head = up_head,
	.on_body = up_body,
	.on_end = up_end,
	.on_drain = up_drain,
	.on_close = up_close,
};

void relay_connect(struct relay *r, struct http_stream *up, bool up_ended)
{
	assert(!r->up.stream);
	r->up = (struct relay_side){ .stream = up, .finished = up_ended };
	if (r->held.len)
		pass_on(r, &r->down, &r->up, buf_span(&r->held));
	drop_held_above(r, RELAY_REPLAY_MAX);
	if (r->down.ended)
		pass_end(r, &r->up);
}

bool relay_request_ended(const struct relay *r)
{
	return r->down.ended && r->held.len == 0 && !r->held_lost;
}

struct span relay_held(const struct relay *r)
{
	return buf_span(&r->held);
}

bool relay_may_retry(const struct relay *r)
{
	return r->down.stream && !r->held_lost && !r->answered;
}

void relay_set_filter(struct relay *r, relay_filter_fn *filter, void *ctx)
{
	r->filter = filter;
	r->filter_ctx = ctx;
}

void relay_set_tap(struct relay *r, relay_tap_fn *tap, void *ctx)
{
	r->tap = tap;
	r->tap_ctx = ctx;
}

void relay_hold(struct relay *r, bool hold)
{
	r->held_up = hold;
	if (!hold && r->down.stream && http_stream_queued(r->down.stream) <= RELAY_QUEUE_HIGH)
		pay_owed(r, &r->up);
}

void relay_answer(struct relay *r, const struct http_head *head)
{
	struct err e = { 0 };

	r->answered = true;
	http_stream_allow_stall(r->down.stream);
	if (http_stream_answer(r->down.stream, head, false, &e) < 0)
		relay_abort(r, &e);
}

void relay_refuse(struct relay *r, int status, const char *content_type, struct span body, unsigned retry_after_s)
{
	char seconds[16] = "", length[24] = "";
	struct http_field fields[5] = {
		{ SPAN("content-type"), span_of(content_type) },
		{ SPAN("content-length"), SPAN_NONE },
		{ SPAN("cache-control"), SPAN("no-store") },
		{ SPAN("x-content-type-options"), SPAN("nosniff") },
		{ SPAN("retry-after"), SPAN_NONE },
	};
	struct http_head head = { .status = status, .fields = fields, .field_count = retry_after_s ? 5 : 4 };
	struct err e = { 0 };

	if (!r->down.stream || r->answered)
		return;
	(void)snprintf(seconds, sizeof(seconds), "%u", retry_after_s == RELAY_RETRY_NOW ? 0 : retry_after_s);
	(void)snprintf(length, sizeof(length), "%zu", body.len);
	fields[1].value = span_of(length);
	fields[4].value = span_of(seconds);
	r->answered = true;
	r->down.finished = true;
	reset_side(&r->up, HTTP_RESET_CANCEL);
	if (http_stream_answer(r->down.stream, &head, false, &e) < 0 ||
	    http_stream_send(r->down.stream, body, &e) < 0 ||
	    http_stream_end(r->down.stream, NULL, 0, &e) < 0)
		relay_abort(r, &e);
	pay_owed(r, &r->down);
	buf_free(&r->held);
}

void relay_abort(struct relay *r, const struct err *why)
{
	relay_note(r, why);
	reset_side(&r->up, HTTP_RESET_CANCEL);
	reset_side(&r->down, HTTP_RESET_INTERNAL);
}

const struct http_head *relay_request(const struct relay *r)
{
	return http_stream_request(r->down.stream);
}

const struct http_stats *relay_stats(const struct relay *r)
{
	return r->down.stream ? http_stream_stats(r->down.stream) : &r->stats;
}

struct http_stream *relay_down(const struct relay *r)
{
	return r->down.stream;
}
