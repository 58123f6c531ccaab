/* A target of deploy.yaml: hosts, names, variables, secrets. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/rollout/config_read.h"

#define NODES_MAX 64
#define NAMES_MAX 256

static int read_names(struct config_reader *r, const struct yaml *map, const char *key,
		      const struct config_check *check, struct rollout_names *ret)
{
	const struct yaml *list = yaml_get(map, key);

	if (!list)
		return 0;
	if (yaml_kind(list) != YAML_LIST || yaml_count(list) > NAMES_MAX)
		return config_refuse(r, list, "%s must be a list of at most %d names", key, NAMES_MAX);
	ret->at = mem_new_array(yaml_count(list) + 1, sizeof(*ret->at));
	for (size_t i = 0; i < yaml_count(list); i++) {
		const struct yaml *item = yaml_at(list, i);

		if (yaml_kind(item) != YAML_TEXT || !check->valid(yaml_text(item)))
			return config_refuse(r, item, "%s: each must be %s", key, check->accepts);
		ret->at[ret->count++] = yaml_text(item);
	}
	return 0;
}

static bool name_taken(const struct rollout_config *c, const struct rollout_target *t,
		       const char *name)
{
	if (strcmp(name, c->tag_variable) == 0 || strcmp(name, c->registry_variable) == 0)
		return true;
	for (size_t i = 0; i < t->env_count; i++) {
		if (strcmp(name, t->env[i].name) == 0)
			return true;
	}
	return false;
}

static int check_variable(struct config_reader *r, const struct rollout_config *c,
			  const struct rollout_target *t, const struct yaml *key)
{
	if (!config_check_variable.valid(yaml_text(key)))
		return config_refuse(r, key, "\"%.60s\" is not %s", yaml_text(key),
			      config_check_variable.accepts);
	if (name_taken(c, t, yaml_text(key)))
		return config_refuse(r, key, "%.60s is set twice", yaml_text(key));
	return 0;
}

static int read_env(struct config_reader *r, const struct yaml *map, const struct rollout_config *c,
		    struct rollout_target *t)
{
	const struct yaml *env = yaml_get(map, "env");

	if (!env)
		return 0;
	if (yaml_kind(env) != YAML_MAP || yaml_count(env) > NAMES_MAX)
		return config_refuse(r, env, "env must be a map of at most %d variables", NAMES_MAX);
	t->env = mem_new_array(yaml_count(env) + 1, sizeof(*t->env));
	for (size_t i = 0; i < yaml_count(env); i++) {
		if (check_variable(r, c, t, yaml_key(env, i)) < 0)
			return -1;
		if (yaml_kind(yaml_at(env, i)) != YAML_TEXT)
			return config_refuse(r, yaml_at(env, i), "a value of env must be a text");
		t->env[t->env_count++] = (struct rollout_value){ yaml_text(yaml_key(env, i)),
								 yaml_text(yaml_at(env, i)) };
	}
	return 0;
}

/* NAME: field, or NAME: {field: ..., delivery: env|tmpfs-file} */
static int read_secret(struct config_reader *r, const struct yaml *node, struct rollout_secret *s)
{
	static const char *const keys[] = { "field", "delivery" };
	const char *delivery = "env";

	if (yaml_kind(node) == YAML_TEXT) {
		s->field = yaml_text(node);
		return config_check_field.valid(s->field) ?
			       0 :
			       config_refuse(r, node, "a secret needs %s", config_check_field.accepts);
	}
	if (config_check_keys(r, node, "a secret", keys, COUNT_OF(keys)) < 0 ||
	    config_read_text(r, node, "field", &config_check_field, true, &s->field) < 0 ||
	    config_read_text(r, node, "delivery", &config_check_delivery, false, &delivery) < 0)
		return -1;
	s->delivery = strcmp(delivery, "env") == 0 ? ROLLOUT_ENV : ROLLOUT_TMPFS;
	return 0;
}

static int read_secrets(struct config_reader *r, const struct yaml *map, const struct rollout_config *c,
			struct rollout_target *t)
{
	const struct yaml *secrets = yaml_get(map, "secrets");

	if (!secrets)
		return 0;
	if (yaml_kind(secrets) != YAML_MAP || yaml_count(secrets) > NAMES_MAX)
		return config_refuse(r, secrets, "secrets must be a map of at most %d variables",
			      NAMES_MAX);
	t->secret = mem_new_array(yaml_count(secrets) + 1, sizeof(*t->secret));
	for (size_t i = 0; i < yaml_count(secrets); i++) {
		struct rollout_secret s = { .name = yaml_text(yaml_key(secrets, i)) };

		if (check_variable(r, c, t, yaml_key(secrets, i)) < 0 ||
		    read_secret(r, yaml_at(secrets, i), &s) < 0)
			return -1;
		t->secret[t->secret_count++] = s;
	}
	return 0;
}

static int read_node(struct config_reader *r, const struct yaml *map, const char *name,
		     struct rollout_target *t)
{
	struct rollout_node n = { .name = name };

	if (config_read_text(r, map, "host", &config_check_host, true, &n.host) < 0 ||
	    config_read_text(r, map, "workdir", &config_check_folder, true, &n.workdir) < 0)
		return -1;
	t->node[t->node_count++] = n;
	return 0;
}

static int read_nodes(struct config_reader *r, const struct yaml *map, struct rollout_target *t)
{
	static const char *const keys[] = { "host", "workdir" };
	const struct yaml *nodes = yaml_get(map, "nodes");

	t->has_nodes = nodes != NULL;
	if (!nodes) {
		t->node = mem_new_array(1, sizeof(*t->node));
		return read_node(r, map, t->name, t);
	}
	if (yaml_get(map, "host") || yaml_get(map, "workdir"))
		return config_refuse(r, nodes, "host and workdir belong to each node");
	if (yaml_kind(nodes) != YAML_MAP || !yaml_count(nodes) || yaml_count(nodes) > NODES_MAX)
		return config_refuse(r, nodes, "nodes must be a map of 1 to %d hosts", NODES_MAX);
	t->node = mem_new_array(yaml_count(nodes), sizeof(*t->node));
	for (size_t i = 0; i < yaml_count(nodes); i++) {
		const struct yaml *key = yaml_key(nodes, i);

		if (!config_check_name.valid(yaml_text(key)))
			return config_refuse(r, key, "a node's name must be %s", config_check_name.accepts);
		if (config_check_keys(r, yaml_at(nodes, i), "a node", keys, COUNT_OF(keys)) < 0 ||
		    read_node(r, yaml_at(nodes, i), yaml_text(key), t) < 0)
			return -1;
	}
	return 0;
}

int config_read_target(struct config_reader *r, const struct yaml *key, const struct yaml *map,
		       const struct rollout_config *c, struct rollout_target *t)
{
	static const char *const keys[] = { "host",     "workdir", "nodes",      "services",
					    "profiles", "env",     "secrets",    "compose_files",
					    "health_url", "health_timeout" };

	t->name = yaml_text(key);
	t->health_timeout_ms = 120 * 1000;
	if (!config_check_name.valid(t->name))
		return config_refuse(r, key, "a target's name must be %s", config_check_name.accepts);
	if (config_check_keys(r, map, "a target", keys, COUNT_OF(keys)) < 0 || read_nodes(r, map, t) < 0 ||
	    read_names(r, map, "services", &config_check_name, &t->services) < 0 ||
	    read_names(r, map, "profiles", &config_check_name, &t->profiles) < 0 ||
	    read_names(r, map, "compose_files", &config_check_file, &t->compose_files) < 0 ||
	    config_read_text(r, map, "health_url", &config_check_url, false, &t->health_url) < 0 ||
	    config_read_duration(r, map, "health_timeout", &t->health_timeout_ms) < 0)
		return -1;
	if (t->has_nodes && t->services.count)
		return config_refuse(r, map, "target %s has nodes, so it takes no list of services",
			      t->name);
	return read_env(r, map, c, t) < 0 ? -1 : read_secrets(r, map, c, t);
}
