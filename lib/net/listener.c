/* Accepting: limits, handshakes, and the moments without descriptors. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/attr.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/conn_inner.h"

#define ACCEPTS_PER_ROUND 16
#define BACKLOG 1024
#define BACKOFF_MS 100
#define WARN_EVERY_MS (60 * 1000)
#define IP_BUCKETS 256

/* How many connections an address has. */
struct ip_count {
	struct ip_count *next;
	unsigned count;
	char ip[INET6_ADDRSTRLEN];
};

struct listener {
	uv_poll_t *poll; /* NULL once closed */
	struct loop *loop;
	struct loop_item item;
	int fd;
	uint16_t port;
	struct loop_timer *backoff;
	uint64_t warned_ms; /* 0: not yet */
	struct tls *tls;
	unsigned conn_max, conn_per_ip_max;
	uint64_t handshake_timeout_ms;
	void (*on_conn)(void *owner, struct conn *c);
	void *owner;
	unsigned conn_count; /* they keep the block alive after listener_close */
	struct ip_count *ips[IP_BUCKETS];
};

static void free_when_unused(struct listener *n)
{
	if (n->poll || n->conn_count)
		return;
	tls_unref(n->tls);
	free(n);
}

static struct ip_count **ip_find(struct listener *n, const char *ip)
{
	struct ip_count **at;
	uint32_t hash = 2166136261; /* FNV-1a */

	for (const char *p = ip; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619;
	for (at = &n->ips[hash % IP_BUCKETS]; *at; at = &(*at)->next) {
		if (strcmp((*at)->ip, ip) == 0)
			break;
	}
	return at;
}

static void count_add(struct listener *n, const char *ip)
{
	struct ip_count **at = ip_find(n, ip);

	if (!*at) {
		*at = mem_new(sizeof(**at));
		memcpy((*at)->ip, ip, strlen(ip) + 1);
	}
	(*at)->count++;
	n->conn_count++;
}

static void on_gone(void *arg, const struct conn *c)
{
	struct listener *n = arg;
	struct ip_count **at = ip_find(n, c->peer_ip), *found = *at;

	if (!c->events && c->why) /* nobody else hears of it */
		log_event(LOG_DEBUG, "connection refused", LOG_STR("peer", c->peer),
			  LOG_STR("error", c->why->text));
	if (--found->count == 0) {
		*at = found->next;
		free(found);
	}
	n->conn_count--;
	free_when_unused(n);
}

static bool is_allowed(struct listener *n, const char *ip)
{
	struct ip_count *found = *ip_find(n, ip);

	if (n->conn_count >= n->conn_max)
		return false;
	return n->conn_per_ip_max == 0 || !found || found->count < n->conn_per_ip_max;
}

static void hand_out(struct conn *c)
{
	struct listener *n = c->on_gone_arg;

	if (!n->poll) {
		conn_close(c);
		return;
	}
	conn_open(c);
	n->on_conn(n->owner, c);
}

static void on_handshake_timeout(void *conn)
{
	struct conn *c = conn;
	struct err e;

	err_set(&e, ERR_TIMEOUT, "TLS with %s: no handshake in time", c->peer);
	conn_fail(c, &e);
}

static void on_tcp_closed(uv_handle_t *handle)
{
	free(handle);
}

/* The socket as libuv's handle; NULL when the kernel refuses (then it is closed). */
static uv_tcp_t *tcp_from(struct loop *l, int fd)
{
	uv_tcp_t *tcp = mem_new(sizeof(*tcp));

	if (uv_tcp_init(&l->uv, tcp) == 0 && uv_tcp_open(tcp, fd) == 0)
		return tcp;
	(void)close(fd); /* nothing was sent on it */
	uv_close((uv_handle_t *)tcp, on_tcp_closed);
	return NULL;
}

static void take_connection(struct listener *n, int fd, const struct sockaddr *address)
{
	struct conn *c = conn_new(n->loop);
	uv_tcp_t *tcp;

	conn_set_peer(c, address);
	if (!is_allowed(n, c->peer_ip)) {
		(void)close(fd); /* nothing was sent on it */
		conn_close(c);
		return;
	}
	count_add(n, c->peer_ip);
	c->on_gone = on_gone;
	c->on_gone_arg = n;
	tcp = tcp_from(n->loop, fd);
	if (!tcp) {
		conn_close(c);
		return;
	}
	conn_adopt(c, tcp);
	if (!n->tls) {
		hand_out(c);
		return;
	}
	c->on_secured = hand_out;
	conn_timer_set(c, n->handshake_timeout_ms, on_handshake_timeout);
	conn_tls_start(c, n->tls, NULL, 0);
}

/* Out of descriptors or memory: the kernel's queue holds the others for a while. */
static void back_off(struct listener *n, int number)
{
	uint64_t now_ms = loop_now_ms(n->loop);
	struct err e;

	(void)uv_poll_stop(n->poll); /* always 0 */
	loop_timer_start(n->backoff, BACKOFF_MS, 0);
	if (n->warned_ms && now_ms - n->warned_ms < WARN_EVERY_MS)
		return;
	n->warned_ms = now_ms;
	err_set_errno(&e, ERR_IO, number, "accept");
	log_event(LOG_WARN, "cannot accept connections for now", LOG_INT("port", n->port),
		  LOG_STR("error", e.text), LOG_INT("connections", n->conn_count));
}

static bool is_exhaustion(int number)
{
	return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

/*
 * Errors of one connection, as ECONNABORTED and what the network reports (accept(2)), count for it.
 */
static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct listener *n = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_ROUND && n->poll; i++) {
		struct sockaddr_storage address;
		socklen_t len = sizeof(address);
		int fd = accept4(n->fd, (struct sockaddr *)&address, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			take_connection(n, fd, (const struct sockaddr *)&address);
		} else if (is_exhaustion(errno)) {
			back_off(n, errno);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

static void poll_start(struct listener *n)
{
	(void)uv_poll_start(n->poll, UV_READABLE, on_ready); /* fails only on a closed handle */
}

static void on_backoff_over(void *listener)
{
	poll_start(listener);
}

static int listen_on(const struct sockaddr *address, socklen_t len)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, off = 0, number;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (address->sa_family != AF_INET6 ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0) &&
	    bind(fd, address, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	number = errno;
	(void)close(fd); /* it never listened */
	errno = number;
	return -1;
}

static int listen_v4(const char *ip, uint16_t port)
{
	struct sockaddr_in v4;

	if (uv_ip4_addr(ip, port, &v4) != 0) {
		errno = EINVAL;
		return -1;
	}
	return listen_on((const struct sockaddr *)&v4, sizeof(v4));
}

static int listen_v6(const char *ip, uint16_t port)
{
	struct sockaddr_in6 v6;

	if (uv_ip6_addr(ip, port, &v6) != 0) {
		errno = EINVAL;
		return -1;
	}
	return listen_on((const struct sockaddr *)&v6, sizeof(v6));
}

/* The listening socket, or -1 and *e. */
static int open_socket(const struct listener_options *o, struct err *e)
{
	const char *ip = o->address;
	struct sockaddr_in6 v6;
	int fd;

	if (!ip) {
		fd = listen_v6("::", o->port);
		if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
			fd = listen_v4("0.0.0.0", o->port);
	} else {
		fd = uv_ip6_addr(ip, 0, &v6) == 0 ? listen_v6(ip, o->port) :
						    listen_v4(ip, o->port);
	}
	if (fd < 0 && errno == EINVAL)
		return err_set(e, ERR_INPUT,
			       "cannot listen on '%.100s': not an IPv4 or IPv6 address", ip);
	if (fd < 0)
		return err_set_errno(e, errno == EADDRINUSE ? ERR_EXISTS : ERR_IO, errno,
				     "cannot listen on %.100s port %u", ip ? ip : "[::]", o->port);
	return fd;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return 0;
	return ntohs(address.ss_family == AF_INET6 ?
			     ((struct sockaddr_in6 *)(void *)&address)->sin6_port :
			     ((struct sockaddr_in *)(void *)&address)->sin_port);
}

static void listener_discard(struct loop_item *item)
{
	listener_close(CONTAINER_OF(item, struct listener, item));
}

struct listener *listener_open(struct loop *l, const struct listener_options *o,
			       void (*on_conn)(void *owner, struct conn *c), void *owner,
			       struct err *e)
{
	struct listener *n;
	int rc, fd = open_socket(o, e);

	if (fd < 0)
		return NULL;
	n = mem_new(sizeof(*n));
	n->poll = mem_new(sizeof(*n->poll));
	rc = uv_poll_init(&l->uv, n->poll, fd);
	if (rc < 0) {
		err_set(e, ERR_IO, "cannot watch port %u: %s", o->port, uv_strerror(rc));
		(void)close(fd); /* nothing was accepted */
		free(n->poll);
		free(n);
		return NULL;
	}
	n->poll->data = n;
	n->loop = l;
	n->fd = fd;
	n->port = port_of(fd);
	n->tls = o->tls ? tls_ref(o->tls) : NULL;
	n->conn_max = o->conn_max;
	n->conn_per_ip_max = o->conn_per_ip_max;
	n->handshake_timeout_ms = o->handshake_timeout_ms;
	n->on_conn = on_conn;
	n->owner = owner;
	loop_item_add(l, &n->item, listener_discard);
	n->backoff = loop_timer_new(l, on_backoff_over, n);
	poll_start(n);
	return n;
}

uint16_t listener_port(const struct listener *n)
{
	return n->port;
}

void listener_set_tls(struct listener *n, struct tls *tls)
{
	struct tls *old = n->tls;

	assert(old && tls); /* plain stays plain */
	n->tls = tls_ref(tls);
	tls_unref(old);
}

static void on_poll_closed(uv_handle_t *handle)
{
	free(handle);
}

void listener_close(struct listener *n)
{
	if (!n)
		return;
	loop_item_remove(&n->item);
	loop_timer_free(n->backoff);
	uv_close((uv_handle_t *)n->poll, on_poll_closed);
	(void)close(n->fd); /* after uv_close, which stops watching it at once */
	n->poll = NULL;
	free_when_unused(n);
}
