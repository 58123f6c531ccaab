/*
 * Command line options from a const table, with the grammar of kubectl (pflag).
 *
 * Options may stand anywhere among the positionals: -nNS, -n NS, -n=NS, --name=V, --name V; short
 * flags bundle (-Aw); "--" ends the options. A repeated FLAG, TEXT or INT: the last one wins; LIST
 * collects. A flag also takes =true and =false. An unknown option is an error that names the
 * nearest one.
 */
#ifndef MK8S_BASE_OPTIONS_H
#define MK8S_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

enum option_kind {
	OPTION_FLAG, /* bool */
	OPTION_TEXT, /* const char *, borrowed from argv (or from `bare`) */
	OPTION_INT,  /* int64_t within min..max of the row */
	OPTION_LIST, /* struct option_list: every value given */
};

struct option_list {
	const char **at; /* owned (options_free); the strings are borrowed from argv */
	size_t count;
};

/* One row of a command's table. The caller fills its struct with the defaults first. */
struct option_row {
	const char *name; /* without dashes */
	char letter;      /* 0: none */
	enum option_kind kind;
	size_t offset;          /* offsetof the member in the caller's struct */
	const char *value_name; /* "NAMESPACE"; NULL for a flag */
	const char *help;       /* a sentence without full stop; NULL: left out of the help */
	const char *bare;       /* TEXT: the value when "=value" is left out, which then never takes the next word */
	int64_t min, max;       /* INT */
};

enum options_mode {
	OPTIONS_ANYWHERE,
	OPTIONS_STOP_AT_POSITIONAL, /* the first positional and everything behind it are left as they are */
};

/* What is not an option, in order. */
struct options_rest {
	char **at; /* owned (options_free), NULL behind the last; the strings are argv's */
	int count;
	int before_dashes; /* how many of them stood before "--"; `count` when there was none */
};

/*
 * Parses argv[1..argc-1]. 0, or -1 and ERR_USAGE; `into` may then be partly written and is still
 * to be given to options_free.
 */
int options_parse(const struct option_row *rows, size_t row_count, enum options_mode mode, int argc,
		  char **argv, void *into, struct options_rest *ret_rest, struct err *e);

/*
 * Frees the lists of `into` and the rest; both may be zeroed; may be called twice. `rest` may be
 * NULL.
 */
void options_free(const struct option_row *rows, size_t row_count, void *into,
		  struct options_rest *rest);

/* Appends one aligned line an option: "  -n, --namespace NAMESPACE   help". */
void options_put_help(struct buf *out, const struct option_row *rows, size_t row_count);

#endif
