/* Which pod a name leads to: its own, or one that a deployment, a service and the like select. */
#include "lib/kube/kubectl_pod.h"

#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/timefmt.h"

enum { POLL_MS = 200, SELECTOR_MAX = 1024 * 1024 };

struct search {
	int64_t timeout_ms;
	enum kubectl_pod_use use;
};

void kubectl_pod_free(struct kubectl_pod *p)
{
	json_free(p->object);
	json_free(p->through);
	*p = (struct kubectl_pod){ 0 };
}

static struct json *get_json(struct kubectl *k, const char *path)
{
	struct kube_request rq = { .path = path };
	struct kube_answer answer = { 0 };
	struct kube_status status = { 0 };
	struct err failure = { 0 };
	struct json *object = NULL;

	if (kube_do(k->client, &rq, &answer, &status, &failure))
		kubectl_fail_request(k, &status, &failure);
	else if (json_parse(buf_span(&answer.body), KUBECTL_JSON_LIMITS(KUBECTL_TEXT_MAX), &object, &failure))
		kubectl_fail(k, &failure);
	kube_answer_free(&answer);
	return object;
}

struct json *kubectl_get_object(struct kubectl *k, const struct kubectl_target *t)
{
	struct json *object = NULL;
	AUTO_BUF struct buf path;

	buf_init(&path, KUBECTL_FILE_MAX);
	if (kubectl_put_path(k, &path, t))
		object = get_json(k, buf_str(&path));
	return object;
}

static void put_comma(struct buf *out)
{
	if (out->len)
		(void)buf_put_char(out, ',');
}

static void put_labels(const struct json *labels, struct buf *out)
{
	for (const struct json *l = json_first(labels); l; l = json_next(l)) {
		put_comma(out);
		(void)buf_printf(out, "%s=%s", json_name(l), json_text(l) ? json_text(l) : "");
	}
}

static void put_expression(const struct json *x, struct buf *out)
{
	const char *key = json_str(x, "key"), *operator = json_str(x, "operator");
	const struct json *value = json_first(json_get(x, "values"));
	const char *comma = "";

	if (!key || !operator)
		return;
	put_comma(out);
	if (strcmp(operator, "Exists") == 0 || strcmp(operator, "DoesNotExist") == 0) {
		(void)buf_printf(out, "%s%s", operator[0] == 'D' ? "!" : "", key);
		return;
	}
	(void)buf_printf(out, "%s %s (", key, strcmp(operator, "In") == 0 ? "in" : "notin");
	for (; value; value = json_next(value), comma = ",")
		(void)buf_printf(out, "%s%s", comma, json_text(value) ? json_text(value) : "");
	(void)buf_put_char(out, ')');
}

bool kubectl_put_selector(const struct json *object, struct buf *out)
{
	static const char *const by_labels[] = { "Service", "ReplicationController" };
	static const char *const by_selector[] = { "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job" };
	const char *kind = json_str(object, "kind") ? json_str(object, "kind") : "";
	const struct json *selector = json_find(object, "spec.selector"), *x;

	for (size_t i = 0; i < COUNT_OF(by_labels); i++)
		if (strcmp(kind, by_labels[i]) == 0)
			put_labels(selector, out);
	for (size_t i = 0; i < COUNT_OF(by_selector); i++) {
		if (strcmp(kind, by_selector[i]) != 0)
			continue;
		put_labels(json_get(selector, "matchLabels"), out);
		for (x = json_first(json_get(selector, "matchExpressions")); x; x = json_next(x))
			put_expression(x, out);
	}
	return out->len > 0; /* an empty one would be every pod */
}

static const char *ready_since(const struct json *pod)
{
	const struct json *c = json_first(json_find(pod, "status.conditions"));

	for (; c; c = json_next(c))
		if (json_str(c, "type") && strcmp(json_str(c, "type"), "Ready") == 0 && json_str(c, "status") &&
		    strcmp(json_str(c, "status"), "True") == 0)
			return json_str(c, "lastTransitionTime") ? json_str(c, "lastTransitionTime") : "";
	return NULL;
}

static int64_t most_restarts(const struct json *pod)
{
	const struct json *c = json_first(json_find(pod, "status.containerStatuses"));
	int64_t most = 0, count;

	for (; c; c = json_next(c))
		if (json_int(c, "restartCount", &count) == 0 && count > most)
			most = count;
	return most;
}

static int phase_rank(const struct json *pod)
{
	const char *phase = json_find_str(pod, "status.phase");

	if (!phase || strcmp(phase, "Pending") == 0)
		return 0;
	return strcmp(phase, "Unknown") == 0 ? 1 : 2;
}

/*
 * Whether `a` is to be taken rather than `b`: kubectl's orders podutils.ActivePods, reversed, and
 * podutils.ByLogging.
 */
static bool is_better(const struct json *a, const struct json *b, enum kubectl_pod_use use)
{
	const char *ready_a = ready_since(a), *ready_b = ready_since(b);
	const char *made_a = json_find_str(a, "metadata.creationTimestamp");
	const char *made_b = json_find_str(b, "metadata.creationTimestamp");
	bool node_a = json_find_str(a, "spec.nodeName") != NULL, node_b = json_find_str(b, "spec.nodeName") != NULL;

	if (node_a != node_b)
		return node_a;
	if (phase_rank(a) != phase_rank(b))
		return phase_rank(a) > phase_rank(b);
	if (!ready_a != !ready_b)
		return ready_a != NULL;
	if (ready_a && strcmp(ready_a, ready_b) != 0)
		return strcmp(ready_a, ready_b) < 0; /* RFC 3339 in UTC orders as text */
	if (most_restarts(a) != most_restarts(b))
		return (most_restarts(a) < most_restarts(b)) == (use == KUBECTL_POD_ENTER);
	return made_a && made_b && strcmp(made_a, made_b) < 0;
}

/* The best pod of a list, taken out of it; NULL: there is none. */
static struct json *take_best(struct json *list, enum kubectl_pod_use use)
{
	struct json *items = json_get(list, "items"), *best = json_first(items);

	for (struct json *pod = best; pod; pod = json_next(pod))
		if (pod != best && is_better(pod, best, use))
			best = pod;
	return best ? json_detach(items, best) : NULL;
}

static void pause_ms(long ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&left, NULL); /* a signal only makes it look earlier */
}

/* Looks five times a second until there is a pod; false after having noted that there is none. */
static bool await_pod(struct kubectl *k, const char *namespace, const char *selector, const struct search *s,
		      struct kubectl_pod *ret)
{
	const struct kubectl_target pods = { .resource = kube_discovery_find(NULL, "pods"),
					     .namespace = mem_dup_str(namespace) };
	uint64_t deadline_ms = clock_mono_ms() + (uint64_t)s->timeout_ms;
	AUTO_BUF struct buf path;

	buf_init(&path, KUBECTL_FILE_MAX);
	if (kubectl_put_path(k, &path, &pods)) {
		kubectl_put_query(&path, "labelSelector", selector);
		for (;;) {
			AUTO_JSON struct json *list = get_json(k, buf_str(&path));

			ret->count = json_count(json_get(list, "items"));
			ret->object = take_best(list, s->use);
			if (ret->object || !list || !kubectl_goes_on(k))
				break;
			if (clock_mono_ms() >= deadline_ms) {
				kubectl_failf(k, ERR_TIMEOUT, "timed out waiting for the condition");
				break;
			}
			pause_ms(POLL_MS);
		}
	}
	free(pods.namespace);
	return ret->object;
}

static bool follow(struct kubectl *k, const struct kube_resource *r, const char *namespace, const struct search *s,
		   struct kubectl_pod *ret)
{
	const char *what = s->use == KUBECTL_POD_LOG ? "get the logs from" : "attach to";
	AUTO_BUF struct buf selector;

	buf_init(&selector, SELECTOR_MAX);
	if (kubectl_put_selector(ret->through, &selector))
		return await_pod(k, namespace, buf_str(&selector), s, ret);
	if (strcmp(r->kind, "Service") == 0)
		kubectl_failf(k, ERR_INPUT,
			      "cannot %s *v1.Service: invalid service '%s': Service is defined without a selector", what,
			      json_find_str(ret->through, "metadata.name"));
	else
		kubectl_failf(k, ERR_INPUT, "cannot %s *%s.%s: selector for *%s.%s not implemented", what, r->version,
			      r->kind, r->version, r->kind);
	return false;
}

static int find_at(struct kubectl *k, const struct kubectl_target *t, const char *namespace, const struct search *s,
		   struct kubectl_pod *ret)
{
	struct json *object = kubectl_get_object(k, t);

	if (!object)
		return -1;
	if (strcmp(t->resource->kind, "Pod") == 0) {
		ret->object = object;
		ret->count = 1;
	} else {
		ret->through = object;
		ret->through_kind = t->resource->kind;
		if (!follow(k, t->resource, namespace, s, ret))
			return -1;
	}
	ret->namespace = json_find_str(ret->object, "metadata.namespace");
	ret->name = json_find_str(ret->object, "metadata.name");
	if (ret->namespace && ret->name)
		return 0;
	kubectl_failf(k, ERR_PROTOCOL, "the server's pod has no name");
	return -1;
}

int kubectl_pod_find(struct kubectl *k, const char *text, const char *namespace, const char *timeout,
		     enum kubectl_pod_use use, struct kubectl_pod *ret)
{
	AUTO_FREE char *pair = strchr(text, '/') ? mem_dup_str(text) : mem_printf("pods/%s", text);
	struct kubectl_targets targets = { 0 };
	struct search s = { .use = use };
	struct err failure = { 0 };
	int result = -1;

	*ret = (struct kubectl_pod){ 0 };
	if (timefmt_parse_duration_ms(span_of(timeout), &s.timeout_ms, &failure) || s.timeout_ms <= 0)
		kubectl_failf(k, ERR_USAGE, "--pod-running-timeout must be higher than zero");
	else if (kubectl_targets_of_args(k, &pair, 1, namespace, &targets) == 0 && targets.count == 1)
		result = find_at(k, &targets.at[0], namespace, &s, ret);
	kubectl_targets_free(&targets);
	return result;
}
