/*
 * The one error value: a code for programs, a sentence for people.
 *
 * A sentence says what was tried, with which value, and what would be accepted. It never holds a
 * secret. Functions that can fail return 0 or -1 and fill their last parameter, `struct err *`,
 * which is never NULL.
 */
#ifndef MK8S_BASE_ERR_H
#define MK8S_BASE_ERR_H

#include "lib/base/attr.h"

enum err_code {
	ERR_NONE,
	ERR_USAGE,       /* wrong options or arguments; exit 2 */
	ERR_INPUT,       /* a value from outside is malformed; HTTP 400 */
	ERR_AUTH,        /* not signed in, or the credential is not valid; HTTP 401, exit 3 */
	ERR_DENIED,      /* signed in, but not allowed; HTTP 403, exit 3 */
	ERR_NOT_FOUND,   /* HTTP 404 */
	ERR_EXISTS,      /* exists already, or is in the way; HTTP 409 */
	ERR_LIMIT,       /* larger or more than a limit allows; HTTP 413 */
	ERR_BUSY,        /* try again later; HTTP 429 or 503 */
	ERR_UNREACHABLE, /* no connection to the peer; HTTP 503, exit 4 */
	ERR_TIMEOUT,     /* the peer did not answer in time; HTTP 504, exit 4 */
	ERR_PROTOCOL,    /* the peer broke the protocol; HTTP 502 */
	ERR_IO,          /* disk or operating system; HTTP 500 */
	ERR_CORRUPT,     /* stored state does not verify; HTTP 500 */
	ERR_NOMEM,       /* memory could not be had; HTTP 503 */
};

struct err {
	enum err_code code;
	char text[400]; /* always terminated; cut, never overrun */
};

/* Sets code and sentence. Always returns -1, so that `return err_set(...)` reads well. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF(3, 4);

/* As err_set, and appends ": " and the text of the errno value `number`. */
int err_set_errno(struct err *e, enum err_code code, int number, const char *fmt, ...) PRINTF(4, 5);

/* Puts "fmt: " in front of the sentence, keeps the code. Always returns -1. */
int err_context(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Forgets the error. */
void err_clear(struct err *e);

/*
 * The process exit status for a code: 0 ok, 1 failed, 2 usage, 3 not logged in or forbidden, 4
 * unreachable.
 */
int err_exit_status(const struct err *e);

/* The HTTP status for a code, as listed beside the codes above. */
int err_http_status(enum err_code code);

#endif
