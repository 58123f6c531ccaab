/* The parts of kubectl logs. */
#ifndef MK8S_KUBE_KUBECTL_LOGS_H
#define MK8S_KUBE_KUBECTL_LOGS_H

#include "lib/kube/kubectl_change.h"

enum { LOGS_TAIL_UNSET = -2 };

struct logs_options {
	const char *namespace, *container, *since, *since_time, *selector, *pod_timeout;
	int64_t tail, limit_bytes;
	bool follow, previous, timestamps, all_containers, all_pods, prefix;
};

/* Writes one container's log; `prefix` ("" for none) in front of each line. */
void logs_stream(struct kubectl *k, const struct logs_options *o, const struct kubectl_target *pod,
		 const char *container, const char *prefix);
/*
 * The container that is meant: the one asked for, the annotated or the first, which is told unless `quiet`. The caller
 * frees it; NULL: a failure.
 */
char *logs_choose_container(struct kubectl *k, const struct json *pod, const char *asked, bool quiet);
/* The logs of the chosen pods (-l), or of all containers of `pod`, one after the other. */
void logs_stream_many(struct kubectl *k, const struct logs_options *o, const struct kubectl_target *pod);

#endif
