/*
 * The agent: dials out to central, joins with a token, keeps its certificate fresh and the
 * reversed connection up, and serves what comes over it from its own API server
 * (proto/agent.proto, proto/REVERSE.md).
 */
#ifndef MK8S_GATE_AGENT_H
#define MK8S_GATE_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/format/config.h"
#include "lib/kube/kubeconfig.h"
#include "lib/net/loop.h"

struct json;

/* As in agent.yaml. */
struct agent_config {
	char *central_url;   /* https://host[:port]; port 9090 if none */
	char *central_token; /* the join token, a secret */
	char *cluster_name;
	char *tls_ca_file, *tls_ca_sha256;
	bool tls_insecure;
	bool impersonate;
	struct json *roles; /* the local cap: a role document's list; NULL: none */
	char *health_address;
	int64_t health_port; /* 0: no health listener */
	int64_t backoff_min_ms, backoff_max_ms;
	int64_t upstream_conn_max;
	int64_t command_max; /* of ExecuteCommand at once */
	int64_t command_memory; /* bytes that these may hold together */
	int64_t drain_ms;
	char *log_level, *log_format;
};

extern const struct config_table agent_config_table;

/* What the types of the table's keys do not say. ERR_INPUT. */
int agent_config_check(const struct agent_config *config, struct err *e);

struct agent;

/*
 * Starts on the loop. `config` and `target` (its own API server) are borrowed and must outlive the
 * agent.
 */
int agent_start(struct loop *l, const struct agent_config *config, const struct kube_target *target,
		struct agent **ret_agent, struct err *e);
/* Whether a reversed connection is up, for /readyz. */
bool agent_is_connected(const struct agent *a);
/*
 * Says GOAWAY, lets streams end within drain_ms, then ends loop_run. A second call cuts it short.
 */
void agent_stop(struct agent *a);
/* After loop_run. Takes NULL. */
void agent_free(struct agent *a);

#endif
