/* op run: becomes a command whose environment holds fields of an item. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "applets/mk8s/cli.h"
#include "applets/op/op.h"
#include "lib/rollout/secret_format.h"

#define STATUS_CANNOT 126 /* as env(1) and the shell have it */
#define STATUS_MISSING 127

extern char **environ;

struct run_options {
	struct op_common common;
	const char *item, *vault;
	struct option_list map;
};

#define AT(member) .offset = offsetof(struct run_options, member)
static const struct option_row run_rows[] = {
	{ .name = "item", .kind = OPTION_TEXT, .value_name = "ITEM", AT(item), .help = "name or ID of the item" },
	{ .name = "vault", .kind = OPTION_TEXT, .value_name = "VAULT", AT(vault),
	  .help = "name or ID of the vault that holds it" },
	{ .name = "map", .letter = 'm', .kind = OPTION_LIST, .value_name = "NAME=FIELD", AT(map),
	  .help = "variable NAME gets FIELD; may be repeated; without, each concealed field gets its label's name" },
	OP_ROWS(run_options),
};
#undef AT

/* The variables, "NAME=value" with a NUL behind each. */
struct variables {
	struct buf text; /* locked */
	size_t *offsets;
	size_t count;
};

/* Names that change how every program runs; a label of an item does not choose them, a map may. */
static bool is_dangerous(const char *name)
{
	static const char *const whole[] = { "PATH", "IFS", "ENV", "BASH_ENV", "HOME", "SHELL", "SHELLOPTS",
					     "PS4", "PYTHONPATH", "PERL5LIB", "PERL5OPT", "NODE_OPTIONS",
					     "RUBYOPT", "GCONV_PATH", "LOCPATH" };

	if (strncmp(name, "LD_", 3) == 0 || strncmp(name, "OP_", 3) == 0)
		return true;
	for (size_t i = 0; i < COUNT_OF(whole); i++) {
		if (strcmp(name, whole[i]) == 0)
			return true;
	}
	return false;
}

static int refuse_twice(const struct variables *v, const char *name, struct err *e)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < v->count; i++) {
		const char *have = v->text.at + v->offsets[i];

		if (strncmp(have, name, len) == 0 && have[len] == '=')
			return err_set(e, ERR_INPUT, "two fields would become the variable %s; choose with --map", name);
	}
	return 0;
}

static int add(struct variables *v, const char *name, struct span value, struct err *e)
{
	if (refuse_twice(v, name, e) < 0)
		return -1;
	if (memchr(value.at ? value.at : "", '\0', value.len))
		return err_set(e, ERR_INPUT, "the value for %s holds a NUL byte, which no variable can", name);
	v->offsets = mem_grow(v->offsets, v->count + 1, sizeof(*v->offsets));
	v->offsets[v->count++] = v->text.len;
	(void)buf_put_str(&v->text, name);
	(void)buf_put_char(&v->text, '=');
	(void)buf_put_span(&v->text, value);
	(void)buf_put_char(&v->text, '\0');
	return buf_ok(&v->text, "the environment", e);
}

static int add_map(struct variables *v, const struct secret_item *item, const char *map, struct err *e)
{
	AUTO_BUF struct buf name;
	const struct secret_field *f;
	const char *field;
	struct span value;

	buf_init(&name, 1024);
	if (secret_map_parse(map, &name, &field, e) < 0 || secret_item_field(item, field, &f, e) < 0 ||
	    secret_field_value(item, f, &value, e) < 0)
		return -1;
	return add(v, buf_str(&name), value, e);
}

static int add_concealed(struct variables *v, const struct secret_item *item, struct err *e)
{
	for (size_t i = 0; i < item->field_count; i++) {
		const struct secret_field *f = &item->fields[i];
		AUTO_BUF struct buf name;

		buf_init(&name, 1024);
		if (!secret_field_is_concealed(f))
			continue;
		secret_name_put(*f->label ? f->label : f->id, &name);
		if (is_dangerous(buf_str(&name)))
			return err_set(e, ERR_INPUT, "a field of item \"%.60s\" would become the variable %s; if that is "
						     "meant, say so: --map %s=FIELD", item->title, name.at, name.at);
		if (add(v, buf_str(&name), f->value, e) < 0)
			return -1;
	}
	if (v->count)
		return 0;
	return err_set(e, ERR_NOT_FOUND, "item \"%.60s\" has no concealed field; choose with --map", item->title);
}

/* A map may stand behind another without a --map of its own: --map A=x B=y -- COMMAND. */
static int collect(struct variables *v, struct secret_source *s, const struct run_options *o,
		   const struct options_rest *rest, struct err *e)
{
	const struct secret_item *item;
	int result = secret_source_item(s, o->vault, o->item, &item, e);

	op_pass_words(s);
	if (result < 0)
		return -1;
	if (o->map.count == 0)
		return add_concealed(v, item, e);
	for (size_t i = 0; i < o->map.count; i++) {
		if (add_map(v, item, o->map.at[i], e) < 0)
			return -1;
	}
	for (int i = 0; i < rest->before_dashes; i++) {
		if (add_map(v, item, rest->at[i], e) < 0)
			return -1;
	}
	return 0;
}

static bool is_replaced(const struct variables *v, const char *variable)
{
	size_t len = strcspn(variable, "=") + 1;

	for (size_t i = 0; i < v->count; i++) {
		if (strncmp(v->text.at + v->offsets[i], variable, len) == 0)
			return true;
	}
	return false;
}

/* Comes back only when the command cannot be run. What holds secrets goes with the old memory. */
static int become(const struct variables *v, char **command)
{
	size_t count = 0, size = 0;
	char **env;
	int number;

	while (environ[size])
		size++;
	env = mem_new_array(size + v->count + 1, sizeof(*env));
	for (size_t i = 0; i < size; i++) {
		if (!is_replaced(v, environ[i]))
			env[count++] = environ[i];
	}
	for (size_t i = 0; i < v->count; i++)
		env[count++] = v->text.at + v->offsets[i];
	(void)execvpe(command[0], command, env);
	number = errno;
	cli_note("mk8s op: %s cannot be run: %s", command[0], strerror(number));
	free(env);
	return number == ENOENT ? STATUS_MISSING : STATUS_CANNOT;
}

static int check_words(const struct run_options *o, const struct options_rest *rest, struct err *e)
{
	if (!o->item)
		return err_set(e, ERR_USAGE, "which item? --item ITEM");
	if (rest->before_dashes == rest->count)
		return err_set(e, ERR_USAGE, "which command? it stands behind --: op run --item ITEM -- COMMAND");
	if (rest->before_dashes > 0 && o->map.count == 0)
		return err_set(e, ERR_USAGE, "\"%.60s\" stands in front of --; the command stands behind it",
			       rest->at[0]);
	return 0;
}

static int run(struct cli *cli, const void *options, const struct options_rest *rest, struct err *e)
{
	const struct run_options *o = options;
	struct variables v = { .count = 0 };
	struct secret_source *s;
	int result;

	(void)cli;
	if (check_words(o, rest, e) < 0)
		return -1;
	s = op_open(&o->common, e);
	if (!s)
		return -1;
	buf_init_locked(&v.text, OP_OUTPUT_MAX);
	result = collect(&v, s, o, rest, e);
	secret_source_free(s);
	if (result == 0)
		result = become(&v, rest->at + rest->before_dashes);
	buf_free(&v.text);
	free(v.offsets);
	return result;
}

const struct verb verb_op_run = {
	.name = "run",
	.arguments = "--item ITEM -- COMMAND...",
	.help = "runs a command with fields of an item in its environment",
	VERB_OPTIONS(run_rows, struct run_options),
	.max = -1,
	.run = run,
};
