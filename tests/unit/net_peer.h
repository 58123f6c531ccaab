/* What the tests of lib/net share: turning a loop, owners that record, certificates. */
#ifndef MK8S_TESTS_NET_PEER_H
#define MK8S_TESTS_NET_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/net/conn.h"
#include "lib/net/loop.h"
#include "lib/net/tls.h"

/* Never NULL. */
struct loop *net_loop_new(void);
/* Runs the loop for a few milliseconds. */
void net_turn(struct loop *l);
/* Runs the loop until `condition` holds; fails the test after 20 s. */
#define WAIT_FOR(l, condition)                                                  \
	do {                                                                    \
		uint64_t until_ms_ = clock_mono_ms() + 20000;                   \
		while (!(condition)) {                                          \
			net_turn(l);                                            \
			if (clock_mono_ms() > until_ms_)                        \
				fail_msg("never came true: %s", #condition);    \
		}                                                               \
	} while (0)

/* A socket of the test's own, connected to 127.0.0.1:port; blocking. */
int net_raw_connect(uint16_t port);
/* `len` bytes without a short period; the caller frees them. */
char *net_pattern_new(size_t len);

/* One end of a connection, as its owner sees it. */
struct peer {
	struct conn *c; /* NULL before and after */
	struct buf got;
	size_t got_len; /* also what was not stored */
	unsigned opens, reads, drains, ends, closes;
	struct err why;
	bool echoes;      /* sends back what it gets */
	bool ends_back;   /* answers the peer's end with its own */
	bool pauses;      /* pauses in each on_read */
	bool keeps_none;  /* counts only */
	struct conn *also_close; /* closed in on_read, with c */
	struct peer *also_check; /* must not hear anything after that */
	bool in_call;     /* set by the test around its own calls; a callback then is a failure */
};

extern const struct conn_events peer_events;
void peer_init(struct peer *p);
void peer_free(struct peer *p);

/* A listener with the connections it handed out, in order. */
#define DOOR_MAX 64
struct door {
	struct listener *listener;
	struct peer peers[DOOR_MAX];
	size_t count;
	bool echoes, ends_back;
};

struct door_options {
	struct tls *tls;
	unsigned conn_max, conn_per_ip_max; /* 0: 1000; 0: none */
	uint64_t handshake_timeout_ms;      /* 0: 5000 */
};

struct door *door_new(struct loop *l, const struct door_options *o);
void door_free(struct door *d);
uint16_t door_port(const struct door *d);

/* Dials 127.0.0.1; server_name may be NULL. */
void peer_dial(struct peer *p, struct loop *l, uint16_t port, struct tls *tls,
	       const char *server_name);

/* A CA and leaves of it, as PEM. */
struct pki {
	struct buf ca, ca_key, pin, cert, chain, key, client_cert, client_key;
};

struct pki_options {
	const char *ca_name;
	const char *const *names; /* of the server; NULL: localhost, 127.0.0.1, ::1 */
	size_t name_count;
	int64_t leaf_age_s;      /* how long ago the leaves were made */
	int64_t leaf_validity_s; /* 0: a day */
};

void pki_init(struct pki *k, const struct pki_options *o);
void pki_free(struct pki *k);

extern const char *const alpn_h2_h1[]; /* h2, http/1.1 */
extern const char *const alpn_h1[];
extern const char *const alpn_odd[]; /* "odd/1" */

/* Server and client configurations; the test fails where one cannot be made. */
struct tls *tls_server_for(const struct pki *k, const struct pki *client_ca, bool tickets,
			   const char *const *alpn);
struct tls *tls_client_for(struct span ca_pem, const struct pki *own, const char *pin,
			   const char *const *alpn);

#endif
