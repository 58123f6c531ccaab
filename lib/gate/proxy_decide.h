/*
 * Who asks for a Kubernetes request, what is asked, and whether the roles allow it (spec/mk8s.md,
 * Authorization).
 */
#ifndef MK8S_GATE_PROXY_DECIDE_H
#define MK8S_GATE_PROXY_DECIDE_H

#include "lib/gate/proxied.h"

/* The user of the request's bearer token, of the snapshot in force; NULL and ERR_AUTH. */
const struct snapshot_user *proxied_authenticate(struct proxied *p, struct err *e);
/*
 * 0 when the user's roles allow the request to the cluster, with what was found noted in `p`; else
 * the HTTP status to refuse with, and a sentence. A cluster that the user may not see is answered
 * as one that does not exist.
 */
int proxied_decide(struct proxied *p, const struct snapshot_user *user,
		   const char *cluster_id_or_name, struct err *e);
/*
 * The same for a request whose head, target (which request_path_check has passed), user and cluster
 * are in `p` already; of a list or watch that is limited, `only_namespaces` is set.
 */
int proxied_authorize(struct proxied *p, const struct snapshot_user *user, struct err *e);

#endif
