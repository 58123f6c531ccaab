/* The two ways of `mk8s kubectl`: the program on PATH and the built-in one. */
#ifndef MK8S_APPLETS_MK8S_KUBECTL_H
#define MK8S_APPLETS_MK8S_KUBECTL_H

#include "applets/mk8s/cli.h"

/* The first program kubectl on PATH that is not this one; NULL when there is none. The caller frees
 * it. */
char *cli_kubectl_find(void);
/* Becomes that program, with a kubeconfig of our own. argv[0] is the program's name. Returns only
 * when it fails. */
int cli_kubectl_become(struct cli *c, const char *program, const char *cluster, char **argv,
		       struct err *e);
/* Runs the built-in one. The exit status, or -1 and an error. argv[0] is the first kubectl word. */
int cli_kubectl_builtin(struct cli *c, const char *cluster, const char *token, int argc,
			char **argv, struct err *e);

#endif
