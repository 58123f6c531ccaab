/* Objects as the rows of a meta.k8s.io/v1 Table, with the API server's own columns. */
#include "tests/kubesim/table.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/base/clock.h"
#include "lib/format/timefmt.h"

struct column {
	const char *name, *type, *format;
	int priority;
};

typedef void cells_fn(struct buf *out, const struct json *object);

static void put_str(struct buf *out, const char *text, const char *otherwise)
{
	json_put_quoted(out, span_of(text ? text : otherwise));
}

static void put_name(struct buf *out, const struct json *object)
{
	put_str(out, json_find_str(object, "metadata.name"), "");
}

static void put_age(struct buf *out, const struct json *object)
{
	const char *created = json_find_str(object, "metadata.creationTimestamp");
	char age[TIMEFMT_SIZE];
	struct err ignored;
	int64_t unix_s;

	if (!created || timefmt_parse_date(span_of(created), &unix_s, &ignored) < 0)
		(void)snprintf(age, sizeof(age), "<unknown>");
	else
		timefmt_age(clock_unix_s() - unix_s, age);
	put_str(out, age, "");
}

/* Texts of a member of each element, with commas. */
static void put_joined(struct buf *out, const struct json *list, const char *member)
{
	AUTO_BUF struct buf text;

	buf_init(&text, 64 * 1024);
	for (const struct json *i = json_first(list); i; i = json_next(i))
		(void)buf_printf(&text, "%s%s", text.len ? "," : "", json_str(i, member) ? json_str(i, member) : "");
	put_str(out, buf_str(&text), "");
}

static void put_labels(struct buf *out, const struct json *labels)
{
	AUTO_BUF struct buf text;

	buf_init(&text, 64 * 1024);
	for (const struct json *i = json_first(labels); i; i = json_next(i))
		(void)buf_printf(&text, "%s%s=%s", text.len ? "," : "", json_name(i), json_text(i) ? json_text(i) : "");
	put_str(out, text.len ? buf_str(&text) : "<none>", "");
}

static int64_t number_at(const struct json *object, const char *path)
{
	int64_t n = 0;

	(void)json_item_int(json_find(object, path), &n);
	return n;
}

static void pod_cells(struct buf *out, const struct json *pod)
{
	const struct json *statuses = json_find(pod, "status.containerStatuses");
	size_t ready = 0;
	int64_t restarts = 0;

	for (const struct json *i = json_first(statuses); i; i = json_next(i)) {
		ready += json_is_true(json_get(i, "ready"));
		restarts += number_at(i, "restartCount");
	}
	put_name(out, pod);
	(void)buf_printf(out, ",\"%zu/%zu\",", ready, json_count(json_find(pod, "spec.containers")));
	put_str(out, json_find(pod, "metadata.deletionTimestamp") ? "Terminating" : json_find_str(pod, "status.phase"),
		"Unknown");
	(void)buf_printf(out, ",\"%lld\",", (long long)restarts);
	put_age(out, pod);
	(void)buf_put_char(out, ',');
	put_str(out, json_find_str(pod, "status.podIP"), "<none>");
	(void)buf_put_char(out, ',');
	put_str(out, json_find_str(pod, "spec.nodeName"), "<none>");
	(void)buf_put_str(out, ",\"<none>\",\"<none>\"");
}

static void deployment_cells(struct buf *out, const struct json *d)
{
	const struct json *containers = json_find(d, "spec.template.spec.containers");

	put_name(out, d);
	(void)buf_printf(out, ",\"%lld/%lld\",%lld,%lld,", (long long)number_at(d, "status.readyReplicas"),
			 (long long)number_at(d, "spec.replicas"), (long long)number_at(d, "status.updatedReplicas"),
			 (long long)number_at(d, "status.availableReplicas"));
	put_age(out, d);
	(void)buf_put_char(out, ',');
	put_joined(out, containers, "name");
	(void)buf_put_char(out, ',');
	put_joined(out, containers, "image");
	(void)buf_put_char(out, ',');
	put_labels(out, json_find(d, "spec.selector.matchLabels"));
}

static void put_ports(struct buf *out, const struct json *ports)
{
	AUTO_BUF struct buf text;

	buf_init(&text, 4096);
	for (const struct json *i = json_first(ports); i; i = json_next(i))
		(void)buf_printf(&text, "%s%lld/%s", text.len ? "," : "", (long long)number_at(i, "port"),
				 json_str(i, "protocol") ? json_str(i, "protocol") : "TCP");
	put_str(out, text.len ? buf_str(&text) : "<none>", "");
}

static void service_cells(struct buf *out, const struct json *s)
{
	put_name(out, s);
	(void)buf_put_char(out, ',');
	put_str(out, json_find_str(s, "spec.type"), "ClusterIP");
	(void)buf_put_char(out, ',');
	put_str(out, json_find_str(s, "spec.clusterIP"), "<none>");
	(void)buf_put_str(out, ",\"<none>\",");
	put_ports(out, json_find(s, "spec.ports"));
	(void)buf_put_char(out, ',');
	put_age(out, s);
	(void)buf_put_char(out, ',');
	put_labels(out, json_find(s, "spec.selector"));
}

static void namespace_cells(struct buf *out, const struct json *n)
{
	put_name(out, n);
	(void)buf_put_char(out, ',');
	put_str(out, json_find_str(n, "status.phase"), "");
	(void)buf_put_char(out, ',');
	put_age(out, n);
}

static void node_cells(struct buf *out, const struct json *n)
{
	put_name(out, n);
	(void)buf_put_str(out, ",\"Ready\",\"<none>\",");
	put_age(out, n);
	(void)buf_put_char(out, ',');
	put_str(out, json_find_str(n, "status.nodeInfo.kubeletVersion"), "");
	(void)buf_put_str(out, ",\"127.0.0.1\",\"<none>\",\"none\",\"none\",\"<unknown>\"");
}

static void data_cells(struct buf *out, const struct json *c)
{
	put_name(out, c);
	(void)buf_printf(out, ",%zu,", json_count(json_get(c, "data")) + json_count(json_get(c, "binaryData")));
	put_age(out, c);
}

static void secret_cells(struct buf *out, const struct json *s)
{
	put_name(out, s);
	(void)buf_put_char(out, ',');
	put_str(out, json_str(s, "type"), "Opaque");
	(void)buf_printf(out, ",%zu,", json_count(json_get(s, "data")));
	put_age(out, s);
}

static void created_cells(struct buf *out, const struct json *object)
{
	put_name(out, object);
	(void)buf_put_char(out, ',');
	put_str(out, json_find_str(object, "metadata.creationTimestamp"), "");
}

static void plain_cells(struct buf *out, const struct json *object)
{
	put_name(out, object);
	(void)buf_put_char(out, ',');
	put_age(out, object);
}

#define NAME { "Name", "string", "name", 0 }
#define AGE { "Age", "string", "", 0 }
#define TEXT(name, priority) { name, "string", "", priority }

static const struct column pod_columns[] = { NAME, TEXT("Ready", 0), TEXT("Status", 0), TEXT("Restarts", 0), AGE,
					     TEXT("IP", 1), TEXT("Node", 1), TEXT("Nominated Node", 1),
					     TEXT("Readiness Gates", 1) };
static const struct column deployment_columns[] = { NAME, TEXT("Ready", 0), TEXT("Up-to-date", 0),
						    TEXT("Available", 0), AGE, TEXT("Containers", 1),
						    TEXT("Images", 1), TEXT("Selector", 1) };
static const struct column service_columns[] = { NAME, TEXT("Type", 0), TEXT("Cluster-IP", 0), TEXT("External-IP", 0),
						 TEXT("Port(s)", 0), AGE, TEXT("Selector", 1) };
static const struct column namespace_columns[] = { NAME, TEXT("Status", 0), AGE };
static const struct column node_columns[] = { NAME, TEXT("Status", 0), TEXT("Roles", 0), AGE, TEXT("Version", 0),
					      TEXT("Internal-IP", 1), TEXT("External-IP", 1), TEXT("OS-Image", 1),
					      TEXT("Kernel-Version", 1), TEXT("Container-Runtime", 1) };
static const struct column data_columns[] = { NAME, TEXT("Data", 0), AGE };
static const struct column secret_columns[] = { NAME, TEXT("Type", 0), TEXT("Data", 0), AGE };
static const struct column created_columns[] = { NAME, { "Created At", "date", "", 0 } };
static const struct column custom_columns[] = { NAME, { "Age", "date", "", 0 } };
static const struct column plain_columns[] = { NAME, AGE };

struct look {
	const char *group, *plural; /* plural NULL: any of the group; group NULL: custom ones */
	const struct column *columns;
	size_t count;
	cells_fn *cells;
};

#define LOOK(group, plural, name, cells) { group, plural, name##_columns, COUNT_OF(name##_columns), cells }

static const struct look looks[] = {
	LOOK("", "pods", pod, pod_cells),
	LOOK("apps", "deployments", deployment, deployment_cells),
	LOOK("", "services", service, service_cells),
	LOOK("", "namespaces", namespace, namespace_cells),
	LOOK("", "nodes", node, node_cells),
	LOOK("", "configmaps", data, data_cells),
	LOOK("", "secrets", secret, secret_cells),
	LOOK("rbac.authorization.k8s.io", NULL, created, created_cells),
};

static const struct look look_custom = LOOK(NULL, NULL, custom, created_cells);
static const struct look look_plain = LOOK(NULL, NULL, plain, plain_cells);

static const struct look *find_look(const struct resource *r)
{
	if (r->is_custom)
		return &look_custom;
	for (size_t i = 0; i < COUNT_OF(looks); i++)
		if (strcmp(looks[i].group, r->group) == 0 && (!looks[i].plural || strcmp(looks[i].plural, r->plural) == 0))
			return &looks[i];
	return &look_plain;
}

static void put_columns(struct buf *out, const struct look *look)
{
	for (size_t i = 0; i < look->count; i++) {
		const struct column *column = &look->columns[i];

		(void)buf_printf(out, "%s{\"name\":\"%s\",\"type\":\"%s\",\"format\":\"%s\",\"description\":\"\","
				 "\"priority\":%d}", i ? "," : "", column->name, column->type, column->format,
				 column->priority);
	}
}

static void put_object(struct buf *out, const struct object *o, const char *include)
{
	if (strcmp(include, "None") == 0)
		return;
	(void)buf_put_str(out, ",\"object\":");
	if (strcmp(include, "Object") == 0) {
		(void)buf_put_span(out, o->text);
		return;
	}
	(void)buf_put_str(out, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":");
	json_print(json_get(o->json, "metadata"), JSON_COMPACT, out);
	(void)buf_put_char(out, '}');
}

void table_put(struct buf *out, const struct call *c, const struct table_list *list)
{
	const struct look *look = find_look(&c->kind->r);
	char include[16];

	call_query(c, "includeObject", include, sizeof(include));
	(void)buf_put_str(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":");
	if (list->metadata)
		(void)buf_put_str(out, list->metadata);
	else
		(void)buf_printf(out, "{\"resourceVersion\":\"%llu\"}", (unsigned long long)list->version);
	(void)buf_put_str(out, ",\"columnDefinitions\":[");
	put_columns(out, look);
	(void)buf_put_str(out, "],\"rows\":[");
	for (size_t i = 0; i < list->count; i++) {
		(void)buf_put_str(out, i ? ",{\"cells\":[" : "{\"cells\":[");
		look->cells(out, list->objects[i]->json);
		(void)buf_put_char(out, ']');
		put_object(out, list->objects[i], include);
		(void)buf_put_char(out, '}');
	}
	(void)buf_put_str(out, "]}");
}
