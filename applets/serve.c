/* What the server applets share: the process's own limits, the configuration, the sentence at the
 * end. */
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

int serve_fail(const char *applet, const struct err *e)
{
	fprintf(stderr, "mk8s %s: %s\n", applet, e->text);
	switch (e->code) {
	case ERR_USAGE:
	case ERR_INPUT:
	case ERR_NOT_FOUND:
		return SERVE_EXIT_USAGE;
	default:
		return SERVE_EXIT_FAILED;
	}
}

int serve_help(const char *usage, const struct option_row *rows, size_t row_count)
{
	AUTO_BUF struct buf text;

	buf_init(&text, 64 * 1024);
	options_put_help(&text, rows, row_count);
	printf("%s\nOptions:\n%s", usage, buf_str(&text));
	return fflush(stdout) == 0 ? 0 : SERVE_EXIT_FAILED;
}
