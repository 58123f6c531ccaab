/*
 * The built-in kubectl: verbs that make API requests through a client. Flags and output are kubectl's own.
 *
 * It knows no files and no terminal: what it reads and writes goes through struct kubectl_io, so that
 * the CLI and the agent run the same code. What a caller has not is NULL; a verb that needs it then
 * ends with a sentence.
 */
#ifndef MK8S_KUBE_KUBECTL_H
#define MK8S_KUBE_KUBECTL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/kube/client.h"

enum kubectl_stream { KUBECTL_OUT, KUBECTL_ERR };

enum kubectl_file_kind { KUBECTL_FILE, KUBECTL_FOLDER, KUBECTL_LINK, KUBECTL_OTHER };

struct kubectl_file {
	enum kubectl_file_kind kind;
	uint64_t size; /* bytes, of a file */
	int64_t changed_unix_s;
	uint32_t mode, uid, gid; /* mode: the permissions alone */
};

/* Local files, for cp. Paths are those of the command line, or below them. */
struct kubectl_files {
	/* ERR_NOT_FOUND when there is nothing. `follow`: of a link, what it leads to. */
	int (*look)(void *owner, const char *path, bool follow, struct kubectl_file *ret,
		    struct err *e);
	/* Appends the names in a folder, in order, each with a NUL behind it. */
	int (*list)(void *owner, const char *path, struct buf *out, struct err *e);
	int (*read_link)(void *owner, const char *path, struct buf *out, struct err *e);
	/* Descriptors that the caller closes; the second one's file is made, or emptied. */
	int (*open)(void *owner, const char *path, int *ret_fd, struct err *e);
	int (*create)(void *owner, const char *path, int *ret_fd, struct err *e);
	/* The folder and those above it. */
	int (*make_folders)(void *owner, const char *path, struct err *e);
};

/* The terminal, for exec -t. */
struct kubectl_terminal {
	/* Whether standard input is one. */
	bool (*is_there)(void *owner);
	/* True: bytes as they are typed, unechoed; false: as before. */
	int (*set_raw)(void *owner, bool raw, struct err *e);
	bool (*size)(void *owner, uint16_t *ret_columns, uint16_t *ret_rows);
};

/* An object as it is and as it would be, for diff. */
struct kubectl_diff {
	char *name; /* of the file; owned */
	char *live, *merged; /* texts, "" where there is no object; owned */
};

struct kubectl_io {
	void *owner;
	/* Writes all of it. False when nobody reads any more: the command ends. */
	bool (*write)(void *owner, enum kubectl_stream to, struct span bytes);
	/* Appends what -f names ("-": standard input); a folder gives its *.yaml, *.yml and *.json as one text. */
	int (*read_file)(void *owner, const char *path, struct buf *out, struct err *e);
	/* True when the command is to end early (a signal, a cancelled session); NULL: never. */
	bool (*is_stopped)(void *owner);
	/* A descriptor that is readable while is_stopped, or the terminal's size, is to be asked for. */
	int (*wake_fd)(void *owner, int *ret_fd, struct err *e);
	/* Standard input as it comes, for exec -i: a descriptor to poll and read; the caller's. */
	int (*input_fd)(void *owner, int *ret_fd, struct err *e);
	const struct kubectl_terminal *terminal;
	const struct kubectl_files *files;
	/* For port-forward: a socket that listens on an IP address and a port (0: any), to be closed. */
	int (*listen)(void *owner, const char *address, uint16_t port, int *ret_fd,
		      uint16_t *ret_port, struct err *e);
	/*
	 * Runs the program that compares two folders with these files; its output goes to `write`. NULL: kubectl
	 * compares them itself.
	 */
	int (*diff)(void *owner, const struct kubectl_diff *files, size_t count, int *ret_status,
		    struct err *e);
	/*
	 * The command runs on several clusters at once and its output is joined: only what reads and ends by itself
	 * is done, and tables are written as records (lib/base/table.h).
	 */
	bool is_fleet;
};

/*
 * Runs `argv` without the program's name: {"get", "pods", "-A"}. Writes output and errors (as
 * kubectl words them) to `io` and returns the exit status: 0, 1 for any failure as kubectl, that of
 * exec's command. `e` is filled when the status is not 0 (ERR_USAGE, the server's code,
 * ERR_UNREACHABLE ...), for callers that map exit codes; its sentence has been written already.
 */
int kubectl_main(struct kube_client *c, int argc, char **argv, const struct kubectl_io *io, struct err *e);

/* The verbs that the built-in kubectl has, for completion and help: "apply delete get logs". */
const char *kubectl_verbs(void);

#endif
