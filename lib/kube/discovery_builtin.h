/* The resources that every API server serves at a version that does not change. */
#ifndef MK8S_KUBE_DISCOVERY_BUILTIN_H
#define MK8S_KUBE_DISCOVERY_BUILTIN_H

#include "lib/kube/discovery.h"

extern const struct kube_resource kube_resources_builtin[];
extern const size_t kube_resources_builtin_count;

#endif
