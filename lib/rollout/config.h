/*
 * deploy.yaml: where the services run, what they are called, and which fields of which 1Password item they need.
 *
 * All texts are borrowed from the parsed file that the struct keeps, have been checked to be what their place in a
 * shell script and on a command line takes, and live until rollout_config_free.
 */
#ifndef MK8S_ROLLOUT_CONFIG_H
#define MK8S_ROLLOUT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/span.h"

struct yaml_docs;

enum rollout_delivery {
	ROLLOUT_ENV,   /* exported to docker compose; Docker stores and shows what containers get */
	ROLLOUT_TMPFS, /* a file in memory; NAME_FILE holds its path */
};

struct rollout_secret {
	const char *name;  /* of the variable; unique in its target, tag_variable and registry token included */
	const char *field; /* of the item */
	enum rollout_delivery delivery;
};

struct rollout_value {
	const char *name, *text;
};

struct rollout_names {
	const char **at; /* owned */
	size_t count;
};

struct rollout_node {
	const char *name; /* "B"; the target's own when it has one host only */
	const char *host; /* [USER@]HOST or an alias of ssh_config */
	const char *workdir; /* absolute */
};

struct rollout_target {
	const char *name;
	bool has_nodes; /* words behind the target are nodes, else services */
	struct rollout_node *node;
	size_t node_count; /* at least one */
	struct rollout_names services, profiles, compose_files;
	struct rollout_value *env;
	size_t env_count;
	struct rollout_secret *secret;
	size_t secret_count;
	const char *health_url; /* asked on the host; NULL: compose's health checks alone */
	int64_t health_timeout_ms;
};

struct rollout_config {
	struct yaml_docs *docs;
	const char *item, *vault;              /* vault may be NULL */
	const char *registry, *registry_user;  /* registry NULL: no login */
	const char *registry_field;            /* of the item: the token */
	const char *registry_variable;         /* its name in the script */
	const char *tag_variable;
	const char *tmpfs_dir;
	int64_t command_timeout_ms;
	struct rollout_target *target;
	size_t target_count;
};

/* The default name of the file. */
#define ROLLOUT_CONFIG_NAME "deploy.yaml"

/*
 * Reads the file. ERR_NOT_FOUND, ERR_INPUT "deploy.yaml:3:5: ..." for anything that is unknown, missing, or that no
 * script may hold. On failure `ret` is zeroed.
 */
int rollout_config_load(const char *path, struct rollout_config *ret, struct err *e);

/* The same from a text; `name` stands in front of errors. */
int rollout_config_parse(const char *name, struct span text, struct rollout_config *ret,
			 struct err *e);

/* Takes a zeroed one. */
void rollout_config_free(struct rollout_config *c);

/* ERR_USAGE with the nearest name. */
int rollout_config_find(const struct rollout_config *c, const char *name,
			const struct rollout_target **ret, struct err *e);

/* Whether `text` can be an image's tag (OCI distribution specification, "tag"). */
bool rollout_tag_valid(const char *text);

#endif
