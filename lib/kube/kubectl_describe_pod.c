/* kubectl describe: pods and pod templates. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_describe.h"

static const struct json *by_name(const struct json *list, const char *name)
{
	for (const struct json *i = json_first(list); i; i = json_next(i))
		if (strcmp(kubectl_text(i, "name"), name) == 0)
			return i;
	return NULL;
}

/* "80/TCP (http), 81/TCP" of one member of the ports. */
static void put_ports(struct describe *d, const struct json *ports, const char *title, const char *member, bool named)
{
	struct buf text;

	buf_init(&text, KUBECTL_FILE_MAX);
	for (const struct json *p = json_first(ports); p; p = json_next(p)) {
		(void)buf_printf(&text, "%s%lld/%s", text.len ? ", " : "", (long long)kubectl_number(p, member, 0),
				 kubectl_text(p, "protocol"));
		if (named && kubectl_text(p, "name")[0])
			(void)buf_printf(&text, " (%s)", kubectl_text(p, "name"));
	}
	describe_line(d, 2, "%s%s:\t%s", title, json_count(ports) > 1 ? "s" : "", describe_or_none(buf_str(&text)));
	buf_free(&text);
}

static void put_words(struct describe *d, const char *title, const struct json *words)
{
	if (json_count(words) == 0)
		return;
	describe_line(d, 2, "%s:", title);
	for (const struct json *w = json_first(words); w; w = json_next(w)) {
		struct span rest = span_of(json_text(w)), line;

		while (span_take_part(&rest, '\n', &line))
			describe_line(d, 3, "%.*s", SPAN_ARG(line));
	}
}

static void put_state(struct describe *d, const char *title, const struct json *state)
{
	const struct json *s;
	char date[40];

	if ((s = json_get(state, "running"))) {
		describe_line(d, 2, "%s:\tRunning", title);
		describe_line(d, 3, "Started:\t%s", describe_date(kubectl_text(s, "startedAt"), date));
	} else if ((s = json_get(state, "terminated"))) {
		describe_line(d, 2, "%s:\tTerminated", title);
		if (kubectl_text(s, "reason")[0])
			describe_line(d, 3, "Reason:\t%s", kubectl_text(s, "reason"));
		if (kubectl_text(s, "message")[0])
			describe_line(d, 3, "Message:\t%s", kubectl_text(s, "message"));
		describe_line(d, 3, "Exit Code:\t%lld", (long long)kubectl_number(s, "exitCode", 0));
		if (kubectl_number(s, "signal", 0))
			describe_line(d, 3, "Signal:\t%lld", (long long)kubectl_number(s, "signal", 0));
		describe_line(d, 3, "Started:\t%s", describe_date(kubectl_text(s, "startedAt"), date));
		describe_line(d, 3, "Finished:\t%s", describe_date(kubectl_text(s, "finishedAt"), date));
	} else {
		describe_line(d, 2, "%s:\tWaiting", title);
		if (kubectl_text(state, "waiting.reason")[0])
			describe_line(d, 3, "Reason:\t%s", kubectl_text(state, "waiting.reason"));
	}
}

static void put_resources(struct describe *d, const char *title, const struct json *amounts)
{
	AUTO_JSON struct json *sorted = amounts ? json_dup(amounts) : NULL;

	if (json_count(amounts) == 0)
		return;
	kubectl_sort_members(sorted);
	describe_line(d, 2, "%s:", title);
	for (const struct json *a = json_first(sorted); a; a = json_next(a))
		describe_line(d, 3, "%s:\t%s", json_name(a), json_text(a) ? json_text(a) : "");
}

static void put_probe_action(struct buf *text, const struct json *probe)
{
	const struct json *http = json_get(probe, "httpGet"), *tcp = json_get(probe, "tcpSocket"), *port;
	const char *scheme = kubectl_text(http, "scheme");

	if (http) {
		port = json_get(http, "port");
		(void)buf_printf(text, "http-get %s://%s:%s%s", strcmp(scheme, "HTTPS") == 0 ? "https" : "http",
				 kubectl_text(http, "host"), json_text(port) ? json_text(port) : "",
				 kubectl_text(http, "path"));
	} else if (tcp) {
		port = json_get(tcp, "port");
		(void)buf_printf(text, "tcp-socket %s:%s", kubectl_text(tcp, "host"), json_text(port) ? json_text(port) : "");
	} else if (json_get(probe, "grpc")) {
		(void)buf_printf(text, "grpc <pod>:%lld %s", (long long)kubectl_number(probe, "grpc.port", 0),
				 kubectl_text(probe, "grpc.service"));
	} else {
		(void)buf_put_str(text, "exec [");
		for (const struct json *w = json_first(json_find(probe, "exec.command")); w; w = json_next(w))
			(void)buf_printf(text, "%s%s", json_text(w), json_next(w) ? " " : "");
		(void)buf_put_char(text, ']');
	}
}

static void put_probe(struct describe *d, const char *title, const struct json *probe)
{
	struct buf text;

	if (!probe)
		return;
	buf_init(&text, KUBECTL_FILE_MAX);
	put_probe_action(&text, probe);
	describe_line(d, 2, "%s:\t%s delay=%llds timeout=%llds period=%llds #success=%lld #failure=%lld", title,
		      buf_str(&text), (long long)kubectl_number(probe, "initialDelaySeconds", 0),
		      (long long)kubectl_number(probe, "timeoutSeconds", 0),
		      (long long)kubectl_number(probe, "periodSeconds", 0),
		      (long long)kubectl_number(probe, "successThreshold", 0),
		      (long long)kubectl_number(probe, "failureThreshold", 0));
	buf_free(&text);
}

static void put_env_source(struct describe *d, const struct json *env)
{
	const struct json *from = json_get(env, "valueFrom"), *s;
	const char *name = kubectl_text(env, "name");

	if ((s = json_get(from, "secretKeyRef")))
		describe_line(d, 3, "%s:\t<set to the key '%s' in secret '%s'>\tOptional: %s", name, kubectl_text(s, "key"),
			      kubectl_text(s, "name"), json_is_true(json_get(s, "optional")) ? "true" : "false");
	else if ((s = json_get(from, "configMapKeyRef")))
		describe_line(d, 3, "%s:\t<set to the key '%s' of config map '%s'>\tOptional: %s", name,
			      kubectl_text(s, "key"), kubectl_text(s, "name"),
			      json_is_true(json_get(s, "optional")) ? "true" : "false");
	else if ((s = json_get(from, "fieldRef")))
		describe_line(d, 3, "%s:\t (%s:%s)", name, kubectl_text(s, "apiVersion"), kubectl_text(s, "fieldPath"));
	else if ((s = json_get(from, "resourceFieldRef")))
		describe_line(d, 3, "%s:\t (%s)", name, kubectl_text(s, "resource"));
	else
		describe_line(d, 3, "%s:\t%s", name, kubectl_text(env, "value"));
}

static void put_env_from(struct describe *d, const struct json *sources)
{
	if (json_count(sources) == 0)
		return;
	describe_line(d, 2, "Environment Variables from:");
	for (const struct json *e = json_first(sources); e; e = json_next(e)) {
		const struct json *map = json_get(e, "configMapRef"), *ref = map ? map : json_get(e, "secretRef");

		describe_line(d, 3, "%s\t%s\tOptional: %s", kubectl_text(ref, "name"), map ? "ConfigMap" : "Secret",
			      json_is_true(json_get(ref, "optional")) ? "true" : "false");
	}
}

static int compare_paths(const void *a, const void *b)
{
	const struct json *const *x = a, *const *y = b;

	return strcmp(kubectl_text(*x, "mountPath"), kubectl_text(*y, "mountPath"));
}

static void put_mounts(struct describe *d, const struct json *mounts)
{
	size_t count = json_count(mounts), i = 0;
	AUTO_FREE const struct json **all = mem_new_array(count + 1, sizeof(*all));

	for (const struct json *m = json_first(mounts); m; m = json_next(m))
		all[i++] = m;
	qsort(all, count, sizeof(*all), compare_paths);
	describe_line(d, 2, "Mounts:%s", count ? "" : "\t<none>");
	for (i = 0; i < count; i++) {
		const char *sub = kubectl_text(all[i], "subPath");

		describe_line(d, 3, "%s from %s (%s%s%s%s)", kubectl_text(all[i], "mountPath"), kubectl_text(all[i], "name"),
			      json_is_true(json_get(all[i], "readOnly")) ? "ro" : "rw", sub[0] ? ",path=\"" : "", sub,
			      sub[0] ? "\"" : "");
	}
}

static void put_status(struct describe *d, const struct json *status)
{
	if (!status)
		return;
	put_state(d, "State", json_get(status, "state"));
	if (json_find(status, "lastState.terminated"))
		put_state(d, "Last State", json_get(status, "lastState"));
	describe_line(d, 2, "Ready:\t%s", json_is_true(json_get(status, "ready")) ? "True" : "False");
	describe_line(d, 2, "Restart Count:\t%lld", (long long)kubectl_number(status, "restartCount", 0));
}

static void put_container(struct describe *d, const struct json *c, const struct json *status, const char *space)
{
	const struct json *env = json_get(c, "env");

	describe_line(d, 1, "%s%s:", space[0] ? " " : "", kubectl_text(c, "name"));
	if (status)
		describe_line(d, 2, "Container ID:\t%s", kubectl_text(status, "containerID"));
	describe_line(d, 2, "Image:\t%s", kubectl_text(c, "image"));
	if (status)
		describe_line(d, 2, "Image ID:\t%s", kubectl_text(status, "imageID"));
	put_ports(d, json_get(c, "ports"), "Port", "containerPort", true);
	put_ports(d, json_get(c, "ports"), "Host Port", "hostPort", true);
	put_words(d, "Command", json_get(c, "command"));
	put_words(d, "Args", json_get(c, "args"));
	put_status(d, status);
	put_resources(d, "Limits", json_find(c, "resources.limits"));
	put_resources(d, "Requests", json_find(c, "resources.requests"));
	put_probe(d, "Liveness", json_get(c, "livenessProbe"));
	put_probe(d, "Readiness", json_get(c, "readinessProbe"));
	put_probe(d, "Startup", json_get(c, "startupProbe"));
	put_env_from(d, json_get(c, "envFrom"));
	describe_line(d, 2, "Environment:%s", json_count(env) ? "" : "\t<none>");
	for (const struct json *e = json_first(env); e; e = json_next(e))
		put_env_source(d, e);
	put_mounts(d, json_get(c, "volumeMounts"));
}

static void describe_containers(struct describe *d, const char *title, const struct json *containers,
			 const struct json *statuses, const char *space)
{
	describe_line(d, 0, "%s%s:%s", space, title, json_count(containers) ? "" : " <none>");
	for (const struct json *c = json_first(containers); c; c = json_next(c))
		put_container(d, c, by_name(statuses, kubectl_text(c, "name")), space);
}

void describe_pod_template(struct describe *d, const struct json *template)
{
	const struct json *spec = json_get(template, "spec");

	(void)buf_put_str(&d->text, "Pod Template:\n");
	describe_labels(d, "  Labels", json_find(template, "metadata.labels"));
	if (json_count(json_find(template, "metadata.annotations")))
		describe_annotations(d, "  Annotations", json_find(template, "metadata.annotations"));
	if (kubectl_text(spec, "serviceAccountName")[0])
		describe_line(d, 1, "Service Account:\t%s", kubectl_text(spec, "serviceAccountName"));
	if (json_count(json_get(spec, "initContainers")))
		describe_containers(d, "Init Containers", json_get(spec, "initContainers"), NULL, "  ");
	describe_containers(d, "Containers", json_get(spec, "containers"), NULL, "  ");
	describe_volumes(d, json_get(spec, "volumes"), "  ");
	if (kubectl_text(spec, "priorityClassName")[0])
		describe_line(d, 1, "Priority Class Name:\t%s", kubectl_text(spec, "priorityClassName"));
	describe_placement(d, spec, "  ");
}

void describe_template(struct kubectl *k, const struct json *template)
{
	struct describe d = { .k = k };

	buf_init(&d.text, KUBECTL_TEXT_MAX);
	describe_pod_template(&d, template);
	kubectl_write(k, KUBECTL_OUT, buf_span(&d.text));
	buf_free(&d.text);
}

static void put_owner(struct describe *d)
{
	const struct json *o = json_first(json_find(d->object, "metadata.ownerReferences"));

	for (; o; o = json_next(o))
		if (json_is_true(json_get(o, "controller")))
			describe_line(d, 0, "Controlled By:\t%s/%s", kubectl_text(o, "kind"), kubectl_text(o, "name"));
}

static void put_head(struct describe *d)
{
	const struct json *pod = d->object, *spec = json_get(pod, "spec");
	const char *node = kubectl_text(spec, "nodeName"), *host = kubectl_text(pod, "status.hostIP");
	char date[40];

	describe_line(d, 0, "Name:\t%s", d->target->name);
	describe_line(d, 0, "Namespace:\t%s", d->target->namespace);
	if (json_get(spec, "priority"))
		describe_line(d, 0, "Priority:\t%lld", (long long)kubectl_number(spec, "priority", 0));
	if (kubectl_text(spec, "priorityClassName")[0])
		describe_line(d, 0, "Priority Class Name:\t%s", kubectl_text(spec, "priorityClassName"));
	if (kubectl_text(spec, "serviceAccountName")[0])
		describe_line(d, 0, "Service Account:\t%s", kubectl_text(spec, "serviceAccountName"));
	describe_line(d, 0, "Node:\t%s%s%s", describe_or_none(node), node[0] ? "/" : "", node[0] ? host : "");
	if (json_find(pod, "status.startTime"))
		describe_line(d, 0, "Start Time:\t%s", describe_date(kubectl_text(pod, "status.startTime"), date));
	describe_labels(d, "Labels", json_find(pod, "metadata.labels"));
	describe_annotations(d, "Annotations", json_find(pod, "metadata.annotations"));
}

static void put_pod_status(struct describe *d)
{
	const struct json *status = json_get(d->object, "status");

	describe_line(d, 0, "Status:\t%s",
		      json_find(d->object, "metadata.deletionTimestamp") ? "Terminating" : kubectl_text(status, "phase"));
	if (kubectl_text(status, "reason")[0])
		describe_line(d, 0, "Reason:\t%s", kubectl_text(status, "reason"));
	if (kubectl_text(status, "message")[0])
		describe_line(d, 0, "Message:\t%s", kubectl_text(status, "message"));
	describe_line(d, 0, "IP:\t%s", kubectl_text(status, "podIP"));
	describe_line(d, 0, "IPs:%s", json_count(json_get(status, "podIPs")) ? "" : "\t<none>");
	for (const struct json *ip = json_first(json_get(status, "podIPs")); ip; ip = json_next(ip))
		describe_line(d, 1, "IP:\t%s", kubectl_text(ip, "ip"));
	put_owner(d);
}

void describe_pod(struct describe *d)
{
	const struct json *spec = json_get(d->object, "spec"), *status = json_get(d->object, "status");

	put_head(d);
	put_pod_status(d);
	if (json_count(json_get(spec, "initContainers")))
		describe_containers(d, "Init Containers", json_get(spec, "initContainers"),
				    json_get(status, "initContainerStatuses"), "");
	describe_containers(d, "Containers", json_get(spec, "containers"), json_get(status, "containerStatuses"), "");
	if (json_count(json_get(spec, "ephemeralContainers")))
		describe_containers(d, "Ephemeral Containers", json_get(spec, "ephemeralContainers"),
				    json_get(status, "ephemeralContainerStatuses"), "");
	if (json_count(json_get(status, "conditions")))
		(void)buf_put_str(&d->text, "Conditions:\n  Type\tStatus\n");
	for (const struct json *c = json_first(json_get(status, "conditions")); c; c = json_next(c))
		describe_line(d, 1, "%s \t%s ", kubectl_text(c, "type"), kubectl_text(c, "status"));
	describe_volumes(d, json_get(spec, "volumes"), "");
	describe_line(d, 0, "QoS Class:\t%s", kubectl_text(status, "qosClass"));
	describe_placement(d, spec, "");
}
