/* What the server frame tells: one line a request, and the trace it belongs to. */
#include "tests/unit/server_app.h"

#include "lib/net/server_visit.h"

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
	struct app *app = app_start((struct server_options){ .worker_count = 1 });
	int saved = dup(STDERR_FILENO), lines = 0;
	FILE *log = tmpfile();
	char text[16384];
	size_t len;

	(void)state;
	log_configure(LOG_INFO, LOG_JSON);
	assert_true(dup2(fileno(log), STDERR_FILENO) >= 0);
	for (size_t i = 0; i < COUNT_OF(asked); i++)
		free(app_ask(app, asked[i]));
	app_stop(app);
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
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_access_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
