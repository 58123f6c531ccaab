/* mk8s agent: options, signals and the loop around lib/gate/agent. */
#include "lib/gate/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applets/applet.h"
#include "applets/serve.h"
#include "lib/base/log.h"
#include "lib/net/server.h"

#define APPLET "agent"

struct agent_options {
	struct serve_options common; /* first */
	const char *kubeconfig, *context;
};

#define AT(member) offsetof(struct agent_options, member)
static const struct option_row option_rows[] = {
	SERVE_CONFIG_ROW("the configuration, agent.yaml"),
	{ "kubeconfig", 0, OPTION_TEXT, AT(kubeconfig), "FILE",
	  "reach the API server as this file says; else as a pod of the cluster", NULL, 0, 0 },
	{ "context", 0, OPTION_TEXT, AT(context), "NAME",
	  "and this context of it; else its current one", NULL, 0, 0 },
	SERVE_ROWS,
};
#undef AT

struct agent_run {
	struct loop *loop;
	struct agent *agent;
	struct server *health; /* NULL: none wanted */
	bool health_stopped;
};

static void on_stop(void *owner, int signo UNUSED)
{
	struct agent_run *run = owner;

	log_event(LOG_INFO, "stopping");
	agent_stop(run->agent);
}

static bool is_ready(void *app, char *why, size_t why_size)
{
	struct agent_run *run = app;

	if (run->agent && agent_is_connected(run->agent))
		return true;
	(void)snprintf(why, why_size, "no connection to central");
	return false;
}

static int open_health(struct agent_run *run, const struct agent_config *config, struct err *e)
{
	struct server_options o = {
		.name = APPLET,
		.app = run,
		.worker_count = 1,
		.worker_queue_max = 16,
		.request_timeout_ms = 10000,
		.is_ready = is_ready,
	};
	struct server_listen listen = {
		.listener = { .address = config->health_address,
			      .port = (uint16_t)config->health_port,
			      .conn_max = 64,
			      .handshake_timeout_ms = 10000 },
		.health = true,
	};
	struct listener *listener;

	run->health = server_new(run->loop, &o, e);
	if (!run->health)
		return -1;
	listener = server_listen(run->health, &listen, e);
	return listener ? 0 : err_context(e, "health.listen_port");
}

static void on_health_stopped(void *app)
{
	struct agent_run *run = app;

	run->health_stopped = true;
	loop_stop(run->loop);
}

static void close_health(struct agent_run *run)
{
	if (!run->health)
		return;
	server_stop(run->health, 0, on_health_stopped);
	while (!run->health_stopped)
		loop_run(run->loop);
	server_free(run->health);
}

static int serve(const struct agent_config *config, const struct kube_target *target, struct err *e)
{
	struct agent_run run = { 0 };
	int result;

	run.loop = loop_new(e);
	if (!run.loop)
		return -1;
	result = agent_start(run.loop, config, target, &run.agent, e);
	if (result == 0 && config->health_port)
		result = open_health(&run, config, e);
	if (result == 0)
		result = serve_signals(run.loop, on_stop, NULL, &run, e);
	if (result == 0) {
		log_event(LOG_INFO, "agent started", LOG_STR("cluster", config->cluster_name),
			  LOG_STR("central", config->central_url),
			  LOG_STR("api_server", target->server));
		loop_run(run.loop);
	} else if (run.agent) {
		agent_stop(run.agent);
		loop_run(run.loop);
	}
	close_health(&run);
	agent_free(run.agent);
	loop_free(run.loop);
	return result;
}

static int find_target(const struct agent_options *o, struct kube_target *target, struct err *e)
{
	const struct kubeconfig_choice choice = { .file = o->kubeconfig, .context = o->context };

	if (o->kubeconfig)
		return kubeconfig_load(&choice, target, e);
	if (kubeconfig_in_cluster(getenv("KUBERNETES_SERVICE_HOST"),
				  getenv("KUBERNETES_SERVICE_PORT"), NULL, target, e) == 0)
		return 0;
	return err_context(e, "no API server to serve (outside of a pod, give --kubeconfig)");
}

static int run_agent(const void *options, const struct options_rest *rest, struct err *e)
{
	const struct agent_options *o = options;
	struct agent_config config = { 0 };
	struct kube_target target = { 0 };
	int result;

	if (rest->count)
		return err_set(e, ERR_USAGE,
			       "it takes options only, not \"%.60s\"; try mk8s agent --help",
			       rest->at[0]);
	if (o->context && !o->kubeconfig)
		return err_set(e, ERR_USAGE, "--context needs --kubeconfig");
	if (serve_prepare(e) < 0 ||
	    serve_load(APPLET, &agent_config_table, o->common.config, &config, e) < 0)
		return -1;
	serve_log(config.log_level, config.log_format);
	if (agent_config_check(&config, e) < 0)
		result = -1;
	else if (o->common.check_config)
		result = serve_say_ok(e);
	else
		result = find_target(o, &target, e) < 0 ? -1 : serve(&config, &target, e);
	kube_target_free(&target);
	config_free(&agent_config_table, &config);
	return result;
}

static const struct serve_applet agent_applet = {
	.name = APPLET,
	.usage = "usage: mk8s agent [OPTIONS]\n\n"
		 "Connects a cluster to central from inside, dialling out only.\n",
	.rows = option_rows,
	.row_count = COUNT_OF(option_rows),
	.config = &agent_config_table,
	.run = run_agent,
};

int applet_agent(int argc, char **argv)
{
	struct agent_options o = { 0 };

	return serve_main(&agent_applet, &o, argc, argv);
}
