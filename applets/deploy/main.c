/* deploy: the verbs, their options, how a run ends. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "applets/applet.h"
#include "applets/deploy/deploy.h"
#include "lib/base/locked.h"
#include "lib/base/mem.h"
#include "lib/base/nearest.h"
#include "lib/crypto/random.h"

#define HELP_MAX (32 * 1024)
#define LOCKED_BYTES (4 * 1024 * 1024)
#define ROWS_MAX 16

static const struct deploy_verb *const verbs[] = {
	&deploy_verb_core,    &deploy_verb_workers,  &deploy_verb_status,
	&deploy_verb_logs,    &deploy_verb_history,  &deploy_verb_rollback,
	&deploy_verb_check,   &deploy_verb_init,     &deploy_verb_audit_leaks,
};

static const struct option_row help_row = {
	.name = "help", .letter = 'h', .kind = OPTION_FLAG, DEPLOY_ROW(help), .help = "this text"
};

static int print(struct buf *text)
{
	bool whole = !text->failed && fwrite(buf_str(text), 1, text->len, stdout) == text->len;

	return fflush(stdout) == 0 && whole ? DEPLOY_DONE : DEPLOY_FAILED;
}

static int print_overview(const char *program)
{
	AUTO_BUF struct buf out;

	buf_init(&out, HELP_MAX);
	(void)buf_printf(&out,
			 "usage: %s VERB [ARGUMENTS]\n       %s TARGET [ARGUMENTS]\n\n"
			 "Brings compose services up on their hosts, with secrets from 1Password that rest nowhere.\n\n"
			 "Verbs:\n",
			 program, program);
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		(void)buf_printf(&out, "  %-12s %s\n", verbs[i]->name, verbs[i]->help);
	(void)buf_put_str(&out, "\nEvery other target of deploy.yaml is deployed by its name, as core and workers are.\n"
				"Exit codes: 0 deployed, 1 failed, 2 usage, 3 prerequisites, 4 rolled back.\n");
	return print(&out);
}

static int print_help(const char *program, const struct deploy_verb *v, const struct option_row *rows,
		      size_t count)
{
	AUTO_BUF struct buf out;

	buf_init(&out, HELP_MAX);
	(void)buf_printf(&out, "usage: %s %s %s%s[OPTIONS]\n\n%c%s.\n\nOptions:\n", program, v->name,
			 v->arguments, v->arguments[0] ? " " : "", v->help[0] - 'a' + 'A',
			 v->help + 1);
	options_put_help(&out, rows, count);
	return print(&out);
}

/* A word that is no verb may be a target of the file: it is then deployed as core and workers are. */
static const struct deploy_verb *find_verb(const char *word)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		if (strcmp(verbs[i]->name, word) == 0)
			return verbs[i];
	}
	return NULL;
}

/* Ctrl-C is read from a descriptor wherever something is waited for. */
static void begin(struct deploy *d)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct err unused = { 0 };
	sigset_t caught;

	(void)sigemptyset(&caught);
	(void)sigaddset(&caught, SIGINT);
	(void)sigaddset(&caught, SIGTERM);
	(void)sigaddset(&caught, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &caught, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	d->signals = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
	(void)locked_begin(LOCKED_BYTES); /* where it is refused, secrets are still undumped and wiped */
	(void)crypto_init(&unused);	  /* Connect's TLS; without randomness it refuses by itself */
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
}

static int run_verb(struct deploy *d, const struct deploy_verb *v, int argc, char **argv,
		    struct err *e)
{
	struct option_row rows[ROWS_MAX];
	struct options_rest rest = { 0 };
	size_t count = v->row_count + 1;
	int status;

	memcpy(rows, v->rows, v->row_count * sizeof(*rows));
	rows[v->row_count] = help_row;
	d->verb = v->name;
	d->options.tail = 100;
	status = options_parse(rows, count, OPTIONS_ANYWHERE, argc, argv, &d->options, &rest, e);
	if (status == 0 && d->options.help) {
		status = print_help(d->program, v, rows, count);
	} else if (status == 0) {
		d->words = rest.at;
		d->word_count = rest.count;
		begin(d);
		status = v->run(d, e);
		deploy_close(d);
	}
	options_free(rows, count, &d->options, &rest);
	return status;
}

static int run_word(struct deploy *d, int argc, char **argv, struct err *e)
{
	const struct deploy_verb *v = find_verb(argv[1]);
	struct deploy_verb target = deploy_verb_core;

	if (v)
		return run_verb(d, v, argc - 1, argv + 1, e);
	target.name = argv[1];
	if (argv[1][0] == '-')
		return err_set(e, ERR_USAGE, "a verb comes first; %s --help shows them", d->program);
	return run_verb(d, &target, argc - 1, argv + 1, e);
}

int applet_deploy(int argc, char **argv)
{
	struct deploy d = { .program = "mk8s deploy", .signals = -1 };
	struct err e = { 0 };
	int status;

	if (argc < 2) {
		fprintf(stderr, "deploy: a verb is missing; %s --help shows them\n", d.program);
		return DEPLOY_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
		return print_overview(d.program);
	status = run_word(&d, argc, argv, &e);
	if (status >= 0)
		return status;
	fprintf(stderr, "deploy: %s\n", e.text);
	return e.code == ERR_USAGE || e.code == ERR_INPUT ? DEPLOY_USAGE :
	       e.code == ERR_AUTH			  ? DEPLOY_PREREQUISITES :
							    DEPLOY_FAILED;
}
