/* PATCH requests: merge, strategic merge, JSON patch and server-side apply. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "tests/kubesim/change.h"
#include "tests/kubesim/patch.h"
#include "tests/kubesim/serve.h"

static bool has_type(const struct call *c, const char *type)
{
	const struct span *field = http_field_find(c->head, "content-type");
	struct span rest = field ? *field : SPAN_NONE, name;

	return span_take_part(&rest, ';', &name) && span_equal_str(span_trim(name), type);
}

static void fail_manager(struct call *c)
{
	const struct resource options = { .group = "meta.k8s.io", .kind = "PatchOptions" };

	call_fail(c, &(struct failure){
			     .code = 422,
			     .message = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required"
					" for apply patch",
			     .resource = &options,
			     .causes = "[{\"reason\":\"FieldValueRequired\",\"message\":\"Required value: is required for apply"
				       " patch\",\"field\":\"fieldManager\"}]" });
}

/* False after it answered 409: another manager has applied other values. */
static bool check_conflicts(struct call *c, const struct object *before, const struct json *now, const char *manager)
{
	AUTO_JSON struct json *fields = json_new_array();
	AUTO_BUF struct buf message = { 0 }, causes = { 0 };
	size_t count;

	if (!before || !before->applied || strcmp(before->manager, manager) == 0 ||
	    request_query_bool(c->head->target, "force"))
		return true;
	count = patch_conflicts(now, before->applied, "", fields);
	if (!count)
		return true;
	buf_init(&message, 64 * 1024);
	buf_init(&causes, 64 * 1024);
	(void)buf_printf(&message, "Apply failed with %zu conflict%s: conflict%s with \"%s\":%s", count,
					 count > 1 ? "s" : "", count > 1 ? "s" : "", before->manager, count > 1 ? "\n" : " ");
	for (const struct json *i = json_first(fields); i; i = json_next(i)) {
		(void)buf_printf(&message, "%s%s%s", count > 1 ? "- " : "", json_text(i), json_next(i) ? "\n" : "");
		(void)buf_printf(&causes, "%s{\"reason\":\"FieldManagerConflict\",\"message\":\"conflict with \\\"%s\\\"\","
				 "\"field\":\"%s\"}", causes.len ? "," : "[", before->manager, json_text(i));
	}
	(void)buf_put_char(&causes, ']');
	call_fail(c, &(struct failure){
			     .code = 409, .message = buf_str(&message), .causes = buf_str(&causes) });
	return false;
}

/* The name on the URL goes into an object that has none. */
static void settle_name(struct call *c, struct json *object)
{
	if (!json_is_object(json_get(object, "metadata")))
		json_set_item(object, "metadata", json_new_object());
	if (!json_find_str(object, "metadata.name"))
		json_set_str(json_get(object, "metadata"), "name", c->info.name);
}

static bool has_namespace(struct call *c)
{
	const struct kind *namespaces = resources_find(&c->sim->resources, "", "v1", "namespaces");
	const char *namespace = change_namespace(c);

	if (!*namespace || collection_find(&namespaces->objects, "", namespace))
		return true;
	call_fail_not_found(c, &namespaces->r, namespace);
	return false;
}

static void serve_apply(struct call *c, struct object *before)
{
	char manager[129];
	struct json *now, *object;

	call_query(c, "fieldManager", manager, sizeof(manager));
	if (!*manager) {
		fail_manager(c);
		return;
	}
	if (!(now = change_read_body(c)))
		return;
	settle_name(c, now);
	if (!check_conflicts(c, before, now, manager) || (!before && !has_namespace(c))) {
		json_free(now);
		return;
	}
	if (!before) {
		change_answer_create(c, change_put_head_first(json_dup(now), c->kind), now, mem_dup_str(manager));
		return;
	}
	object = json_dup(before->json);
	json_remove(json_get(object, "metadata"), "resourceVersion");
	patch_apply(object, before->manager && strcmp(before->manager, manager) == 0 ? before->applied : NULL, now);
	change_answer_update(c, before, object, now, mem_dup_str(manager));
}

/* The patched copy; NULL after it answered. */
static struct json *patched(struct call *c, const struct object *before, const struct json *patch)
{
	struct json *object = json_dup(before->json);
	struct err e;

	json_remove(json_get(object, "metadata"), "resourceVersion");
	if (has_type(c, "application/merge-patch+json")) {
		patch_merge(object, patch);
	} else if (has_type(c, "application/strategic-merge-patch+json")) {
		patch_strategic(object, patch);
	} else if (patch_json(&object, patch, &e) < 0) {
		json_free(object);
		call_fail_code(c, 422);
		return NULL;
	}
	return object;
}

void serve_patch(struct call *c)
{
	struct object *before = collection_find(&c->kind->objects, change_namespace(c), c->info.name);
	bool is_apply = has_type(c, "application/apply-patch+yaml");
	bool is_strategic = has_type(c, "application/strategic-merge-patch+json");
	struct json *patch, *object;

	if (!is_apply && !has_type(c, "application/merge-patch+json") && !has_type(c, "application/json-patch+json") &&
	    (!is_strategic || c->kind->r.is_custom)) {
		call_fail_code(c, 415);
		return;
	}
	if (is_apply) {
		serve_apply(c, before);
		return;
	}
	if (!before) {
		call_fail_not_found(c, &c->kind->r, c->info.name);
		return;
	}
	if (!(patch = change_read_body(c)))
		return;
	object = patched(c, before, patch);
	json_free(patch);
	if (object)
		change_answer_update(c, before, object, before->applied ? json_dup(before->applied) : NULL,
				     mem_dup_str(before->manager));
}
