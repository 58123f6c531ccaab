/*
 * The agent's way to its own API server: kept connections, its own credential, nothing else
 * reachable.
 */
#include <stdlib.h>

#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/format/url.h"
#include "lib/gate/agent_state.h"
#include "lib/gate/header_filter.h"

#define TOKEN_MAX_LEN (64 * 1024)
#define TOKEN_FRESH_MS 60000 /* a mounted token rotates about once an hour */

struct agent_upstream {
	struct loop *loop;
	const struct kube_target *target;
	struct h1_pool *pool;
	char *host;
	char *authority;
	char *scheme;
	char *prefix;  /* path of the server's URL, without '/' at the end */
	char *bearer;  /* "Bearer ...", a secret; NULL when a certificate identifies us */
	uint64_t bearer_read_ms;
};

static int upstream_tls(const struct kube_target *t, struct tls **ret_tls, struct err *e)
{
	static const char *const alpn[] = { "http/1.1", NULL };
	struct tls_client_options o = {
		.ca_pem = span_of(t->ca_pem),
		.cert_pem = span_of(t->cert_pem),
		.key_pem = span_of(t->key_pem),
		.insecure = t->insecure,
		.alpn = alpn,
	};

	*ret_tls = tls_client_new(&o, e);
	return *ret_tls ? 0 : err_context(e, "API server %s", t->server);
}

static int upstream_pool(struct agent_upstream *u, const struct url *url,
			 const struct agent_config *config, struct err *e)
{
	bool is_tls = span_equal_nocase(url->scheme, SPAN("https"));
	struct h1_pool_options o = {
		.target = { .host = u->host,
			    .port = url->port ? url->port : is_tls ? 443 : 80,
			    .server_name = u->target->tls_server_name,
			    .proxy = u->target->proxy_url,
			    .timeout_ms = 10000 },
		.limits = { .head_max = 64 * 1024,
			    .field_count_max = 128,
			    .head_timeout_ms = 70000, /* the API server's own limit is 60 s */
			    .body_timeout_ms = 0,     /* a quiet watch is no fault */
			    .write_timeout_ms = 60000 },
		.conn_max = (unsigned)config->upstream_conn_max,
		.queue_timeout_ms = 10000,
		.idle_timeout_ms = 90000,
	};

	if (is_tls && upstream_tls(u->target, &o.target.tls, e) < 0)
		return -1;
	u->pool = h1_pool_new(u->loop, &o);
	tls_unref(o.target.tls);
	return 0;
}

int agent_upstream_new(struct loop *l, const struct kube_target *t,
		       const struct agent_config *config, struct agent_upstream **ret_upstream,
		       struct err *e)
{
	struct agent_upstream *u;
	struct url url;

	if (url_split(span_of(t->server), &url, e) < 0)
		return err_context(e, "API server %s", t->server);
	u = mem_new(sizeof(*u));
	u->loop = l;
	u->target = t;
	u->host = span_dup(url.host);
	u->scheme = span_dup(url.scheme);
	u->prefix = span_dup(url.path);
	u->authority = url.port ? mem_printf(url.host_is_ipv6 ? "[%s]:%u" : "%s:%u", u->host, url.port) :
				  mem_printf(url.host_is_ipv6 ? "[%s]" : "%s", u->host);
	if (upstream_pool(u, &url, config, e) < 0) {
		agent_upstream_free(u);
		return -1;
	}
	*ret_upstream = u;
	return 0;
}

void agent_upstream_free(struct agent_upstream *u)
{
	if (!u)
		return;
	h1_pool_free(u->pool);
	secret_free(u->bearer);
	free(u->host);
	free(u->authority);
	free(u->scheme);
	free(u->prefix);
	free(u);
}

/*
 * The token file is small and in memory (a projected volume): reading it does not hold up the
 * loop.
 */
static const char *upstream_bearer(struct agent_upstream *u)
{
	uint64_t now = loop_now_ms(u->loop);
	AUTO_BUF struct buf token;
	struct err e = { 0 };

	buf_init_secret(&token, TOKEN_MAX_LEN);
	if (!u->target->token_file && !u->target->token)
		return NULL;
	if (u->bearer && (!u->target->token_file || now - u->bearer_read_ms < TOKEN_FRESH_MS))
		return u->bearer;
	(void)buf_put_str(&token, "Bearer ");
	if (!u->target->token_file)
		(void)buf_put_str(&token, u->target->token);
	else if (file_read(u->target->token_file, &token, &e) < 0)
		return u->bearer; /* the last one may still be good; the API server decides */
	while (token.len && (token.at[token.len - 1] == '\n' || token.at[token.len - 1] == ' '))
		token.len--;
	secret_free(u->bearer);
	u->bearer = mem_dup(token.at, token.len);
	u->bearer_read_ms = now;
	return u->bearer;
}

struct http_stream *agent_upstream_request(struct agent_upstream *u, const struct http_head *asked,
					   struct header_list *fields, bool end, const struct http_events *events,
					   void *owner)
{
	AUTO_FREE char *path = u->prefix[0] ? mem_printf("%s%.*s", u->prefix, SPAN_ARG(asked->target)) : NULL;
	const char *bearer = upstream_bearer(u);
	struct http_head head = {
		.method = asked->method,
		.protocol = asked->protocol,
		.scheme = span_of(u->scheme),
		.authority = span_of(u->authority),
		.target = path ? span_of(path) : asked->target,
	};

	if (bearer)
		header_list_add(fields, "authorization", span_of(bearer));
	head.fields = fields->at;
	head.field_count = fields->count;
	return h1_pool_request(u->pool, &head, end, events, owner);
}
