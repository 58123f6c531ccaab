/* The parts of kubectl create, which run, expose and replace use too. */
#ifndef MK8S_KUBE_KUBECTL_CREATE_H
#define MK8S_KUBE_KUBECTL_CREATE_H

#include "lib/kube/kubectl_change.h"

struct create_options {
	struct kubectl_change change;
	const char *namespace, *validate, *type;
	struct option_list files, literals, from_files, env_files, images;
	int64_t replicas, port;
};

/* POSTs the target's object and reports it as `done`; `manager` unless the option says another. */
void kubectl_create_object(struct kubectl *k, const struct kubectl_change *c,
			   const struct kubectl_target *t, const char *manager, const char *done);

/* The object that "deployment NAME" and the like describe; NULL after having noted the failure. */
struct json *create_make(struct kubectl *k, const struct create_options *o,
			 const struct options_rest *args);

/* {"apiVersion", "kind", "metadata": {"name"}} */
struct json *create_object_of(const char *api_version, const char *kind, const char *name);

#endif
