/* The Status on exec's error channel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/kube/remote.h"

#define CAUSES(causes) "{\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":" causes "}}"

static const struct {
	const char *text;
	int code; /* -1: an error that says `says` */
	const char *says;
} rows[] = {
	{ "{\"status\":\"Success\"}", 0, "" },
	{ "{\"metadata\":{},\"status\":\"Success\",\"message\":\"x\"}", 0, "" },
	{ CAUSES("[{\"reason\":\"ExitCode\",\"message\":\"7\"}]"), 7, "" },
	{ CAUSES("[{\"reason\":\"Other\"},{\"reason\":\"ExitCode\",\"message\":\"255\"}]"), 255, "" },
	{ CAUSES("[{\"reason\":\"ExitCode\",\"message\":\"256\"}]"), -1, "invalid exit code value \"256\"" },
	{ CAUSES("[{\"reason\":\"ExitCode\",\"message\":\"-1\"}]"), -1, "invalid exit code value \"-1\"" },
	{ CAUSES("[{\"reason\":\"ExitCode\",\"message\":\"\"}]"), -1, "invalid exit code value \"\"" },
	{ CAUSES("[{\"reason\":\"ExitCode\",\"message\":7}]"), -1, "invalid exit code value \"\"" },
	{ CAUSES("[{\"reason\":\"ExitCode\"}]"), -1, "invalid exit code value \"\"" },
	{ CAUSES("[\"ExitCode\"]"), -1, "no ExitCode cause given" },
	{ CAUSES("[]"), -1, "no ExitCode cause given" },
	{ CAUSES("7"), -1, "no ExitCode cause given" },
	{ "{\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\"}", -1, "details must be set" },
	{ "{\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\",\"details\":[]}", -1, "details must be set" },
	{ "{\"status\":\"Failure\",\"message\":\"no such container\"}", -1, "no such container" },
	{ "{\"status\":\"Failure\",\"message\":[]}", -1, "" },
	{ "{\"status\":\"Maybe\"}", -1, "unknown error" },
	{ "{\"status\":1}", -1, "unknown error" },
	{ "{}", -1, "unknown error" },
	{ "[]", -1, "not an object" },
	{ "\"Success\"", -1, "not an object" },
	{ "{\"status\":\"Success\"", -1, "error stream protocol error" },
	{ "", -1, "error stream protocol error" },
};

static void test_rows(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err e = { 0 };
		int code = -1, rc = remote_read_status(span_of(rows[i].text), &code, &e);

		if (code != rows[i].code || (rc == 0) != (code >= 0) || (rc < 0) != (e.code == ERR_PROTOCOL) ||
		    !strstr(e.text, rows[i].says))
			fail_msg("row %zu: %s: %d, %s", i, rows[i].text, code, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
