/* The way to one cluster through central, as a kubeconfig entry. */
#ifndef MK8S_APPLETS_MK8S_ACCESS_H
#define MK8S_APPLETS_MK8S_ACCESS_H

#include "applets/mk8s/cli.h"
#include "lib/kube/kubeconfig.h"

struct access {
	struct kubeconfig_entry entry; /* borrows from what follows */
	char *cluster, *server, *command, *config;
	const char *args[6];
};

/* The entry for `cluster`: central's URL and CA, `mk8s credential` for the token. ERR_INPUT when
 * only a pin is known. */
int access_make(struct cli *c, const char *cluster, struct access *ret_access, struct err *e);
void access_free(struct access *a);

#endif
