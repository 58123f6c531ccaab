/* What the tests of HTTP/2 share: our client connected to our server, on one loop. */
#ifndef MK8S_TESTS_NET_PAIR_H
#define MK8S_TESTS_NET_PAIR_H

#include "tests/unit/net_frames.h"

struct pair {
	struct stage stage;
	struct conn *conn;
	struct h2 *h2; /* the client; NULL after on_close */
	struct h2_limits limits; /* the client's, with defaults when head_max is 0 */
	unsigned readies, goaways, closes;
	struct err why;
};

void pair_start(struct pair *p);
/* Another connection to the same server. */
void pair_dial(struct pair *p);
void pair_stop(struct pair *p);
/* A request of the client; `end`: without a body. */
void pair_ask(struct pair *p, struct test_ask *a, const char *method, const char *target, bool end);

#endif
