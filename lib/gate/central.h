/*
 * Central: the state that its routes, its tunnel and its audit trail share, and its start and
 * stop.
 *
 * The loop's thread owns the tunnel, the token cache and the proxied requests. Workers run REST
 * and gRPC handlers; they reach the directory, the keys and the audit trail, which are safe from
 * any thread, and take a reference of the snapshot.
 */
#ifndef MK8S_GATE_CENTRAL_H
#define MK8S_GATE_CENTRAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/format/config.h"
#include "lib/gate/audit.h"
#include "lib/gate/backoff.h"
#include "lib/gate/directory.h"
#include "lib/gate/keys.h"
#include "lib/gate/snapshot.h"
#include "lib/gate/tunnel.h"
#include "lib/net/server.h"

/* As in central.yaml; the table is central_config. */
struct central_config {
	char *server_address;
	int64_t http_port, grpc_port;
	struct config_list server_names; /* of the leaf certificate; the first one is in manifests and messages */
	bool behind_proxy;
	char *public_url; /* what agents and users are told; NULL: from the names and ports */
	char *database_driver, *database_url;
	int64_t token_expiry_ms, refresh_expiry_ms;
	char *admin_email, *admin_password; /* of the first start */
	bool tls_enabled;
	char *tls_cert_file, *tls_key_file;
	int64_t agent_cert_lifetime_ms;
	int64_t audit_retention_ms; /* 0: all */
	bool audit_record_exec;
	int64_t worker_count, worker_queue_max;
	int64_t rate_per_second, rate_burst;
	int64_t drain_ms;
	int64_t stall_timeout_ms;
	int64_t conn_max;
	int64_t command_max, command_user_max, command_timeout_ms, command_timeout_max_ms;
	char *log_level, *log_format;
	char *state_dir;
};

extern const struct config_table central_config_table;

struct central {
	struct central_config config;
	struct loop *loop;
	int lock_fd; /* holds the state directory against a second central; -1: not yet */
	struct server *server;
	struct listener *http_listener, *agent_listener;
	struct store *store;
	struct directory *directory;
	struct keys *keys;
	struct audit *audit;
	struct recorder *recorder; /* NULL: sessions are not recorded */
	struct tunnel *tunnel;
	struct token_cache *tokens; /* loop only */
	struct proxied *proxied;    /* requests under way, a list; loop only */
	struct command *commands;   /* and commands; loop only */
	size_t command_bytes;       /* what they hold in memory */
	struct proxy_scratch *scratch; /* the parsed request of the decision under way; loop only */
	struct backoff *login_backoff, *join_backoff;
	_Atomic int password_jobs; /* workers that hash a password now: bounded, so that logins hold up nothing else */
	struct loop_timer *tick;
	bool looking; /* a worker reads the state directory again; loop only */
	bool ca_changed; /* and found another CA; its own while `looking` */
	pthread_mutex_t snapshot_lock; /* guards `snapshot` against other threads; the loop alone sets it */
	struct snapshot *snapshot;
	pthread_mutex_t publish_lock;  /* one publisher at a time */
	uint64_t ticks; /* seconds since the start; loop only */
	bool first_start;
	char *admin_password; /* made at the first start; printed once by the applet, then wiped */
};

/* Opens the state, makes what is missing, listens. `config` is moved into the result. The caller owns it. */
int central_start(struct loop *l, struct central_config *config, struct central **ret_central, struct err *e);
/* Graceful stop; ends loop_run when all is flushed. A second call cuts it short. */
void central_stop(struct central *c);
/* After loop_run. Takes NULL. */
void central_free(struct central *c);
/* New TLS files, log level and limits from `config` (SIGHUP); a failure leaves everything as it is. */
int central_reload(struct central *c, struct central_config *config, struct err *e);

/* A reference to the current snapshot; from any thread. */
struct snapshot *central_snapshot(struct central *c);
/*
 * Makes what the directory now holds the loop's picture; returns when the loop uses it. On
 * workers, after every change.
 */
int central_publish(struct central *c, struct err *e);

/* The database of a configuration, for central itself and for commands beside a running one. The caller owns it. */
int central_store_open(const struct central_config *config, struct store **ret_store, struct err *e);

/* "https://name:port" as users and agents are told. The caller frees it. */
char *central_user_url(const struct central *c);
char *central_agent_url(const struct central *c);

/* What server_options.authenticate makes of a bearer token; rq->identity points to one. */
struct identity {
	struct snapshot *snapshot; /* held */
	const struct snapshot_user *user;
	char sid[37];
	int64_t expires_unix_s;
	bool is_admin;
};
int central_authenticate(struct request *rq, struct err *e);
bool central_identity_is_admin(const void *identity);
const char *central_identity_name(const void *identity);
void central_identity_free(void *identity);

/* Who a stream's request comes from, by the snapshot in force; on the loop (lib/gate/central_who.c). */
struct central_claim {
	char sid[37];
	int64_t expires_unix_s;
};
/* NULL and ERR_AUTH. */
const struct snapshot_user *central_signed_in(struct central *c, const struct http_head *head,
					      struct central_claim *ret_claim, struct err *e);
/* The cluster, or the answer of one that does not exist: who may not see it learns nothing. */
const struct snapshot_cluster *central_visible_cluster(struct central *c, const struct snapshot_user *user,
						       const char *id_or_name, struct err *e);

/* The tables of the other files. */
extern const struct route central_routes[];
extern const size_t central_route_count;
extern const struct route_doc central_route_docs[];
extern const size_t central_route_doc_count;
extern const char central_schemas[];
extern const struct grpc_method central_agent_methods[];
extern const size_t central_agent_method_count;

/* STREAM handler of ANY /clusters/{id}/k8s/ and all below (lib/gate/proxy.c). */
void proxy_serve(void *app, struct http_stream *s, const char *const *params);
/* Decides anew about every request under way, with the current snapshot; ends those that are no longer allowed. */
void proxy_recheck(struct central *c);
/* STREAM handler of POST /clusters/{id}/exec (lib/gate/command.c), and the same for its commands. */
void command_serve(void *app, struct http_stream *s, const char *const *params);
void command_recheck(struct central *c);

#endif
