/* What the API server's defaults, its controllers and the kubelet put into a new object. */
#include "tests/kubesim/fill.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/base/clock.h"
#include "lib/format/base64.h"
#include "lib/format/timefmt.h"

static struct json *member_of(struct json *object, const char *name)
{
	if (!json_is_object(json_get(object, name)))
		json_set_item(object, name, json_new_object());
	return json_get(object, name);
}

static void set_default(struct json *object, const char *name, const char *value)
{
	if (!json_get(object, name))
		json_set_str(object, name, value);
}

static void add_condition(struct json *status, const char *type, const char *now)
{
	struct json *condition = json_new_object(), *list = json_get(status, "conditions");

	if (!list) {
		list = json_new_array();
		json_set_item(status, "conditions", list);
	}
	json_set_str(condition, "type", type);
	json_set_str(condition, "status", "True");
	json_set_str(condition, "lastTransitionTime", now);
	json_add_item(list, condition);
}

static struct json *container_status(const struct json *container, const char *now)
{
	struct json *status = json_new_object(), *running = json_new_object(), *state = json_new_object();

	json_set_str(status, "name", json_str(container, "name"));
	json_set_str(status, "image", json_str(container, "image"));
	json_set_str(status, "imageID", "");
	json_set_bool(status, "ready", true);
	json_set_bool(status, "started", true);
	json_set_int(status, "restartCount", 0);
	json_set_str(running, "startedAt", now);
	json_set_item(state, "running", running);
	json_set_item(status, "state", state);
	return status;
}

static void fill_pod(struct sim *sim, struct json *pod)
{
	struct json *spec = member_of(pod, "spec"), *status = json_new_object(), *list = json_new_array();
	char now[TIMEFMT_SIZE], ip[32];

	timefmt_date(clock_unix_s(), now);
	(void)snprintf(ip, sizeof(ip), "10.0.%d.%d", (int)(sim->version >> 8 & 255), (int)(sim->version & 255));
	set_default(spec, "restartPolicy", "Always");
	set_default(spec, "dnsPolicy", "ClusterFirst");
	set_default(spec, "nodeName", "node-1");
	set_default(spec, "schedulerName", "default-scheduler");
	if (!json_get(spec, "terminationGracePeriodSeconds"))
		json_set_int(spec, "terminationGracePeriodSeconds", 30);
	for (struct json *i = json_first(json_get(spec, "containers")); i; i = json_next(i)) {
		set_default(i, "imagePullPolicy", "Always");
		json_add_item(list, container_status(i, now));
	}
	json_set_str(status, "phase", "Running");
	json_set_str(status, "startTime", now);
	json_set_str(status, "hostIP", "127.0.0.1");
	json_set_str(status, "podIP", ip);
	json_set_str(status, "qosClass", "BestEffort");
	add_condition(status, "Initialized", now);
	add_condition(status, "Ready", now);
	add_condition(status, "ContainersReady", now);
	json_set_item(status, "containerStatuses", list);
	json_set_item(pod, "status", status);
}

static void fill_namespace(struct sim *sim, struct json *namespace)
{
	struct json *metadata = json_get(namespace, "metadata"), *finalizers = json_new_array();

	(void)sim;
	json_set_str(member_of(metadata, "labels"), "kubernetes.io/metadata.name", json_str(metadata, "name"));
	json_add_str(finalizers, "kubernetes");
	json_set_item(member_of(namespace, "spec"), "finalizers", finalizers);
	json_set_str(member_of(namespace, "status"), "phase", "Active");
}

static void fill_node(struct sim *sim, struct json *node)
{
	struct json *status = member_of(node, "status"), *info = member_of(status, "nodeInfo");
	char now[TIMEFMT_SIZE];

	(void)sim;
	timefmt_date(clock_unix_s(), now);
	json_set_str(info, "kubeletVersion", "kwok");
	json_set_str(info, "operatingSystem", "linux");
	json_set_str(info, "architecture", "amd64");
	add_condition(status, "Ready", now);
}

static void fill_service(struct sim *sim, struct json *service)
{
	struct json *spec = member_of(service, "spec");
	char ip[32];

	(void)snprintf(ip, sizeof(ip), "10.96.%d.%d", (int)(sim->version >> 8 & 255), (int)(sim->version & 255));
	set_default(spec, "type", "ClusterIP");
	set_default(spec, "clusterIP", ip);
	set_default(spec, "sessionAffinity", "None");
	for (struct json *i = json_first(json_get(spec, "ports")); i; i = json_next(i)) {
		set_default(i, "protocol", "TCP");
		if (!json_get(i, "targetPort"))
			json_set_item(i, "targetPort", json_dup(json_get(i, "port")));
	}
	json_set_item(service, "status", json_new_object());
	json_set_item(json_get(service, "status"), "loadBalancer", json_new_object());
}

static void fill_secret(struct sim *sim, struct json *secret)
{
	struct json *plain = json_get(secret, "stringData");

	(void)sim;
	set_default(secret, "type", "Opaque");
	for (struct json *i = json_first(plain); i; i = json_next(i)) {
		AUTO_BUF struct buf encoded;

		buf_init(&encoded, (size_t)4 * 1024 * 1024);
		base64_encode(span_of(json_text(i)), BASE64_STD, &encoded);
		json_set_str(member_of(secret, "data"), json_name(i), buf_str(&encoded));
	}
	json_remove(secret, "stringData");
}

static void fill_deployment(struct sim *sim, struct json *deployment)
{
	struct json *spec = member_of(deployment, "spec");

	(void)sim;
	if (!json_get(spec, "replicas"))
		json_set_int(spec, "replicas", 1);
	json_set_item(deployment, "status", json_new_object());
}

void fill_object(struct sim *sim, const struct kind *k, struct json *object)
{
	static const struct {
		const char *group, *plural;
		void (*fn)(struct sim *sim, struct json *object);
	} rows[] = {
		{ "", "pods", fill_pod },       { "", "namespaces", fill_namespace },
		{ "", "nodes", fill_node },     { "", "services", fill_service },
		{ "", "secrets", fill_secret }, { "apps", "deployments", fill_deployment },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (strcmp(rows[i].group, k->r.group) == 0 && strcmp(rows[i].plural, k->r.plural) == 0)
			rows[i].fn(sim, object);
}
