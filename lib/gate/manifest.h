/* The manifest of the agent: what `mk8s clusters add` prints and `kubectl apply -f -` makes in the
 * cluster. */
#ifndef MK8S_GATE_MANIFEST_H
#define MK8S_GATE_MANIFEST_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

struct manifest {
	const char *central_url; /* https://host:port, the port that agents dial */
	const char *ca_sha256;   /* pin of central's CA */
	const char *cluster;     /* its name at central */
	const char *token;       /* the join token; stands in the Secret */
	const char *image;       /* NULL: mk8s:<version> */
	const char *bind;        /* ClusterRole; NULL: cluster-admin */
	bool impersonate; /* false: the ServiceAccount itself is bound, and no impersonation granted
			   */
	const char *const *roles; /* names of central's roles, NULL-terminated: the groups that may
				     be impersonated */
};

/* Appends the documents (YAML). ERR_INPUT "image: ...", "bind: ..." for what no API server would
 * take. */
int manifest_print(const struct manifest *m, struct buf *into, struct err *e);

#endif
