/* kubectl create TYPE NAME: the objects that options describe. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/base64.h"
#include "lib/format/json.h"
#include "lib/format/utf8.h"
#include "lib/kube/kubectl_create.h"

struct json *create_object_of(const char *api_version, const char *kind, const char *name)
{
	struct json *object = json_new_object();

	json_set_str(object, "apiVersion", api_version);
	json_set_str(object, "kind", kind);
	json_set_str(kubectl_json_object(object, "metadata"), "name", name);
	return object;
}

/* The data of a ConfigMap or Secret being made. */
struct data {
	struct kubectl *k;
	struct json *object;
	bool secret;
};

static bool add_value(struct data *d, const char *key, struct span value)
{
	bool text = utf8_valid(value) && !memchr(value.at ? value.at : "", 0, value.len);
	const char *member = d->secret || text ? "data" : "binaryData";
	struct json *into = kubectl_json_object(d->object, member);
	AUTO_FREE char *plain = NULL;
	struct buf encoded;

	if (!key[0] || strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != strlen(key)) {
		kubectl_failf(d->k, ERR_USAGE, "\"%s\" is not a valid key name", key);
		return false;
	}
	if (json_get(into, key)) {
		kubectl_failf(d->k, ERR_EXISTS,
			      "cannot add key \"%s\", another key by that name already exists",
			      key);
		return false;
	}
	if (text && !d->secret) {
		plain = span_dup(value);
		json_set_str(into, key, plain);
		return true;
	}
	buf_init_secret(&encoded, KUBECTL_FILE_MAX);
	base64_encode(value, BASE64_STD, &encoded);
	json_set_str(into, key, buf_str(&encoded));
	buf_free(&encoded);
	return true;
}

static bool add_literals(struct data *d, const struct option_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *equals = strchr(list->at[i], '=');
		AUTO_FREE char *key = mem_dup(list->at[i], equals ? (size_t)(equals - list->at[i]) : 0);

		if (!equals) {
			kubectl_failf(d->k, ERR_USAGE, "invalid literal source, expected key=value");
			return false;
		}
		if (!add_value(d, key, span_of(equals + 1)))
			return false;
	}
	return true;
}

static bool read_file(struct data *d, const char *path, struct buf *text)
{
	struct err failure = { 0 };

	buf_init_secret(text, KUBECTL_FILE_MAX);
	if (d->k->io->read_file(d->k->io->owner, path, text, &failure) == 0)
		return true;
	kubectl_fail(d->k, &failure);
	return false;
}

static bool add_files(struct data *d, const struct option_list *list)
{
	bool good = true;

	for (size_t i = 0; good && i < list->count; i++) {
		const char *equals = strchr(list->at[i], '='), *slash = strrchr(list->at[i], '/');
		AUTO_FREE char *key = equals ? mem_dup(list->at[i], (size_t)(equals - list->at[i]))
					     : mem_dup_str(slash ? slash + 1 : list->at[i]);
		struct buf text;

		good = read_file(d, equals ? equals + 1 : list->at[i], &text) &&
		       add_value(d, key, buf_span(&text));
		buf_free(&text);
	}
	return good;
}

static bool add_env_line(struct data *d, struct span line)
{
	ptrdiff_t equals;
	AUTO_FREE char *key = NULL;

	while (line.len && (line.at[0] == ' ' || line.at[0] == '\t'))
		line = span_from(line.at + 1, line.len - 1);
	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	equals = span_find(line, '=');
	if (line.len == 0 || line.at[0] == '#')
		return true;
	if (equals <= 0) {
		kubectl_failf(d->k, ERR_INPUT, "a line of the env file is no KEY=VALUE");
		return false;
	}
	key = mem_dup(line.at, (size_t)equals);
	return add_value(d, key, span_from(line.at + equals + 1, line.len - (size_t)equals - 1));
}

static bool add_env_files(struct data *d, const struct option_list *list)
{
	bool good = true;

	for (size_t i = 0; good && i < list->count; i++) {
		struct buf text;
		struct span rest, line;

		good = read_file(d, list->at[i], &text);
		rest = buf_span(&text);
		while (good && span_take_part(&rest, '\n', &line))
			good = add_env_line(d, line);
		buf_free(&text);
	}
	return good;
}

static struct json *make_data(struct kubectl *k, const struct create_options *o, const char *kind,
			      const char *name)
{
	struct data d = { k, create_object_of("v1", kind, name), strcmp(kind, "Secret") == 0 };

	if (d.secret && o->type)
		json_set_str(d.object, "type", o->type);
	if (add_files(&d, &o->from_files) && add_literals(&d, &o->literals) &&
	    add_env_files(&d, &o->env_files))
		return d.object;
	json_free(d.object);
	return NULL;
}

/* "registry/path/nginx:1.2@sha256:..." runs in a container "nginx". */
static char *container_name(const char *image)
{
	const char *slash = strrchr(image, '/');
	char *name = mem_dup_str(slash ? slash + 1 : image);

	name[strcspn(name, ":@")] = '\0';
	for (char *at = name; *at; at++)
		if (*at == '_' || *at == '.')
			*at = '-';
	return name;
}

static void add_containers(struct json *spec, const struct create_options *o,
			   const struct options_rest *args, int words_from, const char *only_name)
{
	struct json *containers = json_new_array();

	for (size_t i = 0; i < o->images.count; i++) {
		AUTO_FREE char *name = only_name ? mem_dup_str(only_name) : container_name(o->images.at[i]);
		struct json *container = json_new_object(), *ports, *command;

		json_set_str(container, "name", name);
		json_set_str(container, "image", o->images.at[i]);
		json_set_item(container, "resources", json_new_object());
		if (words_from < args->count) {
			command = json_new_array();
			for (int w = words_from; w < args->count; w++)
				json_add_str(command, args->at[w]);
			json_set_item(container, "command", command);
		}
		if (o->port) {
			ports = json_new_array();
			json_add_item(ports, json_new_object());
			json_set_int(json_first(ports), "containerPort", o->port);
			json_set_item(container, "ports", ports);
		}
		json_add_item(containers, container);
	}
	json_set_item(spec, "containers", containers);
}

static struct json *make_deployment(const struct create_options *o, const struct options_rest *args,
				    const char *name)
{
	struct json *d = create_object_of("apps/v1", "Deployment", name);

	json_set_str(kubectl_json_object(d, "metadata.labels"), "app", name);
	json_set_int(kubectl_json_object(d, "spec"), "replicas", o->replicas);
	json_set_str(kubectl_json_object(d, "spec.selector.matchLabels"), "app", name);
	json_set_item(json_get(d, "spec"), "strategy", json_new_object());
	json_set_str(kubectl_json_object(d, "spec.template.metadata.labels"), "app", name);
	add_containers(kubectl_json_object(d, "spec.template.spec"), o, args, args->before_dashes,
		       NULL);
	json_set_item(d, "status", json_new_object());
	return d;
}

static struct json *make_job(const struct create_options *o, const struct options_rest *args,
			     const char *name)
{
	struct json *job = create_object_of("batch/v1", "Job", name);
	struct json *spec = kubectl_json_object(job, "spec.template.spec");

	(void)kubectl_json_object(job, "spec.template.metadata");
	add_containers(spec, o, args, args->before_dashes, name);
	json_set_str(spec, "restartPolicy", "Never");
	json_set_item(job, "status", json_new_object());
	return job;
}

static struct json *make_namespace(const char *name)
{
	struct json *namespace = create_object_of("v1", "Namespace", name);

	json_set_item(namespace, "spec", json_new_object());
	json_set_item(namespace, "status", json_new_object());
	return namespace;
}

static bool is_word(const char *word, const char *one, const char *other)
{
	return strcmp(word, one) == 0 || strcmp(word, other) == 0;
}

static struct json *make_workload(struct kubectl *k, const struct create_options *o,
				  const struct options_rest *args, const char *name, bool job)
{
	if (o->images.count == 0) {
		kubectl_failf(k, ERR_USAGE, "required flag(s) \"image\" not set");
		return NULL;
	}
	return job ? make_job(o, args, name) : make_deployment(o, args, name);
}

struct json *create_make(struct kubectl *k, const struct create_options *o,
			 const struct options_rest *args)
{
	const char *type = args->at[0];
	bool secret = strcmp(type, "secret") == 0 && args->count > 1 &&
		      strcmp(args->at[1], "generic") == 0;
	int place = secret ? 2 : 1;
	const char *name = args->before_dashes > place ? args->at[place] : NULL;

	if (name && args->before_dashes != place + 1)
		kubectl_failf(k, ERR_USAGE, "exactly one NAME is required, got %d",
			      args->before_dashes - place);
	else if (!name)
		kubectl_failf(k, ERR_USAGE, "create: expected namespace, configmap, secret generic, deployment, job or "
					    "serviceaccount and a NAME, or -f FILE");
	else if (is_word(type, "namespace", "ns"))
		return make_namespace(name);
	else if (is_word(type, "serviceaccount", "sa"))
		return create_object_of("v1", "ServiceAccount", name);
	else if (is_word(type, "configmap", "cm"))
		return make_data(k, o, "ConfigMap", name);
	else if (secret)
		return make_data(k, o, "Secret", name);
	else if (is_word(type, "deployment", "deploy") || strcmp(type, "job") == 0)
		return make_workload(k, o, args, name, type[0] == 'j');
	else
		kubectl_failf(k, ERR_USAGE,
			      "the built-in kubectl cannot create %s from options; use -f FILE",
			      type);
	return NULL;
}
