/* Which resources the simulated API server has; custom resource definitions add to them. */
#ifndef MK8S_TESTS_KUBESIM_RESOURCES_H
#define MK8S_TESTS_KUBESIM_RESOURCES_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/span.h"
#include "lib/format/json.h"
#include "tests/kubesim/store.h"

struct resource {
	const char *group, *version, *plural, *singular, *kind;
	const char *short_names;  /* "" or "deploy" or "a,b" */
	const char *categories;   /* likewise */
	const char *subresources; /* likewise; "status" is a view of the object itself */
	bool is_namespaced;
	bool is_custom; /* from a CustomResourceDefinition: no strategic merge */
};

/* A resource and what is stored of it. */
struct kind {
	struct resource r;
	char api_version[128]; /* "v1", "apps/v1" */
	struct collection objects;
	bool is_review; /* may only be created, and nothing is stored */
};

struct resources {
	struct kind **at; /* owned */
	size_t count;
};

/* The built-in ones. */
void resources_init(struct resources *rs);

/* NULL when there is none. */
struct kind *resources_find(const struct resources *rs, const char *group, const char *version, const char *plural);
bool resources_has_version(const struct resources *rs, const char *group, const char *version);

/* Serves the resource that a CustomResourceDefinition describes, each version of it; a bad one is ignored. */
void resources_add_custom(struct resources *rs, const struct json *definition);

/* Whether `words` ("a,b") holds `word`. */
bool words_have(const char *words, struct span word);

/* "deployments.apps", "pods": how messages call a resource. */
void resource_put_name(struct buf *out, const struct resource *r);

#endif
