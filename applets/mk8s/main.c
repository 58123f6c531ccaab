/* mk8s, the command line: verbs, and how a run ends. */
#include <stdio.h>
#include <string.h>

#include "applets/applet.h"
#include "applets/mk8s/cli.h"
#include "applets/mk8s/verb.h"

const struct verb *const cli_verbs[] = {
	&verb_login,      &verb_logout,     &verb_status, &verb_clusters, &verb_kubectl,
	&verb_kubeconfig, &verb_credential, &verb_users,  &verb_roles,    &verb_audit,
	&verb_why,        &verb_completion, &verb_version, NULL,
};

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	char version[] = "version";
	char *version_words[] = { version, NULL };

	if (argc < 2)
		return err_set(e, ERR_USAGE, "a verb is missing; mk8s --help shows them");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return verb_print_overview(e);
	if (strcmp(argv[1], "--version") == 0)
		return verb_run(cli_verbs, c, "mk8s", 1, version_words, e);
	return verb_run(cli_verbs, c, "mk8s", argc - 1, argv + 1, e);
}

int applet_mk8s(int argc, char **argv)
{
	struct cli c;
	struct err e = { 0 };
	int status;

	cli_begin(&c);
	status = run(&c, argc, argv, &e);
	if (status < 0) {
		cli_note("mk8s: %s", e.text);
		status = err_exit_status(&e);
	}
	cli_end(&c);
	return status;
}
