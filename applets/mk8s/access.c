/* The way to one cluster through central, as a kubeconfig entry. */
#include "applets/mk8s/access.h"

#include <limits.h>
#include <stdlib.h>

#include "lib/base/mem.h"

/* The plugin runs without our environment at times: a configuration of its own place is named. */
static void put_args(struct cli *c, struct access *a)
{
	const char *given = getenv("MK8S_CONFIG");
	size_t count = 0;

	a->args[count++] = "credential";
	a->args[count++] = "--cluster";
	a->args[count++] = a->cluster;
	if (given && *given) {
		a->config = realpath(c->config_path, NULL);
		a->args[count++] = "--config";
		a->args[count++] = a->config ? a->config : c->config_path;
	}
	a->args[count] = NULL;
}

int access_make(struct cli *c, const char *cluster, struct access *ret_access, struct err *e)
{
	struct access a = { 0 };

	if (cli_cluster_url(c, cluster, &a.server, e) < 0)
		return -1;
	if ((!c->ca_pem && c->ca_sha256 &&
	     err_set(e, ERR_INPUT,
		     "of central's CA only the pin is known here; sign in with --ca-file first") <
		     0) ||
	    cli_self(&a.command, e) < 0) {
		access_free(&a);
		return -1;
	}
	a.cluster = mem_dup_str(cluster);
	*ret_access = a;
	put_args(c, ret_access);
	ret_access->entry = (struct kubeconfig_entry){
		.name = ret_access->cluster,
		.server = ret_access->server,
		.ca_pem = c->ca_pem,
		.exec_command = ret_access->command,
		.exec_args = ret_access->args,
	};
	return 0;
}

void access_free(struct access *a)
{
	free(a->cluster);
	free(a->server);
	free(a->command);
	free(a->config);
	*a = (struct access){ 0 };
}
