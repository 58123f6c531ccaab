/* mk8s central: options, signals and the loop around lib/gate/central. */
#include <signal.h>
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
	const char *config, *state_dir;
	bool help, help_config, check_config;
};

#define AT(member) offsetof(struct central_options, member)
static const struct option_row option_rows[] = {
	{ "config", 'c', OPTION_TEXT, AT(config), "FILE", "the configuration, central.yaml", NULL,
	  0, 0 },
	{ "state-dir", 0, OPTION_TEXT, AT(state_dir), "DIR",
	  "folder of database, keys and audit trail", NULL, 0, 0 },
	{ "check-config", 0, OPTION_FLAG, AT(check_config), NULL,
	  "read the configuration, say ok, end", NULL, 0, 0 },
	{ "help-config", 0, OPTION_FLAG, AT(help_config), NULL, "every key of the configuration",
	  NULL, 0, 0 },
	{ "help", 'h', OPTION_FLAG, AT(help), NULL, "this text", NULL, 0, 0 },
};
#undef AT

struct central_run {
	const struct central_options *options;
	struct central *central;
};

static int load(const struct central_options *o, struct central_config *config, struct err *e)
{
	if (serve_load(APPLET, &central_config_table, o->config, config, e) < 0)
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

static int catch_signals(struct loop *l, struct central_run *run, struct err *e)
{
	if (loop_signal(l, SIGTERM, on_stop, run, e) < 0 ||
	    loop_signal(l, SIGINT, on_stop, run, e) < 0 ||
	    loop_signal(l, SIGHUP, on_reload, run, e) < 0)
		return -1;
	return loop_reap_orphans(l, e);
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
	if (catch_signals(l, run, e) == 0) {
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
	if (o->check_config)
		result = puts("ok") < 0 ? err_set(e, ERR_IO, "the output could not be written") : 0;
	else
		result = serve(o, &config, e);
	config_free(&central_config_table, &config);
	return result;
}

static int refuse_word(const char *word, struct err *e)
{
	return err_set(e, ERR_USAGE, "there is no verb \"%.60s\"; try mk8s central --help", word);
}

/* A verb that works on the state directory. */
static int run_verb(const struct central_options *o, const struct options_rest *rest, struct err *e)
{
	struct central_config config = { 0 };
	int result;

	if (!central_admin_knows(rest->at[0]))
		return refuse_word(rest->at[0], e);
	if (serve_prepare(e) < 0 || load(o, &config, e) < 0)
		return -1;
	result = central_admin_run(&config, rest->at, rest->count, e);
	config_free(&central_config_table, &config);
	return result;
}

int applet_central(int argc, char **argv)
{
	struct central_options o = { 0 };
	struct options_rest rest = { 0 };
	struct err e = { 0 };
	int status = 0;

	if (options_parse(option_rows, COUNT_OF(option_rows), OPTIONS_ANYWHERE, argc, argv, &o,
			  &rest, &e) < 0)
		status = serve_fail(APPLET, &e);
	else if (o.help)
		status = serve_help(
			"usage: mk8s central [OPTIONS] [VERB ...]\n\n"
			"The server that users and the agents of all clusters meet at.\n"
			CENTRAL_ADMIN_HELP,
			option_rows, COUNT_OF(option_rows));
	else if (o.help_config)
		config_print_help(&central_config_table, stdout);
	else if (rest.count ? run_verb(&o, &rest, &e) < 0 : run_options(&o, &e) < 0)
		status = serve_fail(APPLET, &e);
	options_free(option_rows, COUNT_OF(option_rows), &o, &rest);
	return status;
}
