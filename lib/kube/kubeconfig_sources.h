/* The kubeconfig files that are read together, and the entries in them. For kubeconfig.c only. */
#ifndef MK8S_KUBE_KUBECONFIG_SOURCES_H
#define MK8S_KUBE_KUBECONFIG_SOURCES_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/format/yaml.h"
#include "lib/kube/kubeconfig.h"

#define KUBECONFIG_MAX_LEN (4 * 1024 * 1024) /* bytes of a file */
#define KUBECONFIG_FILES_MAX 32

/* One file; what relative paths in it start from. */
struct kubeconfig_source {
	char *name, *dir;
	struct yaml_docs *docs;
	const struct yaml *root;
};

struct kubeconfig_sources {
	struct kubeconfig_source at[KUBECONFIG_FILES_MAX];
	size_t count;
};

/* A named entry and the file it stands in. */
struct kubeconfig_found {
	const struct yaml *body;
	const struct kubeconfig_source *source;
};

/* Reads `text` as one more file. ERR_INPUT, ERR_LIMIT. */
int kubeconfig_add_source(struct kubeconfig_sources *s, struct span text, const char *name,
			  const char *dir, struct err *e);
/* Reads what the choice names; a file of KUBECONFIG or of the home folder may be missing. */
int kubeconfig_add_chosen(struct kubeconfig_sources *s, const struct kubeconfig_choice *c,
			  struct err *e);
/* What the files hold; `s` itself is the caller's. */
void kubeconfig_sources_free(struct kubeconfig_sources *s);

/*
 * Finds `name` in `list` ("users") of the first file that has it; its body is the member `kind`
 * ("user"). Borrowed from `s`.
 */
bool kubeconfig_find(const struct kubeconfig_sources *s, const char *list, const char *kind,
		     const char *name, struct kubeconfig_found *ret);
/* The first file's `current-context`; NULL: none. Borrowed. */
const char *kubeconfig_current_context(const struct kubeconfig_sources *s);
/* ERR_NOT_FOUND with the contexts that there are. Always -1. */
int kubeconfig_no_context(const struct kubeconfig_sources *s, const char *name, struct err *e);
/* A member's text, borrowed; NULL when it is missing, empty or no text. `map` may be NULL. */
const char *kubeconfig_text_at(const struct yaml *map, const char *key);

#endif
