/* What a command works on: from arguments as kubectl takes them, and from manifests. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/yaml.h"
#include "lib/kube/kubectl_inner.h"

enum { DEPTH_MAX = 100, NODES_MAX = 5 * 1000 * 1000, TARGETS_MAX = 100 * 1000 };

void kubectl_targets_free(struct kubectl_targets *t)
{
	for (size_t i = 0; i < t->count; i++) {
		free(t->at[i].namespace);
		free(t->at[i].name);
		json_free(t->at[i].object);
	}
	free(t->at);
	*t = (struct kubectl_targets){ 0 };
}

void kubectl_targets_add(struct kubectl_targets *t, const struct kube_resource *r,
			 const char *namespace, const char *name, struct json *object)
{
	if ((t->count & (t->count - 1)) == 0)
		t->at = mem_grow(t->at, t->count ? t->count * 2 : 1, sizeof(*t->at));
	t->at[t->count++] = (struct kubectl_target){
		.resource = r,
		.namespace = mem_dup_str(r->is_namespaced && namespace ? namespace : ""),
		.name = mem_dup_str(name),
		.object = object,
	};
}

/* Takes `object`. */
static int add(struct kubectl *k, struct kubectl_targets *t, const struct kube_resource *r,
	       const char *namespace, const char *name, struct json *object)
{
	if (t->count == TARGETS_MAX) {
		json_free(object);
		kubectl_failf(k, ERR_LIMIT, "more than %d objects at once", TARGETS_MAX);
		return -1;
	}
	kubectl_targets_add(t, r, namespace, name, object);
	return 0;
}

/*
 * "all" and the like: every resource of the category that can be listed. False: no such category.
 */
static bool add_category(struct kubectl *k, const char *category, const char *namespace,
			 struct kubectl_targets *t)
{
	bool found = false;

	if (strchr(category, '.') || kubectl_discover(k))
		return false;
	for (size_t i = 0; i < k->discovery.count; i++) {
		const struct kube_resource *r = &k->discovery.at[i];

		if (!kube_words_have(r->categories, category) || !kube_words_have(r->verbs, "list") ||
		    kube_discovery_find(&k->discovery, r->plural) != r)
			continue;
		found = true;
		if (add(k, t, r, namespace, NULL, NULL))
			break;
	}
	return found;
}

/* Adds "pods,svc" with `names`, or as collections when there are none. */
static int add_types(struct kubectl *k, const char *types, char **names, int name_count,
		     const char *namespace, struct kubectl_targets *t)
{
	struct span rest = span_of(types), part;

	while (span_take_part(&rest, ',', &part)) {
		AUTO_FREE char *type = span_dup(part);
		const struct kube_resource *r = kube_discovery_find(NULL, type);

		if (!r && name_count == 0 && add_category(k, type, namespace, t))
			continue;
		if (k->first.code != ERR_NONE)
			return -1;
		r = kubectl_find(k, type);
		if (!r || (name_count == 0 && add(k, t, r, namespace, NULL, NULL)))
			return -1;
		for (int i = 0; i < name_count; i++)
			if (add(k, t, r, namespace, names[i], NULL))
				return -1;
	}
	return 0;
}

/* "pods/x" */
static int add_pair(struct kubectl *k, const char *text, const char *namespace,
		    struct kubectl_targets *t)
{
	const char *slash = strchr(text, '/');
	AUTO_FREE char *type = mem_dup(text, (size_t)(slash - text));
	const struct kube_resource *r;

	if (strchr(slash + 1, '/') || slash == text || slash[1] == '\0') {
		kubectl_failf(k, ERR_USAGE, "arguments in resource/name form must have a single resource and name");
		return -1;
	}
	r = kubectl_find(k, type);
	return r ? add(k, t, r, namespace, slash + 1, NULL) : -1;
}

int kubectl_targets_of_args(struct kubectl *k, char **args, int count, const char *namespace,
			    struct kubectl_targets *t)
{
	bool pairs = count > 0 && strchr(args[0], '/');

	for (int i = 0; i < count; i++)
		if ((strchr(args[i], '/') != NULL) != pairs) {
			kubectl_failf(k, ERR_USAGE,
				      "there is no need to specify a resource type as a separate argument when "
				      "passing arguments in resource/name form (e.g. 'kubectl get "
				      "resource/<resource_name>' instead of 'kubectl get resource "
				      "resource/<resource_name>'");
			return -1;
		}
	if (!pairs)
		return count ? add_types(k, args[0], args + 1, count - 1, namespace, t) : 0;
	for (int i = 0; i < count; i++)
		if (add_pair(k, args[i], namespace, t))
			return -1;
	return 0;
}

static const struct kube_resource *find_kind(struct kubectl *k, const char *file,
					     const struct json *object, const char *api_version,
					     const char *kind)
{
	const char *name = json_find_str(object, "metadata.name");
	const char *namespace = json_find_str(object, "metadata.namespace");
	const struct kube_resource *r = kube_discovery_find_kind(NULL, api_version, kind);

	if (r)
		return r;
	if (kubectl_discover(k))
		return NULL;
	r = kube_discovery_find_kind(&k->discovery, api_version, kind);
	if (!r)
		kubectl_failf(k, ERR_NOT_FOUND,
			      "resource mapping not found for name: \"%s\" namespace: \"%s\" from \"%s\": no "
			      "matches for kind \"%s\" in version \"%s\"\nensure CRDs are installed first",
			      name ? name : "", namespace ? namespace : "", file, kind, api_version);
	return r;
}

/* Where an object goes; NULL after having noted that it may not. */
static const char *namespace_of(struct kubectl *k, const struct kube_resource *r,
				struct json *object, const char *namespace, bool enforced)
{
	const char *own = json_find_str(object, "metadata.namespace");

	if (!r->is_namespaced)
		return "";
	if (own && own[0] && enforced && strcmp(own, namespace) != 0) {
		kubectl_failf(k, ERR_USAGE,
			      "the namespace from the provided object \"%s\" does not match the namespace "
			      "\"%s\". You must pass '--namespace=%s' to perform this operation.",
			      own, namespace, own);
		return NULL;
	}
	if (own && own[0])
		return own;
	json_set_str(json_get(object, "metadata"), "namespace", namespace);
	return namespace;
}

/* Takes `object`. */
static int add_object(struct kubectl *k, const char *file, struct json *object,
		      const char *namespace, bool enforced, struct kubectl_targets *t)
{
	const char *api_version = json_str(object, "apiVersion"), *kind = json_str(object, "kind");
	const char *name = json_find_str(object, "metadata.name");
	const char *generated = json_find_str(object, "metadata.generateName");
	const struct kube_resource *r = NULL;
	const char *where;

	if (!api_version || !kind)
		kubectl_failf(k, ERR_INPUT, "error parsing %s: apiVersion or kind is not set", file);
	else if ((!name || !name[0]) && generated && !k->takes_generated_names)
		kubectl_failf(k, ERR_INPUT, "from %s: cannot use generate name with apply", generated);
	else if ((!name || !name[0]) && !generated)
		kubectl_failf(k, ERR_INPUT, "resource name may not be empty");
	else
		r = find_kind(k, file, object, api_version, kind);
	where = r ? namespace_of(k, r, object, namespace, enforced) : NULL;
	if (where)
		return add(k, t, r, where, name, object);
	json_free(object);
	return 0;
}

/* One document: an object, or a List of them. Takes it. */
static int add_document(struct kubectl *k, const char *file, struct json *document,
			const char *namespace, bool enforced, struct kubectl_targets *t)
{
	const char *kind = json_str(document, "kind");
	struct json *items = json_get(document, "items"), *item;
	int rc = 0;

	if (!json_is_object(document) && json_kind(document) != JSON_NULL)
		kubectl_failf(k, ERR_INPUT, "error parsing %s: a document is no object", file);
	if (!json_is_object(document)) {
		json_free(document);
		return 0;
	}
	if (!kind || !span_ends(span_of(kind), SPAN("List")) || !json_is_array(items))
		return add_object(k, file, document, namespace, enforced, t);
	while (rc == 0 && (item = json_first(items)))
		rc = add_object(k, file, json_detach(items, item), namespace, enforced, t);
	json_free(document);
	return rc;
}

static int add_documents(struct kubectl *k, const char *file, struct span text,
			 const char *namespace, bool enforced, struct kubectl_targets *t)
{
	const struct yaml_limits limits = { KUBECTL_FILE_MAX, DEPTH_MAX, NODES_MAX };
	AUTO_YAML struct yaml_docs *docs = NULL;
	struct err failure = { 0 };

	if (yaml_parse(text, limits, &docs, &failure)) {
		kubectl_failf(k, ERR_INPUT, "error parsing %s: %s", file, failure.text);
		return -1;
	}
	for (size_t i = 0; i < yaml_docs_count(docs); i++) {
		struct json *document = NULL;

		if (yaml_to_json(yaml_docs_at(docs, i), &document, &failure)) {
			kubectl_failf(k, ERR_INPUT, "error parsing %s: %s", file, failure.text);
			return -1;
		}
		if (add_document(k, file, document, namespace, enforced, t))
			return -1;
	}
	return 0;
}

int kubectl_targets_of_files(struct kubectl *k, const struct option_list *files,
			     const char *namespace, bool enforced, struct kubectl_targets *t)
{
	for (size_t i = 0; i < files->count; i++) {
		struct buf text;
		struct err failure = { 0 };
		int rc;

		buf_init_secret(&text, KUBECTL_FILE_MAX);
		rc = k->io->read_file(k->io->owner, files->at[i], &text, &failure);
		if (rc)
			kubectl_fail(k, &failure);
		else
			rc = add_documents(k, files->at[i], buf_span(&text), namespace, enforced, t);
		buf_free(&text);
		if (rc)
			return -1;
	}
	return 0;
}

bool kubectl_put_path(struct kubectl *k, struct buf *out, const struct kubectl_target *t)
{
	struct err failure = { 0 };

	if (kube_resource_put_path(out, t->resource, t->namespace, t->name, &failure) == 0)
		return true;
	kubectl_fail(k, &failure);
	return false;
}

void kubectl_put_target_name(struct buf *out, const struct kubectl_target *t, char separator)
{
	kube_resource_put_kind(out, t->resource);
	(void)buf_printf(out, "%c%s", separator, t->name);
}
