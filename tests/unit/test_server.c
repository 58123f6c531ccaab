/* The server frame over real sockets: routing, bodies, refusals, workers, clients that leave, the
 * graceful stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/attr.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/net/loop.h"
#include "lib/net/server.h"
#include "lib/net/server_visit.h"

#define BIG_LEN ((size_t)8 * 1024 * 1024)

struct app {
	struct loop *loop;
	struct server *server;
	pthread_t thread;
	uint16_t port;
	bool ready;
	sem_t started, go; /* of /slow */
	atomic_int slow_count, stopped_count, identity_count;
	pthread_t loop_thread;
};

static int get_echo(struct request *rq, struct err *e)
{
	char q[20] = "";

	if (!request_query(rq, "q", q, sizeof(q), e) && e->code)
		return -1;
	request_add_field(rq, "X-Echo", "a\r\nb: c");
	return buf_printf(&rq->answer, "id=%s q=%s path=%.*s peer=%s agent=%s", rq->param[0], q,
			  SPAN_ARG(rq->path), rq->peer_ip, rq->user_agent);
}

static int post_body(struct request *rq, struct err *e)
{
	(void)e;
	rq->status = 201;
	rq->content_type = "text/plain";
	return buf_put_span(&rq->answer, rq->body);
}

static int get_exists(struct request *rq, struct err *e)
{
	(void)buf_put_str(&rq->answer, "what must not be seen");
	return err_set(e, ERR_EXISTS, "the name \"%s\" is taken", "x");
}

static int get_later(struct request *rq, struct err *e)
{
	return request_retry_later(rq, 429, 7, e, "slower, please");
}

static int get_teapot(struct request *rq, struct err *e)
{
	rq->status = 415;
	return err_set(e, ERR_INPUT, "not this kind");
}

static int get_gone(struct request *rq, struct err *e)
{
	(void)e;
	rq->status = 204;
	return 0;
}

static int get_slow(struct request *rq, struct err *e)
{
	struct app *app = rq->app;

	(void)e;
	atomic_fetch_add(&app->slow_count, 1);
	(void)sem_post(&app->started);
	while (sem_wait(&app->go) < 0)
		;
	return buf_printf(&rq->answer, "slow %s", rq->user_agent);
}

static int get_big(struct request *rq, struct err *e)
{
	char *room = buf_reserve(&rq->answer, BIG_LEN);

	(void)e;
	memset(room, 'B', BIG_LEN);
	buf_commit(&rq->answer, BIG_LEN);
	return 0;
}

static int get_who(struct request *rq, struct err *e)
{
	(void)e;
	return buf_put_str(&rq->answer, rq->identity);
}

static void stream_rest(void *app, struct http_stream *s, const char *const *params)
{
	char text[300];

	(void)app;
	(void)snprintf(text, sizeof(text), "%s|%.*s", params[0],
		       SPAN_ARG(http_stream_request(s)->target));
	server_stream_set_user(s, "streamer");
	server_stream_answer(s, 200, "text/plain", span_of(text));
}

static void stream_denied(void *app, struct http_stream *s, const char *const *params)
{
	struct err e;

	(void)app;
	(void)params;
	(void)err_set(&e, ERR_DENIED, "not for you");
	server_stream_problem(s, &e);
}

static const struct route routes[] = {
	{ "GET", "/echo/{id}", ACCESS_PUBLIC, get_echo, NULL, 0, "Echo" },
	{ "POST", "/body", ACCESS_PUBLIC, post_body, NULL, 16, "Body" },
	{ "GET", "/exists", ACCESS_PUBLIC, get_exists, NULL, 0, "Exists" },
	{ "GET", "/later", ACCESS_PUBLIC, get_later, NULL, 0, "Later" },
	{ "GET", "/teapot", ACCESS_PUBLIC, get_teapot, NULL, 0, "Teapot" },
	{ "GET", "/gone", ACCESS_PUBLIC, get_gone, NULL, 0, "Gone" },
	{ "GET", "/slow", ACCESS_PUBLIC, get_slow, NULL, 0, "Slow" },
	{ "GET", "/big", ACCESS_PUBLIC, get_big, NULL, 0, "Big" },
	{ "GET", "/who", ACCESS_USER, get_who, NULL, 0, "Who" },
	{ "GET", "/admin", ACCESS_ADMIN, get_who, NULL, 0, "Admin" },
	{ "*", "/s/{id}/*", ACCESS_USER, NULL, stream_rest, 0, "Stream" },
	{ "GET", "/denied", ACCESS_PUBLIC, NULL, stream_denied, 0, "Denied" },
};

static int authenticate(struct request *rq, struct err *e)
{
	const struct span *token = http_field_find(rq->head, "authorization");
	struct app *app = rq->app;

	if (!token)
		return err_set(e, ERR_AUTH, "not signed in");
	if (!span_starts(*token, SPAN("Bearer ")))
		return err_set(e, ERR_DENIED, "this account is disabled");
	atomic_fetch_add(&app->identity_count, 1);
	rq->identity = mem_dup(token->at + 7, token->len - 7);
	return 0;
}

static bool is_admin(const void *identity)
{
	return strcmp(identity, "root") == 0;
}

static void identity_free(void *identity)
{
	free(identity);
}

static const char *identity_name(const void *identity)
{
	return identity;
}

static bool is_ready(void *app, char *why, size_t why_size)
{
	(void)snprintf(why, why_size, "the database is away");
	return ((struct app *)app)->ready;
}

static void on_stopped(void *arg)
{
	struct app *app = arg;

	atomic_fetch_add(&app->stopped_count, 1);
	loop_stop(app->loop);
}

static void *run(void *arg)
{
	loop_run(((struct app *)arg)->loop);
	return NULL;
}

static struct app *start(struct server_options o)
{
	struct app *app = mem_new(sizeof(*app));
	struct server_listen listen = { .listener = { .address = "127.0.0.1", .conn_max = 100 },
					.routes = routes,
					.route_count = COUNT_OF(routes),
					.health = true };
	struct listener *listener;
	struct err e = { 0 };

	assert_int_equal(crypto_init(&e), 0);
	log_configure(LOG_ERROR, LOG_TEXT);
	app->loop = loop_new(&e);
	app->ready = true;
	(void)sem_init(&app->started, 0, 0);
	(void)sem_init(&app->go, 0, 0);
	o.name = "test";
	o.app = app;
	o.authenticate = authenticate;
	o.is_admin = is_admin;
	o.identity_free = identity_free;
	o.identity_name = identity_name;
	o.is_ready = is_ready;
	o.access_log = true;
	if (!o.worker_queue_max)
		o.worker_queue_max = 100;
	app->server = server_new(app->loop, &o, &e);
	assert_non_null(app->server);
	listener = server_listen(app->server, &listen, &e);
	if (!listener)
		fail_msg("%s", e.text);
	app->port = listener_port(listener);
	assert_int_equal(pthread_create(&app->thread, NULL, run, app), 0);
	return app;
}

static void stop_now(void *arg)
{
	struct app *app = arg;

	server_stop(app->server, 0, on_stopped);
}

static void stop_gently(void *arg)
{
	struct app *app = arg;

	server_stop(app->server, 10000, on_stopped);
}

static void finish(struct app *app)
{
	(void)pthread_join(app->thread, NULL);
	assert_int_equal(app->stopped_count, 1);
	server_free(app->server);
	loop_free(app->loop);
	(void)sem_destroy(&app->started);
	(void)sem_destroy(&app->go);
	free(app);
}

static void stop(struct app *app)
{
	loop_post(app->loop, stop_now, app);
	finish(app);
}

static int dial(const struct app *app)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(app->port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* All that comes until the end, at most 10 s. */
static char *hear(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct buf text;
	ssize_t len;

	buf_init(&text, BIG_LEN + (size_t)1024 * 1024);
	while (poll(&poll_fd, 1, 10000) == 1) {
		char *room = buf_reserve(&text, 65536);

		len = room ? read(fd, room, 65536) : -1;
		if (len <= 0)
			break;
		buf_commit(&text, (size_t)len);
	}
	(void)close(fd);
	return buf_take_str(&text);
}

static char *ask(const struct app *app, const char *request)
{
	int fd = dial(app);

	say(fd, request);
	return hear(fd);
}

#define H "Host: x\r\nConnection: close\r\n"

static const struct {
	const char *request, *status;
	const char *has[4]; /* in any order; one that begins with ! must not be there */
} rows[] = {
	{ "GET /echo/a%20b?q=1%202 HTTP/1.1\r\nUser-Agent: me\r\n" H "\r\n",
	  "HTTP/1.1 200 ",
	  { "\r\n\r\nid=a b q=1 2 path=/echo/a%20b peer=127.0.0.1 agent=me", "x-echo: a  b: c\r\n",
	    "cache-control: no-store\r\n", "x-content-type-options: nosniff\r\n" } },
	{ "GET /echo/x HTTP/1.1\r\nX-Forwarded-For: 192.0.2.9\r\n" H "\r\n",
	  "HTTP/1.1 200 ",
	  { "peer=127.0.0.1" } },
	{ "GET /echo/x?q=%zz HTTP/1.1\r\n" H "\r\n",
	  "HTTP/1.1 400 ",
	  { "application/problem+json" } },
	{ "GET /echo/x?q=123456789012345678901 HTTP/1.1\r\n" H "\r\n",
	  "HTTP/1.1 400 ",
	  { "longer than 19 bytes" } },
	{ "HEAD /echo/x HTTP/1.1\r\n" H "\r\n",
	  "HTTP/1.1 200 ",
	  { "content-length: 42\r\n", "!id=x" } },
	{ "GET /echo/%2f HTTP/1.1\r\n" H "\r\n",
	  "HTTP/1.1 400 ",
	  { "\"title\":\"Bad Request\",\"status\":400" } },
	{ "GET /echo/ HTTP/1.1\r\n" H "\r\n", "HTTP/1.1 400 ", { "part 2 of the path is empty" } },
	{ "GET /nowhere HTTP/1.1\r\n" H "\r\n",
	  "HTTP/1.1 404 ",
	  { "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":",
	    "\"instance\":\"", "x-request-id: ", "content-type: application/problem+json\r\n" } },
	{ "POST /echo/x HTTP/1.1\r\nContent-Length: 0\r\n" H "\r\n",
	  "HTTP/1.1 405 ",
	  { "allow: GET, HEAD\r\n" } },
	{ "POST /body HTTP/1.1\r\nContent-Length: 5\r\n" H "\r\nhello",
	  "HTTP/1.1 201 ",
	  { "\r\n\r\nhello" } },
	{ "POST /body HTTP/1.1\r\nContent-Length: 16\r\n" H "\r\n0123456789abcdef",
	  "HTTP/1.1 201 ",
	  { "\r\n\r\n0123456789abcdef" } },
	{ "POST /body HTTP/1.1\r\nContent-Length: 17\r\n" H "\r\n0123456789abcdefg",
	  "HTTP/1.1 413 ",
	  { "larger than this path takes" } },
	{ "POST /body HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" H "\r\n5\r\nhello\r\n0\r\n\r\n",
	  "HTTP/1.1 201 ",
	  { "\r\n\r\nhello" } },
	{ "POST /body HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" H
	  "\r\n10\r\n0123456789abcdef\r\n1\r\ng\r\n0\r\n\r\n",
	  "HTTP/1.1 413 ",
	  { "larger than this path takes" } },
	{ "GET /exists HTTP/1.1\r\nContent-Length: 1\r\n" H "\r\nx",
	  "HTTP/1.1 413 ",
	  { "takes no body" } },
	{ "GET /exists HTTP/1.1\r\n" H "\r\n",
	  "HTTP/1.1 409 ",
	  { "\"detail\":\"the name \\\"x\\\" is taken\"", "!must not be seen" } },
	{ "GET /later HTTP/1.1\r\n" H "\r\n",
	  "HTTP/1.1 429 ",
	  { "retry-after: 7\r\n", "slower, please" } },
	{ "GET /teapot HTTP/1.1\r\n" H "\r\n",
	  "HTTP/1.1 415 ",
	  { "\"status\":415", "not this kind" } },
	{ "GET /gone HTTP/1.1\r\n" H "\r\n",
	  "HTTP/1.1 204 ",
	  { "!content-length", "!content-type:" } },
	{ "GET /who HTTP/1.1\r\n" H "\r\n",
	  "HTTP/1.1 401 ",
	  { "www-authenticate: Bearer\r\n", "not signed in" } },
	{ "GET /who HTTP/1.1\r\nAuthorization: Basic x\r\n" H "\r\n",
	  "HTTP/1.1 403 ",
	  { "is disabled" } },
	{ "GET /who HTTP/1.1\r\nAuthorization: Bearer ann\r\n" H "\r\n",
	  "HTTP/1.1 200 ",
	  { "\r\n\r\nann" } },
	{ "GET /admin HTTP/1.1\r\nAuthorization: Bearer ann\r\n" H "\r\n",
	  "HTTP/1.1 403 ",
	  { "administrator" } },
	{ "GET /admin HTTP/1.1\r\nAuthorization: Bearer root\r\n" H "\r\n",
	  "HTTP/1.1 200 ",
	  { "\r\n\r\nroot" } },
	{ "PATCH /s/a%20b/x/../%2f?y HTTP/1.1\r\n" H "\r\n",
	  "HTTP/1.1 200 ",
	  { "\r\n\r\na b|/s/a%20b/x/../%2f?y", "x-request-id: " } },
	{ "GET /denied HTTP/1.1\r\n" H "\r\n", "HTTP/1.1 403 ", { "\"detail\":\"not for you\"" } },
	{ "GET /healthz HTTP/1.1\r\n" H "\r\n", "HTTP/1.1 200 ", { "\r\n\r\nok\n" } },
	{ "HEAD /healthz HTTP/1.1\r\n" H "\r\n", "HTTP/1.1 200 ", { "!ok\n" } },
	{ "GET /readyz HTTP/1.1\r\n" H "\r\n", "HTTP/1.1 200 ", { "\r\n\r\nok\n" } },
	{ "GET /metrics HTTP/1.1\r\n" H "\r\n",
	  "HTTP/1.1 200 ",
	  { "\nmk8s_http_requests_total{route=\"/echo/{id}\",method=\"GET\",code=\"200\"} 2\n",
	    "\nmk8s_http_requests_total{route=\"none\",method=\"GET\",code=\"404\"} 1\n",
	    "\nmk8s_http_requests_in_flight 1\n", "\nprocess_open_fds " } },
	{ "GET /openapi.json HTTP/1.1\r\n" H "\r\n",
	  "HTTP/1.1 200 ",
	  { "\"/s/{id}/{path}\":{\"get\"", "\"openapi\":\"3.1.0\"", "\"/healthz\"",
	    "\"/body\":{\"post\"" } },
};

static void test_rows(void **state)
{
	struct app *app = start((struct server_options){ .worker_count = 2 });

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *answer = ask(app, rows[i].request);

		if (strncmp(answer, rows[i].status, strlen(rows[i].status)) != 0)
			fail_msg("row %zu: %s\ngot: %.2000s", i, rows[i].request, answer);
		for (size_t n = 0; n < COUNT_OF(rows[i].has) && rows[i].has[n]; n++) {
			const char *want = rows[i].has[n];
			bool wanted = *want != '!';

			if ((strstr(answer, wanted ? want : want + 1) != NULL) != wanted)
				fail_msg("row %zu: %s\n%s: %s\ngot: %.2000s", i, rows[i].request,
					 wanted ? "not there" : "there", want, answer);
		}
		free(answer);
	}
	stop(app);
}

static void test_proxy_address(void **state)
{
	struct app *app = start((struct server_options){ .worker_count = 1, .behind_proxy = true });
	static const struct {
		const char *field, *peer;
	} forwarded[] = {
		{ "192.0.2.9", "peer=192.0.2.9 " },
		{ "192.0.2.9, 198.51.100.1", "peer=198.51.100.1 " },
		{ "192.0.2.9\r\nX-Forwarded-For: 2001:db8::1", "peer=2001:db8::1 " },
		{ "192.0.2.9, unknown", "peer=127.0.0.1 " },
		{ "", "peer=127.0.0.1 " },
	};
	char request[300], *answer;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(forwarded); i++) {
		(void)snprintf(request, sizeof(request),
			       "GET /echo/x HTTP/1.1\r\nX-Forwarded-For: %s\r\n" H "\r\n",
			       forwarded[i].field);
		answer = ask(app, request);
		if (!strstr(answer, forwarded[i].peer))
			fail_msg("row %zu: %s", i, answer);
		free(answer);
	}
	stop(app);
}

static void test_not_ready(void **state)
{
	struct app *app = start((struct server_options){ .worker_count = 1 });
	char *answer;

	(void)state;
	app->ready = false;
	answer = ask(app, "GET /readyz HTTP/1.1\r\n" H "\r\n");
	assert_true(strncmp(answer, "HTTP/1.1 503 ", 13) == 0);
	assert_non_null(strstr(answer, "the database is away"));
	free(answer);
	stop(app);
}

/* A slow reader gets all of a large answer; the server holds it meanwhile. */
static void test_big_answer(void **state)
{
	struct app *app = start((struct server_options){ .worker_count = 1 });
	char *answer, *body;
	int fd = dial(app);

	(void)state;
	say(fd, "GET /big HTTP/1.1\r\n" H "\r\n");
	(void)usleep(200000);
	answer = hear(fd);
	body = strstr(answer, "\r\n\r\n");
	assert_non_null(body);
	assert_int_equal(strspn(body + 4, "B"), BIG_LEN);
	assert_int_equal(strlen(body + 4), BIG_LEN);
	free(answer);
	stop(app);
}

static void test_full_pool(void **state)
{
	struct app *app =
		start((struct server_options){ .worker_count = 1, .worker_queue_max = 1 });
	char *answer;
	int running = dial(app), waiting = dial(app);

	(void)state;
	say(running, "GET /slow HTTP/1.1\r\nUser-Agent: first\r\n" H "\r\n");
	(void)sem_wait(&app->started);
	say(waiting, "GET /slow HTTP/1.1\r\nUser-Agent: second\r\n" H "\r\n");
	(void)usleep(100000);
	answer = ask(app, "GET /slow HTTP/1.1\r\n" H "\r\n");
	assert_true(strncmp(answer, "HTTP/1.1 503 ", 13) == 0);
	assert_non_null(strstr(answer, "retry-after: 1\r\n"));
	free(answer);
	answer = ask(app, "GET /healthz HTTP/1.1\r\n" H "\r\n"); /* needs no worker */
	assert_true(strncmp(answer, "HTTP/1.1 200 ", 13) == 0);
	free(answer);
	(void)sem_post(&app->go);
	(void)sem_post(&app->go);
	answer = hear(running);
	assert_non_null(strstr(answer, "slow first"));
	free(answer);
	answer = hear(waiting);
	assert_non_null(strstr(answer, "slow second"));
	free(answer);
	stop(app);
}

/* Closes with a TCP reset: a client that only sends no more may still wait for its answer. */
static void reset(int fd)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	(void)close(fd);
}

/* One client leaves while its handler runs, one while it waits: the first is dropped, the second
 * never begins. */
static void test_client_leaves(void **state)
{
	struct app *app = start((struct server_options){ .worker_count = 1 });
	char *answer;
	int running = dial(app), waiting = dial(app);

	(void)state;
	say(running,
	    "GET /slow HTTP/1.1\r\nHost: x\r\nUser-Agent: a-name-that-is-read-afterwards\r\n\r\n");
	(void)sem_wait(&app->started);
	say(waiting, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
	(void)usleep(100000);
	reset(waiting);
	reset(running);
	(void)usleep(100000);
	(void)sem_post(&app->go);
	answer = ask(app, "GET /echo/x HTTP/1.1\r\n" H "\r\n");
	assert_true(strncmp(answer, "HTTP/1.1 200 ", 13) == 0);
	free(answer);
	assert_int_equal(app->slow_count, 1);
	stop(app);
}

static void test_body_that_never_ends(void **state)
{
	struct app *app =
		start((struct server_options){ .worker_count = 1, .request_timeout_ms = 200 });
	char *answer = ask(app, "POST /body HTTP/1.1\r\nContent-Length: 10\r\n" H "\r\nhalf");

	(void)state;
	assert_true(strncmp(answer, "HTTP/1.1 408 ", 13) == 0);
	free(answer);
	stop(app);
}

static void test_rate(void **state)
{
	struct app *app = start((struct server_options){
		.worker_count = 1, .rate_per_second = 0.1, .rate_burst = 3 });
	int refused = 0;
	char *answer;

	(void)state;
	for (int i = 0; i < 5; i++) {
		answer = ask(app, i % 2 ? "GET /echo/x HTTP/1.1\r\n" H "\r\n" :
					  "GET /none HTTP/1.1\r\n" H "\r\n");
		if (strncmp(answer, "HTTP/1.1 429 ", 13) == 0) {
			refused++;
			assert_non_null(strstr(answer, "retry-after: 10\r\n"));
		}
		free(answer);
	}
	assert_int_equal(refused, 2);
	answer = ask(app, "GET /healthz HTTP/1.1\r\n" H "\r\n");
	assert_true(strncmp(answer, "HTTP/1.1 200 ", 13) == 0);
	free(answer);
	answer = ask(app, "GET /s/x/y HTTP/1.1\r\n" H
			  "\r\n"); /* signed-in streams are limited by their app */
	assert_true(strncmp(answer, "HTTP/1.1 200 ", 13) == 0);
	free(answer);
	stop(app);
}

/* A request that runs is answered, an idle connection is closed, nothing new is accepted. */
static void test_graceful_stop(void **state)
{
	struct app *app = start((struct server_options){ .worker_count = 1 });
	int running = dial(app), idle = dial(app);
	char *answer, byte;

	(void)state;
	say(running, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
	(void)sem_wait(&app->started);
	loop_post(app->loop, stop_gently, app);
	assert_int_equal(read(idle, &byte, 1), 0);
	(void)close(idle);
	(void)sem_post(&app->go);
	answer = hear(running);
	assert_non_null(strstr(answer, "connection: close\r\n"));
	assert_non_null(strstr(answer, "\r\n\r\nslow "));
	free(answer);
	finish(app);
}

/* The second call ends the drain; the job that still runs is waited for, its answer dropped. */
static void test_stop_twice(void **state)
{
	struct app *app = start((struct server_options){ .worker_count = 1 });
	uint64_t before_ms = clock_mono_ms();
	int running = dial(app);
	char *answer;

	(void)state;
	say(running, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
	(void)sem_wait(&app->started);
	loop_post(app->loop, stop_gently, app);
	loop_post(app->loop, stop_gently, app);
	answer = hear(running);
	assert_string_equal(answer, "");
	free(answer);
	(void)usleep(100000);
	assert_int_equal(app->stopped_count, 0);
	(void)sem_post(&app->go);
	finish(app);
	assert_true(clock_mono_ms() - before_ms < 5000);
}

/* Requests one after another on one connection, and several at once. */
static void test_keep_alive(void **state)
{
	struct app *app = start((struct server_options){ .worker_count = 2 });
	int fd = dial(app);
	char *answer;

	(void)state;
	say(fd, "GET /echo/1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /body HTTP/1.1\r\nHost: "
		"x\r\nContent-Length: 3\r\n\r\nabc"
		"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\nGET /echo/2 HTTP/1.1\r\n" H "\r\n");
	answer = hear(fd);
	assert_non_null(strstr(answer, "id=1 "));
	assert_non_null(strstr(answer, "\r\n\r\nabc"));
	assert_non_null(strstr(answer, "HTTP/1.1 404 "));
	assert_non_null(strstr(answer, "id=2 "));
	free(answer);
	stop(app);
}

/* traceparent fields as they come, and whether their trace goes on. */
static const struct {
	const char *given;
	bool taken;
} trace_rows[] = {
	{ "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true },
	{ "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true },
	{ "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true },
	{ "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true },
	{ "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false },
	{ "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more", false },
	{ "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
	{ "00-00000000000000000000000000000000-b7ad6b7169203331-01", false },
	{ "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false },
	{ "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01", false },
	{ "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false },
	{ "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-xx", false },
	{ "00-0af7651916cd43dd8448eb211c80319x-b7ad6b7169203331-01", false },
	{ "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01", false },
	{ "xx-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
	{ "", false },
};

static void check_trace(const struct http_field *fields, size_t count, bool taken)
{
	const struct http_head head = { .fields = fields, .field_count = count };
	const char *given = count ? fields[0].value.at : "";
	char trace_id[33], traceparent[56], again[33], other[56];

	visit_trace(&head, trace_id, traceparent);
	assert_int_equal(strlen(trace_id), 32);
	assert_int_equal(strlen(traceparent), 55);
	assert_memory_equal(traceparent + 3, trace_id, 32);
	if (taken != (strstr(given, trace_id) != NULL))
		fail_msg("%s became %s", given, traceparent);
	assert_null(strstr(traceparent, "b7ad6b7169203331")); /* the span is ours */
	if (taken)
		assert_memory_equal(traceparent + 53, given + 53, 2);
	/* what we send on is itself taken */
	visit_trace(&(struct http_head){ .fields = &(struct http_field){ SPAN("traceparent"),
									 span_of(traceparent) },
					 .field_count = 1 },
		    again, other);
	assert_string_equal(again, trace_id);
	assert_string_not_equal(other, traceparent);
}

static void test_trace(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(trace_rows); i++) {
		const struct http_field fields[] = {
			{ SPAN("traceparent"), span_of(trace_rows[i].given) },
			{ SPAN("traceparent"), span_of(trace_rows[i].given) }
		};

		check_trace(fields, 1, trace_rows[i].taken);
		check_trace(fields, 2, false); /* two of them are none */
	}
	check_trace(NULL, 0, false);
}

/* One line a request, whoever served it, with what an operator asks for. */
static void test_access_log(void **state)
{
	static const char *const asked[] = {
		"GET /who?token=secret HTTP/1.1\r\nAuthorization: Bearer ann\r\n" H "\r\n",
		"POST /s/x/%22%0ay?q HTTP/1.1\r\nContent-Length: 3\r\n" H "\r\nabc",
		"GET /nowhere HTTP/1.1\r\ntraceparent: "
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n" H "\r\n",
		"GET /healthz HTTP/1.1\r\n" H "\r\n",
	};
	static const char *const logged[] = {
		"\"method\":\"GET\",\"path\":\"/who\",\"status\":200,",
		"\"bytes_in\":0,\"bytes_out\":3,",
		"\"peer\":\"127.0.0.1\",\"user\":\"ann\",\"request_id\":\"",
		"\"method\":\"POST\",\"path\":\"/s/x/%22%0ay\",\"status\":200,",
		"\"bytes_in\":3,",
		"\"user\":\"streamer\"",
		"\"path\":\"/nowhere\",\"status\":404,",
		"\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\"",
		"\"path\":\"/healthz\",\"status\":200,",
	};
	struct app *app = start((struct server_options){ .worker_count = 1 });
	int saved = dup(STDERR_FILENO), lines = 0;
	FILE *log = tmpfile();
	char text[16384];
	size_t len;

	(void)state;
	log_configure(LOG_INFO, LOG_JSON);
	assert_true(dup2(fileno(log), STDERR_FILENO) >= 0);
	for (size_t i = 0; i < COUNT_OF(asked); i++)
		free(ask(app, asked[i]));
	stop(app);
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	rewind(log);
	len = fread(text, 1, sizeof(text) - 1, log);
	text[len] = '\0';
	(void)fclose(log);
	for (const char *at = text; (at = strstr(at, "\"msg\":\"request\"")); at++)
		lines++;
	assert_int_equal(lines, COUNT_OF(asked));
	assert_null(strstr(text, "secret"));
	for (size_t i = 0; i < COUNT_OF(logged); i++)
		if (!strstr(text, logged[i]))
			fail_msg("%s is not in\n%s", logged[i], text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_proxy_address),
		cmocka_unit_test(test_not_ready),
		cmocka_unit_test(test_big_answer),
		cmocka_unit_test(test_full_pool),
		cmocka_unit_test(test_client_leaves),
		cmocka_unit_test(test_body_that_never_ends),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_graceful_stop),
		cmocka_unit_test(test_stop_twice),
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_access_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
