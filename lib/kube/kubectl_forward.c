/* kubectl port-forward: local ports that lead to ports of a pod. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_pod.h"
#include "lib/kube/kubectl_tunnel.h"
#include "lib/net/ws.h"

#define PROTOCOL "SPDY/3.1+portforward.k8s.io"

enum { ADDRESSES_MAX = 64, LISTENERS_MAX = 256, NAME_SIZE = 64 };

struct forward_options {
	const char *namespace, *timeout;
	struct option_list addresses;
};

#define AT(member) offsetof(struct forward_options, member)
static const struct option_row rows[] = {
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE", "the pod's namespace", NULL, 0, 0 },
	{ "address", 0, OPTION_LIST, AT(addresses), "ADDRESSES", "IP addresses or localhost, parted by commas",
	  NULL, 0, 0 },
	{ "pod-running-timeout", 0, OPTION_TEXT, AT(timeout), "TIME", "how long to wait for a pod", NULL, 0, 0 },
};
#undef AT

/* An address to listen on. localhost is two, of which one is enough. */
struct address {
	char text[NAME_SIZE];
	bool is_optional;
};

struct forward {
	struct kubectl *k;
	struct kubectl_pod pod;
	struct address addresses[ADDRESSES_MAX];
	size_t address_count;
	struct { uint16_t local, remote; } *ports;
	size_t port_count;
	struct tunnel_listener listeners[LISTENERS_MAX];
	size_t listener_count;
};

static int add_address(struct forward *f, const char *text, bool is_optional)
{
	struct in6_addr any;

	if (inet_pton(AF_INET, text, &any) != 1 && inet_pton(AF_INET6, text, &any) != 1) {
		kubectl_failf(f->k, ERR_USAGE, "%s is not a valid IP", text);
		return -1;
	}
	if (f->address_count == ADDRESSES_MAX) {
		kubectl_failf(f->k, ERR_LIMIT, "more than %d addresses", ADDRESSES_MAX);
		return -1;
	}
	(void)span_to_str(span_of(text), f->addresses[f->address_count].text, NAME_SIZE); /* it is an address */
	f->addresses[f->address_count++].is_optional = is_optional;
	return 0;
}

static int add_addresses(struct forward *f, const char *list)
{
	struct span rest = span_of(list), part;

	while (span_take_part(&rest, ',', &part)) {
		AUTO_FREE char *text = span_dup(part);
		bool is_local = strcmp(text, "localhost") == 0;

		if (is_local ? add_address(f, "127.0.0.1", true) < 0 || add_address(f, "::1", true) < 0
			     : add_address(f, text, false) < 0)
			return -1;
	}
	return 0;
}

/* The container port of that name; 0 when the pod has none. */
static int64_t port_of_name(const struct json *pod, const char *name)
{
	const struct json *c = json_first(json_find(pod, "spec.containers"));
	int64_t number;

	for (; c; c = json_next(c))
		for (const struct json *p = json_first(json_get(c, "ports")); p; p = json_next(p))
			if (json_str(p, "name") && strcmp(json_str(p, "name"), name) == 0 &&
			    json_int(p, "containerPort", &number) == 0)
				return number;
	return 0;
}

static const struct json *find_service_port(const struct json *service, const char *text)
{
	const struct json *p = json_first(json_find(service, "spec.ports"));
	uint64_t wanted = 0;
	bool is_number = span_to_u64(span_of(text), UINT16_MAX, &wanted) == 0;
	int64_t number;

	for (; p; p = json_next(p)) {
		const char *name = json_str(p, "name");

		if (is_number ? json_int(p, "port", &number) == 0 && (uint64_t)number == wanted
			      : name && strcmp(name, text) == 0)
			return p;
	}
	return NULL;
}

/* A port of a service: the port that it leads to in the pod. */
static int64_t port_of_service(struct forward *f, const char *text, int64_t *ret_own)
{
	const struct json *p = find_service_port(f->pod.through, text), *target;
	const char *name = json_find_str(f->pod.through, "metadata.name"), *protocol;
	int64_t number = 0;

	if (!p) {
		kubectl_failf(f->k, ERR_NOT_FOUND, "Service %s does not have a service port %s", name ? name : "", text);
		return 0;
	}
	(void)json_int(p, "port", ret_own);
	protocol = json_str(p, "protocol");
	target = json_get(p, "targetPort");
	if (protocol && strcmp(protocol, "UDP") == 0)
		kubectl_failf(f->k, ERR_INPUT, "UDP protocol is not supported for %s", text);
	else if (json_item_int(target, &number) < 0 && !json_text(target))
		number = *ret_own;
	else if (number == 0 && json_text(target))
		number = port_of_name(f->pod.object, json_text(target));
	if (number == 0 && f->k->first.code == ERR_NONE)
		kubectl_failf(f->k, ERR_NOT_FOUND, "Pod '%s' does not have a named port '%s'", f->pod.name,
			      json_text(target) ? json_text(target) : "");
	return number;
}

/* The pod's port; 0 after having noted the failure. `*ret_own` is what a local port without number would be. */
static int64_t find_remote(struct forward *f, const char *text, int64_t *ret_own)
{
	uint64_t number = 0;

	if (!text[0]) {
		kubectl_failf(f->k, ERR_USAGE, "remote port cannot be empty");
		return 0;
	}
	if (f->pod.through && strcmp(f->pod.through_kind, "Service") == 0)
		return port_of_service(f, text, ret_own);
	if (span_to_u64(span_of(text), UINT16_MAX, &number) == 0 && number > 0)
		return *ret_own = (int64_t)number;
	*ret_own = port_of_name(f->pod.object, text);
	if (*ret_own == 0)
		kubectl_failf(f->k, ERR_NOT_FOUND, "Pod '%s' does not have a named port '%s'", f->pod.name, text);
	return *ret_own;
}

/* REMOTE, LOCAL:REMOTE or :REMOTE */
static int add_port(struct forward *f, const char *text)
{
	const char *colon = strchr(text, ':'), *remote_text = colon ? colon + 1 : text;
	AUTO_FREE char *local_text = colon ? mem_dup(text, (size_t)(colon - text)) : NULL;
	uint64_t local = 0;
	int64_t own = 0, remote;

	if (strchr(remote_text, ':')) {
		kubectl_failf(f->k, ERR_USAGE, "invalid port format '%s'", text);
		return -1;
	}
	if (local_text && local_text[0] && span_to_u64(span_of(local_text), UINT16_MAX, &local) < 0) {
		kubectl_failf(f->k, ERR_USAGE, "error parsing local port '%s': it must be a number up to 65535", local_text);
		return -1;
	}
	remote = find_remote(f, remote_text, &own);
	if (remote <= 0 || remote > UINT16_MAX || own > UINT16_MAX)
		return -1;
	f->ports[f->port_count].local = local_text ? (uint16_t)local : (uint16_t)own;
	f->ports[f->port_count++].remote = (uint16_t)remote;
	return 0;
}

static int listen_on(struct forward *f, const struct address *a, uint16_t *local, uint16_t remote, struct err *e)
{
	bool is_ipv6 = strchr(a->text, ':') != NULL;
	struct tunnel_listener l = { .remote = remote };

	if (f->listener_count == LISTENERS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d listeners", LISTENERS_MAX);
	if (f->k->io->listen(f->k->io->owner, a->text, *local, &l.fd, &l.local, e) < 0)
		return -1;
	*local = l.local;
	f->listeners[f->listener_count++] = l;
	kubectl_printf(f->k, KUBECTL_OUT, "Forwarding from %s%s%s:%u -> %u\n", is_ipv6 ? "[" : "", a->text,
		       is_ipv6 ? "]" : "", l.local, remote);
	return 0;
}

/* Every address must do, but of localhost's two one is enough. */
static void listen_port(struct forward *f, size_t i)
{
	size_t optional = 0, optional_failed = 0, failed = 0;
	struct err first = { 0 };

	for (size_t n = 0; n < f->address_count; n++) {
		const struct address *a = &f->addresses[n];
		struct err e = { 0 };
		bool fails = listen_on(f, a, &f->ports[i].local, f->ports[i].remote, &e) < 0;

		optional += a->is_optional;
		optional_failed += a->is_optional && fails;
		failed += !a->is_optional && fails;
		if (fails && first.code == ERR_NONE)
			first = e;
	}
	if (failed || (optional && optional_failed == optional))
		kubectl_printf(f->k, KUBECTL_ERR,
			       "Unable to listen on port %u: Listeners failed to create with the following errors: "
			       "[unable to create listener: Error %s]\n",
			       f->ports[i].local, first.text);
}

static void serve(struct forward *f, struct ws *ws)
{
	int wake_fd = -1;
	struct err e = { 0 };

	if (f->k->io->wake_fd && f->k->io->wake_fd(f->k->io->owner, &wake_fd, &e) < 0) {
		kubectl_fail(f->k, &e);
		return;
	}
	for (size_t i = 0; i < f->port_count; i++)
		listen_port(f, i);
	if (f->listener_count)
		tunnel_run(f->k, ws, f->listeners, f->listener_count, wake_fd);
	else
		kubectl_failf(f->k, ERR_IO, "unable to listen on any of the requested ports: [{%u %u}]",
			      f->ports[0].local, f->ports[0].remote);
	for (size_t i = 0; i < f->listener_count; i++)
		(void)close(f->listeners[i].fd);
}

static void connect_pod(struct forward *f)
{
	const struct kubectl_target target = { .resource = kube_discovery_find(NULL, "pods"),
					       .namespace = mem_dup_str(f->pod.namespace),
					       .name = mem_dup_str(f->pod.name) };
	struct kube_status status = { 0 };
	struct err failure = { 0 };
	AUTO_BUF struct buf path;

	buf_init(&path, KUBECTL_FILE_MAX);
	if (kubectl_put_path(f->k, &path, &target) && buf_put_str(&path, "/portforward") == 0) {
		struct ws *ws = kube_open_ws(f->k->client, buf_str(&path), PROTOCOL, &status, &failure);

		if (ws)
			serve(f, ws);
		else
			kubectl_failf(f->k, failure.code, "error upgrading connection: %s", failure.text);
		ws_free(ws);
		kube_status_free(&status);
	}
	free(target.namespace);
	free(target.name);
}

static void forward(struct kubectl *k, const struct forward_options *o, const struct options_rest *args)
{
	const char *namespace = o->namespace ? o->namespace : kube_client_namespace(k->client), *phase;
	struct forward *f = mem_new(sizeof(*f));
	bool goes_on;

	f->k = k;
	f->ports = mem_new_array((size_t)args->count, sizeof(*f->ports));
	goes_on = kubectl_pod_find(k, args->at[0], namespace, o->timeout, KUBECTL_POD_ENTER, &f->pod) == 0;
	for (int i = 1; goes_on && i < args->count; i++)
		goes_on = add_port(f, args->at[i]) == 0;
	phase = goes_on ? json_find_str(f->pod.object, "status.phase") : NULL;
	if (goes_on && (!phase || strcmp(phase, "Running") != 0)) {
		kubectl_failf(k, ERR_INPUT, "unable to forward port because pod is not running. Current status=%s",
			      phase ? phase : "");
		goes_on = false;
	}
	for (size_t i = 0; goes_on && i < o->addresses.count; i++)
		goes_on = add_addresses(f, o->addresses.at[i]) == 0;
	if (goes_on && o->addresses.count == 0)
		goes_on = add_addresses(f, "localhost") == 0;
	if (goes_on)
		connect_pod(f);
	kubectl_pod_free(&f->pod);
	free(f->ports);
	free(f);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct forward_options o = { .namespace = namespace, .timeout = KUBECTL_POD_TIMEOUT };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (args.count < 2)
		kubectl_failf(k, ERR_USAGE,
			      "TYPE/NAME and list of ports are required for port-forward\n"
			      "See 'kubectl port-forward -h' for help and examples");
	else if (!k->io->listen)
		kubectl_failf(k, ERR_USAGE, "port-forward has no local ports here that it could listen on");
	else
		forward(k, &o, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_port_forward = {
	"port-forward", "TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT...", "Forward one or more local ports to a pod",
	rows, COUNT_OF(rows), run
};
