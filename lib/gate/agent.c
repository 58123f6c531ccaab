/* The agent: its configuration, its certificate, its timers. */
#include "lib/gate/agent.h"

#include <stddef.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/crypto/key.h"
#include "lib/crypto/random.h"
#include "lib/format/url.h"
#include "lib/gate/agent_state.h"
#include "lib/net/pool.h"

#define AGENT_PORT 9090
#define LEAVE_MS 10
#define LEAVE_ROUNDS 5 /* connections that are closed say so on later rounds of the loop, however slow it is */

#define AT(member) offsetof(struct agent_config, member)
static const struct config_key agent_keys[] = {
	{ "central.url", CONFIG_TEXT, AT(central_url), NULL, 0, 0,
	  "central's address, https://host[:port]; port 9090 if none", "CENTRAL_URL", NULL },
	{ "central.token", CONFIG_SECRET, AT(central_token), NULL, 0, 0,
	  "the join token that `mk8s clusters add` printed", "AGENT_TOKEN", NULL },
	{ "central.backoff_min", CONFIG_DURATION_MS, AT(backoff_min_ms), "500ms", 10, 60000,
	  "first bound of the random wait between two tries to connect; doubles with each", NULL, NULL },
	{ "central.backoff_max", CONFIG_DURATION_MS, AT(backoff_max_ms), "60s", 100, 3600000,
	  "largest bound of that wait", NULL, NULL },
	{ "cluster.name", CONFIG_TEXT, AT(cluster_name), NULL, 0, 0, "the cluster's name, as central knows it",
	  "CLUSTER_NAME", NULL },
	{ "tls.ca_file", CONFIG_PATH, AT(tls_ca_file), NULL, 0, 0, "file with central's CA certificate", NULL, NULL },
	{ "tls.ca_sha256", CONFIG_TEXT, AT(tls_ca_sha256), NULL, 0, 0,
	  "pin of central's CA, sha256:<hex>, instead of or besides the file", NULL, NULL },
	{ "tls.insecure", CONFIG_BOOL, AT(tls_insecure), "false", 0, 0,
	  "do not verify central: anyone in between can take its place", NULL, NULL },
	{ "impersonate", CONFIG_BOOL, AT(impersonate), "true", 0, 0,
	  "name the user to the API server; false: every request runs as the agent", NULL, NULL },
	{ "health.address", CONFIG_TEXT, AT(health_address), NULL, 0, 0, "address of the health listener; all if unset",
	  NULL, NULL },
	{ "health.listen_port", CONFIG_INT, AT(health_port), "0", 0, 65535,
	  "port of /healthz, /readyz and /metrics (plain HTTP); 0: none", NULL, NULL },
	{ "upstream.conn_max", CONFIG_INT, AT(upstream_conn_max), "400", 1, 10000,
	  "connections to the API server at once", NULL, NULL },
	{ "commands.max", CONFIG_INT, AT(command_max), "32", 0, 256,
	  "commands of POST /clusters/{id}/exec that run at once; 0: none", NULL, NULL },
	{ "commands.memory", CONFIG_SIZE, AT(command_memory), "384Mi", 128 * 1024 * 1024,
	  (int64_t)64 * 1024 * 1024 * 1024,
	  "what these may hold together of answers and input, estimated; each may have half", NULL, NULL },
	{ "roles", CONFIG_TREE, AT(roles), NULL, 0, 0,
	  "roles, as central's document writes them, that cap what any central may ask for; no cap if unset", NULL, NULL },
	{ "drain", CONFIG_DURATION_MS, AT(drain_ms), "20s", 0, 3600000,
	  "how long open requests may go on after a stop was asked for", NULL, NULL },
	{ "log.level", CONFIG_CHOICE, AT(log_level), "info", 0, 0, "what is logged", NULL, "debug|info|warn|error" },
	{ "log.format", CONFIG_CHOICE, AT(log_format), "text", 0, 0, "shape of a log line", NULL, "text|json" },
};
#undef AT

const struct config_table agent_config_table = { agent_keys, COUNT_OF(agent_keys), "MK8S_AGENT" };

void agent_plan_renewal(struct agent *a)
{
	int64_t left_s = a->not_after_unix_s - clock_unix_s();
	uint64_t delay_ms = left_s > 0 ? (uint64_t)left_s * 2000 / 3 : 0;

	loop_timer_start(a->renew, delay_ms < 1000 ? 1000 : delay_ms, 0);
}

void agent_forget_certificate(struct agent *a)
{
	log_event(LOG_WARN, "central does not take our certificate; joining again");
	loop_timer_stop(a->renew);
	tls_unref(a->link_tls);
	tls_unref(a->call_tls);
	a->link_tls = a->call_tls = NULL;
	free(a->cert_pem);
	a->cert_pem = NULL;
	a->cut_links = 0;
}

void agent_retry_later(struct agent *a, const char *what, const struct err *why)
{
	uint64_t bound = (uint64_t)a->config->backoff_min_ms, delay_ms;
	uint32_t dice;

	for (unsigned i = 0; i < a->failures && bound < (uint64_t)a->config->backoff_max_ms; i++)
		bound *= 2;
	if (bound > (uint64_t)a->config->backoff_max_ms)
		bound = (uint64_t)a->config->backoff_max_ms;
	random_bytes(&dice, sizeof(dice));
	delay_ms = dice % (bound + 1);
	a->failures++;
	log_event(LOG_WARN, what, LOG_STR("error", why->text), LOG_INT("next_try_ms", delay_ms));
	loop_timer_start(a->retry, delay_ms, 0);
}

static void on_retry(void *owner)
{
	struct agent *a = owner;

	if (a->cert_pem && a->not_after_unix_s <= clock_unix_s())
		agent_forget_certificate(a);
	if (a->cert_pem)
		agent_link_open(a, false);
	else
		agent_join(a);
}

static void on_renew(void *owner)
{
	struct agent *a = owner;

	if (a->cert_pem && a->not_after_unix_s > clock_unix_s())
		agent_renew(a);
}

static void on_report(void *owner)
{
	agent_report(owner);
}

static void on_settled(void *owner)
{
	agent_links_drain_old(owner);
}

static void on_drained(void *owner)
{
	agent_finish(owner);
}

/* Workers of commands see within a moment that their call is gone. */
static void on_left(void *owner)
{
	struct agent *a = owner;

	a->leave_rounds++;
	if (!a->command_count && a->leave_rounds >= LEAVE_ROUNDS)
		loop_stop(a->loop);
}

static int read_central(struct agent *a, struct err *e)
{
	const struct agent_config *c = a->config;
	struct url url;

	if (!c->central_url || !c->central_token || !c->cluster_name)
		return err_set(e, ERR_INPUT,
			       "%s is not set: give it in the configuration file or as %s",
			       !c->central_url ? "central.url" : !c->central_token ? "central.token" : "cluster.name",
			       !c->central_url ? "CENTRAL_URL" : !c->central_token ? "AGENT_TOKEN" : "CLUSTER_NAME");
	if (url_split(span_of(c->central_url), &url, e) < 0 || !span_equal_nocase(url.scheme, SPAN("https")))
		return err_set(e, ERR_INPUT, "central.url is \"%.200s\": it must be https://host[:port]",
			       c->central_url);
	a->host = span_dup(url.host);
	a->port = url.port ? url.port : AGENT_PORT;
	buf_init(&a->ca_pem, AGENT_CA_MAX_LEN);
	if (c->tls_ca_file && file_read(c->tls_ca_file, &a->ca_pem, e) < 0)
		return err_context(e, "tls.ca_file");
	if (c->tls_insecure)
		log_event(LOG_WARN, "tls.insecure is set: central is not verified");
	return agent_trust_start(a, e);
}

int agent_start(struct loop *l, const struct agent_config *config, const struct kube_target *target,
		struct agent **ret_agent, struct err *e)
{
	struct agent *a = mem_new(sizeof(*a));

	a->loop = l;
	a->config = config;
	a->target = target;
	random_uuid(a->instance);
	if (read_central(a, e) < 0 || agent_cap_read(config, &a->cap, e) < 0 ||
	    agent_upstream_new(l, target, config, &a->upstream, e) < 0) {
		agent_free(a);
		return -1;
	}
	a->retry = loop_timer_new(l, on_retry, a);
	a->renew = loop_timer_new(l, on_renew, a);
	a->report = loop_timer_new(l, on_report, a);
	a->settle = loop_timer_new(l, on_settled, a);
	a->drain = loop_timer_new(l, on_drained, a);
	a->leave = loop_timer_new(l, on_left, a);
	loop_timer_start(a->retry, 0, 0);
	*ret_agent = a;
	return 0;
}

bool agent_is_connected(const struct agent *a)
{
	return agent_has_main_link(a) && !a->failures;
}

void agent_finish(struct agent *a)
{
	if (!a->upstream)
		return;
	a->stopping = true;
	agent_links_close(a);
	agent_upstream_free(a->upstream);
	a->upstream = NULL;
	loop_timer_start(a->leave, LEAVE_MS, LEAVE_MS);
}

void agent_stop(struct agent *a)
{
	loop_timer_stop(a->retry);
	loop_timer_stop(a->renew);
	loop_timer_stop(a->report);
	if (a->stopping || !a->links) {
		agent_finish(a);
		return;
	}
	a->stopping = true;
	agent_links_drain_all(a);
	loop_timer_start(a->drain, (uint64_t)a->config->drain_ms, 0);
}

void agent_free(struct agent *a)
{
	if (!a)
		return;
	loop_timer_free(a->retry);
	loop_timer_free(a->renew);
	loop_timer_free(a->report);
	agent_cap_free(a->cap);
	loop_timer_free(a->settle);
	loop_timer_free(a->drain);
	loop_timer_free(a->leave);
	agent_upstream_free(a->upstream);
	pool_free(a->commands);
	tls_unref(a->link_tls);
	tls_unref(a->call_tls);
	tls_unref(a->join_tls);
	key_free(a->next_key);
	buf_free(&a->ca_pem);
	free(a->cert_pem);
	free(a->reported);
	free(a->learned_ca_pem);
	free(a->host);
	free(a);
}
