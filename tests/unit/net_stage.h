/* What the tests of HTTP share beside net_http.h: one loop with one server on it, and the bytes that came back. */
#ifndef MK8S_TESTS_NET_STAGE_H
#define MK8S_TESTS_NET_STAGE_H

#include "tests/unit/net_http.h"

#define H "Host: a.example\r\n"

struct stage {
	struct loop *loop;
	struct test_server server; /* its limits are set before the start */
	struct buf got;            /* what came and was not looked at */
};

void stage_start(struct stage *s);
/* Every request that began has been observed and has ended. */
void stage_stop(struct stage *s);
/* Sends, and reads until `until` or the end; what came is the stage's. */
const char *talk(struct stage *s, int fd, const char *bytes, const char *until);

#endif
