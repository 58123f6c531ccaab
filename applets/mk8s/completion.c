/* mk8s completion: scripts for shells, from the same tables that parse. */
#include <stdlib.h>
#include <string.h>

#include "applets/applet.h"
#include "applets/mk8s/cli.h"
#include "applets/mk8s/verb.h"
#include "lib/base/mem.h"
#include "lib/kube/kubectl.h"

#define SCRIPT_MAX (256 * 1024)

/* The words that may follow a verb. */
static void put_words(struct buf *out, const struct verb *v)
{
	for (const struct verb *const *child = v->verbs; child && *child; child++)
		(void)buf_printf(out, "%s ", (*child)->name);
	if (v->run_words)
		(void)buf_printf(out, "%s --cluster --all-clusters --clusters --cluster-timeout ",
				 kubectl_verbs());
	for (size_t i = 0; i < v->row_count; i++)
		(void)buf_printf(out, "--%s ", v->rows[i].name);
	(void)buf_put_str(out, "--help");
}

static void put_top_words(struct buf *out)
{
	for (const struct verb *const *v = cli_verbs; *v; v++)
		(void)buf_printf(out, "%s ", (*v)->name);
#define PUT_APPLET(applet, sentence)      \
	if (strcmp(#applet, "mk8s") != 0) \
		(void)buf_put_str(out, #applet " ");
	APPLETS(PUT_APPLET)
#undef PUT_APPLET
	(void)buf_put_str(out, "--help --list --install");
}

/* Of the clusters that the user sees: a question to central, as with kubectl's own completion. */
#define CLUSTERS_COMMAND "mk8s clusters list -o name 2>/dev/null"
#define CLUSTERS_FUNCTION "_mk8s_clusters() { " CLUSTERS_COMMAND "; }\n"
/* Behind such an option its value is what may follow. */
#define CLUSTERS_CASE \
	"\tcase \"$prev\" in --cluster|--clusters) found=\"$(_mk8s_clusters)\" ;; esac\n"

/* One branch of a shell's case: "'clusters add') found='...' ;;". */
static void put_branches(struct buf *out, const struct verb *const *verbs, const char *before)
{
	for (; *verbs; verbs++) {
		AUTO_FREE char *path = mem_printf("%s%s", before, (*verbs)->name);
		AUTO_FREE char *inner = mem_printf("%s ", path);

		(void)buf_printf(out, "\t'%s'", path);
		if ((*verbs)->alias)
			(void)buf_printf(out, "|'%s%s'", before, (*verbs)->alias);
		(void)buf_put_str(out, ") found='");
		put_words(out, *verbs);
		(void)buf_put_str(out, (*verbs)->names_cluster ? "'\" $(_mk8s_clusters)\" ;;\n"
								       : "' ;;\n");
		if ((*verbs)->verbs)
			put_branches(out, (*verbs)->verbs, inner);
	}
}

static void put_case(struct buf *out)
{
	(void)buf_put_str(out, "\tcase \"$verb\" in\n\t'') found='");
	put_top_words(out);
	(void)buf_put_str(out, "' ;;\n");
	put_branches(out, cli_verbs, "");
	(void)buf_put_str(out, "\tesac\n");
}

static void put_bash(struct buf *out)
{
	(void)buf_put_str(out, "# bash completion of mk8s: source <(mk8s completion bash)\n"
			       CLUSTERS_FUNCTION
			       "_mk8s() {\n"
			       "\tlocal cur=\"${COMP_WORDS[COMP_CWORD]}\" verb='' found='' i\n"
			       "\tlocal prev=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
			       "\tif [ \"$cur\" = = ]; then cur=''\n" /* --cluster=NAME is three words */
			       "\telif [ \"$prev\" = = ]; then prev=\"${COMP_WORDS[COMP_CWORD-2]}\"; fi\n"
			       "\tfor ((i = 1; i < COMP_CWORD && i < 3; i++)); do\n"
			       "\t\tcase \"${COMP_WORDS[i]}\" in -*) break ;; esac\n"
			       "\t\tverb=\"${verb:+$verb }${COMP_WORDS[i]}\"\n"
			       "\tdone\n"
			       "\tcase \"$verb\" in 'clusters '*|'users '*|'roles '*|'audit '*) ;; "
			       "*) verb=\"${verb%% *}\" ;; esac\n");
	put_case(out);
	(void)buf_put_str(out, CLUSTERS_CASE "\tCOMPREPLY=($(compgen -W \"$found\" -- \"$cur\"))\n"
			       "}\n"
			       "complete -o default -F _mk8s mk8s\n");
}

static void put_zsh(struct buf *out)
{
	(void)buf_put_str(out, "#compdef mk8s\n"
			       "# zsh completion of mk8s: source <(mk8s completion zsh)\n"
			       CLUSTERS_FUNCTION
			       "_mk8s() {\n"
			       "\tlocal verb='' found='' prev=\"${words[CURRENT-1]}\" i\n"
			       "\tfor ((i = 2; i < CURRENT && i < 4; i++)); do\n"
			       "\t\tcase \"${words[i]}\" in -*) break ;; esac\n"
			       "\t\tverb=\"${verb:+$verb }${words[i]}\"\n"
			       "\tdone\n"
			       "\tcase \"$verb\" in 'clusters '*|'users '*|'roles '*|'audit '*) ;; "
			       "*) verb=\"${verb%% *}\" ;; esac\n");
	put_case(out);
	(void)buf_put_str(out, CLUSTERS_CASE "\tcompadd -- ${=found}\n}\ncompdef _mk8s mk8s\n");
}

#define FISH_CLUSTERS " -x -a '(" CLUSTERS_COMMAND ")'"

static void put_fish_words(struct buf *out, const char *condition, const struct verb *v)
{
	for (const struct verb *const *child = v->verbs; child && *child; child++)
		(void)buf_printf(out, "complete -c mk8s -f -n '%s' -a %s -d \"%s\"\n", condition,
				 (*child)->name, (*child)->help);
	for (size_t i = 0; i < v->row_count; i++) {
		const char *value = v->rows[i].value_name ? " -r" : "";

		if (strcmp(v->rows[i].name, "cluster") == 0)
			value = FISH_CLUSTERS;
		(void)buf_printf(out, "complete -c mk8s -n '%s' -l %s%s\n", condition,
				 v->rows[i].name, value);
	}
	if (v->names_cluster)
		(void)buf_printf(out, "complete -c mk8s -n '%s'" FISH_CLUSTERS "\n", condition);
	if (v->run_words)
		(void)buf_printf(out, "complete -c mk8s -n '%s' -l cluster" FISH_CLUSTERS "\n",
				 condition);
}

static void put_fish_verb(struct buf *out, const struct verb *v)
{
	AUTO_FREE char *inside = mem_printf("__fish_seen_subcommand_from %s%s%s", v->name,
					    v->alias ? " " : "", v->alias ? v->alias : "");

	put_fish_words(out, inside, v);
	for (const struct verb *const *child = v->verbs; child && *child; child++) {
		AUTO_FREE char *deeper = mem_printf("%s; and __fish_seen_subcommand_from %s",
						    inside, (*child)->name);

		put_fish_words(out, deeper, *child);
	}
}

static void put_fish(struct buf *out)
{
	(void)buf_put_str(out, "# fish completion of mk8s: mk8s completion fish | source\n");
	for (const struct verb *const *v = cli_verbs; *v; v++) {
		(void)buf_printf(out,
				 "complete -c mk8s -f -n __fish_use_subcommand -a %s -d \"%s\"\n",
				 (*v)->name, (*v)->help);
		put_fish_verb(out, *v);
	}
}

static const struct {
	const char *name;
	void (*put)(struct buf *out);
} shells[] = { { "bash", put_bash }, { "zsh", put_zsh }, { "fish", put_fish } };

static int completion(struct cli *c UNUSED, const void *options UNUSED,
		      const struct options_rest *rest, struct err *e)
{
	AUTO_BUF struct buf out;

	buf_init(&out, SCRIPT_MAX);
	for (size_t i = 0; i < COUNT_OF(shells); i++) {
		if (strcmp(rest->at[0], shells[i].name) != 0)
			continue;
		shells[i].put(&out);
		return buf_ok(&out, "the script", e) < 0 ? -1 : cli_write(buf_span(&out), e);
	}
	return err_set(e, ERR_USAGE, "the shell must be bash, zsh or fish, not \"%.60s\"",
		       rest->at[0]);
}

const struct verb verb_completion = {
	.name = "completion",
	.arguments = "bash|zsh|fish",
	.help = "prints a script that completes words in the shell",
	.min = 1,
	.max = 1,
	.run = completion,
};
