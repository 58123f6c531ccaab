/* The server frame under load and at its end: full workers, clients that leave, a graceful stop. */
#include "tests/unit/server_app.h"

static void test_full_pool(void **state)
{
	struct app *app =
		app_start((struct server_options){ .worker_count = 1, .worker_queue_max = 1 });
	char *answer;
	int running = app_dial(app), waiting = app_dial(app);

	(void)state;
	app_say(running, "GET /slow HTTP/1.1\r\nUser-Agent: first\r\n" H "\r\n");
	(void)sem_wait(&app->started);
	app_say(waiting, "GET /slow HTTP/1.1\r\nUser-Agent: second\r\n" H "\r\n");
	(void)usleep(100000);
	answer = app_ask(app, "GET /slow HTTP/1.1\r\n" H "\r\n");
	assert_true(strncmp(answer, "HTTP/1.1 503 ", 13) == 0);
	assert_non_null(strstr(answer, "retry-after: 1\r\n"));
	free(answer);
	answer = app_ask(app, "GET /healthz HTTP/1.1\r\n" H "\r\n"); /* needs no worker */
	assert_true(strncmp(answer, "HTTP/1.1 200 ", 13) == 0);
	free(answer);
	(void)sem_post(&app->go);
	(void)sem_post(&app->go);
	answer = app_hear(running);
	assert_non_null(strstr(answer, "slow first"));
	free(answer);
	answer = app_hear(waiting);
	assert_non_null(strstr(answer, "slow second"));
	free(answer);
	app_stop(app);
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
	struct app *app = app_start((struct server_options){ .worker_count = 1 });
	char *answer;
	int running = app_dial(app), waiting = app_dial(app);

	(void)state;
	app_say(running,
	    "GET /slow HTTP/1.1\r\nHost: x\r\nUser-Agent: a-name-that-is-read-afterwards\r\n\r\n");
	(void)sem_wait(&app->started);
	app_say(waiting, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
	(void)usleep(100000);
	reset(waiting);
	reset(running);
	(void)usleep(100000);
	(void)sem_post(&app->go);
	answer = app_ask(app, "GET /echo/x HTTP/1.1\r\n" H "\r\n");
	assert_true(strncmp(answer, "HTTP/1.1 200 ", 13) == 0);
	free(answer);
	assert_int_equal(app->slow_count, 1);
	app_stop(app);
}

static void test_body_that_never_ends(void **state)
{
	struct app *app =
		app_start((struct server_options){ .worker_count = 1, .request_timeout_ms = 200 });
	char *answer = app_ask(app, "POST /body HTTP/1.1\r\nContent-Length: 10\r\n" H "\r\nhalf");

	(void)state;
	assert_true(strncmp(answer, "HTTP/1.1 408 ", 13) == 0);
	free(answer);
	app_stop(app);
}

/* A request that runs is answered, an idle connection is closed, nothing new is accepted. */
static void test_graceful_stop(void **state)
{
	struct app *app = app_start((struct server_options){ .worker_count = 1 });
	int running = app_dial(app), idle = app_dial(app);
	char *answer, byte;

	(void)state;
	app_say(running, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
	(void)sem_wait(&app->started);
	loop_post(app->loop, app_stop_gently, app);
	assert_int_equal(read(idle, &byte, 1), 0);
	(void)close(idle);
	(void)sem_post(&app->go);
	answer = app_hear(running);
	assert_non_null(strstr(answer, "connection: close\r\n"));
	assert_non_null(strstr(answer, "\r\n\r\nslow "));
	free(answer);
	app_finish(app);
}

/* The second call ends the drain; the job that still runs is waited for, its answer dropped. */
static void test_stop_twice(void **state)
{
	struct app *app = app_start((struct server_options){ .worker_count = 1 });
	uint64_t before_ms = clock_mono_ms();
	int running = app_dial(app);
	char *answer;

	(void)state;
	app_say(running, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
	(void)sem_wait(&app->started);
	loop_post(app->loop, app_stop_gently, app);
	loop_post(app->loop, app_stop_gently, app);
	answer = app_hear(running);
	assert_string_equal(answer, "");
	free(answer);
	(void)usleep(100000);
	assert_int_equal(app->stopped_count, 0);
	(void)sem_post(&app->go);
	app_finish(app);
	assert_true(clock_mono_ms() - before_ms < 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_pool),
		cmocka_unit_test(test_client_leaves),
		cmocka_unit_test(test_body_that_never_ends),
		cmocka_unit_test(test_graceful_stop),
		cmocka_unit_test(test_stop_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
