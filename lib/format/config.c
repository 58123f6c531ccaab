/* The configuration of a server: finds each key's text and hands it to the row's kind. */
#include "lib/format/config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/nearest.h"
#include "lib/format/config_value.h"
#include "lib/format/json.h"
#include "lib/format/yaml.h"

#define CONFIG_MAX_LEN (1024 * 1024)

struct load {
	const struct config_table *table;
	const char *path; /* as error sentences name it */
	void *into;
	struct buf *warnings;
	struct err *e;
};

static void warn(const struct load *l, const char *name, const char *text)
{
	if (l->warnings)
		buf_printf(l->warnings, "%s: %s\n", name, text);
}

/* Puts "central.yaml:3:5: server.http_port: " in front of the sentence. */
static int fail_key(const struct load *l, const struct yaml *node, const char *name)
{
	return err_context(l->e, "%s:%zu:%zu: %s", l->path, yaml_line(node), yaml_column(node), name);
}

static bool is_secret_file(const struct config_key *key, const char *name)
{
	size_t len = strlen(key->name);

	return key->kind == CONFIG_SECRET && strncmp(name, key->name, len) == 0 &&
	       strcmp(name + len, "_file") == 0;
}

static const struct config_key *find_row(const struct config_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->keys[i].name, name) == 0 || is_secret_file(&table->keys[i], name))
			return &table->keys[i];
	return NULL;
}

/* Whether `name` is the front of a key, as "server" is of "server.http_port". */
static bool is_section(const struct config_table *table, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < table->count; i++)
		if (strncmp(table->keys[i].name, name, len) == 0 && table->keys[i].name[len] == '.')
			return true;
	return false;
}

static int fail_unknown(const struct load *l, const struct yaml *key, const char *name)
{
	AUTO_FREE const char **names = mem_new_array(l->table->count, sizeof(*names));
	const char *nearest;

	for (size_t i = 0; i < l->table->count; i++)
		names[i] = l->table->keys[i].name;
	nearest = nearest_name(name, names, l->table->count);
	return err_set(l->e, ERR_INPUT, "%s:%zu:%zu: unknown key '%.80s'%s%s%s", l->path,
		       yaml_line(key), yaml_column(key), name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
		       nearest ? "'?" : "");
}

/* Refuses every key below `node` that no row describes; `front` is the name so far. */
static int check_names(const struct load *l, const struct yaml *node, const char *front)
{
	for (size_t i = 0; i < yaml_count(node); i++) {
		const struct yaml *key = yaml_key(node, i), *value = yaml_at(node, i);
		AUTO_FREE char *name = mem_printf("%s%s%s", front, *front ? "." : "", yaml_text(key));

		if (find_row(l->table, name))
			continue;
		if (!is_section(l->table, name))
			return fail_unknown(l, key, name);
		if (yaml_is_null(value))
			continue;
		if (yaml_kind(value) != YAML_MAP)
			return err_set(l->e, ERR_INPUT, "%s:%zu:%zu: %s: keys are expected below it", l->path,
				       yaml_line(value), yaml_column(value), name);
		if (check_names(l, value, name) < 0)
			return -1;
	}
	return 0;
}

/* The node at "server.http_port", or NULL. */
static const struct yaml *find_node(const struct yaml *root, const char *name)
{
	struct span rest = span_of(name), part;

	while (root && span_take_part(&rest, '.', &part)) {
		AUTO_FREE char *key = span_dup(part);

		root = yaml_get(root, key);
	}
	return root;
}

static int load_tree(const struct load *l, const struct config_key *row, const struct yaml *node)
{
	struct json *tree;

	if (yaml_to_json(node, &tree, l->e) < 0)
		return fail_key(l, node, row->name);
	config_value_set_tree(row, l->into, tree);
	return 0;
}

static int load_list(const struct load *l, const struct config_key *row, const struct yaml *node)
{
	AUTO_BUF struct buf text = { .max = CONFIG_MAX_LEN };

	config_value_clear(row, l->into);
	for (size_t i = 0; i < yaml_count(node); i++) {
		const struct yaml *item = yaml_at(node, i);

		buf_reset(&text);
		if (yaml_kind(item) != YAML_TEXT)
			err_set(l->e, ERR_INPUT, "a list of texts is expected");
		else if (config_expand(yaml_text(item), &text, l->e) == 0) {
			config_value_add(row, l->into, buf_str(&text));
			continue;
		}
		return fail_key(l, item, row->name);
	}
	return 0;
}

/* A key's value from the file. */
static int load_node(const struct load *l, const struct config_key *row, const struct yaml *node)
{
	AUTO_BUF struct buf text = { .max = CONFIG_MAX_LEN, .secret = true };

	if (row->kind == CONFIG_IGNORED) {
		warn(l, row->name, row->help);
		return 0;
	}
	if (yaml_is_null(node))
		return 0;
	if (row->kind == CONFIG_TREE)
		return load_tree(l, row, node);
	if (row->kind == CONFIG_LIST && yaml_kind(node) == YAML_LIST)
		return load_list(l, row, node);
	if (yaml_kind(node) != YAML_TEXT) {
		err_set(l->e, ERR_INPUT, "one value is expected, not a list or keys");
		return fail_key(l, node, row->name);
	}
	if (config_expand(yaml_text(node), &text, l->e) < 0 ||
	    config_value_set(row, l->into, buf_str(&text), l->e) < 0)
		return fail_key(l, node, row->name);
	return 0;
}

/* `<key>_file` of a secret, from the file. */
static int load_secret_node(const struct load *l, const struct config_key *row,
			    const struct yaml *root)
{
	AUTO_FREE char *name = mem_printf("%s_file", row->name);
	const struct yaml *node = find_node(root, name);
	AUTO_BUF struct buf path = { .max = CONFIG_MAX_LEN };

	if (!node || yaml_is_null(node))
		return 0;
	if (find_node(root, row->name))
		err_set(l->e, ERR_INPUT, "the file has %s, too; one of the two is expected", row->name);
	else if (yaml_kind(node) != YAML_TEXT)
		err_set(l->e, ERR_INPUT, "a path is expected");
	else if (config_expand(yaml_text(node), &path, l->e) == 0 &&
		 config_value_set_from_file(row, l->into, buf_str(&path), l->e) == 0)
		return 0;
	return fail_key(l, node, name);
}

static int load_variable(const struct load *l, const struct config_key *row, const char *name,
			 bool is_file)
{
	const char *text = getenv(name);

	if (!text || !*text)
		return 0;
	if ((is_file ? config_value_set_from_file(row, l->into, text, l->e)
		     : config_value_set(row, l->into, text, l->e)) < 0)
		return err_context(l->e, "variable %s", name);
	return 0;
}

static bool has_variable(const struct config_key *row)
{
	return row->kind != CONFIG_TREE && row->kind != CONFIG_IGNORED;
}

static bool is_set(const char *variable)
{
	const char *text = variable ? getenv(variable) : NULL;

	return text && *text;
}

/* The variables of a row, the weakest first. */
static int load_variables(const struct load *l, const struct config_key *row, const char *name,
			  const char *file_name)
{
	if (row->env_alias && load_variable(l, row, row->env_alias, false) < 0)
		return -1;
	if (row->kind == CONFIG_SECRET && load_variable(l, row, file_name, true) < 0)
		return -1;
	return load_variable(l, row, name, false);
}

/* Whether the value is put together from variables, which need not be set where another one decides. */
static bool is_expanded(const struct yaml *node)
{
	for (size_t i = 0; i < yaml_count(node); i++)
		if (is_expanded(yaml_at(node, i)))
			return true;
	return yaml_kind(node) == YAML_TEXT && strstr(yaml_text(node), "${");
}

/* What the file has for a key that a variable decides has no effect; a fault in it is told all the same. */
static void check_overridden(const struct load *l, const struct config_key *row, const struct yaml *node,
			     const char *variable)
{
	struct err e = { 0 };
	struct load trial = { l->table, l->path, l->into, NULL, &e };

	if (node && !is_expanded(node) && load_node(&trial, row, node) < 0 && l->warnings)
		buf_printf(l->warnings, "%s; the variable %s is used instead\n", e.text, variable);
}

static int load_row(const struct load *l, const struct config_key *row, const struct yaml *root)
{
	AUTO_FREE char *name = config_variable_name(l->table->prefix, row->name);
	AUTO_FREE char *file_name = mem_printf("%s_FILE", name);
	const struct yaml *node = root ? find_node(root, row->name) : NULL;

	if (row->default_text && config_value_set(row, l->into, row->default_text, l->e) < 0)
		return err_context(l->e, "default of %s", row->name);
	if (has_variable(row) && (is_set(name) || is_set(row->env_alias) ||
				  (row->kind == CONFIG_SECRET && is_set(file_name)))) {
		check_overridden(l, row, node, is_set(name) || !row->env_alias ? name : row->env_alias);
		return load_variables(l, row, name, file_name);
	}
	if (root && row->kind == CONFIG_SECRET && load_secret_node(l, row, root) < 0)
		return -1;
	return node ? load_node(l, row, node) : 0;
}

static int load_rows(const struct load *l, const struct yaml *root)
{
	if (root && yaml_kind(root) != YAML_MAP) {
		if (!yaml_is_null(root))
			return err_set(l->e, ERR_INPUT, "%s: keys are expected at the top", l->path);
		root = NULL;
	}
	if (root && check_names(l, root, "") < 0)
		return -1;
	for (size_t i = 0; i < l->table->count; i++)
		if (load_row(l, &l->table->keys[i], root) < 0)
			return -1;
	return 0;
}

static int read_file(const char *path, struct yaml_docs **ret, struct err *e)
{
	AUTO_BUF struct buf text = { .max = CONFIG_MAX_LEN, .secret = true };

	if (file_read(path, &text, e) < 0)
		return err_context(e, "configuration");
	if (yaml_parse(buf_span(&text), YAML_LIMITS(CONFIG_MAX_LEN), ret, e) < 0)
		return err_context(e, "%s", path);
	if (yaml_docs_count(*ret) > 1)
		return err_set(e, ERR_INPUT, "%s: one YAML document is expected", path);
	return 0;
}

int config_load(const struct config_table *table, const char *path, void *into,
		struct buf *warnings, struct err *e)
{
	AUTO_YAML struct yaml_docs *docs = NULL;
	struct load l = { table, path, into, warnings, e };
	const struct yaml *root = NULL;

	if (path && read_file(path, &docs, e) < 0)
		return -1;
	if (docs && yaml_docs_count(docs) == 1)
		root = yaml_docs_at(docs, 0);
	if (load_rows(&l, root) == 0)
		return 0;
	config_free(table, into);
	return -1;
}

int config_set(const struct config_table *table, void *into, const char *name, const char *text,
	       struct err *e)
{
	const struct config_key *row = find_row(table, name);

	if (!row || strcmp(row->name, name) != 0 || !has_variable(row))
		return err_set(e, ERR_INPUT, "no key '%.80s' can be set so", name);
	return config_value_set(row, into, text, e) < 0 ? err_context(e, "%s", name) : 0;
}

void config_free(const struct config_table *table, void *into)
{
	for (size_t i = 0; i < table->count; i++)
		config_value_clear(&table->keys[i], into);
}
