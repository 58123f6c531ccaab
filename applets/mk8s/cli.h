/*
 * What the verbs of the command line share: the files below ~/.mk8s, the session, calls to central,
 * output.
 *
 * Everything is read when it is first asked for, so that a verb pays only for what it needs.
 */
#ifndef MK8S_APPLETS_MK8S_CLI_H
#define MK8S_APPLETS_MK8S_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/format/json.h"

#define CLI_FILE_MAX (1024 * 1024)

struct cli_session {
	char *central_url; /* a token goes to the central that gave it, and to no other */
	char *email;
	char *token, *refresh_token; /* secrets */
	int64_t expires_unix_s;      /* of `token` */
};

/* One run of the command line. Zeroed at the start; cli_end frees. */
struct cli {
	const char *config_option; /* --config of `credential`; NULL: MK8S_CONFIG, else
				      ~/.mk8s/config.yaml */
	char *config_path, *dir;
	bool config_known;
	char *remembered_url;  /* from the file */
	char *central_url;     /* MK8S_URL, else from the file; NULL: none */
	char *current_cluster; /* NULL: none */
	char *ca_sha256;       /* NULL: none */
	char *ca_pem;          /* trust anchors of the remembered central; NULL: the machine's */
	struct fetch *fetch;
	struct cli_session session;
	int lock_fd; /* -1: not held */
};

void cli_begin(struct cli *c);
void cli_end(struct cli *c);

/* cli_files.c: small files in the folder of the configuration. */

/* Sets config_path and dir. */
int cli_find_dir(struct cli *c, struct err *e);
/* The path of `name` in the folder; the caller frees it. */
char *cli_file_path(const struct cli *c, const char *name);
/* Appends the file; ERR_NOT_FOUND when there is none, ERR_DENIED for a link or a file that is
 * someone else's, and, where `is_private`, one that others may read. */
int cli_file_read(struct cli *c, const char *name, bool is_private, struct buf *into,
		  struct err *e);
/* Replaces the file atomically, 0600, and makes the folder (0700) where it is missing. */
int cli_file_write(struct cli *c, const char *name, struct span content, struct err *e);
/* One that is not there is no error. */
int cli_file_remove(struct cli *c, const char *name, struct err *e);
/* One process at a time changes the files. Waits up to 20 s; ERR_BUSY then. */
int cli_lock(struct cli *c, struct err *e);
void cli_unlock(struct cli *c);

/* cli_config.c: config.yaml. */

/* Reads config.yaml and ca.pem once. */
int cli_config_load(struct cli *c, struct err *e);
/* Sets a key of the file, or drops it where `value` is NULL; everything else in it stays. Under the
 * lock. */
int cli_config_set(struct cli *c, const char *key, const char *value, struct err *e);
/* Central's URL, borrowed; ERR_AUTH "not logged in" when none is known. */
int cli_url(struct cli *c, const char **ret_url, struct err *e);
/* Takes what a user typed as a URL: https, or http on loopback; without '/' at the end. The caller
 * frees it. */
int cli_url_parse(const char *text, char **ret_url, struct err *e);
/* `given`, else the current cluster; ERR_USAGE when there is none. Borrowed. */
int cli_cluster(struct cli *c, const char *given, const char **ret_cluster, struct err *e);
/* "URL/clusters/NAME/k8s". The caller frees it. */
int cli_cluster_url(struct cli *c, const char *cluster, char **ret_url, struct err *e);
/* Absolute path of this program. The caller frees it. */
int cli_self(char **ret_path, struct err *e);

/* cli_session.c: credentials.json. */

/* The access token, borrowed: MK8S_TOKEN, else the stored one, refreshed when it ends within a
 * minute. ERR_AUTH. */
int cli_token(struct cli *c, const char **ret_token, struct err *e);
/* Stores what a sign-in or a refresh answered. Under the lock. */
int cli_session_store(struct cli *c, const char *url, const char *email, const struct json *answer,
		      struct err *e);
/* Reads credentials.json into c->session; ERR_NOT_FOUND. */
int cli_session_load(struct cli *c, struct err *e);
void cli_session_clear(struct cli_session *s);

/* cli_call.c: central's REST API. */

struct cli_call {
	const char *method;
	const char *path; /* "/clusters", encoded */
	bool is_public;   /* sent without a token */
	struct span body;
	const char *content_type; /* NULL: JSON */
	const char *accept;       /* NULL: JSON */
};
/* 0 for 2xx, with the body in `into`; else central's own sentence and the matching code. */
int cli_call(struct cli *c, const struct cli_call *call, struct buf *into, struct err *e);
/* The same with JSON both ways: `body` may be NULL and is taken; `ret_answer` may be NULL, else the
 * caller owns it. */
int cli_call_json(struct cli *c, const char *method, const char *path, struct json *body,
		  struct json **ret_answer, struct err *e);
/* Appends "/PART" for each of the NULL-terminated parts, percent-encoded. */
char *cli_path(const char *const *parts);
#define CLI_PATH(...) cli_path((const char *const[]){ __VA_ARGS__, NULL })

/* cli_print.c: output. */

enum cli_format { CLI_TABLE, CLI_JSON, CLI_YAML, CLI_NAME };
/* "table", "json", "yaml", "name"; NULL is a table. ERR_USAGE. */
int cli_format_parse(const char *text, enum cli_format *ret_format, struct err *e);

enum cli_cell {
	CELL_TEXT,
	CELL_AGE,   /* of a date */
	CELL_WORDS, /* a list, joined by commas */
	CELL_FLAG,  /* yes or no */
};
struct cli_column {
	const char *title;
	const char *path; /* of the member, as json_find */
	enum cli_cell cell;
};
struct cli_list {
	const char *member; /* of the answer, which holds the list */
	const char *name;   /* member that -o name prints */
	const struct cli_column *columns;
	size_t column_count;
};
int cli_print_list(enum cli_format format, const struct json *answer, const struct cli_list *list,
		   struct err *e);
/*
 * GETs "/MEMBER" of central and prints its list in the format that -o named (NULL: a table, for
 * which `prepare`, where there is one, readies the answer).
 */
int cli_list(struct cli *c, const struct cli_list *list, const char *output,
	     void (*prepare)(const struct cli *c, struct json *answer), struct err *e);
/* DELETEs "/MEMBER/NAME" of central, and says that the `what` ("Cluster") is removed. */
int cli_remove(struct cli *c, const char *member, const char *name, const char *what,
	       struct err *e);
/* JSON or YAML. */
int cli_print_json(enum cli_format format, const struct json *doc, struct err *e);
/* All of `text` to standard output. */
int cli_write(struct span text, struct err *e);
/* One formatted line to standard output, escaped as a table's cell is. */
int cli_say(struct err *e, const char *fmt, ...) PRINTF(2, 3);
/* One formatted line to standard error, escaped likewise. */
void cli_note(const char *fmt, ...) PRINTF(1, 2);
/* The row "-o, --output FORMAT". */
#define CLI_OUTPUT_ROW(offset)                                                                    \
	{ "output", 'o', OPTION_TEXT, (offset), "FORMAT", "table, json, yaml or name", NULL, 0, 0 }

/* cli_prompt.c: questions. */

/* Appends a line that is typed on the terminal; unseen where `is_secret`. ERR_USAGE without a
 * terminal. */
int cli_ask(const char *question, bool is_secret, struct buf *into, struct err *e);
/* A password: the first line of standard input where `from_stdin`, else asked for, twice where
 * `is_new`. */
int cli_ask_password(const char *question, bool from_stdin, bool is_new, struct buf *into,
		     struct err *e);
#define CLI_PASSWORD_MAX 4096

#endif
