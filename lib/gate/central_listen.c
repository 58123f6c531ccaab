/* Central's listeners: TLS from files or from its own CA, the users' port and the agents' port. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/gate/central.h"
#include "lib/gate/central_state.h"
#include "lib/net/server.h"

#define PEM_MAX_LEN (1024 * 1024)
#define HANDSHAKE_TIMEOUT_MS 15000

static const char *const user_alpn[] = { "h2", "http/1.1", NULL };
static const char *const agent_alpn[] = { "mk8s-reverse/1", "h2", NULL };

static int issue_own(struct central *c, struct buf *ret_chain, struct buf *ret_key, struct err *e)
{
	return keys_issue_server(c->keys, (const char *const *)c->config.server_names.item,
				 c->config.server_names.count, ret_chain, ret_key, e);
}

static int read_files(const struct central_config *config, struct buf *ret_chain,
		      struct buf *ret_key, struct err *e)
{
	if (!config->tls_key_file)
		return err_set(e, ERR_INPUT, "tls.cert_file is set, tls.key_file is not: both are needed");
	if (file_read(config->tls_cert_file, ret_chain, e) < 0)
		return err_context(e, "tls.cert_file");
	if (file_read(config->tls_key_file, ret_key, e) < 0)
		return err_context(e, "tls.key_file");
	return 0;
}

struct tls *central_user_tls(struct central *c, const struct central_config *config, struct err *e)
{
	AUTO_BUF struct buf chain, key;
	struct tls_server_options o = { .tickets = true, .alpn = user_alpn };
	int made;

	buf_init(&chain, PEM_MAX_LEN);
	buf_init_secret(&key, PEM_MAX_LEN);
	made = config->tls_cert_file ? read_files(config, &chain, &key, e) :
				       issue_own(c, &chain, &key, e);
	if (made < 0)
		return NULL;
	o.cert_pem = buf_span(&chain);
	o.key_pem = buf_span(&key);
	return tls_server_new(&o, e);
}

static struct tls *agent_tls(struct central *c, struct err *e)
{
	AUTO_BUF struct buf chain, key;
	struct tls_server_options o = {
		.client_ca_pem = span_of(keys_ca_pem(c->keys)),
		.client_auth = TLS_CLIENT_OPTIONAL,
		.alpn = agent_alpn,
	};

	buf_init(&chain, PEM_MAX_LEN);
	buf_init_secret(&key, PEM_MAX_LEN);
	if (issue_own(c, &chain, &key, e) < 0)
		return NULL;
	o.cert_pem = buf_span(&chain);
	o.key_pem = buf_span(&key);
	return tls_server_new(&o, e);
}

/* A reversed connection: whose certificate it shows is its identity, and that must be in force. */
static void accept_agent(void *app, struct conn *conn)
{
	struct central *c = app;
	struct tunnel_peer peer;
	struct err e = { 0 };

	if (conn_peer_cert(conn).len == 0)
		err_set(&e, ERR_AUTH, "no client certificate");
	else if (keys_agent_cert_read(conn_peer_cert(conn), peer.cluster_id, peer.serial,
				      sizeof(peer.serial), &peer.expires_unix_s, &e) == 0 &&
		 !snapshot_cert_valid(c->snapshot, peer.serial, peer.cluster_id, clock_unix_s()))
		err_set(&e, ERR_AUTH, "the certificate is not in force");
	if (e.code != ERR_NONE) {
		log_event(LOG_WARN, "agent refused", LOG_STR("peer", conn_peer(conn)),
			  LOG_STR("error", e.text));
		conn_close(conn);
		return;
	}
	tunnel_accept(c->tunnel, conn, &peer);
}

static int listen_users(struct central *c, struct err *e)
{
	bool loopback = !c->config.tls_enabled && !c->config.behind_proxy;
	struct server_listen o = {
		.listener = { .address = loopback ? "127.0.0.1" : c->config.server_address,
			      .port = (uint16_t)c->config.http_port,
			      .conn_max = (unsigned)c->config.conn_max,
			      .handshake_timeout_ms = HANDSHAKE_TIMEOUT_MS },
		.routes = central_routes,
		.route_count = central_route_count,
		.docs = central_route_docs,
		.doc_count = central_route_doc_count,
		.schemas = central_schemas,
		.health = true,
	};

	if (c->config.tls_enabled && !(o.listener.tls = central_user_tls(c, &c->config, e)))
		return -1;
	c->http_listener = server_listen(c->server, &o, e);
	tls_unref(o.listener.tls);
	return c->http_listener ? 0 : err_context(e, "server.http_port");
}

static int listen_agents(struct central *c, struct err *e)
{
	struct server_listen o = {
		.listener = { .address = c->config.server_address,
			      .port = (uint16_t)c->config.grpc_port,
			      .conn_max = (unsigned)c->config.conn_max,
			      .handshake_timeout_ms = HANDSHAKE_TIMEOUT_MS },
		.grpc = central_agent_methods,
		.grpc_count = central_agent_method_count,
		.raw_alpn = agent_alpn[0],
		.on_raw = accept_agent,
	};

	o.listener.tls = agent_tls(c, e);
	if (!o.listener.tls)
		return -1;
	c->agent_listener = server_listen(c->server, &o, e);
	tls_unref(o.listener.tls);
	return c->agent_listener ? 0 : err_context(e, "server.grpc_port");
}

int central_listen(struct central *c, struct err *e)
{
	return listen_users(c, e) < 0 || listen_agents(c, e) < 0 ? -1 : 0;
}

void central_renew_leaves(struct central *c)
{
	struct err e = { 0 };
	struct tls *agents = agent_tls(c, &e);
	struct tls *users = c->config.tls_enabled && agents ? central_user_tls(c, &c->config, &e) :
							      NULL;

	if (agents)
		listener_set_tls(c->agent_listener, agents);
	if (users)
		listener_set_tls(c->http_listener, users);
	if (e.code != ERR_NONE)
		log_event(LOG_ERROR, "server certificate not renewed", LOG_STR("error", e.text));
	tls_unref(agents);
	tls_unref(users);
}

static bool is_ipv6(const char *name)
{
	return strchr(name, ':') != NULL;
}

char *central_user_url(const struct central *c)
{
	const char *name = c->config.server_names.item[0];

	if (c->config.public_url)
		return mem_dup_str(c->config.public_url);
	return mem_printf(is_ipv6(name) ? "%s://[%s]:%u" : "%s://%s:%u",
			  c->config.tls_enabled ? "https" : "http", name,
			  listener_port(c->http_listener));
}

char *central_agent_url(const struct central *c)
{
	const char *name = c->config.server_names.item[0];

	return mem_printf(is_ipv6(name) ? "https://[%s]:%u" : "https://%s:%u", name,
			  listener_port(c->agent_listener));
}
