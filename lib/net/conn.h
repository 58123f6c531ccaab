/*
 * One byte stream: TCP, with TLS or without, accepted or dialled; and the listener that accepts.
 *
 * Writes are queued and never block; a reader that is slower than the peer pauses. Callbacks as in
 * loop.h.
 */
#ifndef MK8S_NET_CONN_H
#define MK8S_NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/net/loop.h"
#include "lib/net/tls.h"

struct conn;
struct listener;

struct conn_events {
	void (*on_open)(void *owner, struct conn *c); /* dialled: connected, handshake done */
	void (*on_read)(void *owner, struct span bytes); /* borrowed during the call */
	void (*on_drain)(void *owner);                   /* the queue of output fell below CONN_LOW_WATER */
	void (*on_end)(void *owner);                     /* the peer sends no more (close_notify or FIN) */
	/*
	 * The last call. why->code is ERR_NONE after conn_close, and after both sides ended in
	 * order; a TLS connection that ends without close_notify was cut: ERR_UNREACHABLE. The conn
	 * is gone when it returns.
	 */
	void (*on_close)(void *owner, const struct err *why);
};

#define CONN_LOW_WATER (64 * 1024)

struct conn_target {
	const char *host; /* name or address */
	uint16_t port;
	struct tls *tls;         /* NULL: plain */
	const char *server_name; /* for SNI and verification; NULL: host */
	const char *proxy;       /* "http://[user:pass@]host:port" for CONNECT, or NULL */
	uint64_t timeout_ms;     /* for all of resolve, connect, CONNECT, handshake */
};

/*
 * Dials. The result is on_open or on_close. Strings are copied, tls is referenced. Never NULL. All
 * addresses of a name are tried, the next one after 300 ms. on_close says what failed: ERR_TIMEOUT,
 * ERR_UNREACHABLE (name, address, proxy), ERR_PROTOCOL (TLS, the certificate's faults among it),
 * ERR_INPUT (a proxy or host that cannot be read).
 */
struct conn *conn_dial(struct loop *l, const struct conn_target *target,
		       const struct conn_events *events, void *owner);

/* Takes over a connection that a listener handed out, or one that was dialled, from its first owner
 * (which hears no more of it). Reads begin. */
void conn_attach(struct conn *c, const struct conn_events *events, void *owner);

/*
 * Queues a copy, after on_open. Nothing happens after conn_close or conn_end. The bytes of one
 * round of the loop leave together, at its end.
 */
void conn_write(struct conn *c, struct span bytes);
/* Bytes queued and not yet given to the kernel. */
size_t conn_queued(const struct conn *c);
/*
 * Whether the peer's TCP lives although its program may not read: data, a keepalive or a probe of
 * its closed window (RFC 9293 3.8.6.1; at most 120 s apart) was acknowledged lately.
 */
bool conn_is_acknowledged(const struct conn *c);
/*
 * Stops and starts on_read. While paused nothing is read from the kernel and no more is decrypted,
 * so the peer's end and its reset are not noticed either.
 */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);
/* Says that we send no more, after what is queued (close_notify, FIN). */
void conn_end(struct conn *c);
/* Closes now, dropping what is queued; on_close follows. May be called twice. */
void conn_close(struct conn *c);
/*
 * As conn_close, after what is queued was sent or `timeout_ms` passed. on_read and on_end come no
 * more. Then the peer has up to a second to close its side, because a close with input unread is a
 * reset and would overtake our bytes.
 */
void conn_close_after_flush(struct conn *c, uint64_t timeout_ms);

/* "" when none was agreed. */
const char *conn_alpn(const struct conn *c);
/* The verified peer's leaf certificate, DER; empty when it showed none, when it was not verified
 * (insecure), and on a client's resumed TLS 1.3 session. Lives as long as the conn. */
struct span conn_peer_cert(const struct conn *c);
/* "192.0.2.1:4711" or "[2001:db8::1]:4711"; and the address alone. */
const char *conn_peer(const struct conn *c);
const char *conn_peer_ip(const struct conn *c);

struct listener_options {
	const char *address; /* "127.0.0.1", "::", ... ; NULL: all, IPv6 and IPv4 */
	uint16_t port;       /* 0: the kernel chooses */
	struct tls *tls;     /* NULL: plain */
	unsigned conn_max;         /* at once; beyond it new ones are closed at once */
	unsigned conn_per_ip_max;  /* the same for one address; 0: no own limit */
	uint64_t handshake_timeout_ms;
};

/*
 * Listens; on_conn gets each connection after its handshake and must conn_attach it (or conn_close
 * it). Handshakes run on the loop, at most eight steps of them a round, so that running streams
 * keep their share; sixteen connections are accepted a round. Without descriptors it stops
 * accepting for 100 ms. ERR_INPUT: no address; ERR_EXISTS: in use.
 */
struct listener *listener_open(struct loop *l, const struct listener_options *o,
			       void (*on_conn)(void *owner, struct conn *c), void *owner, struct err *e);
uint16_t listener_port(const struct listener *n);
/* New connections use `tls` from now on; takes a reference. Not for a plain listener. */
void listener_set_tls(struct listener *n, struct tls *tls);
/* Accepts no more, frees; connections live on. Takes NULL. */
void listener_close(struct listener *n);

#endif
