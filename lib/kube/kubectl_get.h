/* One run of kubectl get, and what it was answered. For the kubectl_get files only. */
#ifndef MK8S_KUBE_KUBECTL_GET_H
#define MK8S_KUBE_KUBECTL_GET_H

#include "lib/kube/kubectl_inner.h"

struct get_options {
	const char *namespace, *output, *selector, *field_selector, *sort_by;
	int64_t chunk_size;
	struct option_list files;
	bool all_namespaces, watch, watch_only, no_headers, ignore_not_found, show_labels;
	bool output_watch_events, managed_fields;
};

/* One answer of the server. */
struct page {
	const struct kube_resource *resource;
	struct json *document;
	bool is_list;
};

struct get {
	struct kubectl *k;
	const struct get_options *o;
	enum kubectl_output output;
	struct kubectl_targets targets;
	struct page *pages;
	size_t page_count;
};

bool kubectl_get_is_table(enum kubectl_output o);
/* Asks for all targets, every page of every list; failures are noted. */
void kubectl_get_fetch(struct get *g);
/* Frees the pages behind the first `from`. */
void kubectl_get_drop(struct get *g, size_t from);

#endif
