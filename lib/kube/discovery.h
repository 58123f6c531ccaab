/*
 * Which resources an API server has, under which names, and the REST paths to them (gateway.md
 * 6.2).
 */
#ifndef MK8S_KUBE_DISCOVERY_H
#define MK8S_KUBE_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/kube/client.h"

struct kube_resource {
	const char *group, *version; /* group "" is the core */
	const char *plural, *singular, *kind;
	const char *short_names; /* "" or "deploy" or "a,b" */
	const char *categories;  /* "" or "all" or "a,b" */
	const char *verbs;       /* "get,list,watch" */
	bool is_namespaced;
};

/* The resources of a server, in its order: core first, in a group the preferred version first. */
struct kube_discovery {
	struct kube_resource *at; /* owned, as are its strings */
	size_t count;
};

/*
 * Asks the server: aggregated discovery (two requests), else /api, /apis and one request a
 * version, where a group that does not answer is left out. ERR_PROTOCOL for answers that are no
 * discovery. Freed by kube_discovery_free.
 */
int kube_discover(struct kube_client *c, struct kube_discovery *ret_discovery, struct err *e);
/* Takes a zeroed one. */
void kube_discovery_free(struct kube_discovery *d);

/*
 * Adds the resources of one aggregated document, or (`group_version` not NULL) of one
 * APIResourceList.
 */
int kube_discovery_read(struct kube_discovery *d, struct span json, const char *group_version,
			struct err *e);

/*
 * Finds by plural, singular, short name or kind, without regard to case, optionally as name.group
 * or name.version.group. Plurals and singulars win over short names, those over kinds; earlier
 * groups over later ones. NULL when there is none. `d` NULL: among the resources that every server
 * has at the version we know (v1, apps/v1, batch/v1 ...), where no request is needed because
 * nothing can shadow them.
 */
const struct kube_resource *kube_discovery_find(const struct kube_discovery *d, const char *name);
/* By what a manifest says, both with regard to case. `d` NULL as above. */
const struct kube_resource *kube_discovery_find_kind(const struct kube_discovery *d,
						     const char *api_version, const char *kind);

/* Whether `words` ("get,list") holds `word`. */
bool kube_words_have(const char *words, const char *word);

/* "deployment.apps", "pod": how kubectl calls a kind. */
void kube_resource_put_kind(struct buf *out, const struct kube_resource *r);

/*
 * Appends the path of a collection (name NULL) or an object: /apis/G/V/namespaces/NS/R/NAME.
 * `namespace` NULL or "" means all; it is ignored for cluster-scoped resources. Segments are
 * percent-encoded. ERR_INPUT for a namespace or name that the server would not take ("", ".",
 * "..", with '/' or '%').
 */
int kube_resource_put_path(struct buf *out, const struct kube_resource *r, const char *namespace,
			   const char *name, struct err *e);

#endif
