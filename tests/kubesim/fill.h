/* What the API server's defaults, its controllers and the kubelet put into a new object. */
#ifndef MK8S_TESTS_KUBESIM_FILL_H
#define MK8S_TESTS_KUBESIM_FILL_H

#include "tests/kubesim/call.h"

/* A pod runs at once, on node-1; a namespace is active; a service gets an address. */
void fill_object(struct sim *sim, const struct kind *k, struct json *object);

#endif
