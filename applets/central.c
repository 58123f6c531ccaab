/* mk8s central: options, signals and the loop around lib/gate/central. */
#include <stdio.h>
#include <string.h>

#include "applets/applet.h"
#include "applets/central_admin.h"
#include "applets/serve.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/gate/central.h"

#define APPLET "central"

struct central_options {
	struct serve_options common; /* first */
	const char *state_dir;
};

#define AT(member) offsetof(struct central_options, member)
static const struct option_row option_rows[] = {
	SERVE_CONFIG_ROW("the configuration, central.yaml"),
	{ "state-dir", 0, OPTION_TEXT, AT(state_dir), "DIR",
	  "folder of database, keys and audit trail", NULL, 0, 0 },
	SERVE_ROWS,
};
#undef AT

struct central_run {
	const struct central_options *options;
	struct central *central;
};

static int load(const struct central_options *o, struct central_config *config, struct err *e)
{
	if (serve_load(APPLET, &central_config_table, o->common.config, config, e) < 0)
		return -1;
	if (!o->state_dir ||
	    config_set(&central_config_table, config, "state_dir", o->state_dir, e) == 0)
		return 0;
	config_free(&central_config_table, config);
	return -1;
}

static void on_stop(void *owner, int signo UNUSED)
{
	struct central_run *run = owner;

	central_stop(run->central);
}

static void on_reload(void *owner, int signo UNUSED)
{
	struct central_run *run = owner;
	struct central_config config = { 0 };
	struct err e = { 0 };

	if (load(run->options, &config, &e) < 0 || central_reload(run->central, &config, &e) < 0) {
		log_event(LOG_ERROR, "not reloaded", LOG_STR("error", e.text));
		config_free(&central_config_table, &config);
		return;
	}
	serve_log(config.log_level, config.log_format);
	log_event(LOG_INFO, "reloaded");
	config_free(&central_config_table, &config);
}

/* The one time that the first administrator's password is shown. */
static void show_admin(struct central *c)
{
	if (!c->admin_password)
		return;
	printf("admin e-mail: %s\nadmin password: %s\n", c->config.admin_email, c->admin_password);
	(void)fflush(stdout);
	secret_free(c->admin_password);
	c->admin_password = NULL;
}

static void say_ready(const struct central *c)
{
	AUTO_FREE char *url = central_user_url(c);

	log_event(LOG_INFO, "central ready", LOG_INT("http_port", listener_port(c->http_listener)),
		  LOG_INT("grpc_port", listener_port(c->agent_listener)), LOG_STR("url", url),
		  LOG_STR("ca_sha256", keys_ca_sha256(c->keys)));
}

static int run_on(struct loop *l, struct central_run *run, struct central_config *config,
		  struct err *e)
{
	if (central_start(l, config, &run->central, e) < 0)
		return -1;
	if (serve_signals(l, on_stop, on_reload, run, e) == 0) {
		show_admin(run->central);
		say_ready(run->central);
	} else {
		central_stop(run->central);
	}
	loop_run(l);
	central_free(run->central);
	return e->code == ERR_NONE ? 0 : -1;
}

static int serve(const struct central_options *o, struct central_config *config, struct err *e)
{
	struct central_run run = { o, NULL };
	struct loop *l;
	int result;

	serve_log(config->log_level, config->log_format);
	l = loop_new(e);
	if (!l)
		return -1;
	result = run_on(l, &run, config, e);
	serve_settle(l);
	loop_free(l);
	return result;
}

static int run_options(const struct central_options *o, struct err *e)
{
	struct central_config config = { 0 };
	int result = 0;

	if (serve_prepare(e) < 0 || load(o, &config, e) < 0)
		return -1;
	if (o->common.check_config)
		result = serve_say_ok(e);
	else
		result = serve(o, &config, e);
	config_free(&central_config_table, &config);
	return result;
}

/* A verb that works on the state directory. */
static int run_verb(const struct central_options *o, const struct options_rest *rest, struct err *e)
{
	struct central_config config = { 0 };
	int result;

	if (!central_admin_knows(rest->at[0]))
		return err_set(e, ERR_USAGE, "there is no verb \"%.60s\"; try mk8s central --help",
			       rest->at[0]);
	if (serve_prepare(e) < 0 || load(o, &config, e) < 0)
		return -1;
	result = central_admin_run(&config, rest->at, rest->count, e);
	config_free(&central_config_table, &config);
	return result;
}

static int run_central(const void *options, const struct options_rest *rest, struct err *e)
{
	const struct central_options *o = options;

	return rest->count ? run_verb(o, rest, e) : run_options(o, e);
}

static const struct serve_applet central_applet = {
	.name = APPLET,
	.usage = "usage: mk8s central [OPTIONS] [VERB ...]\n\n"
		 "The server that users and the agents of all clusters meet at.\n"
		 CENTRAL_ADMIN_HELP,
	.rows = option_rows,
	.row_count = COUNT_OF(option_rows),
	.config = &central_config_table,
	.run = run_central,
};

int applet_central(int argc, char **argv)
{
	struct central_options o = { 0 };

	return serve_main(&central_applet, &o, argc, argv);
}
