/*
 * The built-in kubectl: verbs that make API requests through a client. Flags and output are kubectl's own.
 *
 * It knows no files and no terminal: what it reads and writes goes through struct kubectl_io, so that the CLI and the
 * agent run the same code.
 */
#ifndef MK8S_KUBE_KUBECTL_H
#define MK8S_KUBE_KUBECTL_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/kube/client.h"

enum kubectl_stream { KUBECTL_OUT, KUBECTL_ERR };

struct kubectl_io {
	void *owner;
	/* Writes all of it. False when nobody reads any more: the command ends. */
	bool (*write)(void *owner, enum kubectl_stream to, struct span bytes);
	/* Appends what -f names ("-": standard input); a folder gives its *.yaml, *.yml and *.json as one text. */
	int (*read_file)(void *owner, const char *path, struct buf *out, struct err *e);
	/* True when the command is to end early (a signal, a cancelled session); NULL: never. */
	bool (*is_stopped)(void *owner);
};

/*
 * Runs `argv` without the program's name: {"get", "pods", "-A"}. Writes output and errors (as kubectl words them) to
 * `io` and returns the exit status: 0, or 1 for any failure as kubectl. `e` is filled when the status is not 0
 * (ERR_USAGE, the server's code, ERR_UNREACHABLE ...), for callers that map exit codes; its sentence has been written
 * already.
 */
int kubectl_main(struct kube_client *c, int argc, char **argv, const struct kubectl_io *io, struct err *e);

/* The verbs that the built-in kubectl has, for completion and help: "apply delete get logs". */
const char *kubectl_verbs(void);

#endif
