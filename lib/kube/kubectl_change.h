/*
 * What the verbs that work on single objects share: which objects, requests about them, what is
 * said of the result.
 */
#ifndef MK8S_KUBE_KUBECTL_CHANGE_H
#define MK8S_KUBE_KUBECTL_CHANGE_H

#include "lib/kube/kubectl_inner.h"

#define PATCH_MERGE     "application/merge-patch+json"
#define PATCH_STRATEGIC "application/strategic-merge-patch+json"
#define PATCH_JSON      "application/json-patch+json"

/* Options that say which objects. */
struct kubectl_choice {
	const char *namespace, *selector, *field_selector;
	struct option_list files;
	bool all, all_namespaces;
};

#define KUBECTL_CHOICE_ROWS(type, member)                                                              \
	{ "namespace", 'n', OPTION_TEXT, offsetof(type, member.namespace), "NAMESPACE",                \
	  "the namespace to look in", NULL, 0, 0 },                                                    \
	{ "filename", 'f', OPTION_LIST, offsetof(type, member.files), "FILE", "what this manifest names", \
	  NULL, 0, 0 },                                                                                \
	{ "selector", 'l', OPTION_TEXT, offsetof(type, member.selector), "SELECTOR",                   \
	  "labels to filter on", NULL, 0, 0 },                                                         \
	{ "field-selector", 0, OPTION_TEXT, offsetof(type, member.field_selector), "SELECTOR",         \
	  "fields to filter on", NULL, 0, 0 },                                                         \
	{ "all", 0, OPTION_FLAG, offsetof(type, member.all), NULL, "all objects of the type", NULL, 0, 0 }, \
	{ "all-namespaces", 'A', OPTION_FLAG, offsetof(type, member.all_namespaces), NULL,             \
	  "across all namespaces", NULL, 0, 0 }

/* Options of a change. */
struct kubectl_change {
	const char *output, *dry_run, *field_manager;
	bool managed_fields;
	enum { DRY_NONE, DRY_CLIENT, DRY_SERVER } dry; /* by kubectl_change_read */
	enum kubectl_output format;
	const char *validation; /* fieldValidation of what is created; NULL: Strict */
};

#define KUBECTL_CHANGE_ROWS(type, member)                                                              \
	{ "output", 'o', OPTION_TEXT, offsetof(type, member.output), "FORMAT",                         \
	  "json, yaml, name or jsonpath=TEMPLATE", NULL, 0, 0 },                                       \
	{ "dry-run", 0, OPTION_TEXT, offsetof(type, member.dry_run), "MODE",                           \
	  "client or server: change nothing; none", "unchanged", 0, 0 },                               \
	{ "field-manager", 0, OPTION_TEXT, offsetof(type, member.field_manager), "NAME",               \
	  "who manages the changed fields", NULL, 0, 0 },                                              \
	{ "show-managed-fields", 0, OPTION_FLAG, offsetof(type, member.managed_fields), NULL,          \
	  "keep metadata.managedFields in json and yaml", NULL, 0, 0 }

/* Reads --dry-run and -o; false after having noted the failure. */
bool kubectl_change_read(struct kubectl *k, struct kubectl_change *c);
/* Appends dryRun and fieldManager (`manager` unless the option says another). */
void kubectl_change_put_query(struct buf *path, const struct kubectl_change *c,
			      const char *manager);
/* "pod/x labeled", or the object with -o; takes `object` (NULL: only the name is known). */
void kubectl_change_report(struct kubectl *k, const struct kubectl_change *c,
			   const struct kubectl_target *t, const char *done, struct json *object);

/*
 * One request. 0 with the answer as JSON (owned by the caller), or -1 after having noted the
 * failure; a refusal with the HTTP status `quiet` (0: none) is not noted.
 */
int kubectl_ask(struct kubectl *k, const struct kube_request *rq, int quiet, struct json **ret);
/*
 * GET of a path, or of a target. NULL after having noted the failure; a 404 is not noted when
 * `quiet`.
 */
struct json *kubectl_fetch_path(struct kubectl *k, const char *path, bool quiet);
struct json *kubectl_fetch(struct kubectl *k, const struct kubectl_target *t, bool quiet);
/*
 * The items of a collection in a namespace ("" for all); an object with "items", or NULL after the
 * failure is noted.
 */
struct json *kubectl_list(struct kubectl *k, const struct kube_resource *r, const char *namespace,
			  const char *selector, const char *field_selector);

struct kubectl_patch {
	const char *type;        /* PATCH_... */
	const char *subresource; /* "scale"; NULL: none */
	const char *manager;
};
/* Patches a target; `patch` stays the caller's. NULL after having noted the failure. */
struct json *kubectl_send_patch(struct kubectl *k, const struct kubectl_target *t,
				const struct kubectl_patch *p, const struct json *patch,
				const struct kubectl_change *c);

/*
 * The objects that arguments, selector or files choose, each fetched (target.object); those of
 * files are fetched too. `verb_needs_name`: a type alone, without name, selector or --all, is
 * refused. Failures of single objects are noted.
 */
int kubectl_choose(struct kubectl *k, const struct kubectl_choice *c, char **args, int count,
		   bool verb_needs_name, struct kubectl_targets *ret);
/* The namespace of the option, or the client's. */
const char *kubectl_namespace(const struct kubectl *k, const char *option);

/* "5m", or "10s (x3 over 5m)": when an event was seen. The caller frees it. */
char *kubectl_event_interval(const struct json *event);

/* The object at "a.b.c" below `root`, made where it is not there. */
struct json *kubectl_json_object(struct json *root, const char *path);
/* The text at a path, or "". */
const char *kubectl_text(const struct json *object, const char *path);
/* The number at a path, or `otherwise`. */
int64_t kubectl_number(const struct json *object, const char *path, int64_t otherwise);

#endif
