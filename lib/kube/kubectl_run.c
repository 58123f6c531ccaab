/* kubectl run and expose: a pod from an image, a service from an object. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_create.h"

struct run_options {
	struct kubectl_choice choice;
	struct kubectl_change change;
	const char *image, *labels, *restart, *name, *target_port, *type, *protocol, *selector;
	struct option_list env;
	int64_t port;
	bool command;
};

#define AT(member) offsetof(struct run_options, member)
static const struct option_row run_rows[] = {
	{ "namespace", 'n', OPTION_TEXT, AT(choice.namespace), "NAMESPACE", "the pod's namespace", NULL, 0, 0 },
	KUBECTL_CHANGE_ROWS(struct run_options, change),
	{ "image", 0, OPTION_TEXT, AT(image), "IMAGE", "the container's image", NULL, 0, 0 },
	{ "labels", 'l', OPTION_TEXT, AT(labels), "KEY=VALUE,...", "the pod's labels (run=NAME)", NULL, 0, 0 },
	{ "env", 0, OPTION_LIST, AT(env), "KEY=VALUE", "a variable of the container's environment", NULL, 0, 0 },
	{ "port", 0, OPTION_INT, AT(port), "PORT", "the container's port", NULL, 1, 65535 },
	{ "restart", 0, OPTION_TEXT, AT(restart), "POLICY", "Always, OnFailure or Never", NULL, 0, 0 },
	{ "command", 0, OPTION_FLAG, AT(command), NULL, "what follows -- is the command, not its arguments", NULL, 0, 0 },
};
static const struct option_row expose_rows[] = {
	{ "namespace", 'n', OPTION_TEXT, AT(choice.namespace), "NAMESPACE", "the namespace to look in", NULL, 0, 0 },
	{ "filename", 'f', OPTION_LIST, AT(choice.files), "FILE", "what this manifest names", NULL, 0, 0 },
	KUBECTL_CHANGE_ROWS(struct run_options, change),
	{ "name", 0, OPTION_TEXT, AT(name), "NAME", "the service's name (the object's)", NULL, 0, 0 },
	{ "port", 0, OPTION_INT, AT(port), "PORT", "the service's port (the containers')", NULL, 1, 65535 },
	{ "target-port", 0, OPTION_TEXT, AT(target_port), "PORT", "the containers' port, a number or a name", NULL, 0, 0 },
	{ "type", 0, OPTION_TEXT, AT(type), "TYPE", "ClusterIP, NodePort or LoadBalancer", NULL, 0, 0 },
	{ "protocol", 0, OPTION_TEXT, AT(protocol), "PROTOCOL", "TCP, UDP or SCTP", NULL, 0, 0 },
	{ "selector", 0, OPTION_TEXT, AT(selector), "KEY=VALUE,...", "the pods (the object's selector)", NULL, 0, 0 },
	{ "labels", 'l', OPTION_TEXT, AT(labels), "KEY=VALUE,...", "the service's labels (the object's)", NULL, 0, 0 },
};
#undef AT

/* "a=b,c=d"; NULL after having noted the failure. */
static struct json *read_labels(struct kubectl *k, const char *text)
{
	struct json *labels = json_new_object();
	struct span rest = span_of(text), pair;

	while (span_take_part(&rest, ',', &pair)) {
		ptrdiff_t equals = span_find(pair, '=');
		AUTO_FREE char *key = equals > 0 ? span_dup(span_from(pair.at, (size_t)equals)) : NULL;
		AUTO_FREE char *value =
			key ? span_dup(span_from(pair.at + equals + 1, pair.len - (size_t)equals - 1)) : NULL;

		if (!key) {
			kubectl_failf(k, ERR_USAGE, "unexpected label spec: %s, expected KEY=VALUE,...", text);
			json_free(labels);
			return NULL;
		}
		json_set_str(labels, key, value);
	}
	return labels;
}

static bool add_env(struct kubectl *k, const struct run_options *o, struct json *container)
{
	struct json *env = json_new_array();

	for (size_t i = 0; i < o->env.count; i++) {
		const char *equals = strchr(o->env.at[i], '=');
		AUTO_FREE char *name = mem_dup(o->env.at[i], equals ? (size_t)(equals - o->env.at[i]) : 0);
		struct json *pair = json_new_object();

		json_set_str(pair, "name", name);
		json_set_str(pair, "value", equals ? equals + 1 : "");
		json_add_item(env, pair);
		if (!name[0]) {
			json_free(env);
			kubectl_failf(k, ERR_USAGE, "invalid env: %s, expected KEY=VALUE", o->env.at[i]);
			return false;
		}
	}
	if (o->env.count)
		json_set_item(container, "env", env);
	else
		json_free(env);
	return true;
}

static bool make_container(struct kubectl *k, const struct run_options *o, const struct options_rest *args,
			   struct json *container)
{
	struct json *words = json_new_array(), *ports = json_new_array();

	json_set_str(container, "name", args->at[0]);
	json_set_str(container, "image", o->image);
	json_set_item(container, "resources", json_new_object());
	for (int i = 1; i < args->count; i++)
		json_add_str(words, args->at[i]);
	if (args->count > 1)
		json_set_item(container, o->command ? "command" : "args", words);
	else
		json_free(words);
	if (o->port) {
		json_add_item(ports, json_new_object());
		json_set_int(json_first(ports), "containerPort", o->port);
		json_set_item(container, "ports", ports);
	} else {
		json_free(ports);
	}
	return add_env(k, o, container);
}

/* Creates `object`, which is taken, in the namespace. */
static void create(struct kubectl *k, const struct run_options *o, const char *type, struct json *object,
		   const char *manager, const char *done)
{
	struct kubectl_targets t = { 0 };

	if (o->change.dry != DRY_CLIENT || o->choice.namespace)
		json_set_str(json_get(object, "metadata"), "namespace", kubectl_namespace(k, o->choice.namespace));
	kubectl_targets_add(&t, kube_discovery_find(NULL, type), kubectl_namespace(k, o->choice.namespace),
			    kubectl_text(object, "metadata.name"), object);
	kubectl_create_object(k, &o->change, &t.at[0], manager, done);
	kubectl_targets_free(&t);
}

static void run_pod(struct kubectl *k, const struct run_options *o, const struct options_rest *args)
{
	struct json *pod, *labels, *containers = json_new_array();

	if (args->before_dashes < 1 || !o->image || !o->image[0]) {
		json_free(containers);
		kubectl_failf(k, ERR_USAGE, args->before_dashes < 1 ? "NAME is required for run"
								     : "required flag(s) \"image\" not set");
		return;
	}
	pod = create_object_of("v1", "Pod", args->at[0]);
	json_set_item(kubectl_json_object(pod, "spec"), "containers", containers);
	json_add_item(containers, json_new_object());
	json_set_str(json_get(pod, "spec"), "dnsPolicy", "ClusterFirst");
	json_set_str(json_get(pod, "spec"), "restartPolicy", o->restart);
	json_set_item(pod, "status", json_new_object());
	labels = o->labels ? read_labels(k, o->labels) : json_new_object();
	if (labels && !o->labels)
		json_set_str(labels, "run", args->at[0]);
	if (labels)
		json_set_item(json_get(pod, "metadata"), "labels", labels);
	if (labels && make_container(k, o, args, json_first(containers)))
		create(k, o, "pods", pod, "kubectl-run", "created");
	else
		json_free(pod);
}

/* What the object's pods have in common; NULL: nothing that a service can use. */
static const struct json *selector_of(const struct kubectl_target *t)
{
	if (strcmp(t->resource->kind, "Pod") == 0)
		return json_find(t->object, "metadata.labels");
	if (strcmp(t->resource->kind, "Service") == 0 || strcmp(t->resource->kind, "ReplicationController") == 0)
		return json_find(t->object, "spec.selector");
	return json_find(t->object, "spec.selector.matchLabels");
}

static void add_port(const struct run_options *o, struct json *ports, int64_t number, const char *protocol,
		     const char *name)
{
	struct json *port = json_new_object();
	uint64_t target;

	if (name)
		json_set_str(port, "name", name);
	json_set_str(port, "protocol", protocol);
	json_set_int(port, "port", number);
	if (!o->target_port)
		json_set_int(port, "targetPort", number);
	else if (span_to_u64(span_of(o->target_port), 65535, &target) == 0)
		json_set_int(port, "targetPort", (int64_t)target);
	else
		json_set_str(port, "targetPort", o->target_port);
	json_add_item(ports, port);
}

/* --port, or the ports of all containers. */
static struct json *make_ports(const struct run_options *o, const struct kubectl_target *t)
{
	const struct json *template = json_find(t->object, "spec.template.spec.containers");
	const struct json *c = json_first(template ? template : json_find(t->object, "spec.containers"));
	struct json *ports = json_new_array();
	size_t count = 0;

	if (o->port)
		add_port(o, ports, o->port, o->protocol ? o->protocol : "TCP", NULL);
	for (const struct json *x = c; x && !o->port; x = json_next(x))
		count += json_count(json_get(x, "ports"));
	for (; c && !o->port; c = json_next(c))
		for (const struct json *p = json_first(json_get(c, "ports")); p; p = json_next(p)) {
			AUTO_FREE char *name = count > 1 ? mem_printf("port-%zu", json_count(ports) + 1) : NULL;

			add_port(o, ports, kubectl_number(p, "containerPort", 0),
				 o->protocol ? o->protocol : kubectl_text(p, "protocol"), name);
		}
	return ports;
}

static void expose_one(struct kubectl *k, const struct run_options *o, const struct kubectl_target *t)
{
	const struct json *labels = json_find(t->object, "metadata.labels"), *selector = selector_of(t);
	struct json *service = create_object_of("v1", "Service", o->name ? o->name : t->name), *ports = make_ports(o, t);
	struct json *chosen = o->selector ? read_labels(k, o->selector) : selector ? json_dup(selector) : NULL;
	struct json *own = o->labels ? read_labels(k, o->labels) : labels ? json_dup(labels) : NULL;

	json_set_item(kubectl_json_object(service, "spec"), "ports", ports);
	if (own)
		json_set_item(json_get(service, "metadata"), "labels", own);
	if (chosen)
		json_set_item(json_get(service, "spec"), "selector", chosen);
	if (o->type)
		json_set_str(json_get(service, "spec"), "type", o->type);
	json_set_item(kubectl_json_object(service, "status"), "loadBalancer", json_new_object());
	if (k->first.code == ERR_NONE && json_count(chosen) == 0)
		kubectl_failf(k, ERR_USAGE, "couldn't retrieve selectors via --selector flag or introspection");
	else if (k->first.code == ERR_NONE && json_count(ports) == 0)
		kubectl_failf(k, ERR_USAGE, "couldn't find port via --port flag or introspection");
	if (k->first.code == ERR_NONE)
		create(k, o, "services", service, "kubectl-expose", "exposed");
	else
		json_free(service);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct run_options o = { .choice.namespace = namespace, .restart = "Always" };
	bool expose = strcmp(argv[0], "expose") == 0;
	const struct option_row *rows = expose ? expose_rows : run_rows;
	size_t count = expose ? COUNT_OF(expose_rows) : COUNT_OF(run_rows);
	struct kubectl_targets targets = { 0 };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, count, OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (kubectl_change_read(k, &o.change) && !expose)
		run_pod(k, &o, &args);
	else if (k->first.code == ERR_NONE &&
		 kubectl_choose(k, &o.choice, args.at, args.count, true, &targets) == 0)
		for (size_t i = 0; i < targets.count && kubectl_goes_on(k); i++)
			expose_one(k, &o, &targets.at[i]);
	kubectl_targets_free(&targets);
	options_free(rows, count, &o, &args);
}

const struct kubectl_verb kubectl_run = { "run", "NAME --image=IMAGE [options] [-- WORDS ...]", "Run a pod", run_rows,
					  COUNT_OF(run_rows), run };
const struct kubectl_verb kubectl_expose = { "expose", "(TYPE NAME | TYPE/NAME | -f FILE) [--port=PORT] [options]",
					     "Make a service for an object's pods", expose_rows, COUNT_OF(expose_rows), run };
