/* What the tests of the server frame share: a server with routes of every kind in a thread, and raw clients. */
#ifndef MK8S_TESTS_SERVER_APP_H
#define MK8S_TESTS_SERVER_APP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/attr.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/loop.h"
#include "lib/net/server.h"

#define BIG_LEN ((size_t)8 * 1024 * 1024) /* of /big */
#define H "Host: x\r\nConnection: close\r\n"

struct app {
	struct loop *loop;
	struct server *server;
	pthread_t thread;
	uint16_t port;
	bool ready;
	sem_t started, go; /* of /slow: posted when it runs, waited for before it answers */
	atomic_int slow_count, stopped_count, identity_count;
	pthread_t loop_thread;
};

struct app *app_start(struct server_options o);
/* Stops at once and frees. */
void app_stop(struct app *app);
/* For loop_post: drains 10 s. */
void app_stop_gently(void *app);
/* Waits until it has stopped, and frees. */
void app_finish(struct app *app);

int app_dial(const struct app *app);
void app_say(int fd, const char *text);
/* All that comes until the end, at most 10 s; free. Closes. */
char *app_hear(int fd);
/* One request on a connection of its own, and all that comes. */
char *app_ask(const struct app *app, const char *request);

#endif
