/* One reading kubectl command on many clusters at once: choosing them, threads, deadlines, failures. */
#include <fnmatch.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "applets/mk8s/kubectl.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/format/timefmt.h"
#include "lib/kube/kubectl.h"

enum {
	THREADS_MAX = 8,
	CLUSTERS_MAX = 4096,
	OUTPUT_MAX = 256 * 1024 * 1024, /* of one cluster */
	ERRORS_MAX = 1024 * 1024,
};

struct fleet {
	struct cli *cli;
	const char *token; /* secret; borrowed */
	int64_t timeout_ms;
	int argc;
	char **argv;
	struct fleet_answer *answers;
	size_t count;
	atomic_size_t next; /* the next cluster that nobody has begun with */
	char as_json[16], all_as_json[8]; /* words of ours */
};

/* One cluster's run. */
struct turn {
	struct fleet_answer *answer;
	uint64_t deadline_ms;
	bool cut;
};

static bool collect(void *owner, enum kubectl_stream to, struct span bytes)
{
	struct turn *t = owner;

	return buf_put_span(to == KUBECTL_OUT ? &t->answer->out : &t->answer->err, bytes) == 0;
}

static int read_path(void *owner UNUSED, const char *path, struct buf *out, struct err *e)
{
	if (strcmp(path, "-") == 0)
		return err_set(e, ERR_USAGE, "-f -: standard input is read for one cluster only");
	return cli_kubectl_read(NULL, path, out, e);
}

static bool is_over(void *owner)
{
	struct turn *t = owner;

	t->cut = t->cut || clock_mono_ms() >= t->deadline_ms;
	return t->cut;
}

static void fail(struct fleet_answer *a, const struct err *why)
{
	a->status = err_exit_status(why);
	a->why = *why;
	(void)buf_printf(&a->err, "error: %s\n", why->text);
}

/* What the command itself cannot have said. */
static void end_turn(struct turn *t, int64_t timeout_ms)
{
	struct fleet_answer *a = t->answer;
	char text[TIMEFMT_SIZE];
	struct err e = { 0 };

	if (buf_ok(&a->out, "the output", &e) < 0) {
		fail(a, &e);
	} else if (t->cut && a->status == 0) {
		timefmt_duration_ms(timeout_ms, text);
		err_set(&e, ERR_TIMEOUT, "it was not done after %s (--cluster-timeout)", text);
		fail(a, &e);
	}
}

static void ask(struct fleet *f, struct fleet_answer *a, const struct kube_target *target)
{
	struct turn t = { .answer = a, .deadline_ms = clock_mono_ms() + (uint64_t)f->timeout_ms };
	const struct kubectl_io io = { .owner = &t,
				       .write = collect,
				       .read_file = read_path,
				       .is_stopped = is_over,
				       .is_fleet = true };
	struct err e = { 0 };
	struct kube_client *client = kube_client_new(target, "mk8s/" MK8S_VERSION, &e);
	AUTO_FREE char **words = mem_new_array((size_t)f->argc + 1, sizeof(*words));

	if (!client) {
		fail(a, &e);
		return;
	}
	memcpy(words, f->argv, (size_t)f->argc * sizeof(*words)); /* a verb may reorder its words */
	kube_client_set_deadline(client, t.deadline_ms, a->connected);
	a->status = kubectl_main(client, f->argc, words, &io, &a->why);
	a->status = cli_kubectl_status(a->status, &a->why);
	kube_client_free(client);
	end_turn(&t, f->timeout_ms);
}

static void take_turn(struct fleet *f, struct fleet_answer *a)
{
	struct kube_target target = { 0 };
	struct err e = { 0 };

	if (cli_cluster_url(f->cli, a->cluster, &target.server, &e) < 0) {
		fail(a, &e);
		return;
	}
	target.ca_pem = mem_dup_str(f->cli->ca_pem);
	target.ca_sha256 = f->cli->ca_pem ? NULL : mem_dup_str(f->cli->ca_sha256);
	target.token = mem_dup_str(f->token);
	target.namespace = mem_dup_str("default");
	ask(f, a, &target);
	kube_target_free(&target);
}

static void *work(void *arg)
{
	struct fleet *f = arg;
	size_t i;

	while ((i = atomic_fetch_add(&f->next, 1)) < f->count)
		take_turn(f, &f->answers[i]);
	return NULL;
}

/* This thread takes part, so that a machine that gives no further ones does the same, only slower. */
static void ask_all(struct fleet *f)
{
	pthread_t threads[THREADS_MAX - 1];
	size_t started = 0;

	while (started < COUNT_OF(threads) && started + 1 < f->count &&
	       pthread_create(&threads[started], NULL, work, f) == 0)
		started++;
	(void)work(f);
	for (size_t i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
}

/* Which clusters. */

static bool is_chosen(const char *globs, const char *name)
{
	struct span rest = span_of(globs), part;

	if (!globs)
		return true;
	while (span_take_part(&rest, ',', &part)) {
		AUTO_FREE char *glob = span_dup(span_trim(part));

		if (fnmatch(glob, name, 0) == 0)
			return true;
	}
	return false;
}

static int compare_names(const void *a, const void *b)
{
	const struct fleet_answer *x = a, *y = b;

	return strcmp(x->cluster, y->cluster);
}

static void add_cluster(struct fleet *f, const char *name, bool connected)
{
	struct fleet_answer *a = &f->answers[f->count++];

	a->cluster = mem_dup_str(name);
	a->connected = connected;
	buf_init(&a->out, OUTPUT_MAX);
	buf_init(&a->err, ERRORS_MAX);
}

static int choose(struct fleet *f, const char *globs, struct err *e)
{
	AUTO_JSON struct json *answer = NULL;
	const struct json *list, *item;
	size_t seen;

	if (cli_call_json(f->cli, "GET", "/clusters", NULL, &answer, e) < 0)
		return -1;
	list = json_get(answer, "clusters");
	seen = json_count(list);
	if (seen > CLUSTERS_MAX)
		return err_set(e, ERR_LIMIT, "there are %zu clusters; at most %d are asked at once",
			       seen, CLUSTERS_MAX);
	f->answers = mem_new_array(seen + 1, sizeof(*f->answers));
	for (item = json_first(list); item; item = json_next(item)) {
		const char *name = json_str(item, "name"), *status = json_str(item, "status");

		if (name && is_chosen(globs, name))
			add_cluster(f, name, status && strcmp(status, "connected") == 0);
	}
	qsort(f->answers, f->count, sizeof(*f->answers), compare_names);
	if (f->count)
		return 0;
	return globs ? err_set(e, ERR_NOT_FOUND,
			       "--clusters: \"%.100s\" fits none of the %zu clusters that you may "
			       "see; mk8s clusters list "
			       "shows them",
			       globs, seen) :
		       err_set(e, ERR_NOT_FOUND, "there is no cluster that you may see");
}

/* How the output is to be joined; `-o yaml` is asked for as JSON. */

/* The value of -o behind the letters of flags in one word, as "-Aoyaml", or in the next; NULL when it is none. */
static const char *short_value(const char *letters, const char *next)
{
	letters += strspn(letters, "Aw");
	if (*letters != 'o')
		return NULL;
	if (letters[1] == '\0')
		return next;
	return letters[1] == '=' ? letters + 2 : letters + 1;
}

/* The value of -o where `word` is it; `next` follows it and may be NULL. */
static const char *output_value(const char *word, const char *next)
{
	if (strcmp(word, "--output") == 0)
		return next;
	if (strncmp(word, "--output=", 9) == 0)
		return word + 9;
	return word[0] == '-' && word[1] != '-' ? short_value(word + 1, next) : NULL;
}

struct form {
	enum fleet_form form;
	bool has_headers;
};

static enum fleet_form form_of(const char *output)
{
	if (strcmp(output, "json") == 0)
		return FLEET_JSON;
	if (strcmp(output, "yaml") == 0)
		return FLEET_YAML;
	return strcmp(output, "name") == 0 || strncmp(output, "jsonpath", 8) == 0 ? FLEET_WORDS :
										    FLEET_TABLES;
}

/* Also drops -A's letter from a word that it replaces, so -A is then said again. */
static void ask_for_json(struct fleet *f, char **word, char **value)
{
	const char *all = (*word)[1] == '-' ? NULL : strchr(*word, 'A');

	*word = all && all < strchr(*word, 'o') ? f->all_as_json : f->as_json;
	if (value)
		*value = f->as_json;
}

static struct form read_form(struct fleet *f)
{
	struct form form = { FLEET_TABLES, true };

	for (int i = 0; i < f->argc && strcmp(f->argv[i], "--") != 0; i++) {
		char *next = i + 1 < f->argc ? f->argv[i + 1] : NULL;
		const char *output = output_value(f->argv[i], next);

		if (strcmp(f->argv[i], "--no-headers") == 0 ||
		    strcmp(f->argv[i], "--no-headers=true") == 0)
			form.has_headers = false;
		if (!output)
			continue;
		form.form = form_of(output);
		if (form.form == FLEET_YAML)
			ask_for_json(f, &f->argv[i], output == next ? &f->argv[i + 1] : NULL);
	}
	return form;
}

/* What went wrong. */

static void say_errors(const struct fleet_answer *a)
{
	struct span rest = buf_span(&a->err), line;

	while (rest.len && span_take_part(&rest, '\n', &line))
		if (line.len)
			cli_note("%s: %.*s", a->cluster, SPAN_ARG(line));
}

/* Whether every cluster refused the words themselves: that is said once. */
static bool is_misused(const struct fleet *f)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->answers[i].status == 0 || f->answers[i].why.code != ERR_USAGE)
			return false;
	return true;
}

static int exit_status(const struct fleet *f)
{
	int status = f->answers[0].status;

	for (size_t i = 1; i < f->count; i++)
		if (f->answers[i].status != status)
			return 1;
	return status;
}

static int report(const struct fleet *f, const struct form *form, struct err *e)
{
	const char *why = f->answers[0].why.text;

	if (is_misused(f))
		return err_set(e, ERR_USAGE, "%s", strncmp(why, "error: ", 7) == 0 ? why + 7 : why);
	if (cli_fleet_join(f->answers, f->count, form->form, form->has_headers, e) < 0)
		return -1;
	for (size_t i = 0; i < f->count; i++)
		say_errors(&f->answers[i]);
	return exit_status(f);
}

static void fleet_end(struct fleet *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->answers[i].cluster);
		buf_free(&f->answers[i].out);
		buf_free(&f->answers[i].err);
	}
	free(f->answers);
}

int cli_fleet_run(struct cli *c, const struct cli_fleet *fleet, int argc, char **argv,
		  struct err *e)
{
	struct fleet f = { .cli = c,
			   .timeout_ms = fleet->timeout_ms,
			   .argc = argc,
			   .argv = argv,
			   .as_json = "--output=json",
			   .all_as_json = "-Aojson" };
	struct form form = read_form(&f);
	int status = -1;

	if (crypto_init(e) == 0 && cli_token(c, &f.token, e) == 0 &&
	    choose(&f, fleet->globs, e) == 0) {
		ask_all(&f);
		status = report(&f, &form, e);
	}
	fleet_end(&f);
	return status;
}
