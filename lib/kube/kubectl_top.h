/* What kubectl top shows: the usage of nodes, pods and containers, and its table. */
#ifndef MK8S_KUBE_KUBECTL_TOP_H
#define MK8S_KUBE_KUBECTL_TOP_H

#include "lib/kube/kubectl_inner.h"

enum top_resource { TOP_CPU, TOP_MEMORY, TOP_SWAP, TOP_RESOURCE_COUNT };

struct top_options {
	const char *namespace, *selector, *field_selector, *sort_by, *protocol;
	bool all_namespaces, containers, no_headers, sum, show_capacity, show_swap;
};

/* One line. Texts are borrowed from the server's answer. */
struct top_row {
	const char *namespace, *name;
	const struct json *from;	   /* the metrics of the pod, node or container */
	int64_t usage[TOP_RESOURCE_COUNT]; /* cores in 10^-9, bytes */
};

struct top_rows {
	struct top_row *at; /* owned; may be NULL */
	size_t count;
};

/*
 * The rows of `items`, in the order that is asked for; `pods`: usage is the sum of an item's
 * containers. False after having noted that a quantity cannot be read; the array is the caller's in
 * any case.
 */
bool top_read(struct kubectl *k, const struct top_options *o, const struct json *items, bool pods,
	      struct top_rows *ret);

void top_print_pods(struct kubectl *k, const struct top_options *o, const struct json *items);
/* `nodes`: a list of Nodes, for what they have. */
void top_print_nodes(struct kubectl *k, const struct top_options *o, const struct json *items,
		     const struct json *nodes);

#endif
