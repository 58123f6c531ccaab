/*
 * What an HTTP/2 peer may do to us: windows, header sizes, floods, silence.
 *
 * Patience is one bucket for frames that cost work and carry nothing. It fills with time and with every frame that
 * carries something, so that a busy connection may send as many WINDOW_UPDATE, PING and PRIORITY as it needs.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/net/h2_inner.h"

enum {
	PATIENCE_MAX = 2000,
	PATIENCE_PER_S = 200,
	PATIENCE_PER_FRAME = 4,
	ERRORS_MAX = 200,
	ERRORS_PER_S = 10,
	RESETS_PER_S = 33,
	RESETS_BURST_S = 30,
	ACKS_MAX = 1000,       /* answers to PING and SETTINGS that wait for a peer that does not read */
	SETTINGS_MAX = 32,     /* entries in one SETTINGS frame */
	CONTINUATIONS_MAX = 8,
	TABLE_MAX = 4096,      /* HPACK */
	TICK_MIN_MS = 10,
	TICK_MAX_MS = 1000,
	DRAIN_MS = 1000,       /* between the announcement of GOAWAY and the last one, for requests on their way */
	SILENT_MAX = 3,
};

nghttp2_option *h2_options_new(const struct h2_limits *limits)
{
	nghttp2_option *o = NULL;

	if (nghttp2_option_new(&o) != 0)
		return NULL;
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_max_outbound_ack(o, ACKS_MAX);
	nghttp2_option_set_max_settings(o, SETTINGS_MAX);
	nghttp2_option_set_max_continuations(o, CONTINUATIONS_MAX);
	nghttp2_option_set_stream_reset_rate_limit(o, UINT32_MAX, UINT32_MAX); /* h2_limits_reset counts */
	nghttp2_option_set_max_deflate_dynamic_table_size(o, TABLE_MAX);
	/* Our own heads are checked by those who make them; nghttp2's 64 KiB would fail a head that we took. */
	nghttp2_option_set_max_send_header_block_length(o, limits->head_max * 2 + 64 * 1024);
	return o;
}

int h2_settings_submit(struct h2 *h)
{
	const struct h2_limits *limits = &h->limits;
	nghttp2_settings_entry entries[] = {
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits->stream_window },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limits->head_max },
		{ h->is_server ? NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS : NGHTTP2_SETTINGS_ENABLE_PUSH,
		  h->is_server ? limits->stream_max : 0 },
		{ NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1 },
	};
	size_t count = COUNT_OF(entries) - !(h->is_server && limits->extended_connect);

	if (nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, entries, count) != 0)
		return -1;
	return nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, (int32_t)limits->conn_window);
}

static void fill(int64_t *bucket, int64_t amount, int64_t max)
{
	*bucket = amount > max - *bucket ? max : *bucket + amount;
}

void h2_limits_useful(struct h2 *h)
{
	fill(&h->patience, PATIENCE_PER_FRAME, PATIENCE_MAX);
}

static int64_t resets_per_s(const struct h2 *h)
{
	return h->limits.reset_rate ? h->limits.reset_rate : RESETS_PER_S;
}

static void refill(struct h2 *h, uint64_t now_ms)
{
	int64_t passed_ms = (int64_t)(now_ms - h->refill_ms);

	if (passed_ms < TICK_MAX_MS)
		return;
	h->refill_ms = now_ms;
	fill(&h->patience, passed_ms * PATIENCE_PER_S / 1000, PATIENCE_MAX);
	fill(&h->resets_left, passed_ms * resets_per_s(h) / 1000, resets_per_s(h) * RESETS_BURST_S);
	fill(&h->errors_left, passed_ms * ERRORS_PER_S / 1000, ERRORS_MAX);
}

void h2_limits_useless(struct h2 *h)
{
	refill(h, loop_now_ms(h->loop));
	if (--h->patience < 0)
		h2_fail(h, NGHTTP2_ENHANCE_YOUR_CALM, ERR_PROTOCOL, "the peer floods with frames that carry nothing");
}

/* Each reset stream was work for nothing (rapid reset). */
void h2_limits_reset(struct h2 *h)
{
	refill(h, loop_now_ms(h->loop));
	if (--h->resets_left < 0)
		h2_fail(h, NGHTTP2_ENHANCE_YOUR_CALM, ERR_PROTOCOL, "the peer resets too many streams");
}

void h2_limits_broken(struct h2 *h)
{
	refill(h, loop_now_ms(h->loop));
	if (--h->errors_left < 0)
		h2_fail(h, NGHTTP2_ENHANCE_YOUR_CALM, ERR_PROTOCOL, "the peer breaks too many streams");
}

/* Whether the peer may still come back to a stream that waits for it, after `quiet_ms` without a sign of it. */
static bool may_stall(const struct h2 *h, uint64_t quiet_ms)
{
	const struct loop_link *at;

	if (!h->limits.tcp_is_life || quiet_ms >= h->limits.stall_timeout_ms)
		return false;
	for (at = h->streams.next; at != &h->streams; at = at->next)
		if (CONTAINER_OF(at, const struct h2_stream, all)->base.may_stall)
			return conn_is_acknowledged(h->conn);
	return false;
}

/* Silence is counted by bytes, not by PING answers: those wait behind bulk on a slow link. */
static void tick_ping(struct h2 *h, uint64_t now_ms)
{
	uint64_t interval_ms = h->limits.ping_interval_ms;

	if (!interval_ms || now_ms - h->ping_ms < interval_ms)
		return;
	h->ping_ms = now_ms;
	if (h->silent_pings >= SILENT_MAX && may_stall(h, h->silent_pings * interval_ms)) {
		h->silent_pings++; /* the three that it has not answered are enough */
		return;
	}
	if (h->silent_pings >= SILENT_MAX) {
		h2_fail(h, NGHTTP2_NO_ERROR, ERR_TIMEOUT, "the peer did not answer three PINGs");
		h->closing = true;
		conn_close(h->conn);
		return;
	}
	h->silent_pings++;
	(void)nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL); /* without memory: the next one */
}

static void tick_output(struct h2 *h, uint64_t now_ms)
{
	uint64_t timeout_ms = h->limits.write_timeout_ms;
	size_t queued = conn_queued(h->conn);
	uint64_t passed = h->handed - queued;

	if (passed != h->passed || !queued)
		h->write_ms = now_ms;
	h->passed = passed;
	if (!timeout_ms || now_ms - h->write_ms < timeout_ms || may_stall(h, now_ms - h->write_ms))
		return;
	h2_fail(h, NGHTTP2_NO_ERROR, ERR_TIMEOUT, "the peer did not read in time");
	h->closing = true;
	conn_close(h->conn);
}

static void tick_stream(struct h2 *h, struct h2_stream *s, uint64_t now_ms)
{
	uint64_t write_ms = h->limits.write_timeout_ms, body_ms = h->limits.body_timeout_ms;

	if (s->why.code || s->base.is_reset || s->base.raw)
		return;
	if (s->base.may_stall && h->limits.stall_timeout_ms)
		write_ms = h->limits.stall_timeout_ms;
	if (write_ms && http_queue_len(&s->out) && now_ms - s->write_ms >= write_ms)
		h2_stream_fail(s, NGHTTP2_CANCEL, ERR_TIMEOUT, "the peer did not read the stream in time");
	else if (body_ms && h->is_server && !s->base.peer_ended && s->base.unconsumed < h->limits.stream_window &&
		 now_ms - s->read_ms >= body_ms)
		h2_stream_fail(s, NGHTTP2_CANCEL, ERR_TIMEOUT, "the request's body did not come in time");
}

static void tick_streams(struct h2 *h, uint64_t now_ms)
{
	struct loop_link *at, *next;

	for (at = h->streams.next; at != &h->streams; at = next) {
		next = at->next;
		tick_stream(h, CONTAINER_OF(at, struct h2_stream, all), now_ms);
	}
}

static void tick_idle(struct h2 *h, uint64_t now_ms)
{
	uint64_t timeout_ms = h->limits.idle_timeout_ms;

	if (h->count)
		return;
	http_collect_free(&h->collect);
	buf_free(&h->out);
	if (timeout_ms && now_ms - h->idle_ms >= timeout_ms && !h->drained) {
		h->draining = true;
		h2_say_goaway(h);
	}
}

static void on_timer(void *owner)
{
	struct h2 *h = owner;
	uint64_t now_ms = loop_now_ms(h->loop);

	if (h->closing)
		return;
	h->busy = true;
	refill(h, now_ms);
	tick_output(h, now_ms);
	if (!h->closing)
		tick_ping(h, now_ms);
	if (!h->closing) {
		tick_streams(h, now_ms);
		tick_idle(h, now_ms);
		if (h->draining && !h->drained && now_ms - h->drain_ms >= DRAIN_MS)
			h2_say_goaway(h);
	}
	h2_settle(h);
	h->busy = false;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return b && b < a ? b : a;
}

void h2_limits_init(struct h2 *h)
{
	const struct h2_limits *limits = &h->limits;
	uint64_t tick_ms = least(least(TICK_MAX_MS * 4, limits->ping_interval_ms), limits->idle_timeout_ms);

	tick_ms = least(least(tick_ms, limits->write_timeout_ms), limits->body_timeout_ms) / 4;
	if (tick_ms < TICK_MIN_MS)
		tick_ms = TICK_MIN_MS;
	h->patience = PATIENCE_MAX;
	h->errors_left = ERRORS_MAX;
	h->resets_left = resets_per_s(h) * RESETS_BURST_S;
	h->refill_ms = h->idle_ms = h->write_ms = h->ping_ms = loop_now_ms(h->loop);
	h->timer = loop_timer_new(h->loop, on_timer, h);
	loop_timer_start(h->timer, tick_ms, tick_ms);
}
