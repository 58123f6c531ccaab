/* Changes of stored objects: what every verb that writes has in common. */
#include "tests/kubesim/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/format/timefmt.h"
#include "lib/format/yaml.h"
#include "tests/kubesim/fill.h"
#include "tests/kubesim/logs.h"
#include "tests/kubesim/table.h"
#include "tests/kubesim/watch.h"

#define BODY_TEXT_MAX ((size_t)16 * 1024 * 1024)

const char *change_namespace(const struct call *c)
{
	return c->kind->r.is_namespaced ? c->info.namespace : "";
}

static void fail_unreadable(struct call *c, const char *why)
{
	AUTO_FREE char *message = mem_printf("the object provided is unrecognized (must be of type %s): %s",
					     c->kind->r.kind, why);

	call_fail(c, &(struct failure){ .code = 400, .message = message });
}

struct json *change_read_body(struct call *c)
{
	const struct span *type = http_field_find(c->head, "content-type");
	struct json *object = NULL;
	struct err e;
	int failed;

	if (type && span_equal_str(*type, "application/vnd.kubernetes.protobuf")) {
		call_fail_code(c, 415);
		return NULL;
	}
	if (type && span_ends(*type, SPAN("yaml")))
		failed = yaml_parse_json(buf_span(&c->body), YAML_LIMITS(BODY_TEXT_MAX), &object, &e);
	else
		failed = json_parse(buf_span(&c->body), JSON_LIMITS(BODY_TEXT_MAX), &object, &e);
	if (failed) {
		fail_unreadable(c, e.text);
		return NULL;
	}
	return object;
}

struct json *change_put_head_first(struct json *object, const struct kind *k)
{
	struct json *ordered = json_new_object(), *member;

	json_set_str(ordered, "kind", k->r.kind);
	json_set_str(ordered, "apiVersion", k->api_version);
	json_remove(object, "kind");
	json_remove(object, "apiVersion");
	while ((member = json_first(object))) {
		AUTO_FREE char *name = mem_dup_str(json_name(member));

		json_append_member(ordered, name, json_detach(object, member));
	}
	json_free(object);
	return ordered;
}

void change_fill_new(struct sim *sim, const struct kind *k, const char *namespace, struct json *object)
{
	struct json *metadata = json_get(object, "metadata");
	char uuid[RANDOM_UUID_SIZE], now[TIMEFMT_SIZE];

	random_uuid(uuid);
	timefmt_date(clock_unix_s(), now);
	if (k->r.is_namespaced)
		json_set_str(metadata, "namespace", namespace);
	json_set_str(metadata, "uid", uuid);
	if (json_get(object, "spec"))
		json_set_int(metadata, "generation", 1);
	json_set_str(metadata, "creationTimestamp", now);
	json_remove(metadata, "managedFields");
	fill_object(sim, k, object);
}

struct object *change_store(struct sim *sim, struct kind *k, struct json *json, struct json *applied, char *manager)
{
	struct object *o = collection_put(&k->objects, json, ++sim->version, applied, manager);

	watch_wake(&k->objects);
	if (strcmp(k->r.plural, "customresourcedefinitions") == 0)
		resources_add_custom(&sim->resources, o->json);
	return o;
}

static void remove_all_in(struct sim *sim, const char *namespace)
{
	for (size_t i = 0; i < sim->resources.count; i++) {
		struct kind *k = sim->resources.at[i];

		while (k->r.is_namespaced) {
			size_t at = collection_seek(&k->objects, namespace, "");

			if (at == k->objects.count || strcmp(k->objects.at[at]->namespace, namespace) != 0)
				break;
			object_unref(change_remove(sim, k, k->objects.at[at]));
		}
	}
}

struct object *change_remove(struct sim *sim, struct kind *k, struct object *o)
{
	struct object *last = collection_remove(&k->objects, o, ++sim->version);

	watch_wake(&k->objects);
	if (strcmp(k->r.plural, "pods") == 0)
		logs_forget(sim, last->namespace, last->name);
	if (strcmp(k->r.plural, "namespaces") == 0)
		remove_all_in(sim, last->name);
	return last;
}

void change_answer_object(struct call *c, int status, const struct object *o)
{
	if (c->form == FORM_TABLE)
		table_put(&c->out, c, &(struct table_list){ .objects = &o, .count = 1, .version = o->version });
	else
		(void)buf_put_span(&c->out, o->text);
	(void)buf_put_char(&c->out, '\n');
	call_answer(c, status, "application/json");
}

static bool is_dry_run(const struct call *c)
{
	char value[16];

	call_query(c, "dryRun", value, sizeof(value));
	return strcmp(value, "All") == 0;
}

/* Answers with what would be stored. Takes `json`. */
static void answer_dry(struct call *c, int status, struct json *json)
{
	json_print(json, JSON_COMPACT, &c->out);
	(void)buf_put_char(&c->out, '\n');
	json_free(json);
	call_answer(c, status, "application/json");
}

void change_answer_create(struct call *c, struct json *json, struct json *applied, char *manager)
{
	change_fill_new(c->sim, c->kind, change_namespace(c), json);
	if (is_dry_run(c)) {
		json_free(applied);
		free(manager);
		answer_dry(c, 201, json);
		return;
	}
	change_answer_object(c, 201, change_store(c->sim, c->kind, json, applied, manager));
}

static void fail_conflict(struct call *c, const char *name)
{
	AUTO_BUF struct buf message;

	buf_init(&message, 4096);
	(void)buf_put_str(&message, "Operation cannot be fulfilled on ");
	resource_put_name(&message, &c->kind->r);
	(void)buf_printf(&message, " \"%s\": the object has been modified; please apply your changes to the latest version"
			 " and try again", name);
	call_fail(c, &(struct failure){
			     .code = 409, .message = buf_str(&message), .name = name, .resource = &c->kind->r });
}

static void fail_named(struct call *c, const char *what, const char *given, const char *wanted)
{
	AUTO_FREE char *message = mem_printf("the %s of the object (%s) does not match the %s on the URL (%s)", what,
					     given ? given : "", what, wanted);

	call_fail(c, &(struct failure){ .code = 400, .message = message });
}

/* Whether `json` may take the place of `before`; else it was answered. */
static bool check_update(struct call *c, const struct object *before, const struct json *json)
{
	const struct json *metadata = json_get(json, "metadata");
	const char *name = json_str(metadata, "name"), *namespace = json_str(metadata, "namespace");
	const char *version = json_str(metadata, "resourceVersion"), *uid = json_str(metadata, "uid");

	if (!name || strcmp(name, before->name) != 0)
		fail_named(c, "name", name, before->name);
	else if (namespace && strcmp(namespace, before->namespace) != 0)
		call_fail(c, &(struct failure){ .code = 400,
						.message = "the namespace of the provided object does not match the namespace"
							   " sent on the request" });
	else if ((version && *version && strcmp(version, json_find_str(before->json, "metadata.resourceVersion")) != 0) ||
		 (uid && *uid && strcmp(uid, json_find_str(before->json, "metadata.uid")) != 0))
		fail_conflict(c, before->name);
	else
		return true;
	return false;
}

static void copy_member(struct json *into, const struct json *from, const char *name)
{
	const struct json *member = json_get(from, name);

	if (member)
		json_set_item(into, name, json_dup(member));
	else
		json_remove(into, name);
}

static bool is_same(const struct json *a, const struct json *b, const char *name)
{
	AUTO_BUF struct buf left, right;

	buf_init(&left, BODY_TEXT_MAX);
	buf_init(&right, BODY_TEXT_MAX);
	json_print(json_get(a, name), JSON_COMPACT, &left);
	json_print(json_get(b, name), JSON_COMPACT, &right);
	return span_equal(buf_span(&left), buf_span(&right));
}

/* What an update cannot change is as before. Takes and gives. */
static struct json *keep_fixed(const struct call *c, const struct object *before, struct json *json)
{
	struct json *metadata = json_get(json, "metadata"), *old = json_get(before->json, "metadata");
	static const char *const fixed[] = { "namespace", "uid", "creationTimestamp", "generation", "resourceVersion" };
	bool has_status = words_have(c->kind->r.subresources, SPAN("status"));
	int64_t generation;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		copy_member(metadata, old, fixed[i]);
	json_remove(metadata, "managedFields");
	if (strcmp(c->info.subresource, "status") == 0) {
		struct json *kept = json_dup(before->json);

		copy_member(kept, json, "status");
		json_free(json);
		return kept;
	}
	if (has_status)
		copy_member(json, before->json, "status");
	if (json_int(metadata, "generation", &generation) == 0 && !is_same(json, before->json, "spec"))
		json_set_int(metadata, "generation", generation + 1);
	return change_put_head_first(json, c->kind);
}

void change_answer_update(struct call *c, struct object *before, struct json *json, struct json *applied, char *manager)
{
	AUTO_BUF struct buf text;

	buf_init(&text, BODY_TEXT_MAX);
	if (!json_is_object(json_get(json, "metadata")))
		json_set_item(json, "metadata", json_new_object());
	if (!check_update(c, before, json)) {
		json_free(json);
		json_free(applied);
		free(manager);
		return;
	}
	json = keep_fixed(c, before, json);
	json_print(json, JSON_COMPACT, &text);
	if (is_dry_run(c) || (!applied && span_equal(buf_span(&text), before->text))) {
		(void)buf_put_span(&c->out, buf_span(&text));
		json_free(json);
		json_free(applied);
		free(manager);
		call_answer(c, 200, "application/json");
		return;
	}
	change_answer_object(c, 200, change_store(c->sim, c->kind, json, applied, manager));
}

static void seed(struct sim *sim, const char *version, const char *plural, const char *namespace, const char *text)
{
	struct kind *k = resources_find(&sim->resources, strcmp(version, "v1") == 0 ? "" : version, "v1", plural);
	struct json *object;
	struct err e;

	if (json_parse(span_of(text), JSON_LIMITS(BODY_TEXT_MAX), &object, &e) < 0)
		abort(); /* one of the texts below is wrong */
	object = change_put_head_first(object, k);
	change_fill_new(sim, k, namespace, object);
	(void)change_store(sim, k, object, NULL, NULL);
}

#define RBAC_GROUP "rbac.authorization.k8s.io"
#define ROLE(name, rules) \
	seed(sim, RBAC_GROUP, "clusterroles", "", "{\"metadata\":{\"name\":\"" name "\"},\"rules\":" rules "}")
#define BINDING(name, group)                                                                                    \
	seed(sim, RBAC_GROUP, "clusterrolebindings", "",                                                       \
	     "{\"metadata\":{\"name\":\"" name "\"},\"subjects\":[{\"apiGroup\":\"" RBAC_GROUP                       \
	     "\",\"kind\":\"Group\",\"name\":\"" group "\"}],\"roleRef\":{\"apiGroup\":\"" RBAC_GROUP                \
	     "\",\"kind\":\"ClusterRole\",\"name\":\"" name "\"}}")
#define VIEW_RULE(verbs)                                                                                               \
	"[{\"verbs\":" verbs ",\"apiGroups\":[\"\",\"apps\",\"batch\",\"networking.k8s.io\"],\"resources\":[\"pods\"," \
	"\"pods/log\",\"pods/status\",\"services\",\"configmaps\",\"endpoints\",\"events\",\"namespaces\","            \
	"\"persistentvolumeclaims\",\"serviceaccounts\",\"deployments\",\"replicasets\",\"statefulsets\","             \
	"\"daemonsets\",\"jobs\",\"cronjobs\",\"ingresses\",\"networkpolicies\"]}]"

void change_seed(struct sim *sim)
{
	static const char *const namespaces[] = { "default", "kube-node-lease", "kube-public", "kube-system" };

	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++) {
		AUTO_FREE char *text = mem_printf("{\"metadata\":{\"name\":\"%s\"}}", namespaces[i]);

		seed(sim, "v1", "namespaces", "", text);
	}
	seed(sim, "v1", "nodes", "", "{\"metadata\":{\"name\":\"node-1\"}}");
	ROLE("cluster-admin", "[{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]},"
			      "{\"verbs\":[\"*\"],\"nonResourceURLs\":[\"*\"]}]");
	ROLE("system:discovery", "[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/api\",\"/api/*\",\"/apis\",\"/apis/*\","
				 "\"/healthz\",\"/livez\",\"/openapi\",\"/openapi/*\",\"/readyz\",\"/version\",\"/version/\"]}]");
	ROLE("system:basic-user",
	     "[{\"verbs\":[\"create\"],\"apiGroups\":[\"authorization.k8s.io\",\"authentication.k8s.io\"],\"resources\":"
	     "[\"selfsubjectaccessreviews\",\"selfsubjectrulesreviews\",\"selfsubjectreviews\"]}]");
	ROLE("view", VIEW_RULE("[\"get\",\"list\",\"watch\"]"));
	ROLE("edit", VIEW_RULE("[\"*\"]"));
	ROLE("admin", VIEW_RULE("[\"*\"]"));
	BINDING("cluster-admin", "system:masters");
	BINDING("system:discovery", "system:authenticated");
	BINDING("system:basic-user", "system:authenticated");
}
