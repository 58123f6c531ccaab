/* kubesim: a small Kubernetes API server in memory, for tests. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/attr.h"
#include "lib/base/file.h"
#include "lib/base/options.h"
#include "lib/crypto/random.h"
#include "lib/net/server.h"
#include "tests/kubesim/call.h"
#include "tests/kubesim/change.h"
#include "tests/kubesim/logs.h"

struct options {
	int64_t port;
	const char *address, *cert, *key, *client_ca, *token_file, *audit_log;
	bool help;
};

#define ROW(name, kind, member, value_name, help) \
	{ name, 0, kind, offsetof(struct options, member), value_name, help, NULL, 0, 65535 }

static const struct option_row rows[] = {
	ROW("port", OPTION_INT, port, "PORT", "where to listen; 0, the default, lets the kernel choose"),
	ROW("address", OPTION_TEXT, address, "ADDRESS", "where to listen; 127.0.0.1 by default"),
	ROW("cert", OPTION_TEXT, cert, "FILE", "serve TLS with this certificate, and --key; plain HTTP without"),
	ROW("key", OPTION_TEXT, key, "FILE", "the certificate's key"),
	ROW("client-ca", OPTION_TEXT, client_ca, "FILE",
		"accept client certificates of this CA: CN is the user, O the groups"),
	ROW("token-file", OPTION_TEXT, token_file, "FILE", "lines of token,user,uid,\"group,group\""),
	ROW("audit-log", OPTION_TEXT, audit_log, "FILE", "append one audit event a line, before each answer"),
	ROW("help", OPTION_FLAG, help, NULL, "this text"),
};

static void on_request(void *app, struct http_stream *s, const char *const *params)
{
	(void)params;
	call_begin(app, s);
}

static const struct route routes[] = {
	{ "*", "/*", ACCESS_PUBLIC, NULL, on_request, 0, "the Kubernetes API" },
};

static int read_pem(const char *path, struct buf *into, struct err *e)
{
	buf_init(into, 1024 * 1024);
	return path ? file_read(path, into, e) : 0;
}

/* NULL without an error when no certificate was named. */
static struct tls *open_tls(const struct options *o, struct err *e)
{
	static const char *const alpn[] = { "h2", "http/1.1", NULL };
	AUTO_BUF struct buf cert, key, ca;
	int failed = read_pem(o->cert, &cert, e) | read_pem(o->key, &key, e) | read_pem(o->client_ca, &ca, e);

	if (failed || !o->cert)
		return NULL;
	return tls_server_new(&(struct tls_server_options){ .cert_pem = buf_span(&cert),
							    .key_pem = buf_span(&key),
							    .client_ca_pem = buf_span(&ca),
							    .client_auth = o->client_ca ? TLS_CLIENT_OPTIONAL : TLS_CLIENT_NONE,
							    .tickets = !o->client_ca,
							    .alpn = alpn },
			      e);
}

static int open_listener(struct sim *sim, struct server *server, const struct options *o, struct err *e)
{
	struct tls *tls = open_tls(o, e);
	struct listener *listener;
	struct server_listen listen = { .listener = { .address = o->address ? o->address : "127.0.0.1",
						      .port = (uint16_t)o->port,
						      .tls = tls,
						      .conn_max = 20000,
						      .handshake_timeout_ms = 10000 },
					.routes = routes,
					.route_count = COUNT_OF(routes) };

	if (!tls && o->cert)
		return -1;
	listener = server_listen(server, &listen, e);
	tls_unref(tls);
	if (!listener)
		return -1;
	sim->port = listener_port(listener);
	return 0;
}

static void on_signal(void *owner, int signo)
{
	(void)signo;
	loop_stop(owner);
}

static int prepare(struct sim *sim, struct server *server, const struct options *o, struct err *e)
{
	resources_init(&sim->resources);
	access_init(&sim->access, &sim->resources);
	logs_init(sim);
	change_seed(sim);
	if (o->token_file && access_load_tokens(&sim->access, o->token_file, e) < 0)
		return -1;
	if (o->audit_log) {
		sim->audit_fd = open(o->audit_log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (sim->audit_fd < 0)
			return err_set(e, ERR_IO, "%s cannot be opened", o->audit_log);
	}
	if (loop_signal(sim->loop, SIGTERM, on_signal, sim->loop, e) < 0 ||
	    loop_signal(sim->loop, SIGINT, on_signal, sim->loop, e) < 0)
		return -1;
	return open_listener(sim, server, o, e);
}

static int run(const struct options *o, struct err *e)
{
	struct sim sim = { .audit_fd = -1 };
	struct server_options server_options = { .name = "kubesim", .app = &sim, .worker_count = 1, .worker_queue_max = 1,
						.stall_timeout_ms = 3600 * 1000 };
	struct server *server;

	if (crypto_init(e) < 0 || !(sim.loop = loop_new(e)) || !(server = server_new(sim.loop, &server_options, e)) ||
	    prepare(&sim, server, o, e) < 0)
		return -1;
	printf("kubesim ready port=%u\n", sim.port);
	fflush(stdout);
	loop_run(sim.loop);
	_exit(0); /* streams under way hold parts of all of it; the kernel takes it back */
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct options_rest rest = { 0 };
	struct err e = { 0 };
	AUTO_BUF struct buf help;

	buf_init(&help, 16 * 1024);
	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &rest, &e) == 0 && o.help) {
		options_put_help(&help, rows, COUNT_OF(rows));
		(void)fputs(buf_str(&help), stdout);
	} else if (!e.code) {
		(void)run(&o, &e);
	}
	options_free(rows, COUNT_OF(rows), &o, &rest);
	if (e.code)
		(void)fprintf(stderr, "kubesim: %s\n", e.text);
	return err_exit_status(&e);
}
