/* What the verbs of the built-in kubectl share. */
#ifndef MK8S_KUBE_KUBECTL_INNER_H
#define MK8S_KUBE_KUBECTL_INNER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/attr.h"
#include "lib/base/options.h"
#include "lib/kube/discovery.h"
#include "lib/kube/kubectl.h"

enum { KUBECTL_TEXT_MAX = 512 * 1024 * 1024, KUBECTL_FILE_MAX = 64 * 1024 * 1024 };

struct json;
struct table;
struct kubectl_template;

/* Custom resource definitions nest deeper than what JSON_LIMITS takes. */
#define KUBECTL_JSON_LIMITS(max_len) ((struct json_limits){ (max_len), JSON_DEPTH_CEILING, 0 })

/* One command being run. */
struct kubectl {
	struct kube_client *client;
	const struct kubectl_io *io;
	struct kube_discovery discovery; /* empty until a name asks for it */
	bool discovered;
	size_t documents;  /* of YAML printed */
	struct kubectl_template *template; /* of -o jsonpath= and custom-columns=; owned */
	bool no_headers;                   /* of custom columns */
	bool says_no;                      /* exit with 1 though nothing failed */
	bool takes_generated_names;        /* manifests may say generateName: such a target has no name */
	int exit_status;   /* of the command that exec has run, where it is not 0 */
	bool stopped;      /* nobody reads the output any more, or the command was cancelled */
	struct buf warned; /* the warnings written so far, a line each: none is repeated */
	struct buf errors; /* sentences, written at the end as kubectl does */
	struct err first;  /* the first of them */
};

struct kubectl_verb {
	const char *name;
	const char *usage; /* what follows "kubectl NAME" */
	const char *summary;
	const struct option_row *rows;
	size_t row_count;
	/* argv[0] is the verb. `namespace` was given before the verb, or NULL. Reports through kubectl_fail. */
	void (*run)(struct kubectl *k, int argc, char **argv, const char *namespace);
};

extern const struct kubectl_verb kubectl_annotate, kubectl_api_resources, kubectl_api_versions,
	kubectl_apply, kubectl_auth, kubectl_cluster_info, kubectl_cordon, kubectl_cp, kubectl_create,
	kubectl_delete, kubectl_describe, kubectl_diff, kubectl_drain, kubectl_events, kubectl_exec,
	kubectl_explain, kubectl_expose, kubectl_get, kubectl_label, kubectl_logs, kubectl_patch, kubectl_port_forward,
	kubectl_replace, kubectl_rollout,
	kubectl_run, kubectl_scale, kubectl_set, kubectl_taint, kubectl_top, kubectl_uncordon, kubectl_version,
	kubectl_wait;

void kubectl_write(struct kubectl *k, enum kubectl_stream to, struct span bytes);
void kubectl_printf(struct kubectl *k, enum kubectl_stream to, const char *fmt, ...) PRINTF(3, 4);
/* A table for the output, whose rows are records for a fleet. */
struct table *kubectl_new_table(const struct kubectl *k);
/* Whether the verb may run on several clusters at once; false after having noted why not. */
bool kubectl_may_run(struct kubectl *k, const struct kubectl_verb *verb, int argc, char **argv);
/* Whether to go on: nobody stopped it and the output is read. */
bool kubectl_goes_on(struct kubectl *k);

/* Notes a failure, "error: ..." with `e`'s sentence. */
void kubectl_fail(struct kubectl *k, const struct err *e);
void kubectl_failf(struct kubectl *k, enum err_code code, const char *fmt, ...) PRINTF(3, 4);
/* Notes that a command in a pod has ended with `status`, not 0, which becomes our own. */
void kubectl_fail_command(struct kubectl *k, int status);
/* Notes a failed request: `s` when the server has answered (s->code), else `e`. Frees `s`. */
void kubectl_fail_request(struct kubectl *k, struct kube_status *s, const struct err *e);

/* Writes the warnings of an answer. */
void kubectl_warn(struct kubectl *k, const struct kube_answer *answer);

/* The resource of that name, asking the server where needed; NULL after having noted the failure. */
const struct kube_resource *kubectl_find(struct kubectl *k, const char *name);
/* All resources of the server; 0, or -1 after having noted the failure. */
int kubectl_discover(struct kubectl *k);

/* What a command works on: an object, or (name NULL) a collection. Strings are owned. */
struct kubectl_target {
	const struct kube_resource *resource;
	char *namespace;     /* "" for cluster-scoped resources and all namespaces */
	char *name;
	struct json *object; /* of a manifest, else NULL */
};

struct kubectl_targets {
	struct kubectl_target *at;
	size_t count;
};

void kubectl_targets_free(struct kubectl_targets *t);
/* Appends a target; strings are copied, `object` is taken. */
void kubectl_targets_add(struct kubectl_targets *t, const struct kube_resource *r,
			 const char *namespace, const char *name, struct json *object);

/* TYPE, TYPE,TYPE, TYPE NAME..., TYPE/NAME... `namespace` "" is all. 0, or -1 with the failure noted. */
int kubectl_targets_of_args(struct kubectl *k, char **args, int count, const char *namespace,
			    struct kubectl_targets *t);

/*
 * The objects of manifests. `namespace` is where objects go that name none; `enforced`: others are refused. Failures
 * of single objects are noted; -1 when a file cannot be read.
 */
int kubectl_targets_of_files(struct kubectl *k, const struct option_list *files, const char *namespace,
			     bool enforced, struct kubectl_targets *t);

/* The path of a target; false after having noted the failure. */
bool kubectl_put_path(struct kubectl *k, struct buf *out, const struct kubectl_target *t);

/* Printing objects with -o. */
enum kubectl_output { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_NAME, OUTPUT_TEMPLATE };

/* Reads the value of -o; `text` NULL or "" is OUTPUT_TABLE. False after having noted the failure. */
bool kubectl_read_output(struct kubectl *k, const char *text, enum kubectl_output *ret);
/* Prints one object, or one document of a list of `items`; takes what it prints. Not for tables. */
void kubectl_print_object(struct kubectl *k, enum kubectl_output o, bool managed_fields, struct json *object);
/* Members by name, at every depth, as Go prints maps. */
void kubectl_sort_members(struct json *item);
/*
 * -o jsonpath=TEMPLATE and custom-columns=SPEC. Read: 1 when `text` is one of them, 0 when not, -1 after having noted
 * the failure. Print takes an object whose members are sorted.
 */
int kubectl_template_read(struct kubectl *k, const char *text);
void kubectl_template_print(struct kubectl *k, const struct json *object, struct buf *out);
void kubectl_template_free(struct kubectl_template *t);
/* Orders an array by the field at a JSONPath, below the member `below` of each element unless that is NULL. */
void kubectl_sort_items(struct kubectl *k, struct json *array, const char *below, const char *path);
/* An empty v1 List to collect items in. */
struct json *kubectl_new_list(void);
/* Moves the items of a server's list into `list` and gives them their kind. */
void kubectl_collect_items(struct json *list, struct json *from);

/* "pod/x": the name of a target as kubectl prints it. */
void kubectl_put_target_name(struct buf *out, const struct kubectl_target *t, char separator);

/* get -w, from the list's resourceVersion on or, for one object, from its present state. */
struct kubectl_watch {
	const struct kubectl_target *target;
	enum kubectl_output output;
	const char *selector, *field_selector;
	const char *resource_version;
	struct table_print *table; /* of the table modes */
	bool skip_first;           /* the first event repeats what has been printed */
	bool with_event, managed_fields;
};
void kubectl_run_watch(struct kubectl *k, const struct kubectl_watch *w);

/* Appends "?a=b" or "&a=b", encoded; nothing for a NULL or empty value. */
void kubectl_put_query(struct buf *path, const char *name, const char *value);

#endif
