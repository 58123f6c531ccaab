/* One connection: its life, its input, its end. */
#include "lib/net/conn.h"

#include <assert.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/net/conn_inner.h"

static void conn_finish(struct conn *c)
{
	static const struct err none;

	loop_item_remove(&c->item);
	if (c->events)
		c->events->on_close(c->owner, c->why ? c->why : &none);
	if (c->on_gone)
		c->on_gone(c->on_gone_arg, c);
	conn_out_free(c);
	buf_free(&c->kept);
	tls_stream_free(c->tls);
	free(c->why);
	free(c->tcp);
	free(c);
}

static void on_tcp_closed(uv_handle_t *handle)
{
	conn_finish(handle->data);
}

static void on_finish_task(struct loop_task *t)
{
	conn_finish(CONTAINER_OF(t, struct conn, input_task));
}

/* From here on nothing but conn_finish happens to `c`; that comes from the loop. */
static void begin_close(struct conn *c)
{
	/* never behind bytes that are dropped: the peer would take the rest for everything */
	if (c->tls && c->state == CONN_OPEN && !c->end_was_sent && !c->why &&
	    conn_queued(c) == 0) {
		tls_stream_end(c->tls);
		conn_out_try(c);
	} else if (c->tcp && c->why) {
		conn_out_try(c); /* an alert, perhaps */
	}
	c->state = CONN_CLOSING;
	loop_task_cancel(&c->flush_task);
	loop_task_cancel(&c->input_task);
	conn_timer_clear(c);
	conn_dial_cancel(c);
	if (c->tcp) {
		uv_close((uv_handle_t *)c->tcp, on_tcp_closed);
		return;
	}
	loop_task_init(&c->input_task, on_finish_task);
	loop_task_queue(c->loop, &c->input_task);
}

static void conn_discard(struct loop_item *item)
{
	struct conn *c = CONTAINER_OF(item, struct conn, item);

	c->events = NULL;
	conn_close(c);
}

struct conn *conn_new(struct loop *l)
{
	struct conn *c = mem_new(sizeof(*c));

	c->loop = l;
	c->out_end = &c->out_first;
	c->is_paused = true;
	buf_init(&c->kept, CONN_KEPT_MAX);
	buf_init(&c->staged, TLS_RECORD_LEN);
	c->shutdown.data = c;
	loop_task_init(&c->input_task, conn_on_input_task);
	loop_task_init(&c->flush_task, conn_out_on_flush);
	loop_item_add(l, &c->item, conn_discard);
	return c;
}

void conn_set_peer(struct conn *c, const struct sockaddr *address)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
	bool is_v6 = address->sa_family == AF_INET6;
	unsigned port = ntohs(is_v6 ? v6->sin6_port : v4->sin_port);

	if (is_v6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		(void)inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], c->peer_ip,
				sizeof(c->peer_ip));
		is_v6 = false;
	} else if (is_v6) {
		(void)inet_ntop(AF_INET6, &v6->sin6_addr, c->peer_ip, sizeof(c->peer_ip));
	} else {
		(void)inet_ntop(AF_INET, &v4->sin_addr, c->peer_ip, sizeof(c->peer_ip));
	}
	(void)snprintf(c->peer, sizeof(c->peer), is_v6 ? "[%s]:%u" : "%s:%u", c->peer_ip, port);
}

void conn_adopt(struct conn *c, uv_tcp_t *tcp)
{
	c->tcp = tcp;
	tcp->data = c;
	/* both only make it better; that a peer is gone already is noticed by reading */
	(void)uv_tcp_nodelay(tcp, 1);
	(void)uv_tcp_keepalive(tcp, 1, CONN_KEEPALIVE_S);
}

bool conn_is_acknowledged(const struct conn *c)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	uv_os_fd_t fd;

	return c->tcp && uv_fileno((const uv_handle_t *)c->tcp, &fd) == 0 &&
	       getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_last_ack_recv < CONN_SILENT_MS;
}

void conn_fail(struct conn *c, const struct err *why)
{
	if (c->state == CONN_CLOSING)
		return;
	if (c->state != CONN_FLUSHING) { /* there the close was asked for */
		c->why = mem_new(sizeof(*c->why));
		*c->why = *why;
	}
	begin_close(c);
}

void conn_fail_uv(struct conn *c, int rc)
{
	struct err e;

	err_set(&e, rc == UV_ETIMEDOUT ? ERR_TIMEOUT : ERR_UNREACHABLE, "connection to %s: %s",
		c->peer, uv_strerror(rc));
	conn_fail(c, &e);
}

void conn_close_when_done(struct conn *c)
{
	if (c->peer_ended && c->end_is_done &&
	    (c->state == CONN_OPEN || c->state == CONN_FLUSHING))
		begin_close(c);
}

void conn_close(struct conn *c)
{
	if (c->state != CONN_CLOSING)
		begin_close(c);
}

static void on_flush_timeout(void *conn)
{
	conn_close(conn);
}

void conn_close_after_flush(struct conn *c, uint64_t timeout_ms)
{
	if (c->state == CONN_FLUSHING)
		return;
	if (c->state != CONN_OPEN) {
		conn_close(c);
		return;
	}
	conn_end(c);
	c->state = CONN_FLUSHING;
	c->on_input = conn_drop_input;
	c->flush_until_ms = loop_now_ms(c->loop) + timeout_ms;
	if (c->kept.len) /* not freed here: the owner may be reading it just now */
		conn_queue_input(c);
	conn_timer_set(c, timeout_ms, on_flush_timeout);
	conn_update_reading(c);
	if (c->end_is_done)
		conn_linger(c);
}

void conn_linger(struct conn *c)
{
	uint64_t now_ms = loop_now_ms(c->loop);
	uint64_t left_ms = c->flush_until_ms > now_ms ? c->flush_until_ms - now_ms : 0;

	if (c->peer_ended) {
		begin_close(c);
		return;
	}
	conn_timer_set(c, left_ms < CONN_LINGER_MS ? left_ms : CONN_LINGER_MS, on_flush_timeout);
}

void conn_timer_set(struct conn *c, uint64_t delay_ms, void (*fn)(void *conn))
{
	conn_timer_clear(c);
	c->timer = loop_timer_new(c->loop, fn, c);
	loop_timer_start(c->timer, delay_ms, 0);
}

void conn_timer_clear(struct conn *c)
{
	loop_timer_free(c->timer);
	c->timer = NULL;
}

const char *conn_alpn(const struct conn *c)
{
	return c->tls ? tls_stream_alpn(c->tls) : "";
}

struct span conn_peer_cert(const struct conn *c)
{
	return c->tls ? tls_stream_peer_cert(c->tls) : SPAN_NONE;
}

const char *conn_peer(const struct conn *c)
{
	return c->peer;
}

const char *conn_peer_ip(const struct conn *c)
{
	return c->peer_ip;
}
