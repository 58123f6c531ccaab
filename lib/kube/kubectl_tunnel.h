/* Connections to a pod's ports, each two streams of SPDY in one WebSocket. */
#ifndef MK8S_KUBE_KUBECTL_TUNNEL_H
#define MK8S_KUBE_KUBECTL_TUNNEL_H

#include "lib/kube/kubectl_inner.h"

struct ws;

struct tunnel_listener {
	int fd; /* the tunnel's */
	uint16_t local, remote;
};

/*
 * Serves connections to the listeners until the command is stopped, or the WebSocket
 * (SPDY/3.1+portforward.k8s.io) ends, which is noted as a failure. `wake_fd` -1: there is none.
 */
void tunnel_run(struct kubectl *k, struct ws *ws, const struct tunnel_listener *listeners, size_t count, int wake_fd);

#endif
