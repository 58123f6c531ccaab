/* kubectl logs: the log of one container of a pod, or of several (kubectl_logs_many.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/timefmt.h"
#include "lib/kube/kubectl_logs.h"
#include "lib/kube/kubectl_pod.h"

/* A log is text; the server's errors are JSON. */
#define ACCEPT_LOG "application/json, */*"

#define AT(member) offsetof(struct logs_options, member)
static const struct option_row rows[] = {
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE", "the pod's namespace", NULL, 0, 0 },
	{ "container", 'c', OPTION_TEXT, AT(container), "NAME", "the container; else the pod's first one", NULL, 0,
	  0 },
	{ "follow", 'f', OPTION_FLAG, AT(follow), NULL, "go on as the log grows", NULL, 0, 0 },
	{ "previous", 'p', OPTION_FLAG, AT(previous), NULL, "of the container before its last restart", NULL, 0,
	  0 },
	{ "tail", 0, OPTION_INT, AT(tail), "LINES", "only the last lines; -1 for all", NULL, -1, INT64_MAX },
	{ "since", 0, OPTION_TEXT, AT(since), "TIME", "only what is newer, as 5s, 2m or 3h", NULL, 0, 0 },
	{ "since-time", 0, OPTION_TEXT, AT(since_time), "DATE", "only what is newer, as 2026-01-02T03:04:05Z",
	  NULL, 0, 0 },
	{ "timestamps", 0, OPTION_FLAG, AT(timestamps), NULL, "a time in front of each line", NULL, 0, 0 },
	{ "selector", 'l', OPTION_TEXT, AT(selector), "SELECTOR", "of all pods with these labels", NULL, 0, 0 },
	{ "all-containers", 0, OPTION_FLAG, AT(all_containers), NULL, "of all containers of the pod", NULL, 0, 0 },
	{ "all-pods", 0, OPTION_FLAG, AT(all_pods), NULL, "of all pods of TYPE/NAME, with --prefix", NULL, 0, 0 },
	{ "pod-running-timeout", 0, OPTION_TEXT, AT(pod_timeout), "TIME", "how long to wait for a pod of TYPE/NAME (20s)",
	  NULL, 0, 0 },
	{ "prefix", 0, OPTION_FLAG, AT(prefix), NULL, "pod and container in front of each line", NULL, 0, 0 },
	{ "limit-bytes", 0, OPTION_INT, AT(limit_bytes), "BYTES", "at most so much; 0 for all", NULL, 0,
	  INT64_MAX },
};
#undef AT

static void fail_pod(struct kubectl *k, const struct kubectl_target *pod, struct kube_status *status,
		     const struct err *failure)
{
	if (strcmp(status->reason, "NotFound") != 0) {
		kubectl_fail_request(k, status, failure);
		return;
	}
	kubectl_failf(k, ERR_NOT_FOUND, "error from server (NotFound): %s in namespace \"%s\"", status->message,
		      pod->namespace);
	kube_status_free(status);
}

static char *find_container(struct kubectl *k, const struct kubectl_target *pod, const char *asked)
{
	struct kube_request rq = { 0 };
	AUTO_JSON struct json *object = NULL;
	struct kube_answer answer = { 0 };
	struct kube_status status = { 0 };
	struct err failure = { 0 };
	struct buf path;
	char *chosen = NULL;

	buf_init(&path, KUBECTL_FILE_MAX);
	if (kubectl_put_path(k, &path, pod)) {
		rq.path = buf_str(&path);
		if (kube_do(k->client, &rq, &answer, &status, &failure))
			fail_pod(k, pod, &status, &failure);
		else if (json_parse(buf_span(&answer.body), KUBECTL_JSON_LIMITS(KUBECTL_FILE_MAX), &object,
				    &failure))
			kubectl_fail(k, &failure);
		else
			chosen = logs_choose_container(k, object, asked, false);
		kube_answer_free(&answer);
	}
	buf_free(&path);
	return chosen;
}

static void put_number(struct buf *path, const char *name, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)value); /* fits */
	kubectl_put_query(path, name, text);
}

/* False after having noted what is wrong with --since. */
static bool put_options(struct kubectl *k, struct buf *path, const struct logs_options *o,
			const char *container)
{
	struct err failure = { 0 };
	int64_t since_ms = 0;

	if (o->since && timefmt_parse_duration_ms(span_of(o->since), &since_ms, &failure)) {
		kubectl_failf(k, ERR_USAGE, "--since: %s", failure.text);
		return false;
	}
	kubectl_put_query(path, "container", container);
	kubectl_put_query(path, "follow", o->follow ? "true" : NULL);
	if (o->limit_bytes)
		put_number(path, "limitBytes", o->limit_bytes);
	kubectl_put_query(path, "previous", o->previous ? "true" : NULL);
	if (since_ms)
		put_number(path, "sinceSeconds", (since_ms + 500) / 1000);
	kubectl_put_query(path, "sinceTime", o->since_time);
	if (o->tail >= 0)
		put_number(path, "tailLines", o->tail);
	kubectl_put_query(path, "timestamps", o->timestamps ? "true" : NULL);
	return true;
}

struct stream {
	struct kubectl *k;
	const char *prefix;
	bool in_line;
};

static bool on_chunk(void *owner, struct span bytes)
{
	struct stream *s = owner;

	while (s->prefix[0] && bytes.len) {
		const char *end = memchr(bytes.at, '\n', bytes.len);
		size_t len = end ? (size_t)(end + 1 - bytes.at) : bytes.len;

		if (!s->in_line)
			kubectl_write(s->k, KUBECTL_OUT, span_of(s->prefix));
		kubectl_write(s->k, KUBECTL_OUT, span_from(bytes.at, len));
		s->in_line = !end;
		bytes = span_from(bytes.at + len, bytes.len - len);
	}
	kubectl_write(s->k, KUBECTL_OUT, bytes);
	return kubectl_goes_on(s->k);
}

void logs_stream(struct kubectl *k, const struct logs_options *o, const struct kubectl_target *pod,
		 const char *container, const char *prefix)
{
	struct stream s = { k, prefix, false };
	struct kube_request rq = { .accept = ACCEPT_LOG };
	struct kube_status status = { 0 };
	struct err failure = { 0 };
	struct buf path;

	buf_init(&path, KUBECTL_FILE_MAX);
	if (kubectl_put_path(k, &path, pod) && buf_put_str(&path, "/log") == 0 &&
	    put_options(k, &path, o, container)) {
		rq.path = buf_str(&path);
		if (kube_stream(k->client, &rq, on_chunk, &s, &status, &failure))
			kubectl_fail_request(k, &status, &failure);
	}
	buf_free(&path);
}

static void stream_one(struct kubectl *k, const struct logs_options *o, const struct kubectl_target *pod)
{
	AUTO_FREE char *container = find_container(k, pod, o->container);
	AUTO_FREE char *prefix = container && o->prefix ? mem_printf("[pod/%s/%s] ", pod->name, container)
							    : mem_dup_str("");

	if (container)
		logs_stream(k, o, pod, container, prefix);
}

static void stream_chosen(struct kubectl *k, const struct logs_options *o, const char *namespace, const char *name)
{
	struct kubectl_target pod = { .resource = kube_discovery_find(NULL, "pods"),
				      .namespace = mem_dup_str(namespace),
				      .name = mem_dup_str(name) };

	if (o->selector || o->all_containers)
		logs_stream_many(k, o, &pod);
	else
		stream_one(k, o, &pod);
	free(pod.namespace);
	free(pod.name);
}

/* Of the pod, or the pods, that a deployment, a service and the like select. */
static void stream_selected(struct kubectl *k, const struct logs_options *o, const char *namespace, const char *pair)
{
	struct logs_options all = *o;
	struct kubectl_pod found;
	AUTO_BUF struct buf selector;

	buf_init(&selector, KUBECTL_FILE_MAX);
	if (kubectl_pod_find(k, pair, namespace, o->pod_timeout, KUBECTL_POD_LOG, &found) == 0) {
		if (o->all_pods && found.through) {
			(void)kubectl_put_selector(found.through, &selector);
			all.selector = buf_str(&selector);
			all.tail = o->tail == LOGS_TAIL_UNSET ? -1 : o->tail;
		} else if (found.count > 1) {
			kubectl_printf(k, KUBECTL_ERR, "Found %zu pods, using pod/%s\n", found.count, found.name);
		}
		stream_chosen(k, &all, namespace, found.name);
	}
	kubectl_pod_free(&found);
}

static bool check(struct kubectl *k, const struct logs_options *o, const struct options_rest *args)
{
	if (o->selector ? args->count > 0 : args->count < 1 || args->count > 2)
		kubectl_failf(k, ERR_USAGE, "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'");
	else if (o->follow && k->io->is_fleet)
		kubectl_failf(k, ERR_USAGE, "logs -f follows one cluster: choose it with --cluster");
	else if ((o->container || args->count == 2) && o->all_containers)
		kubectl_failf(k, ERR_USAGE, "--all-containers=true should not be specified with container name");
	else if (args->count == 2 && o->container)
		kubectl_failf(k, ERR_USAGE, "only one of -c or an inline [CONTAINER] arg is allowed");
	else if (o->since && o->since_time)
		kubectl_failf(k, ERR_USAGE, "only one of --since and --since-time may be used");
	else
		return true;
	return false;
}

/* POD, TYPE/NAME, or one of them and a container. */
static void logs(struct kubectl *k, struct logs_options *o, const struct options_rest *args)
{
	const char *namespace = o->namespace ? o->namespace : kube_client_namespace(k->client);
	const char *name = args->count ? args->at[0] : "", *slash = strchr(name, '/');
	AUTO_FREE char *type = slash ? mem_dup(name, (size_t)(slash - name)) : mem_dup_str("pods");

	if (!check(k, o, args))
		return;
	o->container = args->count == 2 ? args->at[1] : o->container;
	o->prefix = o->prefix || o->all_pods;
	if (!o->selector && kube_discovery_find(NULL, type) != kube_discovery_find(NULL, "pods"))
		stream_selected(k, o, namespace, name);
	else
		stream_chosen(k, o, namespace, slash ? slash + 1 : name);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct logs_options o = { .namespace = namespace, .tail = LOGS_TAIL_UNSET, .pod_timeout = "20s" };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else
		logs(k, &o, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_logs = {
	"logs", "[-f] [-p] (POD | TYPE/NAME | -l SELECTOR) [-c CONTAINER] [options]",
	"Print the logs of containers in pods", rows, COUNT_OF(rows), run
};
