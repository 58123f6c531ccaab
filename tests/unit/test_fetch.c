/* The HTTP client against scripted sockets: answers, failures and their sentences, retries, proxies. */
#include "tests/unit/fetch_script.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"

static void test_exchange(void **state)
{
	const char *const fields[] = { "Authorization: Bearer t", "X-Empty:", NULL };
	struct fetch_answer a;
	char value[20];
	struct script s;
	struct err e;

	(void)state;
	assert_int_equal(script_ask("HTTP/1.1 103 Early\r\nX-Early: 1\r\n\r\nHTTP/1.1 404 No\r\nX-Two:  b "
			     "\r\nContent-Length: 4\r\n\r\nbody",
			     (struct fetch_request){ .fields = fields }, &a, &s, &e),
			 0);
	assert_int_equal(a.status, 404);
	assert_string_equal(buf_str(&a.body), "body");
	assert_string_equal(buf_str(&a.fields), "x-two: b\ncontent-length: 4\n");
	assert_true(fetch_answer_field(&a, "x-two", value, sizeof(value)));
	assert_string_equal(value, "b");
	assert_false(fetch_answer_field(&a, "x-tw", value, sizeof(value)));
	assert_false(fetch_answer_field(&a, "content-length", value, 1));
	assert_true(strncmp(s.last, "GET /a/../b?c HTTP/1.1\r\n", 24) == 0);
	assert_non_null(strstr(s.last, "\r\nAuthorization: Bearer t\r\n"));
	assert_non_null(strstr(s.last, "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(s.last, "\r\nUser-Agent: mk8s/"));
	fetch_answer_free(&a);
}

static const struct {
	const char *method;
	const char *body;
	const char *front, *has, *has_not;
} method_rows[] = {
	{ NULL, "", "GET ", "\r\n\r\n", "ontent-" },
	{ "HEAD", "", "HEAD ", "\r\n\r\n", "ontent-" },
	{ "POST", "x=1", "POST ", "\r\n\r\nx=1", "ontent-Type" },
	{ "POST", "", "POST ", "Content-Length: 0\r\n", "ontent-Type" },
	{ "PATCH", "{}", "PATCH ", "\r\n\r\n{}", "Expect" },
	{ "DELETE", "", "DELETE ", "\r\n\r\n", "ontent-" },
	{ "DELETE", "{}", "DELETE ", "\r\n\r\n{}", "ontent-Type" },
};

static void test_methods(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(method_rows); i++) {
		struct fetch_answer a;
		struct script s;
		struct err e;
		int rc = script_ask("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
			     (struct fetch_request){ .method = method_rows[i].method,
						     .body = span_of(method_rows[i].body) },
			     &a, &s, &e);

		if (rc < 0)
			fail_msg("row %zu: %s", i, e.text);
		if (strncmp(s.last, method_rows[i].front, strlen(method_rows[i].front)) != 0 ||
		    !strstr(s.last, method_rows[i].has) || strstr(s.last, method_rows[i].has_not))
			fail_msg("row %zu: %s", i, s.last);
		fetch_answer_free(&a);
	}
}

/* What a scripted answer leads to. */
static const struct {
	const char *answer;
	struct fetch_request rq;
	int status; /* 0: fails with */
	enum err_code code;
	const char *says;
} answer_rows[] = {
	{ "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
	  { 0 },
	  302,
	  0,
	  "" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789",
	  { .answer_max = 9 },
	  200,
	  0,
	  "" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789",
	  { .answer_max = 8 },
	  0,
	  ERR_LIMIT,
	  "larger than 8 bytes" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123",
	  { 0 },
	  0,
	  ERR_UNREACHABLE,
	  "before its answer was whole" },
	{ "HTTP/1.1 200 OK\r\nContent-Le",
	  { 0 },
	  0,
	  ERR_UNREACHABLE,
	  "before its answer was whole" },
	{ "", { 0 }, 0, ERR_UNREACHABLE, "before its answer was whole" },
	{ "SSH-2.0-OpenSSH_9.2\r\n", { 0 }, 0, ERR_PROTOCOL, "not HTTP" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	  { 0 },
	  0,
	  ERR_UNREACHABLE,
	  "" },
	{ "~HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	  { .timeout_ms = 100 },
	  0,
	  ERR_TIMEOUT,
	  "did not answer within 100 ms" },
	{ "~HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", { .timeout_ms = 1000 }, 200, 0, "" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab~cd",
	  { .timeout_ms = 100 },
	  0,
	  ERR_TIMEOUT,
	  "within 100 ms" },
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(answer_rows); i++) {
		struct fetch_answer a;
		struct script s;
		struct err e = { 0 };
		int rc = script_ask(answer_rows[i].answer, answer_rows[i].rq, &a, &s, &e);

		if (answer_rows[i].status ? rc < 0 || a.status != answer_rows[i].status : rc == 0)
			fail_msg("row %zu: %d, status %d, %s", i, rc, a.status, e.text);
		if (rc < 0 && answer_rows[i].code == ERR_UNREACHABLE && !*answer_rows[i].says)
			assert_true(e.code == ERR_UNREACHABLE || e.code == ERR_PROTOCOL);
		else if (rc < 0 &&
			 (e.code != answer_rows[i].code || !strstr(e.text, answer_rows[i].says)))
			fail_msg("row %zu: code %d, %s", i, (int)e.code, e.text);
		fetch_answer_free(&a);
	}
}

struct chunks {
	char text[100];
	size_t len, stop_after;
};

static bool take_chunk(void *owner, struct span bytes)
{
	struct chunks *c = owner;

	assert_true(bytes.len < sizeof(c->text) - c->len);
	memcpy(c->text + c->len, bytes.at, bytes.len);
	c->len += bytes.len;
	return c->len < c->stop_after;
}

static const struct {
	const char *answer;
	size_t stop_after;
	uint64_t timeout_ms, idle_timeout_ms;
	enum err_code code;
	const char *text, *body;
} stream_rows[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab~cd", 99, 200, 0, ERR_NONE, "abcd", "" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab~cd", 99, 200, 1000, ERR_NONE, "abcd",
	  "" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab~cd", 99, 200, 100, ERR_TIMEOUT, "ab",
	  "" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab~cd", 2, 200, 100, ERR_NONE, "ab", "" },
	{ "HTTP/1.1 500 OK\r\nContent-Length: 4\r\n\r\nabcd", 99, 200, 100, ERR_NONE, "", "abcd" },
	{ "~HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", 99, 100, 0, ERR_TIMEOUT, "", "" },
};

static void test_streams(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(stream_rows); i++) {
		struct chunks c = { .stop_after = stream_rows[i].stop_after };
		struct fetch_request rq = { .timeout_ms = stream_rows[i].timeout_ms,
					    .idle_timeout_ms = stream_rows[i].idle_timeout_ms,
					    .on_chunk = take_chunk,
					    .owner = &c };
		struct err e = { 0 };
		struct fetch_answer a;
		struct script s;
		int rc = script_ask(stream_rows[i].answer, rq, &a, &s, &e);

		if ((rc < 0) != (stream_rows[i].code != ERR_NONE) ||
		    (rc < 0 && e.code != stream_rows[i].code))
			fail_msg("row %zu: %d %s", i, rc, e.text);
		assert_string_equal(c.text, stream_rows[i].text);
		assert_string_equal(buf_str(&a.body), stream_rows[i].body);
		fetch_answer_free(&a);
	}
}

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define BUSY "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n"
#define NO_BODY(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"
#define AFTER "Retry-After: "
#define LONG_AGO "Wed, 21 Oct 2015 07:28:00 GMT"

static const struct {
	const char *answers[4];
	const char *method;
	unsigned retry_max;
	int status, requests;
	uint64_t least_ms, timeout_ms;
} retry_rows[] = {
	{ { BUSY "\r\n", OK_ANSWER }, "GET", 1, 200, 2, 0, 3000 },
	{ { BUSY "\r\n", OK_ANSWER }, "GET", 0, 503, 1, 0, 3000 },
	{ { BUSY "\r\n", OK_ANSWER }, "POST", 3, 503, 1, 0, 3000 },
	{ { BUSY "\r\n", BUSY "\r\n", BUSY "\r\n", OK_ANSWER }, "GET", 2, 503, 3, 0, 3000 },
	{ { BUSY AFTER "1\r\n\r\n", OK_ANSWER }, "HEAD", 1, 200, 2, 1000, 3000 },
	{ { BUSY AFTER "31\r\n\r\n", OK_ANSWER }, "GET", 1, 503, 1, 0, 60000 },
	/* would be past the deadline */
	{ { BUSY AFTER "9\r\n\r\n", OK_ANSWER }, "GET", 1, 503, 1, 0, 3000 },
	{ { BUSY AFTER "soon\r\n\r\n", OK_ANSWER }, "GET", 1, 200, 2, 0, 3000 },
	{ { BUSY AFTER LONG_AGO "\r\n\r\n", OK_ANSWER }, "GET", 1, 200, 2, 0, 3000 },
	{ { NO_BODY("429 Slow"), OK_ANSWER }, "GET", 1, 200, 2, 0, 3000 },
	{ { NO_BODY("500 No"), OK_ANSWER }, "GET", 1, 500, 1, 0, 3000 },
	{ { "", OK_ANSWER }, "GET", 1, 200, 2, 0, 3000 },
};

static void test_retries(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(retry_rows); i++) {
		uint64_t before_ms = clock_mono_ms();
		struct fetch *f = new_fetch();
		struct fetch_answer a;
		struct script s;
		struct err e = { 0 };
		char url[60];
		int rc;

		script_start(&s, retry_rows[i].answers, 4);
		(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", (unsigned)s.port);
		rc = fetch_do(f,
			      &(struct fetch_request){ .method = retry_rows[i].method,
						       .url = url,
						       .timeout_ms = retry_rows[i].timeout_ms,
						       .retry_max = retry_rows[i].retry_max },
			      &a, &e);
		script_stop(&s);
		if (rc < 0 || a.status != retry_rows[i].status ||
		    s.requests != retry_rows[i].requests)
			fail_msg("row %zu: %d %s, status %d, %d requests", i, rc, e.text, a.status,
				 s.requests);
		assert_true(clock_mono_ms() - before_ms >= retry_rows[i].least_ms);
		fetch_answer_free(&a);
		fetch_free(f);
	}
}

/* A kept connection that dies under a request: a GET goes again, a POST with a body does not. */
static void test_dead_connection(void **state)
{
	static const char *const methods[] = { "GET", "POST" };
	static const char *const answers[] = { OK_ANSWER "|", OK_ANSWER };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		struct fetch *f = new_fetch();
		struct fetch_request rq = { 0 };
		struct fetch_answer a;
		struct script s;
		struct err e = { 0 };
		char url[60];
		int rc;

		script_start(&s, answers, 2);
		(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", (unsigned)s.port);
		rq.url = url;
		assert_int_equal(fetch_do(f, &rq, &a, &e), 0);
		fetch_answer_free(&a);
		rq.method = methods[i];
		rq.body = SPAN("body");
		if (i == 0)
			rq.body = SPAN_NONE;
		rc = fetch_do(f, &rq, &a, &e);
		script_stop(&s);
		if (rc != (i ? -1 : 0) || s.requests != (i ? 2 : 3))
			fail_msg("%s: %d %s, %d requests", methods[i], rc, e.text, s.requests);
		fetch_answer_free(&a);
		fetch_free(f);
	}
}

/* What never reaches a server. */
static const struct {
	const char *url, *method, *field;
	enum err_code code;
	const char *says;
} bad_rows[] = {
	{ "http://127.0.0.1:1/", NULL, NULL, ERR_UNREACHABLE,
	  "http://127.0.0.1:1: Connection refused" },
	{ "http://user:secretword@127.0.0.1:1/?token=secretword", NULL, NULL, ERR_UNREACHABLE,
	  "http://127.0.0.1:1" },
	{ "http://nosuch.invalid/secretword", NULL, NULL, ERR_UNREACHABLE,
	  "'nosuch.invalid' is not known" },
	{ "ftp://127.0.0.1/", NULL, NULL, ERR_INPUT, "'ftp'" },
	{ "file:///etc/passwd", NULL, NULL, ERR_INPUT, "malformed" },
	{ "127.0.0.1:80", NULL, NULL, ERR_INPUT, "malformed" },
	{ "http:///x", NULL, NULL, ERR_INPUT, "malformed" },
	{ "http://h:70000/", NULL, NULL, ERR_INPUT, "malformed" },
	{ "http://h/a b", NULL, NULL, ERR_INPUT, "malformed" },
	{ "http://h/\r\nX: y", NULL, NULL, ERR_INPUT, "malformed" },
	{ "", NULL, NULL, ERR_INPUT, "malformed" },
	{ "http://127.0.0.1:1/", "GET /x", NULL, ERR_INPUT, "not a request method" },
	{ "http://127.0.0.1:1/", "get", NULL, ERR_INPUT, "not a request method" },
	{ "http://127.0.0.1:1/", NULL, "A: secretword\r\nB: c", ERR_INPUT, "control characters" },
	{ "http://127.0.0.1:1/", NULL, "secretword", ERR_INPUT, "'Name: value'" },
	{ "http://127.0.0.1:1/", NULL, ": secretword", ERR_INPUT, "'Name: value'" },
};

static void test_bad(void **state)
{
	struct fetch *f = new_fetch();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		const char *const fields[] = { bad_rows[i].field, NULL };
		struct fetch_request rq = { .method = bad_rows[i].method,
					    .url = bad_rows[i].url,
					    .fields = fields };
		struct fetch_answer a;
		struct err e = { 0 };

		assert_int_equal(fetch_do(f, &rq, &a, &e), -1);
		if (e.code != bad_rows[i].code || !strstr(e.text, bad_rows[i].says) ||
		    strstr(e.text, "secretword"))
			fail_msg("row %zu: code %d, %s", i, (int)e.code, e.text);
		fetch_answer_free(&a);
	}
	fetch_free(f);
	fetch_free(NULL);
}

static const struct {
	struct fetch_options o;
	enum err_code code;
	const char *says;
} option_rows[] = {
	{ { .proxy = "https://u:secretword@p:1" }, ERR_INPUT, "http:// URL" },
	{ { .ca_file = "/nonexistent/ca.pem" }, ERR_NOT_FOUND, "/nonexistent/ca.pem" },
	{ { .ca_pem = "no pem" }, ERR_INPUT, "not a PEM certificate" },
	{ { .ca_sha256 = "sha256:abc" }, ERR_INPUT, "64 hexadecimal digits" },
	{ { .ca_sha256 = "md5:abc" }, ERR_INPUT, "64 hexadecimal digits" },
};

static void test_options(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(option_rows); i++) {
		struct err e = { 0 };

		assert_null(fetch_new(&option_rows[i].o, &e));
		if (e.code != option_rows[i].code || !strstr(e.text, option_rows[i].says) ||
		    strstr(e.text, "secretword"))
			fail_msg("row %zu: code %d, %s", i, (int)e.code, e.text);
	}
}

/* A proxy that refuses: the sentence names the target and the status, never the password. */
static void test_proxy(void **state)
{
	static const char *const answers[] = { "HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n" };
	struct fetch_answer a;
	struct script s;
	struct fetch *f;
	char proxy[80];
	struct err e;

	(void)state;
	script_start(&s, answers, 1);
	(void)snprintf(proxy, sizeof(proxy), "http://u:secretword@127.0.0.1:%u", (unsigned)s.port);
	f = fetch_new(&(struct fetch_options){ .proxy = proxy, .insecure = true }, &e);
	assert_non_null(f);
	assert_int_equal(
		fetch_do(f, &(struct fetch_request){ .url = "https://central.example:9/" }, &a, &e),
		-1);
	script_stop(&s);
	if (e.code != ERR_UNREACHABLE ||
	    !strstr(e.text, "https://central.example:9 with status 407") ||
	    strstr(e.text, "secretword"))
		fail_msg("%s", e.text);
	assert_true(strncmp(s.last, "CONNECT central.example:9 ", 26) == 0);
	fetch_answer_free(&a);
	fetch_free(f);
}

static void test_dead_proxy(void **state)
{
	struct fetch_answer a;
	struct err e;
	struct fetch *f = fetch_new(
		&(struct fetch_options){ .proxy = "http://u:secretword@127.0.0.1:1" }, &e);

	(void)state;
	assert_non_null(f);
	assert_int_equal(
		fetch_do(f, &(struct fetch_request){ .url = "http://central.example/" }, &a, &e),
		-1);
	assert_int_equal(e.code, ERR_UNREACHABLE);
	assert_string_equal(e.text, "cannot connect to the proxy on the way to "
				    "http://central.example: Connection refused");
	fetch_answer_free(&a);
	fetch_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_retries),
		cmocka_unit_test(test_dead_connection),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_dead_proxy),
	};

	return cmocka_run_group_tests(tests, fetch_set_up, NULL);
}
