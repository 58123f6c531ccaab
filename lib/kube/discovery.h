/* Which resources an API server has, under which names, and the REST paths to them (gateway.md 6.2). */
#ifndef MK8S_KUBE_DISCOVERY_H
#define MK8S_KUBE_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/kube/client.h"

/* One resource in its group's preferred version first; strings are owned by the discovery. */
struct kube_resource {
	const char *group, *version; /* group "" is the core */
	const char *plural, *singular, *kind;
	const char *short_names;     /* "po" or "deploy,dep"; "" */
	const char *categories;      /* "all,api-extensions"; "" */
	const char *verbs;           /* "get,list,watch" */
	bool is_namespaced;
};

struct kube_discovery {
	struct kube_resource *at; /* in the server's order: core first, preferred versions first within a group */
	size_t count;
	struct kube_texts *texts; /* owner of the strings */
};

/*
 * Aggregated discovery (two requests), else /api, /apis and one request a version; a group that cannot be asked is
 * left out. Free in any case.
 */
int kube_discover(struct kube_client *c, struct kube_discovery *ret_discovery, struct err *e);
void kube_discovery_free(struct kube_discovery *d);

/* Adds the resources of one aggregated document, for tests and fuzzing. */
int kube_discovery_read(struct kube_discovery *d, struct span json, struct err *e);

/*
 * Finds by plural, singular, short name or kind, without regard to case, optionally "name.group" or
 * "name.version.group". Exact plurals win over short names, earlier groups over later ones, as kubectl decides.
 * NULL when there is none.
 */
const struct kube_resource *kube_discovery_find(const struct kube_discovery *d, const char *name);
/* By what a manifest says: apiVersion and kind. NULL when there is none. */
const struct kube_resource *kube_discovery_find_kind(const struct kube_discovery *d, const char *api_version,
						     const char *kind);

/* "deployments.apps", "pods": how errors and -o name call it. */
void kube_resource_put_name(struct buf *out, const struct kube_resource *r);

/*
 * Appends the path of a collection (name NULL) or an object: /apis/G/V/namespaces/NS/R/NAME. `namespace` NULL or ""
 * means all, and is ignored for cluster-scoped resources. Segments are percent-encoded. ERR_INPUT for names the
 * server would not take ("." ".." or with '/' or '%').
 */
int kube_resource_put_path(struct buf *out, const struct kube_resource *r, const char *namespace, const char *name,
			   struct err *e);

#endif
