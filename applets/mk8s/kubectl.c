/* mk8s kubectl: which cluster, which kubectl. */
#include "applets/mk8s/kubectl.h"

#include <stdlib.h>
#include <string.h>

#include "applets/mk8s/verb.h"
#include "lib/format/timefmt.h"

#define CLUSTER_TIMEOUT "30s"

/* What stands before kubectl's own words is ours. */
struct choice {
	const char *cluster, *clusters, *timeout;
	bool all;
};

/* The value of `option` when argv[1] is it. Gives the number of words that it takes, or -1. */
static int take_value(int argc, char **argv, const char *option, const char **ret_value, struct err *e)
{
	size_t len = strlen(option);

	if (strncmp(argv[1], option, len) != 0)
		return 0;
	if (argv[1][len] == '=') {
		*ret_value = argv[1] + len + 1;
		return 1;
	}
	if (argv[1][len] != '\0')
		return 0;
	if (argc < 3)
		return err_set(e, ERR_USAGE, "%s: the %s is missing", option,
			       strcmp(option, "--cluster-timeout") == 0 ? "time" : "name");
	*ret_value = argv[2];
	return 2;
}

static int take_one(int argc, char **argv, struct choice *o, struct err *e)
{
	const struct {
		const char *option;
		const char **value;
	} rows[] = {
		{ "--cluster", &o->cluster },
		{ "--clusters", &o->clusters },
		{ "--cluster-timeout", &o->timeout },
	};

	if (strcmp(argv[1], "--all-clusters") == 0) {
		o->all = true;
		return 1;
	}
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int taken = take_value(argc, argv, rows[i].option, rows[i].value, e);

		if (taken)
			return taken;
	}
	return 0;
}

/* Gives the number of words that are ours, or -1. */
static int take_choice(int argc, char **argv, struct choice *o, struct err *e)
{
	int taken = 0, one;

	while (taken + 1 < argc && (one = take_one(argc - taken, argv + taken, o, e)) != 0) {
		if (one < 0)
			return -1;
		taken += one;
	}
	if (o->all + (o->clusters != NULL) + (o->cluster != NULL) > 1)
		return err_set(e, ERR_USAGE, "only one of --cluster, --clusters and --all-clusters may be given");
	if (o->timeout && !o->all && !o->clusters)
		return err_set(e, ERR_USAGE, "--cluster-timeout goes with --clusters or --all-clusters");
	return taken;
}

static int run_fleet(struct cli *c, const struct choice *o, int argc, char **argv, struct err *e)
{
	struct cli_fleet fleet = { .globs = o->clusters };
	struct span timeout = span_of(o->timeout ? o->timeout : CLUSTER_TIMEOUT);

	if (timefmt_parse_duration_ms(timeout, &fleet.timeout_ms, e) < 0 || fleet.timeout_ms == 0)
		return err_set(e, ERR_USAGE, "--cluster-timeout: a time as 30s or 2m is expected, not \"%.60s\"",
			       o->timeout);
	return cli_fleet_run(c, &fleet, argc, argv, e);
}

static int kubectl(struct cli *c, int argc, char **argv, struct err *e)
{
	struct choice o = { 0 };
	const char *cluster, *token;
	char *program;
	int taken = take_choice(argc, argv, &o, e), status;

	if (taken < 0)
		return -1;
	argv += taken;
	argc -= taken;
	if (argc < 2)
		return err_set(e, ERR_USAGE,
			       "mk8s kubectl: kubectl's words are missing: mk8s kubectl get pods");
	if (o.all || o.clusters)
		return run_fleet(c, &o, argc - 1, argv + 1, e);
	if (cli_cluster(c, o.cluster, &cluster, e) < 0 || cli_token(c, &token, e) < 0)
		return -1;
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
	.arguments = "[--cluster NAME | --all-clusters | --clusters GLOB] [--cluster-timeout TIME] WORD...",
	.help = "runs kubectl on the selected cluster: the one on PATH, else the built-in one",
	.run_words = kubectl,
};
