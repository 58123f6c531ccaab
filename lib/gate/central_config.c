/* Central's configuration: every key of central.yaml. */
#include <stddef.h>

#include "lib/gate/central.h"

#define AT(member) offsetof(struct central_config, member)
#define DAY_MS (24 * 3600 * 1000LL)

static const struct config_key central_keys[] = {
	{ "state_dir", CONFIG_PATH, AT(state_dir), "/var/lib/mk8s", 0, 0,
	  "folder of the database, the keys and the audit trail; made at the first start, mode 0700", NULL, NULL },
	{ "server.address", CONFIG_TEXT, AT(server_address), NULL, 0, 0, "address to listen on; all if unset", NULL,
	  NULL },
	{ "server.http_port", CONFIG_INT, AT(http_port), "8080", 0, 65535, "port of the REST and Kubernetes API", NULL,
	  NULL },
	{ "server.grpc_port", CONFIG_INT, AT(grpc_port), "9090", 0, 65535, "port that agents dial", NULL, NULL },
	{ "server.names", CONFIG_LIST, AT(server_names), "localhost,127.0.0.1", 0, 0,
	  "names and addresses of central, in its certificate; the first one is told to agents", NULL, NULL },
	{ "server.public_url", CONFIG_TEXT, AT(public_url), NULL, 0, 0,
	  "what users are told, where it is not https://<first name>:<http_port>", NULL, NULL },
	{ "server.behind_proxy", CONFIG_BOOL, AT(behind_proxy), "false", 0, 0,
	  "a reverse proxy stands in front of http_port: trust its X-Forwarded-For", NULL, NULL },
	{ "server.conn_max", CONFIG_INT, AT(conn_max), "15000", 10, 1000000, "connections at once, each port", NULL,
	  NULL },
	{ "server.worker_count", CONFIG_INT, AT(worker_count), "0", 0, 256,
	  "threads for REST requests; 0: twice the processors, at least 4", NULL, NULL },
	{ "server.worker_queue_max", CONFIG_INT, AT(worker_queue_max), "256", 1, 100000,
	  "REST requests that wait for a thread; beyond, 503", NULL, NULL },
	{ "server.rate_per_second", CONFIG_INT, AT(rate_per_second), "100", 0, 1000000,
	  "REST requests a second from one address; 0: no limit", NULL, NULL },
	{ "server.rate_burst", CONFIG_INT, AT(rate_burst), "200", 1, 1000000, "and how many at once", NULL, NULL },
	{ "server.drain", CONFIG_DURATION_MS, AT(drain_ms), "20s", 0, 3600000,
	  "how long open requests may go on after a stop was asked for", NULL, NULL },
	{ "server.stall_timeout", CONFIG_DURATION_MS, AT(stall_timeout_ms), "4h", 1000, 7 * DAY_MS,
	  "how long a user may leave a watch, a log or a download unread while the connection lives", NULL, NULL },
	{ "database.driver", CONFIG_CHOICE, AT(database_driver), NULL, 0, 0, "must agree with database.url", NULL,
	  "sqlite|postgres" },
	{ "database.url", CONFIG_SECRET, AT(database_url), NULL, 0, 0,
	  "sqlite:///path; unset: central.db in the state directory", "DATABASE_URL", NULL },
	{ "auth.jwt_secret", CONFIG_IGNORED, 0, NULL, 0, 0,
	  "tokens are signed with RS256 keys of the state directory, which need no secret", NULL, NULL },
	{ "auth.token_expiry", CONFIG_DURATION_MS, AT(token_expiry_ms), "24h", 1000, 30 * DAY_MS,
	  "life of an access token", NULL, NULL },
	{ "auth.refresh_expiry", CONFIG_DURATION_MS, AT(refresh_expiry_ms), "30d", 1000, 365 * DAY_MS,
	  "life of a refresh token; each use gives a new one", NULL, NULL },
	{ "auth.admin_email", CONFIG_TEXT, AT(admin_email), "admin@localhost", 0, 0,
	  "the administrator that the first start makes", NULL, NULL },
	{ "auth.admin_password", CONFIG_SECRET, AT(admin_password), NULL, 0, 0,
	  "and the password; unset: one is made and printed once", NULL, NULL },
	{ "tls.enabled", CONFIG_BOOL, AT(tls_enabled), "true", 0, 0,
	  "TLS on http_port; false binds loopback only, unless server.behind_proxy", NULL, NULL },
	{ "tls.cert_file", CONFIG_PATH, AT(tls_cert_file), NULL, 0, 0,
	  "certificate chain for http_port; unset: a leaf of central's own CA", NULL, NULL },
	{ "tls.key_file", CONFIG_PATH, AT(tls_key_file), NULL, 0, 0, "and its private key", NULL, NULL },
	{ "agent.cert_lifetime", CONFIG_DURATION_MS, AT(agent_cert_lifetime_ms), "24h", 10000, 365 * DAY_MS,
	  "life of an agent's certificate; it is renewed after two thirds", NULL, NULL },
	{ "audit.retention", CONFIG_DURATION_MS, AT(audit_retention_ms), "0s", 0, 100 * 365 * DAY_MS,
	  "rows of the audit trail older than this are removed behind a signed checkpoint; 0s: all stay", NULL, NULL },
	{ "audit.record_exec", CONFIG_BOOL, AT(audit_record_exec), "false", 0, 0,
	  "what exec and attach sessions show is recorded, as asciicast v2 in the state directory; one that cannot be "
	  "recorded is refused", NULL, NULL },
	{ "log.level", CONFIG_CHOICE, AT(log_level), "info", 0, 0, "what is logged", NULL, "debug|info|warn|error" },
	{ "log.format", CONFIG_CHOICE, AT(log_format), "text", 0, 0, "shape of a log line", NULL, "text|json" },
};

const struct config_table central_config_table = { central_keys, COUNT_OF(central_keys), "MK8S_CENTRAL" };
