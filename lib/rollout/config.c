/* Reading deploy.yaml: every key has one row, every text is checked for the place it goes to. */
#include "lib/rollout/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/nearest.h"
#include "lib/format/timefmt.h"
#include "lib/format/yaml.h"
#include "lib/rollout/config_check.h"

#define FILE_MAX (256 * 1024)
#define TARGETS_MAX 64
#define NODES_MAX 64
#define NAMES_MAX 256

/* Where reading is: the file's name, for errors. */
struct reader {
	const char *file;
	struct err *e;
};

static int PRINTF(3, 4) refuse(struct reader *r, const struct yaml *node, const char *fmt, ...)
{
	char text[300];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_set(r->e, ERR_INPUT, "%s:%zu:%zu: %s", r->file, yaml_line(node),
		       yaml_column(node), text);
}

static int check_keys(struct reader *r, const struct yaml *map, const char *what,
		      const char *const *known, size_t count)
{
	if (yaml_kind(map) != YAML_MAP)
		return refuse(r, map, "%s must be a map of keys and values", what);
	for (size_t i = 0; i < yaml_count(map); i++) {
		const struct yaml *key = yaml_key(map, i);
		const char *near;
		bool found = false;

		for (size_t k = 0; k < count; k++)
			found = found || strcmp(known[k], yaml_text(key)) == 0;
		if (found)
			continue;
		near = nearest_name(yaml_text(key), known, count);
		return refuse(r, key, "%s has no key \"%.60s\"%s%s%s", what, yaml_text(key),
			      near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	}
	return 0;
}

/* One text that `check` accepts; `*ret` keeps its default when the key is absent and not required. */
static int read_text(struct reader *r, const struct yaml *map, const char *key,
		     const struct config_check *check, bool required, const char **ret)
{
	const struct yaml *node = yaml_get(map, key);

	if (!node)
		return required ? refuse(r, map, "%s is missing: %s", key, check->accepts) : 0;
	if (yaml_kind(node) != YAML_TEXT || (yaml_is_null(node) && !yaml_is_quoted(node)))
		return refuse(r, node, "%s must be %s", key, check->accepts);
	if (!check->valid(yaml_text(node)))
		return refuse(r, node, "%s: \"%.80s\" is not %s", key, yaml_text(node),
			      check->accepts);
	*ret = yaml_text(node);
	return 0;
}

static int read_duration(struct reader *r, const struct yaml *map, const char *key, int64_t *ret)
{
	const struct yaml *node = yaml_get(map, key);
	struct err why = { 0 };
	int64_t ms;

	if (!node)
		return 0;
	if (yaml_kind(node) != YAML_TEXT ||
	    timefmt_parse_duration_ms(span_of(yaml_text(node)), &ms, &why) < 0 || ms < 1000 ||
	    ms > INT64_C(24) * 3600 * 1000)
		return refuse(r, node, "%s must be a duration from 1s to 24h, such as 90s", key);
	*ret = ms;
	return 0;
}

static int read_names(struct reader *r, const struct yaml *map, const char *key,
		      const struct config_check *check, struct rollout_names *ret)
{
	const struct yaml *list = yaml_get(map, key);

	if (!list)
		return 0;
	if (yaml_kind(list) != YAML_LIST || yaml_count(list) > NAMES_MAX)
		return refuse(r, list, "%s must be a list of at most %d names", key, NAMES_MAX);
	ret->at = mem_new_array(yaml_count(list) + 1, sizeof(*ret->at));
	for (size_t i = 0; i < yaml_count(list); i++) {
		const struct yaml *item = yaml_at(list, i);

		if (yaml_kind(item) != YAML_TEXT || !check->valid(yaml_text(item)))
			return refuse(r, item, "%s: each must be %s", key, check->accepts);
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

static int check_variable(struct reader *r, const struct rollout_config *c,
			  const struct rollout_target *t, const struct yaml *key)
{
	if (!config_check_variable.valid(yaml_text(key)))
		return refuse(r, key, "\"%.60s\" is not %s", yaml_text(key),
			      config_check_variable.accepts);
	if (name_taken(c, t, yaml_text(key)))
		return refuse(r, key, "%.60s is set twice", yaml_text(key));
	return 0;
}

static int read_env(struct reader *r, const struct yaml *map, const struct rollout_config *c,
		    struct rollout_target *t)
{
	const struct yaml *env = yaml_get(map, "env");

	if (!env)
		return 0;
	if (yaml_kind(env) != YAML_MAP || yaml_count(env) > NAMES_MAX)
		return refuse(r, env, "env must be a map of at most %d variables", NAMES_MAX);
	t->env = mem_new_array(yaml_count(env) + 1, sizeof(*t->env));
	for (size_t i = 0; i < yaml_count(env); i++) {
		if (check_variable(r, c, t, yaml_key(env, i)) < 0)
			return -1;
		if (yaml_kind(yaml_at(env, i)) != YAML_TEXT)
			return refuse(r, yaml_at(env, i), "a value of env must be a text");
		t->env[t->env_count++] = (struct rollout_value){ yaml_text(yaml_key(env, i)),
								 yaml_text(yaml_at(env, i)) };
	}
	return 0;
}

/* NAME: field, or NAME: {field: ..., delivery: env|tmpfs-file} */
static int read_secret(struct reader *r, const struct yaml *node, struct rollout_secret *s)
{
	static const char *const keys[] = { "field", "delivery" };
	const char *delivery = "env";

	if (yaml_kind(node) == YAML_TEXT) {
		s->field = yaml_text(node);
		return config_check_field.valid(s->field) ?
			       0 :
			       refuse(r, node, "a secret needs %s", config_check_field.accepts);
	}
	if (check_keys(r, node, "a secret", keys, COUNT_OF(keys)) < 0 ||
	    read_text(r, node, "field", &config_check_field, true, &s->field) < 0 ||
	    read_text(r, node, "delivery", &config_check_delivery, false, &delivery) < 0)
		return -1;
	s->delivery = strcmp(delivery, "env") == 0 ? ROLLOUT_ENV : ROLLOUT_TMPFS;
	return 0;
}

static int read_secrets(struct reader *r, const struct yaml *map, const struct rollout_config *c,
			struct rollout_target *t)
{
	const struct yaml *secrets = yaml_get(map, "secrets");

	if (!secrets)
		return 0;
	if (yaml_kind(secrets) != YAML_MAP || yaml_count(secrets) > NAMES_MAX)
		return refuse(r, secrets, "secrets must be a map of at most %d variables",
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

static int read_node(struct reader *r, const struct yaml *map, const char *name,
		     struct rollout_target *t)
{
	struct rollout_node n = { .name = name };

	if (read_text(r, map, "host", &config_check_host, true, &n.host) < 0 ||
	    read_text(r, map, "workdir", &config_check_folder, true, &n.workdir) < 0)
		return -1;
	t->node[t->node_count++] = n;
	return 0;
}

static int read_nodes(struct reader *r, const struct yaml *map, struct rollout_target *t)
{
	static const char *const keys[] = { "host", "workdir" };
	const struct yaml *nodes = yaml_get(map, "nodes");

	t->has_nodes = nodes != NULL;
	if (!nodes) {
		t->node = mem_new_array(1, sizeof(*t->node));
		return read_node(r, map, t->name, t);
	}
	if (yaml_get(map, "host") || yaml_get(map, "workdir"))
		return refuse(r, nodes, "host and workdir belong to each node");
	if (yaml_kind(nodes) != YAML_MAP || !yaml_count(nodes) || yaml_count(nodes) > NODES_MAX)
		return refuse(r, nodes, "nodes must be a map of 1 to %d hosts", NODES_MAX);
	t->node = mem_new_array(yaml_count(nodes), sizeof(*t->node));
	for (size_t i = 0; i < yaml_count(nodes); i++) {
		const struct yaml *key = yaml_key(nodes, i);

		if (!config_check_name.valid(yaml_text(key)))
			return refuse(r, key, "a node's name must be %s", config_check_name.accepts);
		if (check_keys(r, yaml_at(nodes, i), "a node", keys, COUNT_OF(keys)) < 0 ||
		    read_node(r, yaml_at(nodes, i), yaml_text(key), t) < 0)
			return -1;
	}
	return 0;
}

static int read_target(struct reader *r, const struct yaml *key, const struct yaml *map,
		       const struct rollout_config *c, struct rollout_target *t)
{
	static const char *const keys[] = { "host",     "workdir", "nodes",      "services",
					    "profiles", "env",     "secrets",    "compose_files",
					    "health_url", "health_timeout" };

	t->name = yaml_text(key);
	t->health_timeout_ms = 120 * 1000;
	if (!config_check_name.valid(t->name))
		return refuse(r, key, "a target's name must be %s", config_check_name.accepts);
	if (check_keys(r, map, "a target", keys, COUNT_OF(keys)) < 0 || read_nodes(r, map, t) < 0 ||
	    read_names(r, map, "services", &config_check_name, &t->services) < 0 ||
	    read_names(r, map, "profiles", &config_check_name, &t->profiles) < 0 ||
	    read_names(r, map, "compose_files", &config_check_file, &t->compose_files) < 0 ||
	    read_text(r, map, "health_url", &config_check_url, false, &t->health_url) < 0 ||
	    read_duration(r, map, "health_timeout", &t->health_timeout_ms) < 0)
		return -1;
	if (t->has_nodes && t->services.count)
		return refuse(r, map, "target %s has nodes, so it takes no list of services",
			      t->name);
	return read_env(r, map, c, t) < 0 ? -1 : read_secrets(r, map, c, t);
}

static int read_registry(struct reader *r, const struct yaml *root, struct rollout_config *c)
{
	static const char *const keys[] = { "server", "user", "token_field" };
	const struct yaml *map = yaml_get(root, "registry");

	c->registry_variable = "REGISTRY_TOKEN";
	if (!map)
		return 0;
	if (check_keys(r, map, "registry", keys, COUNT_OF(keys)) < 0)
		return -1;
	return read_text(r, map, "server", &config_check_registry, true, &c->registry) < 0 ||
			       read_text(r, map, "user", &config_check_user, true,
					 &c->registry_user) < 0 ||
			       read_text(r, map, "token_field", &config_check_field, true,
					 &c->registry_field) < 0 ?
		       -1 :
		       0;
}

static int read_source(struct reader *r, const struct yaml *root, struct rollout_config *c)
{
	static const char *const keys[] = { "item", "vault" };
	const struct yaml *map = yaml_get(root, "onepassword");

	if (!map)
		return refuse(r, root, "onepassword is missing: the item and vault of the secrets");
	if (check_keys(r, map, "onepassword", keys, COUNT_OF(keys)) < 0)
		return -1;
	return read_text(r, map, "item", &config_check_field, true, &c->item) < 0 ||
			       read_text(r, map, "vault", &config_check_field, false, &c->vault) <
				       0 ?
		       -1 :
		       0;
}

static int read_root(struct reader *r, const struct yaml *root, struct rollout_config *c)
{
	static const char *const keys[] = { "onepassword", "registry",        "tag_variable",
					    "tmpfs_dir",   "command_timeout", "targets" };
	const struct yaml *targets;

	c->tag_variable = "IMAGE_TAG";
	c->tmpfs_dir = "/dev/shm";
	c->command_timeout_ms = 300 * 1000;
	if (check_keys(r, root, "the file", keys, COUNT_OF(keys)) < 0 ||
	    read_source(r, root, c) < 0 || read_registry(r, root, c) < 0 ||
	    read_text(r, root, "tag_variable", &config_check_variable, false, &c->tag_variable) < 0 ||
	    read_text(r, root, "tmpfs_dir", &config_check_folder, false, &c->tmpfs_dir) < 0 ||
	    read_duration(r, root, "command_timeout", &c->command_timeout_ms) < 0)
		return -1;
	targets = yaml_get(root, "targets");
	if (!targets || yaml_kind(targets) != YAML_MAP || !yaml_count(targets) ||
	    yaml_count(targets) > TARGETS_MAX)
		return refuse(r, targets ? targets : root,
			      "targets must be a map of 1 to %d targets", TARGETS_MAX);
	c->target = mem_new_array(yaml_count(targets), sizeof(*c->target));
	for (size_t i = 0; i < yaml_count(targets); i++) {
		if (read_target(r, yaml_key(targets, i), yaml_at(targets, i), c,
				&c->target[c->target_count++]) < 0)
			return -1;
	}
	return 0;
}

int rollout_config_parse(const char *name, struct span text, struct rollout_config *ret,
			 struct err *e)
{
	struct rollout_config c = { 0 };
	struct reader r = { name, e };

	*ret = c;
	if (yaml_parse(text, YAML_LIMITS(FILE_MAX), &c.docs, e) < 0)
		return err_context(e, "%s", name);
	if (yaml_docs_count(c.docs) != 1) {
		err_set(e, ERR_INPUT, "%s: one YAML document is expected", name);
	} else if (read_root(&r, yaml_docs_at(c.docs, 0), &c) == 0) {
		*ret = c;
		return 0;
	}
	rollout_config_free(&c);
	return -1;
}

int rollout_config_load(const char *path, struct rollout_config *ret, struct err *e)
{
	AUTO_BUF struct buf text;

	buf_init(&text, FILE_MAX);
	*ret = (struct rollout_config){ 0 };
	if (file_read(path, &text, e) < 0)
		return -1;
	return rollout_config_parse(path, buf_span(&text), ret, e);
}

void rollout_config_free(struct rollout_config *c)
{
	for (size_t i = 0; i < c->target_count; i++) {
		struct rollout_target *t = &c->target[i];

		free(t->node);
		free(t->services.at);
		free(t->profiles.at);
		free(t->compose_files.at);
		free(t->env);
		free(t->secret);
	}
	free(c->target);
	yaml_docs_free(c->docs);
	*c = (struct rollout_config){ 0 };
}

int rollout_config_find(const struct rollout_config *c, const char *name,
			const struct rollout_target **ret, struct err *e)
{
	const char *names[TARGETS_MAX];
	const char *near;

	for (size_t i = 0; i < c->target_count; i++) {
		names[i] = c->target[i].name;
		if (strcmp(names[i], name) != 0)
			continue;
		*ret = &c->target[i];
		return 0;
	}
	near = nearest_name(name, names, c->target_count);
	return err_set(e, ERR_USAGE, "there is no target \"%.60s\"%s%s%s", name,
		       near ? "; did you mean " : "; the first is ",
		       near ? near : c->target[0].name, near ? "?" : "");
}
