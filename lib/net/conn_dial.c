/*
 * Dialling: resolve, connect, CONNECT through a proxy, TLS handshake; one deadline over all of it.
 *
 * Addresses are tried one after another, IPv6 and IPv4 by turns, the next one after DIAL_NEXT_MS or
 * as soon as one fails; the first that connects wins (RFC 8305; getaddrinfo has sorted them).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/net/conn_inner.h"

#define DIAL_NEXT_MS 300
#define DIAL_ADDRESSES_MAX 16

/* One socket on its way. */
struct attempt {
	uv_tcp_t tcp; /* first: the winner's block becomes the connection's */
	uv_connect_t req;
	struct dial *dial; /* NULL: given up */
	struct attempt *next;
	struct sockaddr_storage address;
};

/* Outlives its dial where getaddrinfo cannot be cancelled. */
struct resolve {
	uv_getaddrinfo_t req;
	struct dial *dial; /* NULL: given up */
};

struct dial {
	struct conn *conn;
	char *host, *server_name;
	uint16_t port;
	struct tls *tls;
	struct conn_proxy *proxy; /* NULL: none */
	uint64_t timeout_ms;
	const char *phase; /* for the sentence of a timeout */
	struct resolve *resolve;
	struct sockaddr_storage addresses[DIAL_ADDRESSES_MAX];
	size_t address_count, address_next;
	struct attempt *attempts;
	struct loop_timer *next_timer;
	int last_rc; /* of the attempt that failed last */
	struct sockaddr_storage last_address;
};

static const char *dial_host(const struct dial *d)
{
	return d->proxy ? conn_proxy_host(d->proxy) : d->host;
}

static uint16_t dial_port(const struct dial *d)
{
	return d->proxy ? conn_proxy_port(d->proxy) : d->port;
}

/* "name:443", "[2001:db8::1]:443", "the proxy name:3128" */
static void dial_name(const struct dial *d, char *into, size_t into_size)
{
	const char *host = dial_host(d);
	bool is_v6 = strchr(host, ':') != NULL;

	(void)snprintf(into, into_size, "%s%s%s%s:%u", d->proxy ? "the proxy " : "",
		       is_v6 ? "[" : "", host, is_v6 ? "]" : "", dial_port(d)); /* cut is fine */
}

static void on_attempt_closed(uv_handle_t *handle)
{
	free(handle);
}

static void attempts_drop(struct dial *d, const struct attempt *except)
{
	struct attempt *a = d->attempts, *next;

	d->attempts = NULL;
	for (; a; a = next) {
		next = a->next;
		a->dial = NULL;
		if (a != except)
			uv_close((uv_handle_t *)&a->tcp, on_attempt_closed);
	}
}

static void resolve_drop(struct dial *d)
{
	if (!d->resolve)
		return;
	d->resolve->dial = NULL;
	(void)uv_cancel((uv_req_t *)&d->resolve->req); /* or it ends unheard */
	d->resolve = NULL;
}

/* Nothing of the way to the socket is left. */
static void dial_settle(struct dial *d, const struct attempt *winner)
{
	resolve_drop(d);
	attempts_drop(d, winner);
	loop_timer_free(d->next_timer);
	d->next_timer = NULL;
}

void conn_dial_cancel(struct conn *c)
{
	struct dial *d = c->dial;

	if (!d)
		return;
	c->dial = NULL;
	dial_settle(d, NULL);
	tls_unref(d->tls);
	conn_proxy_free(d->proxy);
	free(d->host);
	free(d->server_name);
	free(d);
}

static void dial_open(struct conn *c)
{
	conn_dial_cancel(c); /* frees what only dialling needed */
	conn_open(c);
	c->events->on_open(c->owner, c);
	if (c->kept.len && c->state == CONN_OPEN && !c->is_paused)
		conn_queue_input(c);
	conn_update_reading(c);
}

void conn_dial_tunnelled(struct conn *c)
{
	struct dial *d = c->dial;

	if (!d->tls) {
		dial_open(c);
		return;
	}
	d->phase = "the TLS handshake";
	c->on_secured = dial_open;
	conn_tls_start(c, d->tls, d->server_name, d->port);
}

static void dial_connected(struct dial *d, struct attempt *winner)
{
	struct conn *c = d->conn;

	conn_set_peer(c, (const struct sockaddr *)&winner->address);
	dial_settle(d, winner);
	conn_adopt(c, &winner->tcp);
	if (d->proxy) {
		d->phase = "the proxy's answer";
		conn_proxy_start(d->proxy, d->host, d->port);
	} else {
		conn_dial_tunnelled(c);
	}
}

static void dial_failed(struct dial *d)
{
	char name[CONN_NAME_SIZE], address[INET6_ADDRSTRLEN] = "?";
	struct err e;

	(void)uv_ip_name((const struct sockaddr *)&d->last_address, address, sizeof(address));
	dial_name(d, name, sizeof(name));
	err_set(&e, d->last_rc == UV_ETIMEDOUT ? ERR_TIMEOUT : ERR_UNREACHABLE,
		"cannot connect to %s (%s%s): %s", name, address,
		d->address_count > 1 ? " and others" : "", uv_strerror(d->last_rc));
	conn_fail(d->conn, &e);
}

static void dial_next(struct dial *d);

static void on_connect(uv_connect_t *req, int rc)
{
	struct attempt *a = CONTAINER_OF(req, struct attempt, req);
	struct dial *d = a->dial;

	if (!d) /* given up, its close is on the way */
		return;
	if (rc == 0) {
		dial_connected(d, a);
		return;
	}
	for (struct attempt **at = &d->attempts; *at; at = &(*at)->next) {
		if (*at == a) {
			*at = a->next;
			break;
		}
	}
	a->dial = NULL;
	uv_close((uv_handle_t *)&a->tcp, on_attempt_closed);
	d->last_rc = rc;
	d->last_address = a->address;
	dial_next(d);
}

static int attempt_start(struct dial *d, const struct sockaddr_storage *address)
{
	struct attempt *a = mem_new(sizeof(*a));
	int rc = uv_tcp_init(&d->conn->loop->uv, &a->tcp);

	if (rc < 0) {
		free(a);
		return rc;
	}
	a->address = *address;
	rc = uv_tcp_connect(&a->req, &a->tcp, (const struct sockaddr *)address, on_connect);
	if (rc < 0) {
		uv_close((uv_handle_t *)&a->tcp, on_attempt_closed);
		return rc;
	}
	a->dial = d;
	a->next = d->attempts;
	d->attempts = a;
	return 0;
}

/* Starts the next address; fails the dial when none is left and none is on its way. */
static void dial_next(struct dial *d)
{
	while (d->address_next < d->address_count) {
		const struct sockaddr_storage *address = &d->addresses[d->address_next++];
		int rc = attempt_start(d, address);

		if (rc == 0) {
			if (d->address_next < d->address_count)
				loop_timer_start(d->next_timer, DIAL_NEXT_MS, 0);
			return;
		}
		d->last_rc = rc;
		d->last_address = *address;
	}
	if (!d->attempts)
		dial_failed(d);
}

static void on_next_timer(void *dial)
{
	dial_next(dial);
}

static void dial_start(struct dial *d)
{
	d->phase = "connecting";
	d->next_timer = loop_timer_new(d->conn->loop, on_next_timer, d);
	dial_next(d);
}

static void address_add(struct dial *d, const struct sockaddr *address)
{
	struct sockaddr_storage *into = &d->addresses[d->address_count++];
	uint16_t port = htons(dial_port(d));

	if (address->sa_family == AF_INET6) {
		memcpy(into, address, sizeof(struct sockaddr_in6));
		((struct sockaddr_in6 *)(void *)into)->sin6_port = port;
	} else {
		memcpy(into, address, sizeof(struct sockaddr_in));
		((struct sockaddr_in *)(void *)into)->sin_port = port;
	}
}

static const struct addrinfo *next_of(const struct addrinfo *ai, int family)
{
	while (ai && ai->ai_family != family)
		ai = ai->ai_next;
	return ai;
}

/* The two families by turns, beginning with the one that getaddrinfo put first. */
static void addresses_take(struct dial *d, const struct addrinfo *list)
{
	int first = list->ai_family, second = first == AF_INET6 ? AF_INET : AF_INET6;
	const struct addrinfo *a = next_of(list, first), *b = next_of(list, second);

	while ((a || b) && d->address_count + 2 <= DIAL_ADDRESSES_MAX) {
		if (a) {
			address_add(d, a->ai_addr);
			a = next_of(a->ai_next, first);
		}
		if (b) {
			address_add(d, b->ai_addr);
			b = next_of(b->ai_next, second);
		}
	}
}

static void dial_resolved(struct dial *d, int rc, const struct addrinfo *list)
{
	char name[CONN_NAME_SIZE];
	struct err e;

	d->resolve = NULL;
	if (rc == 0 && list)
		addresses_take(d, list);
	if (d->address_count) {
		dial_start(d);
		return;
	}
	dial_name(d, name, sizeof(name));
	err_set(&e, ERR_UNREACHABLE, "cannot resolve the name of %s: %s", name,
		rc < 0 ? uv_strerror(rc) : "it has no address");
	conn_fail(d->conn, &e);
}

static void on_resolved(uv_getaddrinfo_t *req, int rc, struct addrinfo *list)
{
	struct resolve *r = CONTAINER_OF(req, struct resolve, req);

	if (r->dial)
		dial_resolved(r->dial, rc, list);
	free(r);
	uv_freeaddrinfo(list);
}

static void dial_resolve(struct dial *d)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC };
	struct sockaddr_storage literal;
	const char *host = dial_host(d);
	struct err e;
	int rc;

	if (uv_ip4_addr(host, 0, (struct sockaddr_in *)(void *)&literal) == 0 ||
	    uv_ip6_addr(host, 0, (struct sockaddr_in6 *)(void *)&literal) == 0) {
		address_add(d, (const struct sockaddr *)&literal);
		dial_start(d);
		return;
	}
	d->phase = "resolving its name";
	d->resolve = mem_new(sizeof(*d->resolve));
	d->resolve->dial = d;
	rc = uv_getaddrinfo(&d->conn->loop->uv, &d->resolve->req, on_resolved, host, NULL, &hints);
	if (rc < 0) { /* a name too long, or not valid in IDNA */
		free(d->resolve);
		d->resolve = NULL;
		err_set(&e, ERR_INPUT, "'%.100s' is not a host name: %s", host, uv_strerror(rc));
		conn_fail(d->conn, &e);
	}
}

static void on_timeout(void *conn)
{
	struct conn *c = conn;
	char name[CONN_NAME_SIZE];
	struct err e;

	dial_name(c->dial, name, sizeof(name));
	err_set(&e, ERR_TIMEOUT, "no connection to %s within %llu ms (%s)", name,
		(unsigned long long)c->dial->timeout_ms, c->dial->phase);
	conn_fail(c, &e);
}

struct conn *conn_dial(struct loop *l, const struct conn_target *target,
		       const struct conn_events *events, void *owner)
{
	struct conn *c = conn_new(l);
	struct dial *d = mem_new(sizeof(*d));
	struct err e;

	c->events = events;
	c->owner = owner;
	c->is_paused = false;
	c->dial = d;
	d->conn = c;
	d->host = mem_dup_str(target->host);
	d->server_name = mem_dup_str(target->server_name ? target->server_name : target->host);
	d->port = target->port;
	d->tls = target->tls ? tls_ref(target->tls) : NULL;
	d->timeout_ms = target->timeout_ms;
	conn_timer_set(c, target->timeout_ms, on_timeout);
	if (target->proxy) {
		d->proxy = conn_proxy_new(c, target->proxy, &e);
		if (!d->proxy) {
			conn_fail(c, &e);
			return c;
		}
	}
	dial_name(d, c->peer, sizeof(c->peer));
	dial_resolve(d);
	return c;
}
