/* Loading kubeconfig files: one context of them becomes a target. */
#include "lib/kube/kubeconfig.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/format/base64.h"
#include "lib/kube/kubeconfig_sources.h"

void kube_target_free(struct kube_target *t)
{
	char **const plain[] = { &t->server,     &t->ca_pem,          &t->ca_sha256, &t->cert_pem,
				 &t->token_file, &t->tls_server_name, &t->proxy_url, &t->namespace };

	for (size_t i = 0; i < COUNT_OF(plain); i++)
		free(*plain[i]);
	secret_free(t->key_pem);
	secret_free(t->token);
	memset(t, 0, sizeof(*t));
}

static char *resolve_path(const struct kubeconfig_source *source, const char *path)
{
	return path[0] == '/' ? mem_dup_str(path) : mem_printf("%s/%s", source->dir, path);
}

/* Base64 as Go reads []byte: line breaks inside do not matter. */
static int decode_data(const char *text, struct buf *out, struct err *e)
{
	struct buf packed;
	int rc;

	buf_init_secret(&packed, KUBECONFIG_MAX_LEN);
	for (const char *at = text; *at; at++)
		if (*at != '\n' && *at != '\r')
			(void)buf_put_char(&packed, *at);
	rc = base64_decode(buf_span(&packed), BASE64_STD, out, e);
	buf_free(&packed);
	return rc;
}

/* PEM text of KEY-data, else of the file that KEY names; NULL when there is neither. */
static int load_pem(const struct kubeconfig_found *from, const char *key, char **ret, struct err *e)
{
	AUTO_FREE char *data_key = mem_printf("%s-data", key);
	const char *data = kubeconfig_text_at(from->body, data_key),
		   *path = kubeconfig_text_at(from->body, key);
	AUTO_FREE char *full = path ? resolve_path(from->source, path) : NULL;
	struct buf text;
	int rc = 0;

	if (!data && !path)
		return 0;
	buf_init_secret(&text, KUBECONFIG_MAX_LEN);
	rc = data ? decode_data(data, &text, e) : file_read(full, &text, e);
	if (rc)
		(void)err_context(e, "kubeconfig %.120s: %s", from->source->name, data ? data_key : key);
	else if (memchr(text.len ? text.at : "", '\0', text.len))
		rc = err_set(e, ERR_INPUT, "kubeconfig %.120s: %s is no PEM text", from->source->name, key);
	else
		*ret = buf_take_str(&text);
	buf_free(&text);
	return rc;
}

static int load_server(const struct kubeconfig_found *from, struct kube_target *t, struct err *e)
{
	const char *server = kubeconfig_text_at(from->body, "server");
	size_t len = server ? strlen(server) : 0;

	if (!server || (strncmp(server, "https://", 8) != 0 && strncmp(server, "http://", 7) != 0))
		return err_set(e, ERR_INPUT,
			       "kubeconfig %.120s: server '%.100s': expected https://host[:port]",
			       from->source->name, server ? server : "");
	while (len && server[len - 1] == '/')
		len--;
	t->server = mem_dup(server, len);
	return 0;
}

static int load_cluster(const struct kubeconfig_found *from, struct kube_target *t, struct err *e)
{
	const char *insecure = kubeconfig_text_at(from->body, "insecure-skip-tls-verify");

	if (load_server(from, t, e) || load_pem(from, "certificate-authority", &t->ca_pem, e))
		return -1;
	t->insecure = insecure && strcmp(insecure, "true") == 0;
	if (t->insecure && t->ca_pem)
		return err_set(e, ERR_INPUT,
			       "kubeconfig %.120s: certificate-authority and insecure-skip-tls-verify exclude "
			       "each other",
			       from->source->name);
	t->tls_server_name = mem_dup_str(kubeconfig_text_at(from->body, "tls-server-name"));
	t->proxy_url = mem_dup_str(kubeconfig_text_at(from->body, "proxy-url"));
	return 0;
}

/* What would be ignored silently otherwise. */
static int refuse_unsupported(const struct kubeconfig_found *from, const char *name, struct err *e)
{
	static const struct {
		const char *key, *why;
	} refused[] = {
		{ "exec",
		  "gets its credential from another program, which the built-in client does not run; "
		  "the kubectl program does" },
		{ "auth-provider", "uses an auth-provider, which is not supported" },
		{ "username", "signs in with a password, which Kubernetes no longer accepts" },
		{ "as", "impersonates another user (as), which is not supported" },
	};

	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		const struct yaml *value = yaml_get(from->body, refused[i].key);

		if (value && !yaml_is_null(value))
			return err_set(e, ERR_INPUT, "kubeconfig %.120s: user '%.60s' %s", from->source->name,
				       name, refused[i].why);
	}
	return 0;
}

static int load_user(const struct kubeconfig_found *from, const char *name, struct kube_target *t,
		     struct err *e)
{
	const char *token_file = kubeconfig_text_at(from->body, "tokenFile");

	if (!from->body || yaml_kind(from->body) != YAML_MAP)
		return 0;
	if (refuse_unsupported(from, name, e) ||
	    load_pem(from, "client-certificate", &t->cert_pem, e) ||
	    load_pem(from, "client-key", &t->key_pem, e))
		return -1;
	if (!t->cert_pem != !t->key_pem)
		return err_set(e, ERR_INPUT,
			       "kubeconfig %.120s: user '%.60s' needs client-certificate and client-key, both",
			       from->source->name, name);
	t->token = mem_dup_str(kubeconfig_text_at(from->body, "token"));
	t->token_file = token_file ? resolve_path(from->source, token_file) : NULL;
	return 0;
}

static int load_context(const struct kubeconfig_sources *s, const char *name, struct kube_target *t,
			struct err *e)
{
	struct kubeconfig_found context, cluster, user;
	const char *cluster_name, *user_name, *namespace;

	if (!kubeconfig_find(s, "contexts", "context", name, &context))
		return kubeconfig_no_context(s, name, e);
	cluster_name = kubeconfig_text_at(context.body, "cluster");
	user_name = kubeconfig_text_at(context.body, "user");
	namespace = kubeconfig_text_at(context.body, "namespace");
	if (!cluster_name || !kubeconfig_find(s, "clusters", "cluster", cluster_name, &cluster))
		return err_set(e, ERR_NOT_FOUND,
			       "kubeconfig %.120s: context '%.60s': cluster '%.60s' is not in it",
			       context.source->name, name, cluster_name ? cluster_name : "");
	if (user_name && !kubeconfig_find(s, "users", "user", user_name, &user))
		return err_set(e, ERR_NOT_FOUND,
			       "kubeconfig %.120s: context '%.60s': user '%.60s' is not in it",
			       context.source->name, name, user_name);
	if (load_cluster(&cluster, t, e) || (user_name && load_user(&user, user_name, t, e)))
		return -1;
	t->namespace = mem_dup_str(namespace ? namespace : "default");
	return 0;
}

static int resolve(const struct kubeconfig_sources *s, const char *context,
		   struct kube_target *ret_target, struct err *e)
{
	struct kube_target t = { 0 };
	const char *name = context ? context : kubeconfig_current_context(s);

	if (!name)
		return err_set(e, ERR_NOT_FOUND,
			       s->count ? "the kubeconfig sets no current-context: choose one with --context"
					: "no kubeconfig found: set KUBECONFIG, or write ~/.kube/config");
	if (load_context(s, name, &t, e)) {
		kube_target_free(&t);
		return -1;
	}
	*ret_target = t;
	return 0;
}

int kubeconfig_load(const struct kubeconfig_choice *c, struct kube_target *ret_target,
		    struct err *e)
{
	struct kubeconfig_sources s = { .count = 0 };
	int rc = kubeconfig_add_chosen(&s, c, e);

	if (rc == 0)
		rc = resolve(&s, c->context, ret_target, e);
	kubeconfig_sources_free(&s);
	return rc;
}

int kubeconfig_parse(struct span yaml, const char *name, const char *dir, const char *context,
		     struct kube_target *ret_target, struct err *e)
{
	struct kubeconfig_sources s = { .count = 0 };
	int rc = kubeconfig_add_source(&s, yaml, name, dir, e);

	if (rc == 0)
		rc = resolve(&s, context, ret_target, e);
	kubeconfig_sources_free(&s);
	return rc;
}

static int read_text(const char *dir, const char *file, char **ret, struct err *e)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, file);
	struct buf text;
	int rc;

	buf_init(&text, KUBECONFIG_MAX_LEN);
	rc = file_read(path, &text, e);
	if (rc == 0)
		*ret = buf_take_str(&text);
	buf_free(&text);
	return rc;
}

static int load_pod(const char *host, const char *port, const char *dir, struct kube_target *t,
		    struct err *e)
{
	struct err ignored = { 0 };
	char *token = NULL, *namespace = NULL;

	if (read_text(dir, "token", &token, e) || read_text(dir, "ca.crt", &t->ca_pem, e)) {
		secret_free(token);
		return err_context(e, "in-cluster configuration");
	}
	secret_free(token); /* only whether it can be read: it is read again for each request */
	t->token_file = mem_printf("%s/token", dir);
	t->server = mem_printf(strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
	if (read_text(dir, "namespace", &namespace, &ignored) == 0)
		t->namespace = span_dup(span_trim(span_from(namespace, strcspn(namespace, "\r\n"))));
	free(namespace);
	if (!t->namespace || t->namespace[0] == '\0') {
		free(t->namespace);
		t->namespace = mem_dup_str("default");
	}
	return 0;
}

int kubeconfig_in_cluster(const char *host, const char *port, const char *dir,
			  struct kube_target *ret_target, struct err *e)
{
	struct kube_target t = { 0 };

	if (!host || !host[0] || !port || !port[0])
		return err_set(e, ERR_NOT_FOUND,
			       "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
	if (load_pod(host, port, dir ? dir : "/var/run/secrets/kubernetes.io/serviceaccount", &t, e)) {
		kube_target_free(&t);
		return -1;
	}
	*ret_target = t;
	return 0;
}
