/* The built-in kubectl: choosing the verb, output, failures in kubectl's words. */
#include "lib/kube/kubectl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/nearest.h"
#include "lib/base/table.h"
#include "lib/format/url.h"
#include "lib/kube/kubectl_inner.h"

enum { ERRORS_MAX = 16 * 1024 * 1024 };

static const struct kubectl_verb *const verbs[] = {
	&kubectl_annotate, &kubectl_api_resources, &kubectl_api_versions, &kubectl_apply,
	&kubectl_auth, &kubectl_cluster_info, &kubectl_cordon, &kubectl_cp, &kubectl_create,
	&kubectl_delete,
	&kubectl_describe, &kubectl_diff, &kubectl_drain, &kubectl_events, &kubectl_exec, &kubectl_explain,
	&kubectl_expose,
	&kubectl_get,
	&kubectl_label, &kubectl_logs, &kubectl_patch, &kubectl_port_forward,
	&kubectl_replace, &kubectl_rollout,
	&kubectl_run, &kubectl_scale, &kubectl_set, &kubectl_taint, &kubectl_top,
	&kubectl_uncordon, &kubectl_version, &kubectl_wait,
};

/* Who is asked, and as whom, is not kubectl's to choose here. */
static const char *const refused_options[] = {
	"server", "kubeconfig", "context", "cluster", "user", "token", "username", "password",
	"client-certificate", "client-key", "certificate-authority", "insecure-skip-tls-verify",
	"tls-server-name", "as", "as-group", "as-uid", "as-user-extra",
};

void kubectl_write(struct kubectl *k, enum kubectl_stream to, struct span bytes)
{
	if (!k->stopped && bytes.len && !k->io->write(k->io->owner, to, bytes))
		k->stopped = true;
}

void kubectl_printf(struct kubectl *k, enum kubectl_stream to, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list args;

	va_start(args, fmt);
	text = mem_vprintf(fmt, args);
	va_end(args);
	kubectl_write(k, to, span_of(text));
}

bool kubectl_goes_on(struct kubectl *k)
{
	if (!k->stopped && k->io->is_stopped && k->io->is_stopped(k->io->owner))
		k->stopped = true;
	return !k->stopped;
}

/* What comes from a server is shown escaped, line by line. */
static void put_lines(struct buf *out, const char *text)
{
	struct span rest = span_of(text), line;

	while (span_take_part(&rest, '\n', &line)) {
		(void)table_put_escaped(out, line);
		(void)buf_put_char(out, '\n');
	}
}

static void note(struct kubectl *k, enum err_code code, const char *text)
{
	if (k->first.code == ERR_NONE)
		(void)err_set(&k->first, code, "%s", text);
	put_lines(&k->errors, text);
}

void kubectl_fail(struct kubectl *k, const struct err *e)
{
	kubectl_failf(k, e->code, "%s", e->text);
}

void kubectl_failf(struct kubectl *k, enum err_code code, const char *fmt, ...)
{
	va_list args;
	AUTO_FREE char *text = NULL, *line = NULL;

	va_start(args, fmt);
	text = mem_vprintf(fmt, args);
	va_end(args);
	line = mem_printf("error: %s", text);
	note(k, code, line);
}

void kubectl_fail_command(struct kubectl *k, int status)
{
	AUTO_FREE char *text = mem_printf("command terminated with exit code %d", status);

	k->exit_status = status;
	note(k, ERR_IO, text);
}

/* An object that the server found invalid: one cause a line, as kubectl lists them. */
static char *invalid_text(const struct kube_status *s)
{
	struct buf text;

	buf_init(&text, ERRORS_MAX);
	(void)buf_printf(&text, "The %s \"%s\" is invalid", s->kind, s->name);
	if (s->cause_count == 1)
		(void)buf_printf(&text, ": %s: %s", s->causes[0].field, s->causes[0].message);
	for (size_t i = 0; s->cause_count > 1 && i < s->cause_count; i++)
		(void)buf_printf(&text, "%s\n* %s: %s", i == 0 ? ": " : "", s->causes[i].field,
				 s->causes[i].message);
	return buf_take_str(&text);
}

static char *status_text(const struct kube_status *s)
{
	if (strcmp(s->reason, "Unauthorized") == 0)
		return mem_printf("error: You must be logged in to the server (%s)", s->message);
	if (strcmp(s->reason, "Invalid") == 0 && s->kind[0] && s->name[0])
		return invalid_text(s);
	if (s->reason[0])
		return mem_printf("Error from server (%s): %s", s->reason, s->message);
	return mem_printf("Error from server: %s", s->message);
}

void kubectl_fail_request(struct kubectl *k, struct kube_status *s, const struct err *e)
{
	AUTO_FREE char *text = NULL;

	if (s->code == 0 && (e->code == ERR_UNREACHABLE || e->code == ERR_TIMEOUT))
		text = mem_printf("Unable to connect to the server: %s", e->text);
	else if (s->code == 0)
		text = mem_printf("error: %s", e->text);
	else
		text = status_text(s);
	note(k, e->code, text);
	kube_status_free(s);
}

/* Whether the warning is new; it is then remembered. */
static bool is_new_warning(struct kubectl *k, struct span line)
{
	struct span rest = buf_span(&k->warned), known;

	while (span_take_part(&rest, '\n', &known))
		if (span_equal(known, line))
			return false;
	(void)buf_put_span(&k->warned, line);
	(void)buf_put_char(&k->warned, '\n');
	return true;
}

void kubectl_warn(struct kubectl *k, const struct kube_answer *answer)
{
	struct span rest = buf_span(&answer->warnings), line;
	struct buf text;

	buf_init(&text, ERRORS_MAX);
	while (span_take_part(&rest, '\n', &line)) {
		if (line.len == 0 || !is_new_warning(k, line))
			continue;
		(void)buf_put_str(&text, "Warning: ");
		(void)table_put_escaped(&text, line);
		(void)buf_put_char(&text, '\n');
	}
	kubectl_write(k, KUBECTL_ERR, buf_span(&text));
	buf_free(&text);
}

void kubectl_put_query(struct buf *path, const char *name, const char *value)
{
	if (!value || !value[0])
		return;
	(void)buf_printf(path, "%c%s=", memchr(path->at, '?', path->len) ? '&' : '?', name);
	url_encode(span_of(value), URL_QUERY, path);
}

int kubectl_discover(struct kubectl *k)
{
	struct err failure = { 0 };

	if (k->discovered)
		return 0;
	if (kube_discover(k->client, &k->discovery, &failure)) {
		struct kube_status none = { 0 };

		kubectl_fail_request(k, &none, &failure);
		return -1;
	}
	k->discovered = true;
	return 0;
}

const struct kube_resource *kubectl_find(struct kubectl *k, const char *name)
{
	const struct kube_resource *found = kube_discovery_find(NULL, name);

	if (found)
		return found;
	if (kubectl_discover(k))
		return NULL;
	found = kube_discovery_find(&k->discovery, name);
	if (!found)
		kubectl_failf(k, ERR_NOT_FOUND, "the server doesn't have a resource type \"%s\"", name);
	return found;
}

const char *kubectl_verbs(void)
{
	return "annotate api-resources api-versions apply auth cluster-info cordon cp create "
	       "delete describe diff drain events exec explain expose get label logs patch "
	       "port-forward replace rollout run scale set taint top uncordon version wait";
}

static const struct kubectl_verb *find_verb(struct kubectl *k, const char *name)
{
	const char *names[COUNT_OF(verbs)];
	const char *near;

	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
		names[i] = verbs[i]->name;
	}
	near = nearest_name(name, names, COUNT_OF(verbs));
	kubectl_failf(k, ERR_USAGE,
		      "the built-in kubectl has no command \"%s\"%s%s%s; it has: %s. With kubectl installed on "
		      "PATH every command works",
		      name, near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "",
		      kubectl_verbs());
	return NULL;
}

static bool is_refused(struct kubectl *k, const char *word)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < COUNT_OF(refused_options); i++) {
		if (strlen(refused_options[i]) != len || strncmp(word, refused_options[i], len) != 0)
			continue;
		kubectl_failf(k, ERR_USAGE,
			      "--%s is not taken here: the cluster and the identity are chosen outside of kubectl",
			      refused_options[i]);
		return true;
	}
	return false;
}

/* Copies the words, without those that ask for help. False when one is refused, behind "--" none is looked at. */
static bool take_words(struct kubectl *k, int argc, char **argv, char **words, int *ret_count, bool *ret_help)
{
	int count = 0, i = 0;

	*ret_help = false;
	for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "--", 2) == 0 && is_refused(k, argv[i] + 2))
			return false;
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			*ret_help = true;
		else
			words[count++] = argv[i];
	}
	while (i < argc)
		words[count++] = argv[i++];
	*ret_count = count;
	return true;
}

static void print_overview(struct kubectl *k)
{
	kubectl_printf(k, KUBECTL_OUT, "The built-in kubectl. Commands:\n");
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		kubectl_printf(k, KUBECTL_OUT, "  %-14s %s\n", verbs[i]->name, verbs[i]->summary);
	kubectl_printf(k, KUBECTL_OUT, "\nWith kubectl installed on PATH, that one is used instead.\n");
}

static void print_help(struct kubectl *k, const struct kubectl_verb *verb)
{
	struct buf text;

	buf_init(&text, KUBECTL_TEXT_MAX);
	(void)buf_printf(&text, "%s\n\nUsage:\n  kubectl %s %s\n\nOptions:\n", verb->summary, verb->name,
			 verb->usage);
	options_put_help(&text, verb->rows, verb->row_count);
	kubectl_write(k, KUBECTL_OUT, buf_span(&text));
	buf_free(&text);
}

struct global_options {
	const char *namespace;
};

static const struct option_row global_rows[] = {
	{ "namespace", 'n', OPTION_TEXT, offsetof(struct global_options, namespace), "NAMESPACE", NULL, NULL,
	  0, 0 },
};

static void run(struct kubectl *k, int argc, char **argv)
{
	AUTO_FREE char **words = mem_new_array((size_t)argc + 2, sizeof(*words));
	struct global_options global = { NULL };
	struct options_rest rest = { 0 };
	struct err failure = { 0 };
	const struct kubectl_verb *verb;
	bool help, overview;
	int count;

	words[0] = (char[]){ "kubectl" }; /* options_parse skips the first word */
	if (!take_words(k, argc, argv, words + 1, &count, &help))
		return;
	if (options_parse(global_rows, COUNT_OF(global_rows), OPTIONS_STOP_AT_POSITIONAL, count + 1, words,
			  &global, &rest, &failure)) {
		kubectl_fail(k, &failure);
		return;
	}
	overview = rest.count == 0 || strcmp(rest.at[0], "help") == 0;
	verb = overview ? NULL : find_verb(k, rest.at[0]);
	if (overview)
		print_overview(k);
	else if (verb && help)
		print_help(k, verb);
	else if (verb && kubectl_may_run(k, verb, rest.count, rest.at))
		verb->run(k, rest.count, rest.at, global.namespace);
	options_free(global_rows, COUNT_OF(global_rows), &global, &rest);
}

int kubectl_main(struct kube_client *c, int argc, char **argv, const struct kubectl_io *io,
		 struct err *e)
{
	struct kubectl k = { .client = c, .io = io };
	bool failed;

	buf_init(&k.errors, ERRORS_MAX);
	buf_init(&k.warned, ERRORS_MAX);
	run(&k, argc, argv);
	failed = k.first.code != ERR_NONE;
	kubectl_write(&k, KUBECTL_ERR, buf_span(&k.errors));
	buf_free(&k.errors);
	buf_free(&k.warned);
	kube_discovery_free(&k.discovery);
	kubectl_template_free(k.template);
	if (failed)
		*e = k.first;
	else if (k.says_no)
		(void)err_set(e, ERR_EXISTS, "the answer is no");
	if (k.exit_status)
		return k.exit_status;
	return failed || k.says_no ? 1 : 0;
}
