/* The one error value: formatting, context, and the maps to exit and HTTP status. */
#include "lib/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, args); /* cut by contract */
	va_end(args);
	e->code = code;
	return -1;
}

int err_set_errno(struct err *e, enum err_code code, int number, const char *fmt, ...)
{
	char what[sizeof(e->text)];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	(void)snprintf(e->text, sizeof(e->text), "%.250s: %.120s", what, strerror(number));
	e->code = code;
	return -1;
}

int err_context(struct err *e, const char *fmt, ...)
{
	char front[sizeof(e->text)], old[sizeof(e->text)];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(front, sizeof(front), fmt, args);
	va_end(args);
	memcpy(old, e->text, sizeof(old));
	(void)snprintf(e->text, sizeof(e->text), "%.190s: %.205s", front, old);
	return -1;
}

void err_clear(struct err *e)
{
	e->code = ERR_NONE;
	e->text[0] = '\0';
}

int err_exit_status(const struct err *e)
{
	switch (e->code) {
	case ERR_NONE:
		return 0;
	case ERR_USAGE:
		return 2;
	case ERR_AUTH:
	case ERR_DENIED:
		return 3;
	case ERR_UNREACHABLE:
	case ERR_TIMEOUT:
		return 4;
	case ERR_INPUT:
	case ERR_NOT_FOUND:
	case ERR_EXISTS:
	case ERR_LIMIT:
	case ERR_BUSY:
	case ERR_PROTOCOL:
	case ERR_IO:
	case ERR_CORRUPT:
	case ERR_NOMEM:
		return 1;
	}
	return 1;
}

int err_http_status(enum err_code code)
{
	static const int status[] = {
		[ERR_NONE] = 200,	 [ERR_USAGE] = 400,	  [ERR_INPUT] = 400,
		[ERR_AUTH] = 401,	 [ERR_DENIED] = 403,	  [ERR_NOT_FOUND] = 404,
		[ERR_EXISTS] = 409,	 [ERR_LIMIT] = 413,	  [ERR_BUSY] = 503,
		[ERR_UNREACHABLE] = 503, [ERR_TIMEOUT] = 504,	  [ERR_PROTOCOL] = 502,
		[ERR_IO] = 500,		 [ERR_CORRUPT] = 500,	  [ERR_NOMEM] = 503,
	};

	return status[code];
}
