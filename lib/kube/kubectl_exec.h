/* Running a command in a container, as exec does for its user and cp for itself. */
#ifndef MK8S_KUBE_KUBECTL_EXEC_H
#define MK8S_KUBE_KUBECTL_EXEC_H

#include "lib/kube/kubectl_inner.h"
#include "lib/kube/remote.h"

struct kubectl_pod;

struct kubectl_command {
	const char *container; /* as -c; NULL: the pod's usual one */
	const char *const *argv;
	size_t count;
	bool quiet, tty;
};

/* Appends the path of the request. 0, or -1 with the failure noted: a pod that is over, an unknown container. */
int kubectl_exec_path(struct kubectl *k, const struct kubectl_pod *pod, const struct kubectl_command *command,
		      const struct remote_peer *peer, struct buf *path);

/*
 * Runs it. 0 when it was run (or the caller's side ended it), and how it ended; -1 with the failure noted. Its standard
 * input is `peer`'s.
 */
int kubectl_exec_run(struct kubectl *k, const struct kubectl_pod *pod, const struct kubectl_command *command,
		     const struct remote_peer *peer, struct remote_end *ret_end);

#endif
