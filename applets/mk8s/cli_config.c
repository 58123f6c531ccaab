/* config.yaml: which central, which cluster; and the anchors in ca.pem. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "applets/mk8s/cli.h"
#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/base/nearest.h"
#include "lib/base/secret.h"
#include "lib/format/url.h"
#include "lib/format/yaml.h"
#include "lib/net/fetch.h"

static const char *const key_names[] = { "central_url", "current_cluster", "ca_sha256" };

void cli_begin(struct cli *c)
{
	*c = (struct cli){ .lock_fd = -1 };
}

void cli_end(struct cli *c)
{
	cli_unlock(c);
	fetch_free(c->fetch);
	cli_session_clear(&c->session);
	free(c->config_path);
	free(c->dir);
	free(c->remembered_url);
	free(c->central_url);
	free(c->current_cluster);
	free(c->ca_sha256);
	free(c->ca_pem);
}

static const char *base_name(const struct cli *c)
{
	const char *slash = strrchr(c->config_path, '/');

	return slash ? slash + 1 : c->config_path;
}

static int unknown_key(const struct cli *c, const struct yaml *key, struct err *e)
{
	const char *near = nearest_name(yaml_text(key), key_names, COUNT_OF(key_names));

	return err_set(e, ERR_INPUT, "%s:%zu: there is no key \"%.60s\"%s%s%s", c->config_path,
		       yaml_line(key), yaml_text(key), near ? "; did you mean " : "",
		       near ? near : "", near ? "?" : "");
}

static int take_key(struct cli *c, const struct yaml *key, const struct yaml *value, struct err *e)
{
	char **const slots[] = { &c->remembered_url, &c->current_cluster, &c->ca_sha256 };
	size_t i = 0;

	while (i < COUNT_OF(key_names) && strcmp(key_names[i], yaml_text(key)) != 0)
		i++;
	if (i == COUNT_OF(key_names))
		return unknown_key(c, key, e);
	if (!yaml_text(value))
		return err_set(e, ERR_INPUT, "%s:%zu: %s: it must be a text", c->config_path,
			       yaml_line(key), key_names[i]);
	if (*yaml_text(value) && !yaml_is_null(value))
		*slots[i] = mem_dup_str(yaml_text(value));
	return 0;
}

static int read_yaml(struct cli *c, struct buf *text, struct err *e)
{
	AUTO_YAML struct yaml_docs *docs = NULL;
	const struct yaml *root;

	if (yaml_parse(buf_span(text), YAML_LIMITS(CLI_FILE_MAX), &docs, e) < 0)
		return err_context(e, "%s", c->config_path);
	if (yaml_docs_count(docs) == 0 || yaml_is_null(yaml_docs_at(docs, 0)))
		return 0;
	root = yaml_docs_at(docs, 0);
	if (yaml_docs_count(docs) > 1 || yaml_kind(root) != YAML_MAP)
		return err_set(e, ERR_INPUT, "%s:1: it must be one map of keys and values",
			       c->config_path);
	for (size_t i = 0; i < yaml_count(root); i++) {
		if (take_key(c, yaml_key(root, i), yaml_at(root, i), e) < 0)
			return -1;
	}
	return 0;
}

static int read_file(struct cli *c, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, CLI_FILE_MAX);
	if (cli_file_read(c, base_name(c), false, &text, e) == 0)
		return read_yaml(c, &text, e);
	if (e->code != ERR_NOT_FOUND)
		return -1;
	err_clear(e);
	return 0;
}

/* Anchors are those of the remembered central; another one is met with the machine's. */
static int read_anchors(struct cli *c, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };

	if (!c->central_url || !c->remembered_url ||
	    strcmp(c->central_url, c->remembered_url) != 0) {
		free(c->ca_sha256);
		c->ca_sha256 = NULL;
		return 0;
	}
	buf_init(&text, CLI_FILE_MAX);
	if (cli_file_read(c, "ca.pem", false, &text, e) == 0) {
		c->ca_pem = buf_take_str(&text);
		return 0;
	}
	if (e->code != ERR_NOT_FOUND)
		return -1;
	err_clear(e);
	return 0;
}

int cli_config_load(struct cli *c, struct err *e)
{
	const char *url = getenv("MK8S_URL");

	if (c->config_known)
		return 0;
	if (cli_find_dir(c, e) < 0 || read_file(c, e) < 0)
		return -1;
	if (c->remembered_url) {
		char *plain;

		if (cli_url_parse(c->remembered_url, &plain, e) < 0)
			return err_context(e, "%s: central_url", c->config_path);
		free(c->remembered_url);
		c->remembered_url = plain;
	}
	if (url && *url) {
		if (cli_url_parse(url, &c->central_url, e) < 0)
			return err_context(e, "MK8S_URL");
	} else {
		c->central_url = mem_dup_str(c->remembered_url);
	}
	if (read_anchors(c, e) < 0)
		return -1;
	c->config_known = true;
	return 0;
}

static int parse_tree(struct cli *c, const struct buf *text, struct json **ret_tree, struct err *e)
{
	*ret_tree = NULL;
	if (text->len &&
	    yaml_parse_json(buf_span(text), YAML_LIMITS(CLI_FILE_MAX), ret_tree, e) < 0)
		return err_context(e, "%s", c->config_path);
	if (json_is_object(*ret_tree))
		return 0;
	json_free(*ret_tree);
	*ret_tree = json_new_object();
	return 0;
}

int cli_config_set(struct cli *c, const char *key, const char *value, struct err *e)
{
	AUTO_BUF struct buf text, out;
	AUTO_JSON struct json *tree = NULL;

	buf_init(&text, CLI_FILE_MAX);
	buf_init(&out, CLI_FILE_MAX);
	if (cli_find_dir(c, e) < 0)
		return -1;
	if (cli_file_read(c, base_name(c), false, &text, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
	}
	if (parse_tree(c, &text, &tree, e) < 0)
		return -1;
	if (value)
		json_set_str(tree, key, value);
	else
		json_remove(tree, key);
	if (json_to_yaml(tree, &out, e) < 0)
		return -1;
	return cli_file_write(c, base_name(c), buf_span(&out), e);
}

int cli_url(struct cli *c, const char **ret_url, struct err *e)
{
	if (cli_config_load(c, e) < 0)
		return -1;
	if (!c->central_url)
		return err_set(e, ERR_AUTH,
			       "not logged in: no central is known; try mk8s login URL");
	*ret_url = c->central_url;
	return 0;
}

static bool is_loopback(const struct url *url)
{
	return span_equal_str(url->host, "localhost") || span_equal_str(url->host, "::1") ||
	       span_starts(url->host, SPAN("127."));
}

int cli_url_parse(const char *text, char **ret_url, struct err *e)
{
	AUTO_FREE char *whole =
		strstr(text, "://") ? mem_dup_str(text) : mem_printf("https://%s", text);
	size_t len = strlen(whole);
	struct url url;

	while (len > 0 && whole[len - 1] == '/')
		whole[--len] = '\0';
	if (url_split(span_of(whole), &url, e) < 0 || url.userinfo.len || url.query.len ||
	    !(span_equal_nocase(url.scheme, SPAN("https")) ||
	      span_equal_nocase(url.scheme, SPAN("http"))))
		return err_set(e, ERR_INPUT,
			       "\"%.200s\" is no URL of a central: it must be https://host[:port]",
			       text);
	if (span_equal_nocase(url.scheme, SPAN("http")) && !is_loopback(&url))
		return err_set(e, ERR_INPUT,
			       "\"%.200s\": passwords and tokens go over https only (http is for "
			       "loopback)",
			       text);
	*ret_url = whole;
	whole = NULL;
	return 0;
}

int cli_cluster(struct cli *c, const char *given, const char **ret_cluster, struct err *e)
{
	if (cli_config_load(c, e) < 0)
		return -1;
	*ret_cluster = given ? given : c->current_cluster;
	if (*ret_cluster && **ret_cluster)
		return 0;
	return err_set(
		e, ERR_USAGE,
		"no cluster is selected; try mk8s clusters use NAME, or give --cluster NAME");
}

int cli_cluster_url(struct cli *c, const char *cluster, char **ret_url, struct err *e)
{
	AUTO_FREE char *path = NULL;
	const char *url = NULL;

	if (cli_url(c, &url, e) < 0)
		return -1;
	path = CLI_PATH("clusters", cluster, "k8s");
	*ret_url = mem_printf("%s%s", url, path);
	return 0;
}

int cli_self(char **ret_path, struct err *e)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (len < 0)
		return err_set_errno(e, ERR_IO, errno, "/proc/self/exe");
	*ret_path = mem_dup(path, (size_t)len);
	return 0;
}
