/* Reading schemas of an OpenAPI v3 document. */
#include "lib/kube/explain_schema.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"

/* What Kubernetes has, `explain crd --recursive` included, stays far below. */
enum { DEPTH_MAX = 128, STEPS_MAX = 200 * 1000 };

bool explain_enter(struct explain_walk *w)
{
	if (w->depth == DEPTH_MAX || w->steps == STEPS_MAX || w->out->failed)
		w->too_much = true;
	if (w->too_much)
		return false;
	w->depth++;
	w->steps++;
	return true;
}

void explain_leave(struct explain_walk *w)
{
	w->depth--;
}

static const struct json *filled_object(const struct json *item)
{
	return json_is_object(item) && json_first(item) ? item : NULL;
}

/*
 * "#/components/schemas/io.k8s.api.core.v1.Pod"; NULL when there is no such object, or an empty
 * one.
 */
static const struct json *find_ref(const struct explain_walk *w, const char *ref)
{
	const struct json *at = w->what->document;
	struct span rest, part;

	if (!ref || ref[0] != '#')
		return NULL;
	rest = span_of(ref + 1);
	while (span_take_part(&rest, '/', &part)) {
		AUTO_FREE char *name = span_dup(part);

		if (part.len)
			at = json_get(at, name);
	}
	return filled_object(at);
}

const struct json *explain_resolve(const struct explain_walk *w, const struct json *schema)
{
	const struct json *found = find_ref(w, json_str(schema, "$ref"));

	return found ? found : schema;
}

const struct json *explain_properties(const struct json *schema)
{
	return filled_object(json_get(schema, "properties"));
}

const struct json *explain_items(const struct json *schema)
{
	return filled_object(json_get(schema, "items"));
}

const struct json *explain_values(const struct json *schema)
{
	return filled_object(json_get(schema, "additionalProperties"));
}

const struct json *explain_alternatives(const struct json *schema)
{
	const struct json *all = json_get(schema, "allOf");

	return json_is_array(all) && json_first(all) ? all : NULL;
}

bool explain_requires(const struct json *schema, const char *field)
{
	const struct json *list = json_get(schema, "required");

	for (const struct json *i = json_is_array(list) ? json_first(list) : NULL; i;
	     i = json_next(i))
		if (json_kind(i) == JSON_STRING && strcmp(json_text(i), field) == 0)
			return true;
	return false;
}

const char *explain_type_name(const struct explain_walk *w, const struct json *schema)
{
	const char *ref = json_str(schema, "$ref"), *type, *last;
	const struct json *of = find_ref(w, ref);

	type = json_str(ref ? of : schema, "type");
	if (type && type[0] && strcmp(type, "object") != 0)
		return type;
	if (!ref || !ref[0])
		return "Object";
	last = strrchr(ref, '/') ? strrchr(ref, '/') + 1 : ref;
	last = strrchr(last, '.') ? strrchr(last, '.') + 1 : last;
	return last[0] ? last : "Object";
}

static int compare_names(const void *a, const void *b)
{
	const struct json *const *x = a, *const *y = b;

	return strcmp(json_name(*x), json_name(*y));
}

const struct json **explain_sort(const struct json *object, size_t *ret_count)
{
	size_t count = json_count(object), i = 0;
	const struct json **sorted = count ? mem_new_array(count, sizeof(*sorted)) : NULL;

	for (const struct json *member = json_first(object); member; member = json_next(member))
		sorted[i++] = member;
	if (count)
		qsort(sorted, count, sizeof(*sorted), compare_names);
	*ret_count = count;
	return sorted;
}

/* Sets the kind that the first operation of a path tells, where the path is there. */
static void read_path(const struct json *path, const struct json **ret_kind)
{
	static const char *const methods[] = { "get", "post", "put", "patch", "delete" };

	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		const struct json *operation = filled_object(json_get(path, methods[i]));

		if (!operation)
			continue;
		*ret_kind = filled_object(json_get(operation, "x-kubernetes-group-version-kind"));
		if (*ret_kind)
			return;
	}
}

const struct json *explain_find_kind(const struct explain *what)
{
	const struct json *paths = json_get(what->document, "paths"), *kind = NULL;
	AUTO_FREE char *prefix =
		mem_printf("/api%s%s/%s", what->group[0] ? "s/" : "", what->group, what->version);

	for (size_t i = 0; i < 4; i++) {
		const char *space = i < 2 ? "" : "/namespaces/{namespace}",
			   *name = i % 2 ? "/{name}" : "";
		AUTO_FREE char *path = mem_printf("%s%s/%s%s", prefix, space, what->plural, name);

		read_path(json_get(paths, path), &kind);
	}
	return kind;
}

static bool is_same(const struct json *a, const struct json *b, const char *member)
{
	const char *x = json_str(a, member), *y = json_str(b, member);

	return strcmp(x ? x : "", y ? y : "") == 0;
}

static bool is_of_kind(const struct json *schema, const struct json *kind)
{
	const struct json *list = json_get(schema, "x-kubernetes-group-version-kind");

	for (const struct json *k = json_is_array(list) ? json_first(list) : NULL; k;
	     k = json_next(k))
		if (is_same(k, kind, "group") && is_same(k, kind, "version") &&
		    is_same(k, kind, "kind"))
			return true;
	return false;
}

const struct json *explain_find_schema(const struct explain *what, const struct json *kind)
{
	const struct json *schemas = filled_object(json_find(what->document, "components.schemas"));
	const struct json *found = NULL;

	for (const struct json *s = json_first(schemas); s; s = json_next(s))
		if (is_of_kind(s, kind) && (!found || strcmp(json_name(s), json_name(found)) < 0))
			found = s;
	return found;
}
