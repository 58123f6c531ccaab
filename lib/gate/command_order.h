/*
 * What POST /clusters/{id}/exec asks for: the body, checked; and how the audit trail writes it
 * (spec/mk8s.md, HTTP API of central). Pure.
 */
#ifndef MK8S_GATE_COMMAND_ORDER_H
#define MK8S_GATE_COMMAND_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

enum {
	COMMAND_BODY_MAX = 8 * 1024 * 1024,   /* bytes of the whole body */
	COMMAND_WORDS_MAX = 1024,
	COMMAND_WORDS_LEN_MAX = 64 * 1024,    /* bytes of all words */
	COMMAND_FILES_MAX = 64,
	COMMAND_PATH_MAX = 1024,	      /* bytes of a file's path */
	COMMAND_CONTENT_MAX = 3 * 1024 * 1024 /* bytes of all files and standard input */
};

struct json;

struct command_file {
	const char *path, *content;
};

/* Texts live as long as `body`. */
struct command_order {
	struct json *body;
	const char **words; /* without the program's name */
	size_t word_count;
	struct command_file *files;
	size_t file_count;
	const char *input; /* standard input; "" when none was given */
	int64_t timeout_s;
};

/*
 * Reads a body. `timeout_s` is what holds when none is given, `timeout_max_s` the most that may be.
 * ERR_INPUT with the member's name, ERR_LIMIT.
 */
int command_order_parse(struct span body, int64_t timeout_s, int64_t timeout_max_s,
			struct command_order *ret_order, struct err *e);
void command_order_free(struct command_order *o);

/*
 * Appends "kubectl get pods -n default" for the audit trail: at most about 1,000 bytes, without
 * values that may be secret (--from-literal, -p, --env, annotations' values ...) and without what
 * stands behind "--".
 */
void command_order_put_text(const struct command_order *o, struct buf *into);

#endif
