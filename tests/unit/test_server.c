/* The server frame over real sockets: routing, bodies, refusals, rates, requests one after another. */
#include "tests/unit/server_app.h"

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
	struct app *app = app_start((struct server_options){ .worker_count = 2 });

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *answer = app_ask(app, rows[i].request);

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
	app_stop(app);
}

static void test_proxy_address(void **state)
{
	struct app *app = app_start((struct server_options){ .worker_count = 1, .behind_proxy = true });
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
		answer = app_ask(app, request);
		if (!strstr(answer, forwarded[i].peer))
			fail_msg("row %zu: %s", i, answer);
		free(answer);
	}
	app_stop(app);
}

static void test_not_ready(void **state)
{
	struct app *app = app_start((struct server_options){ .worker_count = 1 });
	char *answer;

	(void)state;
	app->ready = false;
	answer = app_ask(app, "GET /readyz HTTP/1.1\r\n" H "\r\n");
	assert_true(strncmp(answer, "HTTP/1.1 503 ", 13) == 0);
	assert_non_null(strstr(answer, "the database is away"));
	free(answer);
	app_stop(app);
}

/* A slow reader gets all of a large answer; the server holds it meanwhile. */
static void test_big_answer(void **state)
{
	struct app *app = app_start((struct server_options){ .worker_count = 1 });
	char *answer, *body;
	int fd = app_dial(app);

	(void)state;
	app_say(fd, "GET /big HTTP/1.1\r\n" H "\r\n");
	(void)usleep(200000);
	answer = app_hear(fd);
	body = strstr(answer, "\r\n\r\n");
	assert_non_null(body);
	assert_int_equal(strspn(body + 4, "B"), BIG_LEN);
	assert_int_equal(strlen(body + 4), BIG_LEN);
	free(answer);
	app_stop(app);
}

static void test_rate(void **state)
{
	struct app *app = app_start((struct server_options){
		.worker_count = 1, .rate_per_second = 0.1, .rate_burst = 3 });
	int refused = 0;
	char *answer;

	(void)state;
	for (int i = 0; i < 5; i++) {
		answer = app_ask(app, i % 2 ? "GET /echo/x HTTP/1.1\r\n" H "\r\n" :
					  "GET /none HTTP/1.1\r\n" H "\r\n");
		if (strncmp(answer, "HTTP/1.1 429 ", 13) == 0) {
			refused++;
			assert_non_null(strstr(answer, "retry-after: 10\r\n"));
		}
		free(answer);
	}
	assert_int_equal(refused, 2);
	answer = app_ask(app, "GET /healthz HTTP/1.1\r\n" H "\r\n");
	assert_true(strncmp(answer, "HTTP/1.1 200 ", 13) == 0);
	free(answer);
	answer = app_ask(app, "GET /s/x/y HTTP/1.1\r\n" H
			  "\r\n"); /* signed-in streams are limited by their app */
	assert_true(strncmp(answer, "HTTP/1.1 200 ", 13) == 0);
	free(answer);
	app_stop(app);
}

/* Requests one after another on one connection, and several at once. */
static void test_keep_alive(void **state)
{
	struct app *app = app_start((struct server_options){ .worker_count = 2 });
	int fd = app_dial(app);
	char *answer;

	(void)state;
	app_say(fd, "GET /echo/1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /body HTTP/1.1\r\nHost: "
		"x\r\nContent-Length: 3\r\n\r\nabc"
		"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\nGET /echo/2 HTTP/1.1\r\n" H "\r\n");
	answer = app_hear(fd);
	assert_non_null(strstr(answer, "id=1 "));
	assert_non_null(strstr(answer, "\r\n\r\nabc"));
	assert_non_null(strstr(answer, "HTTP/1.1 404 "));
	assert_non_null(strstr(answer, "id=2 "));
	free(answer);
	app_stop(app);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_proxy_address),
		cmocka_unit_test(test_not_ready),
		cmocka_unit_test(test_big_answer),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_keep_alive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
