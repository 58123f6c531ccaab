/* kubectl describe: nodes, and any object from its fields alone. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_describe.h"

static void put_amounts(struct describe *d, const char *title, const struct json *amounts)
{
	AUTO_JSON struct json *sorted = amounts ? json_dup(amounts) : NULL;

	if (json_count(amounts) == 0)
		return;
	kubectl_sort_members(sorted);
	describe_line(d, 0, "%s:", title);
	for (const struct json *a = json_first(sorted); a; a = json_next(a))
		describe_line(d, 1, "%s:\t%s", json_name(a), json_text(a) ? json_text(a) : "");
}

/* Roles are labels node-role.kubernetes.io/ROLE. */
static void put_roles(struct describe *d)
{
	static const char prefix[] = "node-role.kubernetes.io/";
	AUTO_JSON struct json *labels = json_dup(json_find(d->object, "metadata.labels"));
	struct buf text;

	buf_init(&text, KUBECTL_FILE_MAX);
	kubectl_sort_members(labels);
	for (const struct json *l = json_first(labels); l; l = json_next(l))
		if (strncmp(json_name(l), prefix, sizeof(prefix) - 1) == 0 &&
		    json_name(l)[sizeof(prefix) - 1])
			(void)buf_printf(&text, "%s%s", text.len ? "," : "", json_name(l) + sizeof(prefix) - 1);
	describe_line(d, 0, "Roles:\t%s", describe_or_none(buf_str(&text)));
	buf_free(&text);
}

static void put_taints(struct describe *d)
{
	const struct json *taints = json_find(d->object, "spec.taints");

	(void)buf_printf(&d->text, "Taints:%s", json_count(taints) ? "" : "\t<none>\n");
	for (const struct json *t = json_first(taints); t; t = json_next(t)) {
		const char *value = kubectl_text(t, "value");

		(void)buf_printf(&d->text, "\t%s%s%s:%s\n", kubectl_text(t, "key"),
				 value[0] ? "=" : "", value, kubectl_text(t, "effect"));
	}
}

static void put_conditions(struct describe *d)
{
	const struct json *conditions = json_find(d->object, "status.conditions");
	char beat[40], change[40];

	if (json_count(conditions) == 0)
		return;
	(void)buf_put_str(&d->text, "Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage\n"
				    "  ----\t------\t-----------------\t------------------\t------\t-------\n");
	for (const struct json *c = json_first(conditions); c; c = json_next(c))
		describe_line(d, 1, "%s \t%s \t%s \t%s \t%s \t%s", kubectl_text(c, "type"),
			      kubectl_text(c, "status"),
			      describe_date(kubectl_text(c, "lastHeartbeatTime"), beat),
			      describe_date(kubectl_text(c, "lastTransitionTime"), change),
			      kubectl_text(c, "reason"), kubectl_text(c, "message"));
}

static void put_system(struct describe *d)
{
	static const struct {
		const char *title, *member;
	} members[] = {
		{ "Machine ID", "machineID" },
		{ "System UUID", "systemUUID" },
		{ "Boot ID", "bootID" },
		{ "Kernel Version", "kernelVersion" },
		{ "OS Image", "osImage" },
		{ "Operating System", "operatingSystem" },
		{ "Architecture", "architecture" },
		{ "Container Runtime Version", "containerRuntimeVersion" },
		{ "Kubelet Version", "kubeletVersion" },
	};
	const struct json *info = json_find(d->object, "status.nodeInfo");

	describe_line(d, 0, "System Info:");
	for (size_t i = 0; i < COUNT_OF(members); i++)
		describe_line(d, 1, "%s:\t%s", members[i].title, kubectl_text(info, members[i].member));
	if (kubectl_text(d->object, "spec.podCIDR")[0])
		describe_line(d, 0, "PodCIDR:\t%s", kubectl_text(d->object, "spec.podCIDR"));
}

static void put_pods(struct describe *d)
{
	AUTO_FREE char *on = mem_printf("spec.nodeName=%s,status.phase!=Failed,status.phase!=Succeeded", d->target->name);
	AUTO_JSON struct json *list = kubectl_list(d->k, kube_discovery_find(NULL, "pods"), "", NULL, on);
	const struct json *pods = json_get(list, "items");

	if (!list)
		return;
	describe_line(d, 0,
		      "Non-terminated Pods:\t(%zu in total)\n  Namespace\tName\n  ---------\t----",
		      json_count(pods));
	for (const struct json *p = json_first(pods); p; p = json_next(p))
		describe_line(d, 1, "%s\t%s", kubectl_text(p, "metadata.namespace"),
			      kubectl_text(p, "metadata.name"));
}

void describe_node(struct describe *d)
{
	char date[40];

	describe_line(d, 0, "Name:\t%s", d->target->name);
	put_roles(d);
	describe_labels(d, "Labels", json_find(d->object, "metadata.labels"));
	describe_annotations(d, "Annotations", json_find(d->object, "metadata.annotations"));
	describe_line(d, 0, "CreationTimestamp:\t%s",
		      describe_date(kubectl_text(d->object, "metadata.creationTimestamp"), date));
	put_taints(d);
	describe_line(d, 0, "Unschedulable:\t%s",
		      json_is_true(json_find(d->object, "spec.unschedulable")) ? "true" : "false");
	put_conditions(d);
	describe_line(d, 0, "Addresses:");
	for (const struct json *a = json_first(json_find(d->object, "status.addresses")); a;
	     a = json_next(a))
		describe_line(d, 1, "%s:\t%s", kubectl_text(a, "type"), kubectl_text(a, "address"));
	put_amounts(d, "Capacity", json_find(d->object, "status.capacity"));
	put_amounts(d, "Allocatable", json_find(d->object, "status.allocatable"));
	put_system(d);
	put_pods(d);
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_acronym(const char *word)
{
	static const char *const acronyms[] = { "API", "URL", "UID", "OSB", "GUID" };

	for (size_t i = 0; i < COUNT_OF(acronyms); i++)
		if (strcasecmp(acronyms[i], word) == 0)
			return true;
	return false;
}

/* "creationTimestamp" becomes "Creation Timestamp", "uid" UID. */
static char *title_of(const char *name)
{
	struct buf text;
	char word[128];
	size_t len;

	buf_init(&text, KUBECTL_FILE_MAX);
	while (*name) {
		for (len = 0; name[len] && len + 1 < sizeof(word); len++)
			if (len && is_upper(name[len]) && (!is_upper(name[len - 1]) ||
							   (name[len + 1] >= 'a' && name[len + 1] <= 'z')))
				break;
		memcpy(word, name, len);
		word[len] = '\0';
		name += len;
		for (size_t i = 0; word[i]; i++)
			if (word[i] >= 'a' && word[i] <= 'z' && (i == 0 || is_acronym(word)))
				word[i] = (char)(word[i] - ('a' - 'A'));
		(void)buf_printf(&text, "%s%s", text.len ? " " : "", word);
	}
	return buf_take_str(&text);
}

static void put_value(struct describe *d, int level, const char *title, const struct json *value)
{
	const char *text = json_text(value);

	if (!text)
		text = json_kind(value) == JSON_NULL ? "<nil>" : json_is_true(value) ? "true" : "false";
	if (title)
		describe_line(d, level, "%s:\t%s", title, text);
	else
		describe_line(d, level, "%s", text);
}

/* `object` has its members sorted; the parser limits the depth. */
static void put_fields(struct describe *d, int level, const struct json *object)
{
	for (const struct json *f = json_first(object); f; f = json_next(f)) {
		AUTO_FREE char *title = title_of(json_name(f));

		if (!json_is_object(f) && !json_is_array(f)) {
			put_value(d, level, title, f);
			continue;
		}
		describe_line(d, level, "%s:", title);
		if (json_is_object(f)) {
			put_fields(d, level + 1, f);
			continue;
		}
		for (const struct json *i = json_first(f); i; i = json_next(i)) {
			if (json_is_object(i))
				put_fields(d, level + 1, i);
			else
				put_value(d, level + 1, NULL, i);
		}
	}
}

void describe_anything(struct describe *d)
{
	static const char *const shown[] = { "managedFields", "name", "namespace", "labels",
					     "annotations" };
	AUTO_JSON struct json *rest = json_dup(d->object);

	for (size_t i = 0; i < COUNT_OF(shown); i++)
		json_remove(json_get(rest, "metadata"), shown[i]);
	json_remove(rest, "apiVersion");
	json_remove(rest, "kind");
	kubectl_sort_members(rest);
	describe_line(d, 0, "Name:\t%s", d->target->name);
	describe_line(d, 0, "Namespace:\t%s", d->target->namespace);
	describe_labels(d, "Labels", json_find(d->object, "metadata.labels"));
	describe_annotations(d, "Annotations", json_find(d->object, "metadata.annotations"));
	describe_line(d, 0, "API Version:\t%s", kubectl_text(d->object, "apiVersion"));
	describe_line(d, 0, "Kind:\t%s", kubectl_text(d->object, "kind"));
	put_fields(d, 0, rest);
}
