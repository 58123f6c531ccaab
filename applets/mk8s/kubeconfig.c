/* mk8s kubeconfig and mk8s credential: what kubectl, helm and client-go programs need. */
#include <stdlib.h>
#include <string.h>

#include "applets/mk8s/access.h"
#include "applets/mk8s/verb.h"
#include "lib/base/mem.h"
#include "lib/format/timefmt.h"

struct kubeconfig_options {
	const char *cluster, *file;
	bool all, merge, old_clients;
};

#define AT(member) offsetof(struct kubeconfig_options, member)
static const struct option_row kubeconfig_rows[] = {
	{ "cluster", 'c', OPTION_TEXT, AT(cluster), "NAME", "this cluster, not the selected one",
	  NULL, 0, 0 },
	{ "all", 'A', OPTION_FLAG, AT(all), NULL, "every cluster that you may see", NULL, 0, 0 },
	{ "merge", 0, OPTION_FLAG, AT(merge), NULL,
	  "put it into the file, beside what is there, instead of printing it", NULL, 0, 0 },
	{ "file", 0, OPTION_TEXT, AT(file), "FILE",
	  "of --merge (default: KUBECONFIG's first, else ~/.kube/config)", NULL, 0, 0 },
	{ "old-clients", 0, OPTION_FLAG, AT(old_clients), NULL,
	  "for clients before 1.22, too: the plugin's version v1beta1", NULL, 0, 0 },
};
#undef AT

struct entries {
	struct access *at;
	size_t count;
};

static int entries_add(struct cli *c, struct entries *list, const char *cluster, struct err *e)
{
	list->at = mem_grow(list->at, list->count + 1, sizeof(*list->at));
	if (access_make(c, cluster, &list->at[list->count], e) < 0)
		return -1;
	list->count++;
	return 0;
}

static void entries_free(struct entries *list)
{
	for (size_t i = 0; i < list->count; i++)
		access_free(&list->at[i]);
	free(list->at);
}

static int add_all(struct cli *c, struct entries *list, struct err *e)
{
	AUTO_JSON struct json *answer = NULL;

	if (cli_call_json(c, "GET", "/clusters", NULL, &answer, e) < 0)
		return -1;
	for (const struct json *item = json_first(json_get(answer, "clusters")); item;
	     item = json_next(item)) {
		if (json_str(item, "name") && entries_add(c, list, json_str(item, "name"), e) < 0)
			return -1;
	}
	return list->count ? 0 : err_set(e, ERR_NOT_FOUND, "there is no cluster that you may see");
}

/* Asks central, so that no entry leads nowhere; an id becomes the name. */
static int add_one(struct cli *c, const char *given, struct entries *list, struct err *e)
{
	AUTO_JSON struct json *answer = NULL;
	AUTO_FREE char *path = NULL;
	const char *cluster;

	if (cli_cluster(c, given, &cluster, e) < 0)
		return -1;
	path = CLI_PATH("clusters", cluster);
	if (cli_call_json(c, "GET", path, NULL, &answer, e) < 0)
		return -1;
	return entries_add(c, list, json_str(answer, "name") ? json_str(answer, "name") : cluster,
			   e);
}

static int merge_file(const char *given, char **ret_file, struct err *e)
{
	const char *variable = getenv("KUBECONFIG"), *home = getenv("HOME");
	struct span rest = span_of(variable), first;

	if (given) {
		*ret_file = mem_dup_str(given);
		return 0;
	}
	while (rest.len && span_take_part(&rest, ':', &first)) {
		if (!first.len)
			continue;
		*ret_file = span_dup(first);
		return 0;
	}
	if (!home || !*home)
		return err_set(
			e, ERR_INPUT,
			"no place for the kubeconfig: give --file, or set HOME or KUBECONFIG");
	*ret_file = mem_printf("%s/.kube/config", home);
	return 0;
}

static int write_entries(const struct kubeconfig_options *o, const struct entries *list,
			 struct err *e)
{
	AUTO_FREE struct kubeconfig_entry *entries = mem_new_array(list->count, sizeof(*entries));
	AUTO_FREE char *file = NULL;
	AUTO_BUF struct buf out = { 0 };
	const char *current = o->all ? NULL : list->at[0].cluster;

	for (size_t i = 0; i < list->count; i++) {
		entries[i] = list->at[i].entry;
		entries[i].exec_api = o->old_clients ? KUBECONFIG_EXEC_V1BETA1 : KUBECONFIG_EXEC_V1;
	}
	if (o->merge) {
		if (merge_file(o->file, &file, e) < 0 ||
		    kubeconfig_merge(file, entries, list->count, current, e) < 0)
			return -1;
		for (size_t i = 0; i < list->count; i++)
			cli_note("Context %s is in %s.", list->at[i].cluster, file);
		return 0;
	}
	buf_init(&out, 64 * 1024 * 1024);
	if (kubeconfig_put(&out, entries, list->count, current ? current : list->at[0].cluster, e) <
	    0)
		return -1;
	return buf_ok(&out, "the kubeconfig", e) < 0 ? -1 : cli_write(buf_span(&out), e);
}

static int kubeconfig(struct cli *c, const void *options, const struct options_rest *rest UNUSED,
		      struct err *e)
{
	const struct kubeconfig_options *o = options;
	struct entries list = { 0 };
	int result;

	if (o->all && o->cluster)
		return err_set(e, ERR_USAGE, "--all and --cluster exclude each other");
	if (o->file && !o->merge)
		return err_set(e, ERR_USAGE, "--file needs --merge");
	result = o->all ? add_all(c, &list, e) : add_one(c, o->cluster, &list, e);
	if (result == 0)
		result = write_entries(o, &list, e);
	entries_free(&list);
	return result;
}

const struct verb verb_kubeconfig = {
	.name = "kubeconfig",
	.help = "prints a kubeconfig that reaches a cluster through central",
	VERB_OPTIONS(kubeconfig_rows, struct kubeconfig_options),
	.run = kubeconfig,
};

struct credential_options {
	const char *cluster, *config;
};

static const struct option_row credential_rows[] = {
	{ "cluster", 'c', OPTION_TEXT, offsetof(struct credential_options, cluster), "NAME",
	  "the cluster it is for, named when something is wrong", NULL, 0, 0 },
	{ "config", 0, OPTION_TEXT, offsetof(struct credential_options, config), "FILE",
	  "the configuration, not MK8S_CONFIG or ~/.mk8s/config.yaml", NULL, 0, 0 },
};

/* The version that the client asks for by KUBERNETES_EXEC_INFO: v1, unless it is v1beta1. */
static const char *asked_version(void)
{
	AUTO_JSON struct json *info = NULL;
	struct err ignored = { 0 };
	const char *text = getenv("KUBERNETES_EXEC_INFO"), *version = NULL;

	if (text && json_parse(span_of(text), JSON_LIMITS(CLI_FILE_MAX), &info, &ignored) == 0)
		version = json_str(info, "apiVersion");
	return version && strcmp(version, KUBECONFIG_EXEC_V1BETA1) == 0 ? KUBECONFIG_EXEC_V1BETA1 :
									  KUBECONFIG_EXEC_V1;
}

/* An ExecCredential. A token from MK8S_TOKEN comes without its end. */
static int put_credential(const char *token, int64_t expires_unix_s, struct err *e)
{
	AUTO_BUF struct buf out = { 0 };
	char date[TIMEFMT_SIZE];

	buf_init_secret(&out, CLI_FILE_MAX);
	(void)buf_printf(&out, "{\"apiVersion\":\"%s\",\"kind\":\"ExecCredential\",\"status\":{",
			 asked_version());
	if (expires_unix_s) {
		timefmt_date(expires_unix_s, date);
		(void)buf_printf(&out, "\"expirationTimestamp\":\"%s\",", date);
	}
	(void)buf_put_str(&out, "\"token\":");
	json_put_quoted(&out, span_of(token));
	(void)buf_put_str(&out, "}}\n");
	return buf_ok(&out, "the credential", e) < 0 ? -1 : cli_write(buf_span(&out), e);
}

static int credential(struct cli *c, const void *options, const struct options_rest *rest UNUSED,
		      struct err *e)
{
	const struct credential_options *o = options;
	const char *token;

	c->config_option = o->config;
	if (cli_token(c, &token, e) < 0)
		return o->cluster ? err_context(e, "cluster %s", o->cluster) : -1;
	return put_credential(token, token == c->session.token ? c->session.expires_unix_s : 0, e);
}

const struct verb verb_credential = {
	.name = "credential",
	.help = "prints a token for kubectl (client.authentication.k8s.io exec plugin)",
	VERB_OPTIONS(credential_rows, struct credential_options),
	.run = credential,
};
