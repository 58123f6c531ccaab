/* What the server applets share, from their options to their exit status. */
#include "applets/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lib/base/log.h"
#include "lib/crypto/random.h"

#define FD_MAX (1024 * 1024)
#define WARNINGS_MAX (64 * 1024)
#define SETTLE_MS 50
#define HELP_MAX (64 * 1024)
#define EXIT_FAILED 1
#define EXIT_USAGE 2

static int raise_fd_limit(struct err *e)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return err_set_errno(e, ERR_IO, errno, "the limit of descriptors cannot be read");
	limit.rlim_cur = limit.rlim_max < FD_MAX ? limit.rlim_max : FD_MAX;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return err_set_errno(e, ERR_IO, errno, "the limit of descriptors cannot be raised");
	return 0;
}

static int forbid_core(struct err *e)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return err_set_errno(e, ERR_IO, errno, "core dumps cannot be switched off");
#ifndef __SANITIZE_ADDRESS__ /* the leak checker attaches to its own process */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_set_errno(e, ERR_IO, errno, "core dumps cannot be switched off");
#endif
	return 0;
}

int serve_prepare(struct err *e)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	(void)umask(077);
	if (sigaction(SIGPIPE, &ignore, NULL) < 0)
		return err_set_errno(e, ERR_IO, errno, "SIGPIPE cannot be ignored");
	return raise_fd_limit(e) < 0 || forbid_core(e) < 0 ? -1 : crypto_init(e);
}

int serve_load(const char *applet, const struct config_table *table, const char *path, void *into,
	       struct err *e)
{
	AUTO_BUF struct buf warnings;
	struct span rest, line;
	int loaded;

	buf_init(&warnings, WARNINGS_MAX);
	loaded = config_load(table, path, into, &warnings, e);
	rest = buf_span(&warnings);
	while (rest.len && span_take_part(&rest, '\n', &line)) {
		if (line.len)
			fprintf(stderr, "mk8s %s: warning: %.*s\n", applet, SPAN_ARG(line));
	}
	if (loaded < 0)
		e->code = ERR_USAGE; /* whatever kept it from being read */
	return loaded;
}

void serve_log(const char *level, const char *format)
{
	enum log_level lowest = LOG_INFO;

	if (strcmp(level, "debug") == 0)
		lowest = LOG_DEBUG;
	else if (strcmp(level, "warn") == 0)
		lowest = LOG_WARN;
	else if (strcmp(level, "error") == 0)
		lowest = LOG_ERROR;
	log_configure(lowest, strcmp(format, "json") == 0 ? LOG_JSON : LOG_TEXT);
}

static void on_settled(void *owner)
{
	loop_stop(owner);
}

void serve_settle(struct loop *l)
{
	struct loop_timer *t = loop_timer_new(l, on_settled, l);

	loop_timer_start(t, SETTLE_MS, 0);
	loop_run(l);
	loop_timer_free(t);
}

int serve_say_ok(struct err *e)
{
	return puts("ok") < 0 ? err_set(e, ERR_IO, "the output could not be written") : 0;
}

int serve_signals(struct loop *l, void (*on_stop)(void *owner, int signo),
		  void (*on_reload)(void *owner, int signo), void *owner, struct err *e)
{
	if (loop_signal(l, SIGTERM, on_stop, owner, e) < 0 ||
	    loop_signal(l, SIGINT, on_stop, owner, e) < 0 ||
	    (on_reload && loop_signal(l, SIGHUP, on_reload, owner, e) < 0))
		return -1;
	return loop_reap_orphans(l, e);
}

static int fail(const char *applet, const struct err *e)
{
	fprintf(stderr, "mk8s %s: %s\n", applet, e->text);
	switch (e->code) {
	case ERR_USAGE:
	case ERR_INPUT:
	case ERR_NOT_FOUND:
		return EXIT_USAGE;
	default:
		return EXIT_FAILED;
	}
}

static int print_help(const struct serve_applet *a)
{
	AUTO_BUF struct buf text;

	buf_init(&text, HELP_MAX);
	options_put_help(&text, a->rows, a->row_count);
	printf("%s\nOptions:\n%s", a->usage, buf_str(&text));
	return fflush(stdout) == 0 ? 0 : EXIT_FAILED;
}

int serve_main(const struct serve_applet *a, void *options, int argc, char **argv)
{
	const struct serve_options *o = options;
	struct options_rest rest = { 0 };
	struct err e = { 0 };
	int status = 0;

	if (options_parse(a->rows, a->row_count, OPTIONS_ANYWHERE, argc, argv, options, &rest,
			  &e) < 0)
		status = fail(a->name, &e);
	else if (o->help)
		status = print_help(a);
	else if (o->help_config)
		config_print_help(a->config, stdout);
	else if (a->run(options, &rest, &e) < 0)
		status = fail(a->name, &e);
	options_free(a->rows, a->row_count, options, &rest);
	return status;
}
