/* kubectl cp: files to and from a container, by the tar in it (kubectl pkg/cmd/cp). */
#include "lib/kube/kubectl_cp.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/kube/kubectl_exec.h"
#include "lib/kube/kubectl_path.h"
#include "lib/kube/kubectl_pod.h"

enum { PROBE_TIMEOUT_MS = 30 * 1000, WORDS_MAX = 8 };

struct cp_options {
	const char *namespace, *container;
	int64_t retries;
	bool no_preserve;
};

#define AT(member) offsetof(struct cp_options, member)
static const struct option_row rows[] = {
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE", "the pod's namespace", NULL, 0, 0 },
	{ "container", 'c', OPTION_TEXT, AT(container), "NAME", "the container; else the pod's usual one", NULL, 0,
	  0 },
	{ "no-preserve", 0, OPTION_FLAG, AT(no_preserve), NULL, "owner and permissions are not kept in the container",
	  NULL, 0, 0 },
	{ "retries", 0, OPTION_INT, AT(retries), "COUNT", "how often a cut copy from a container goes on; -1: always",
	  NULL, INT32_MIN, INT32_MAX },
};
#undef AT

/* [[NAMESPACE/]POD:]PATH */
struct place {
	char *namespace, *pod; /* owned; pod NULL: here */
	char *path;            /* owned; without a '/' at its end */
};

static void place_free(struct place *p)
{
	free(p->namespace);
	free(p->pod);
	free(p->path);
}

static bool read_place(struct kubectl *k, const char *text, struct place *p)
{
	const char *colon = strchr(text, ':'), *path = colon ? colon + 1 : text;
	size_t len = strlen(path), front = colon ? (size_t)(colon - text) : 0;
	const char *slash = front ? memchr(text, '/', front) : NULL;

	if (colon == text || (slash && memchr(slash + 1, '/', (size_t)(colon - slash - 1)))) {
		kubectl_failf(k, ERR_USAGE,
			      "filespec must match the canonical format: [[namespace/]pod:]file/path");
		return false;
	}
	if (slash)
		p->namespace = mem_dup(text, (size_t)(slash - text));
	if (colon)
		p->pod = slash ? mem_dup(slash + 1, (size_t)(colon - slash - 1)) : mem_dup(text, front);
	p->path = mem_dup(path, len > 1 && path[len - 1] == '/' ? len - 1 : len);
	for (char *c = p->path; colon && *c; c++)
		if (*c == '\\')
			*c = '/';
	return true;
}

struct copy {
	struct kubectl *k;
	const struct cp_options *o;
	struct kubectl_pod pod;
	struct cp_target *target; /* of a copy from a pod */
	struct err failure;       /* of the target */
};

/* The far tar's words; kubectl shows them all on standard output when it copies from a pod. */
static bool show_output(void *owner, enum remote_channel channel, struct span bytes)
{
	struct copy *c = owner;

	if (c->target && channel == REMOTE_STDOUT)
		return cp_target_put(c->target, bytes, &c->failure) == 0 && kubectl_goes_on(c->k);
	kubectl_write(c->k, channel == REMOTE_STDERR && !c->target ? KUBECTL_ERR : KUBECTL_OUT, bytes);
	return kubectl_goes_on(c->k);
}

static bool drop_output(void *owner, enum remote_channel channel, struct span bytes)
{
	(void)owner;
	(void)channel;
	(void)bytes;
	return true;
}

/* 1 when the path is a folder in the container, 0 when it is none or that cannot be told, -1 when it took too long. */
static int is_folder(struct copy *c, const char *path)
{
	const char *words[] = { "test", "-d", path };
	const struct kubectl_command command = { c->o->container, words, COUNT_OF(words), true, false };
	const struct remote_peer peer = { .on_output = drop_output,
					  .input_fd = -1,
					  .wake_fd = -1,
					  .timeout_ms = PROBE_TIMEOUT_MS };
	struct kube_status status = { 0 };
	struct remote_end end = { 0 };
	AUTO_BUF struct buf request;
	int rc;

	buf_init(&request, KUBECTL_FILE_MAX);
	if (kubectl_exec_path(c->k, &c->pod, &command, &peer, &request) < 0)
		return -1;
	rc = remote_run(c->k->client, buf_str(&request), &peer, &end, &status, &c->failure);
	kube_status_free(&status);
	if (rc < 0 && c->failure.code == ERR_TIMEOUT) {
		kubectl_fail(c->k, &c->failure);
		return -1;
	}
	return rc == 0 && end.exit_code == 0;
}

static void run_tar(struct copy *c, const char *const *words, size_t count, const struct remote_peer *peer)
{
	const struct kubectl_command command = { c->o->container, words, count, false, false };
	struct remote_end end = { 0 };

	if (kubectl_exec_run(c->k, &c->pod, &command, peer, &end) == 0 && end.exit_code)
		kubectl_fail_command(c->k, end.exit_code);
}

static void send_files(struct copy *c, const char *from, const char *to)
{
	AUTO_FREE char *clean = kubectl_path_clean(to), *name = kubectl_path_base(clean), *folder = kubectl_path_dir(to);
	struct cp_source *source = cp_source_new(c->k, from, name);
	struct remote_peer peer = { .owner = c, .on_output = show_output, .input_fd = -1, .wake_fd = -1 };
	const char *words[WORDS_MAX] = { "tar" };
	size_t count = 1;

	if (c->o->no_preserve) {
		words[count++] = "--no-same-permissions";
		words[count++] = "--no-same-owner";
	}
	words[count++] = "-xmf";
	words[count++] = "-";
	words[count++] = "-C";
	words[count++] = folder;
	peer.input_owner = source;
	peer.read_input = cp_source_read;
	run_tar(c, words, count, &peer);
	cp_source_free(source);
}

static void copy_to(struct copy *c, const struct place *from, const struct place *to)
{
	AUTO_FREE char *base = kubectl_path_base(from->path), *below = NULL;
	struct kubectl_file file;
	struct err failure = { 0 };
	int inside;

	if (c->k->io->files->look(c->k->io->owner, from->path, true, &file, &failure) < 0) {
		kubectl_failf(c->k, ERR_NOT_FOUND, "%s doesn't exist in local filesystem", from->path);
		return;
	}
	if (kubectl_pod_find(c->k, to->pod, to->namespace, KUBECTL_POD_TIMEOUT, KUBECTL_POD_ENTER, &c->pod) < 0)
		return;
	inside = is_folder(c, to->path);
	if (inside < 0)
		return;
	below = inside ? kubectl_path_join(to->path, base) : mem_dup_str(to->path);
	send_files(c, from->path, below);
}

/* 'it'\''s' */
static char *quote(const char *path)
{
	struct buf out;

	buf_init(&out, KUBECTL_FILE_MAX);
	for (; *path; path++)
		if (*path == '\'')
			(void)buf_put_str(&out, "'\\''");
		else
			(void)buf_put_char(&out, *path);
	return buf_take_str(&out);
}

/* One run of the far tar, from the byte on that is next. */
static void fetch_once(struct copy *c, const char *path)
{
	const struct remote_peer peer = { .owner = c, .on_output = show_output, .input_fd = -1, .wake_fd = -1 };
	const char *words[] = { "tar", "cf", "-", path };
	AUTO_FREE char *quoted = quote(path);
	const char *by_shell[] = { "sh", "-c", NULL };
	unsigned long long from = cp_target_len(c->target);
	AUTO_FREE char *script = mem_printf("tar cf - '%s' | tail -c+%llu", quoted, from ? from + 1 : 0);

	by_shell[2] = script;
	if (c->o->retries)
		run_tar(c, by_shell, COUNT_OF(by_shell), &peer);
	else
		run_tar(c, words, COUNT_OF(words), &peer);
}

static void fetch_files(struct copy *c, const char *path)
{
	int64_t tries = 0;

	for (;;) {
		fetch_once(c, path);
		if (c->failure.code)
			kubectl_fail(c->k, &c->failure);
		if (c->k->first.code || cp_target_is_done(c->target) || !kubectl_goes_on(c->k))
			return;
		if (c->o->retries >= 0 && tries >= c->o->retries)
			break;
		kubectl_printf(c->k, KUBECTL_OUT, "Resuming copy at %llu bytes, retry %lld/%lld\n",
			       (unsigned long long)cp_target_len(c->target), (long long)++tries,
			       (long long)c->o->retries);
	}
	kubectl_printf(c->k, KUBECTL_OUT, "Dropping out copy after %lld retries\n", (long long)tries);
	if (!cp_target_may_end(c->target))
		kubectl_failf(c->k, ERR_PROTOCOL, "unexpected EOF");
}

static void copy_from(struct copy *c, const struct place *from, const struct place *to)
{
	const char *start = from->path + strspn(from->path, "/\\");
	AUTO_FREE char *clean = kubectl_path_clean(start), *prefix = kubectl_path_strip(clean);
	AUTO_FREE char *origin = mem_printf("-n \\\"%s\\\" \\\"%s\\\" -- tar cf - \\\"%s\\\"", from->namespace, from->pod,
					    from->path);

	if (kubectl_pod_find(c->k, from->pod, from->namespace, KUBECTL_POD_TIMEOUT, KUBECTL_POD_ENTER, &c->pod) < 0)
		return;
	c->target = cp_target_new(c->k, to->path, prefix, origin);
	fetch_files(c, from->path);
	cp_target_free(c->target);
}

static void copy(struct kubectl *k, const struct cp_options *o, struct place *from, struct place *to)
{
	const char *namespace = o->namespace ? o->namespace : kube_client_namespace(k->client);
	struct copy c = { .k = k, .o = o };
	struct place *far = from->pod ? from : to;

	if (!far->namespace)
		far->namespace = mem_dup_str(namespace);
	if (from->pod && to->pod)
		kubectl_failf(k, ERR_USAGE, "one of src or dest must be a local file specification");
	else if (!from->path[0] || !to->path[0])
		kubectl_failf(k, ERR_USAGE, "filepath can not be empty");
	else if (!far->pod)
		kubectl_failf(k, ERR_USAGE, "one of src or dest must be a remote file specification");
	else if (!k->io->files)
		kubectl_failf(k, ERR_USAGE, "there are no local files here that cp could copy");
	else if (from->pod)
		copy_from(&c, from, to);
	else
		copy_to(&c, from, to);
	kubectl_pod_free(&c.pod);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct cp_options o = { .namespace = namespace };
	struct place from = { 0 }, to = { 0 };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (args.count != 2)
		kubectl_failf(k, ERR_USAGE, "source and destination are required");
	else if (read_place(k, args.at[0], &from) && read_place(k, args.at[1], &to))
		copy(k, &o, &from, &to);
	place_free(&from);
	place_free(&to);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_cp = {
	"cp", "([NAMESPACE/]POD:)SOURCE ([NAMESPACE/]POD:)TARGET [options]",
	"Copy files and directories to and from containers", rows, COUNT_OF(rows), run
};
