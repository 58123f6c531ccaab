/* How a command ended, as the Status on the error channel tells (client-go remotecommand/v4.go). */
#include <string.h>

#include "lib/format/json.h"
#include "lib/kube/remote.h"

enum { STATUS_MAX = 64 * 1024, CODE_MAX = 255 };

#define BROKEN "error stream protocol error: "

static int read_code(const struct json *status, int *ret_exit_code, struct err *e)
{
	const struct json *cause = json_first(json_find(status, "details.causes"));

	if (!json_is_object(json_get(status, "details")))
		return err_set(e, ERR_PROTOCOL, BROKEN "details must be set");
	for (; cause; cause = json_next(cause)) {
		const char *reason = json_str(cause, "reason"), *text = json_str(cause, "message");
		uint64_t code;

		if (!reason || strcmp(reason, "ExitCode") != 0)
			continue;
		if (!text || span_to_u64(span_of(text), CODE_MAX, &code) < 0)
			return err_set(e, ERR_PROTOCOL, BROKEN "invalid exit code value \"%.100s\"",
				       text ? text : "");
		*ret_exit_code = (int)code;
		return 0;
	}
	return err_set(e, ERR_PROTOCOL, BROKEN "no ExitCode cause given");
}

int remote_read_status(struct span json, int *ret_exit_code, struct err *e)
{
	AUTO_JSON struct json *status = NULL;
	const char *word, *reason, *message;
	struct err why = { 0 };

	if (json_parse(json, JSON_LIMITS(STATUS_MAX), &status, &why) < 0 || !json_is_object(status))
		return err_set(e, ERR_PROTOCOL, BROKEN "%s", why.code ? why.text : "not an object");
	word = json_str(status, "status");
	reason = json_str(status, "reason");
	message = json_str(status, "message");
	if (word && strcmp(word, "Success") == 0) {
		*ret_exit_code = 0;
		return 0;
	}
	if (!word || strcmp(word, "Failure") != 0)
		return err_set(e, ERR_PROTOCOL, BROKEN "unknown error");
	if (reason && strcmp(reason, "NonZeroExitCode") == 0)
		return read_code(status, ret_exit_code, e);
	return err_set(e, ERR_PROTOCOL, "%s", message ? message : "");
}
