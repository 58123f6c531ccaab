/* What the tests of the HTTP/1.1 client pool share: a server that says what the test tells it, on raw sockets. */
#ifndef MK8S_TESTS_NET_FAKE_H
#define MK8S_TESTS_NET_FAKE_H

#include "tests/unit/net_http.h"

struct fake {
	struct loop *loop;
	struct door *door;
	struct h1_pool *pool;
};

void fake_start(struct fake *f, unsigned conn_max);
void fake_stop(struct fake *f);
/* A request of the pool; `end`: without a body. */
void fake_ask(struct fake *f, struct test_ask *a, const char *method, const char *target, bool end);
/* Waits for the nth request on the ith connection and answers. */
void fake_answer(struct fake *f, size_t i, unsigned reads, const char *bytes);

#endif
