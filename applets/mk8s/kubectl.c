/* mk8s kubectl: which cluster, which kubectl. */
#include "applets/mk8s/kubectl.h"

#include <stdlib.h>
#include <string.h>

#include "applets/mk8s/verb.h"

/* Only what stands before kubectl's own words is ours. Gives the number of words that it takes, or
 * -1. */
static int take_cluster(int argc, char **argv, const char **ret_cluster, struct err *e)
{
	static const char option[] = "--cluster";
	size_t len = strlen(option);

	*ret_cluster = NULL;
	if (argc < 2 || strncmp(argv[1], option, len) != 0)
		return 0;
	if (argv[1][len] == '=') {
		*ret_cluster = argv[1] + len + 1;
		return 1;
	}
	if (argv[1][len] != '\0')
		return 0;
	if (argc < 3)
		return err_set(e, ERR_USAGE, "--cluster: the name is missing");
	*ret_cluster = argv[2];
	return 2;
}

static int kubectl(struct cli *c, int argc, char **argv, struct err *e)
{
	const char *given, *cluster, *token;
	char *program;
	int taken = take_cluster(argc, argv, &given, e), status;

	if (taken < 0 || cli_cluster(c, given, &cluster, e) < 0 || cli_token(c, &token, e) < 0)
		return -1;
	argv += taken;
	argc -= taken;
	if (argc < 2)
		return err_set(e, ERR_USAGE,
			       "mk8s kubectl: kubectl's words are missing: mk8s kubectl get pods");
	program = cli_kubectl_find();
	if (!program)
		return cli_kubectl_builtin(c, cluster, token, argc - 1, argv + 1, e);
	status = cli_kubectl_become(c, program, cluster, argv, e);
	free(program);
	return status;
}

const struct verb verb_kubectl = {
	.name = "kubectl",
	.alias = "k",
	.arguments = "[--cluster NAME] WORD...",
	.help = "runs kubectl on the selected cluster: the one on PATH, else the built-in one",
	.run_words = kubectl,
};
