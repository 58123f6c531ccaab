/* See server_app.h. */
#include "tests/unit/server_app.h"

#include <arpa/inet.h>
#include <poll.h>

#include "lib/crypto/random.h"

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

struct app *app_start(struct server_options o)
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

void app_stop_gently(void *arg)
{
	struct app *app = arg;

	server_stop(app->server, 10000, on_stopped);
}

void app_finish(struct app *app)
{
	(void)pthread_join(app->thread, NULL);
	assert_int_equal(app->stopped_count, 1);
	server_free(app->server);
	loop_free(app->loop);
	(void)sem_destroy(&app->started);
	(void)sem_destroy(&app->go);
	free(app);
}

void app_stop(struct app *app)
{
	loop_post(app->loop, stop_now, app);
	app_finish(app);
}

int app_dial(const struct app *app)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(app->port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void app_say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

char *app_hear(int fd)
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

char *app_ask(const struct app *app, const char *request)
{
	int fd = app_dial(app);

	app_say(fd, request);
	return app_hear(fd);
}
