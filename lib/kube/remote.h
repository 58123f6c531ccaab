/*
 * A command's streams over a WebSocket: exec and attach by v5.channel.k8s.io or v4.channel.k8s.io
 * (apimachinery pkg/util/remotecommand). Each message begins with the number of its channel.
 */
#ifndef MK8S_KUBE_REMOTE_H
#define MK8S_KUBE_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/kube/client.h"

enum remote_channel {
	REMOTE_STDIN,
	REMOTE_STDOUT,
	REMOTE_STDERR,
	REMOTE_ERROR,  /* one Status: how the command ended */
	REMOTE_RESIZE, /* {"Width":80,"Height":24} */
	REMOTE_CLOSE = 255, /* v5: the number of the channel that has ended */
};

/* The caller's side. */
struct remote_peer {
	void *owner;
	/* What the command writes (`channel` is REMOTE_STDOUT or REMOTE_STDERR); false ends the session. */
	bool (*on_output)(void *owner, enum remote_channel channel, struct span bytes);
	/*
	 * The next bytes for its standard input; *ret_len 0: the end. NULL: it has none. Asked when `input_fd` can be
	 * read, at any time where that is -1. A failure ends the session with it.
	 */
	int (*read_input)(void *input_owner, char *into, size_t size, size_t *ret_len, struct err *e);
	void *input_owner;
	int input_fd;
	/* Asked when `wake_fd` (-1: none) can be read; false ends the session. */
	bool (*on_wake)(void *owner);
	int wake_fd;
	/* The terminal's size, told in the beginning and after each wake. NULL: there is no terminal. */
	bool (*size)(void *owner, uint16_t *ret_columns, uint16_t *ret_rows);
	uint64_t timeout_ms; /* for all of it; 0: none */
};

struct remote_end {
	bool told;     /* the server has said how the command ended; else it was the caller who ended it */
	int exit_code; /* of the command */
};

/*
 * Runs a session to its end. `path` has the query. 0, or -1: refused (as kube_open_ws), the connection was lost or
 * silent for a minute, or the server says that the command could not be run (ERR_PROTOCOL, its own words).
 */
int remote_run(struct kube_client *c, const char *path, const struct remote_peer *peer,
	       struct remote_end *ret_end, struct kube_status *ret_status, struct err *e);

/* What comes by REMOTE_ERROR. 0 and the exit code, or -1: the server's failure, or what is no such Status. */
int remote_read_status(struct span json, int *ret_exit_code, struct err *e);

#endif
