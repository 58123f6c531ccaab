/* The runner of verbs: options, help, the nearest name. */
#include "applets/mk8s/verb.h"

#include <stdlib.h>
#include <string.h>

#include "applets/applet.h"
#include "applets/mk8s/cli.h"
#include "lib/base/mem.h"
#include "lib/base/nearest.h"

#define HELP_MAX (64 * 1024)

const struct verb *verb_find(const struct verb *const *verbs, const char *name)
{
	for (; *verbs; verbs++) {
		if (strcmp((*verbs)->name, name) == 0 ||
		    ((*verbs)->alias && strcmp((*verbs)->alias, name) == 0))
			return *verbs;
	}
	return NULL;
}

static void put_verbs(struct buf *out, const struct verb *const *verbs)
{
	for (; *verbs; verbs++) {
		AUTO_FREE char *name =
			(*verbs)->alias ? mem_printf("%s, %s", (*verbs)->name, (*verbs)->alias) :
					  mem_dup_str((*verbs)->name);

		(void)buf_printf(out, "  %-14s %s\n", name, (*verbs)->help);
	}
}

int verb_print_overview(struct err *e)
{
	AUTO_BUF struct buf out;

	buf_init(&out, HELP_MAX);
	(void)buf_put_str(&out, "usage: mk8s VERB [ARGUMENTS]\n\nVerbs:\n");
	put_verbs(&out, cli_verbs);
	(void)buf_put_str(&out, "\nOther applets:\n");
#define PUT_APPLET(applet, sentence)      \
	if (strcmp(#applet, "mk8s") != 0) \
		(void)buf_printf(&out, "  %-14s %s\n", #applet, sentence);
	APPLETS(PUT_APPLET)
#undef PUT_APPLET
	(void)buf_put_str(&out, "\nOptions:\n"
				"  --list         the applets of this program\n"
				"  --install DIR  links to them, mk8s-NAME, in DIR\n"
				"  -h, --help     this text; mk8s VERB --help tells of a verb\n");
	return buf_ok(&out, "the help", e) < 0 ? -1 : cli_write(buf_span(&out), e);
}

/* --help's value comes behind the verb's own struct. */
static size_t help_offset(const struct verb *v)
{
	return (v->options_size + 15) / 16 * 16;
}

/* The verb's rows and --help; the caller frees them. */
static struct option_row *rows_with_help(const struct verb *v)
{
	struct option_row *rows = mem_new_array(v->row_count + 1, sizeof(*rows));

	if (v->row_count)
		memcpy(rows, v->rows, v->row_count * sizeof(*rows));
	rows[v->row_count] = (struct option_row){ .name = "help",
						  .letter = 'h',
						  .kind = OPTION_FLAG,
						  .offset = help_offset(v),
						  .help = "this text" };
	return rows;
}

static int print_help(const struct verb *v, const char *path, struct err *e)
{
	struct option_row *rows = rows_with_help(v);
	AUTO_BUF struct buf out;

	buf_init(&out, HELP_MAX);
	(void)buf_printf(&out, "usage: %s %s%s%s%s\n\n%c%s.\n", path, v->name,
			 v->arguments ? " " : "", v->arguments ? v->arguments : "",
			 v->verbs     ? " VERB" :
			 v->row_count ? " [OPTIONS]" :
					"",
			 v->help[0] - 'a' + 'A', v->help + 1);
	if (v->verbs) {
		(void)buf_put_str(&out, "\nVerbs:\n");
		put_verbs(&out, v->verbs);
	}
	(void)buf_put_str(&out, "\nOptions:\n");
	options_put_help(&out, rows, v->row_count + 1);
	free(rows);
	return buf_ok(&out, "the help", e) < 0 ? -1 : cli_write(buf_span(&out), e);
}

static int refuse_name(const struct verb *const *verbs, const char *path, const char *name,
		       struct err *e)
{
	const char *names[64];
	const char *near;
	size_t count = 0;

	for (const struct verb *const *v = verbs; *v && count < COUNT_OF(names) - 8; v++)
		names[count++] = (*v)->name;
#define ADD_APPLET(applet, sentence) names[count++] = #applet;
	if (verbs == cli_verbs) {
		APPLETS(ADD_APPLET)
	}
#undef ADD_APPLET
	near = nearest_name(name, names, count);
	if (near)
		return err_set(e, ERR_USAGE, "there is no verb \"%.60s\"; did you mean \"%s %s\"?",
			       name, path, near);
	return err_set(e, ERR_USAGE, "there is no verb \"%.60s\"; %s --help shows them", name,
		       path);
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int check_words(const struct verb *v, const char *path, const struct options_rest *rest,
		       struct err *e)
{
	if (rest->count >= v->min && (v->max < 0 || rest->count <= v->max))
		return 0;
	if (rest->count < v->min)
		return err_set(e, ERR_USAGE, "%s %s: something is missing: usage is %s %s %s", path,
			       v->name, path, v->name, v->arguments);
	return err_set(e, ERR_USAGE, "%s %s: \"%.60s\" is too much; %s %s --help shows the usage",
		       path, v->name, rest->at[v->max], path, v->name);
}

static int run_options(const struct verb *v, struct cli *c, const char *path, int argc, char **argv,
		       struct err *e)
{
	AUTO_FREE struct option_row *rows = rows_with_help(v);
	AUTO_FREE char *options = mem_new(help_offset(v) + sizeof(bool));
	struct options_rest rest = { 0 };
	bool help;
	int status;

	status = options_parse(rows, v->row_count + 1, OPTIONS_ANYWHERE, argc, argv, options, &rest,
			       e);
	if (status < 0)
		err_context(e, "%s %s", path, v->name);
	memcpy(&help, options + help_offset(v), sizeof(help));
	if (status == 0 && help)
		status = print_help(v, path, e);
	else if (status == 0)
		status = check_words(v, path, &rest, e) < 0 ? -1 : v->run(c, options, &rest, e);
	options_free(rows, v->row_count + 1, options, &rest);
	return status;
}

int verb_run(const struct verb *const *verbs, struct cli *c, const char *path, int argc,
	     char **argv, struct err *e)
{
	const struct verb *v = verb_find(verbs, argv[0]);
	AUTO_FREE char *inner = NULL;

	if (!v)
		return refuse_name(verbs, path, argv[0], e);
	if (v->run_words)
		return argc > 1 && is_help(argv[1]) ? print_help(v, path, e) :
						      v->run_words(c, argc, argv, e);
	if (!v->verbs)
		return run_options(v, c, path, argc, argv, e);
	if (argc > 1 && is_help(argv[1]))
		return print_help(v, path, e);
	inner = mem_printf("%s %s", path, v->name);
	if (argc == 1)
		return err_set(e, ERR_USAGE, "%s: a verb is missing; %s --help shows them", inner,
			       inner);
	return verb_run(v->verbs, c, inner, argc - 1, argv + 1, e);
}
