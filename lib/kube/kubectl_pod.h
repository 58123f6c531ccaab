/* The pod and the container that exec, cp and port-forward work on. */
#ifndef MK8S_KUBE_KUBECTL_POD_H
#define MK8S_KUBE_KUBECTL_POD_H

#include "lib/kube/kubectl_inner.h"

/* --pod-running-timeout, when it is not given. */
#define KUBECTL_POD_TIMEOUT "1m0s"

/* What a pod is looked for. */
enum kubectl_pod_use {
	KUBECTL_POD_ENTER, /* of those that restarted more seldom */
	KUBECTL_POD_LOG,   /* of those that restarted more often */
};

struct kubectl_pod {
	struct json *object;  /* the pod; owned */
	struct json *through; /* what led to it: a deployment, a service ...; NULL: its own name did; owned */
	const char *through_kind; /* "Deployment" */
	const char *namespace, *name; /* the pod's; borrowed from `object` */
	size_t count;                 /* of the pods that there were to choose from */
};

/*
 * The pod of NAME or TYPE/NAME; for what selects pods, the one that has run longest without trouble, waited for while
 * there is none. 0, or -1 with the failure noted. Freed by kubectl_pod_free in any case.
 */
int kubectl_pod_find(struct kubectl *k, const char *text, const char *namespace, const char *timeout,
		     enum kubectl_pod_use use, struct kubectl_pod *ret);
void kubectl_pod_free(struct kubectl_pod *p);

/* One object by GET; NULL after having noted the failure. */
struct json *kubectl_get_object(struct kubectl *k, const struct kubectl_target *t);

/* The label selector by which an object chooses its pods, as text; false when its kind chooses none. */
bool kubectl_put_selector(const struct json *object, struct buf *out);

#endif
