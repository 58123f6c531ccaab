/*
 * The configuration of a server: one YAML file, one const table that describes every key.
 *
 * A key's value comes from, the later wins: the table's default, the file, the environment variable
 * that a seed fixes (`env_alias`), the variable PREFIX_KEY (MK8S_CENTRAL_SERVER_HTTP_PORT for
 * server.http_port). An empty variable counts as not set. A secret may also come from a file: the
 * key `<key>_file`, the variable PREFIX_KEY_FILE. `${NAME}` inside a value of the file is replaced
 * by that variable (unset: an error that names it; "$${" is a plain "${"); between { } YAML itself
 * wants quotes around it. Keys called `port` or `service_*` at the top would meet the variables
 * that Kubernetes makes for Services.
 */
#ifndef MK8S_FORMAT_CONFIG_H
#define MK8S_FORMAT_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

struct json;

/* The type of the member at `offset` stands behind each kind. */
enum config_kind {
	CONFIG_TEXT,        /* char *; NULL when never set */
	CONFIG_PATH,        /* char *; NULL when never set; "~/" at the start is the home folder */
	CONFIG_CHOICE,      /* char *: one of `choices` */
	CONFIG_SECRET,      /* char *; NULL when never set; wiped by config_free, never echoed */
	CONFIG_INT,         /* int64_t */
	CONFIG_BOOL,        /* bool: true or false */
	CONFIG_DURATION_MS, /* int64_t: "24h", "1m30s", "500ms", "7d" */
	CONFIG_SIZE,        /* int64_t bytes: "512", "64Ki", "1Mi", "2Gi", "10k", "5M" */
	CONFIG_LIST,        /* struct config_list: a YAML list of scalars, or a,b */
	CONFIG_TREE,        /* struct json *: the subtree as it stands; NULL when absent; file only */
	CONFIG_IGNORED,     /* no member: taken, without effect; `help` is the warning */
};

struct config_list {
	char **item; /* owned, each NUL-terminated */
	size_t count;
};

struct config_key {
	const char *name;         /* "server.http_port" */
	enum config_kind kind;
	size_t offset;            /* of the member in the caller's struct */
	const char *default_text; /* as in the file; NULL: zero, NULL or empty */
	int64_t min, max;         /* for INT, DURATION_MS, SIZE; both 0: any */
	const char *help;         /* one sentence */
	const char *env_alias;    /* a fixed variable such as CENTRAL_URL, or NULL */
	const char *choices;      /* for CHOICE: "debug|info|warn|error" */
};

struct config_table {
	const struct config_key *keys;
	size_t count;
	const char *prefix; /* "MK8S_CENTRAL" */
};

/*
 * Fills the zeroed struct `into`; config_free gives its parts back. `path` NULL: no file. Warnings
 * are put into `warnings`, a line each, unless it is NULL. ERR_INPUT "central.yaml:3:5:
 * server.http_port: ..." for unknown keys (with the nearest name), wrong types, values out of
 * range; for variables the name stands in front. On failure `into` holds nothing.
 */
int config_load(const struct config_table *table, const char *path, void *into,
		struct buf *warnings, struct err *e);

/* Sets one key from a text, as an option of the command line does. ERR_INPUT. */
int config_set(const struct config_table *table, void *into, const char *name, const char *text,
	       struct err *e);

/* Frees (secrets: wipes) every member and zeroes it. */
void config_free(const struct config_table *table, void *into);

/* For --help-config: key, type, default, range, variables and sentence of every row. */
void config_print_help(const struct config_table *table, FILE *out);

#endif
