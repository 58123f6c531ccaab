/* Reading deploy.yaml: every key has one row, every text is checked for the place it goes to. */
#include "lib/rollout/config.h"

#include <string.h>

#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/nearest.h"
#include "lib/rollout/config_read.h"

#define FILE_MAX (256 * 1024)
#define TARGETS_MAX 64

static int read_registry(struct config_reader *r, const struct yaml *root, struct rollout_config *c)
{
	static const char *const keys[] = { "server", "user", "token_field" };
	const struct yaml *map = yaml_get(root, "registry");

	c->registry_variable = "REGISTRY_TOKEN";
	if (!map)
		return 0;
	if (config_check_keys(r, map, "registry", keys, COUNT_OF(keys)) < 0)
		return -1;
	return config_read_text(r, map, "server", &config_check_registry, true, &c->registry) < 0 ||
			       config_read_text(r, map, "user", &config_check_user, true,
					 &c->registry_user) < 0 ||
			       config_read_text(r, map, "token_field", &config_check_field, true,
					 &c->registry_field) < 0 ?
		       -1 :
		       0;
}

static int read_source(struct config_reader *r, const struct yaml *root, struct rollout_config *c)
{
	static const char *const keys[] = { "item", "vault" };
	const struct yaml *map = yaml_get(root, "onepassword");

	if (!map)
		return config_refuse(r, root, "onepassword is missing: the item and vault of the secrets");
	if (config_check_keys(r, map, "onepassword", keys, COUNT_OF(keys)) < 0)
		return -1;
	return config_read_text(r, map, "item", &config_check_field, true, &c->item) < 0 ||
			       config_read_text(r, map, "vault", &config_check_field, false, &c->vault) <
				       0 ?
		       -1 :
		       0;
}

static int read_root(struct config_reader *r, const struct yaml *root, struct rollout_config *c)
{
	static const char *const keys[] = { "onepassword", "registry",        "tag_variable",
					    "tmpfs_dir",   "command_timeout", "targets" };
	const struct yaml *targets;

	c->tag_variable = "IMAGE_TAG";
	c->tmpfs_dir = "/dev/shm";
	c->command_timeout_ms = 300 * 1000;
	if (config_check_keys(r, root, "the file", keys, COUNT_OF(keys)) < 0 ||
	    read_source(r, root, c) < 0 || read_registry(r, root, c) < 0 ||
	    config_read_text(r, root, "tag_variable", &config_check_variable, false, &c->tag_variable) < 0 ||
	    config_read_text(r, root, "tmpfs_dir", &config_check_folder, false, &c->tmpfs_dir) < 0 ||
	    config_read_duration(r, root, "command_timeout", &c->command_timeout_ms) < 0)
		return -1;
	targets = yaml_get(root, "targets");
	if (!targets || yaml_kind(targets) != YAML_MAP || !yaml_count(targets) ||
	    yaml_count(targets) > TARGETS_MAX)
		return config_refuse(r, targets ? targets : root,
			      "targets must be a map of 1 to %d targets", TARGETS_MAX);
	c->target = mem_new_array(yaml_count(targets), sizeof(*c->target));
	for (size_t i = 0; i < yaml_count(targets); i++) {
		if (config_read_target(r, yaml_key(targets, i), yaml_at(targets, i), c,
				&c->target[c->target_count++]) < 0)
			return -1;
	}
	return 0;
}

int rollout_config_parse(const char *name, struct span text, struct rollout_config *ret,
			 struct err *e)
{
	struct rollout_config c = { 0 };
	struct config_reader r = { name, e };

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
