/* What the tests of the HTTP client share: a server that plays scripted answers. */
#ifndef MK8S_TESTS_FETCH_SCRIPT_H
#define MK8S_TESTS_FETCH_SCRIPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "lib/base/attr.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/fetch.h"

/* Plays one answer a connection, then closes; "~" in an answer waits 300 ms, "|" asks for one more request on the same
 * connection. */
struct script {
	const char *const *answers;
	size_t count;
	int fd;
	uint16_t port;
	pthread_t thread;
	char last[2000]; /* the last request's head and body */
	int requests;
};

void script_start(struct script *s, const char *const *answers, size_t count);
void script_stop(struct script *s);
/* A socket that listens on a free port of loopback. */
int listen_any(uint16_t *ret_port);
/* A client without a proxy. */
struct fetch *new_fetch(void);
/* One request to one scripted answer. */
int script_ask(const char *answer, struct fetch_request rq, struct fetch_answer *a, struct script *s, struct err *e);
/* For cmocka_run_group_tests. */
int fetch_set_up(void **state);

#endif
