/*
 * /sim/...: what tests set, with the token of an administrator.
 *
 *	PUT  /sim/faults             [{prefix, method, latency_ms, status, retry_after_s, cut_after_bytes,
 *	                              slow_bytes_per_s, times}]
 *	POST /sim/logs/NS/POD        the body's lines are added to the pod's log
 *	POST /sim/fill?group=&resource=pods&namespace=x&count=N&size=BYTES[&prefix=p]
 *	POST /sim/compact            forgets past changes: watches from old versions get 410
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "tests/kubesim/change.h"
#include "tests/kubesim/logs.h"
#include "tests/kubesim/serve.h"

static void answer(struct call *c, int status, const char *sentence)
{
	(void)buf_printf(&c->out, "%s\n", sentence);
	call_answer(c, status, "text/plain");
}

static int64_t int_or(const struct json *object, const char *name, int64_t otherwise)
{
	(void)json_int(object, name, &otherwise);
	return otherwise;
}

static void copy_str(const struct json *object, const char *name, char *into, size_t into_size)
{
	const char *text = json_str(object, name);

	(void)snprintf(into, into_size, "%s", text ? text : "");
}

static void set_faults(struct call *c)
{
	AUTO_JSON struct json *list = NULL;
	struct err e;

	c->sim->fault_count = 0;
	if (json_parse(buf_span(&c->body), JSON_LIMITS(65536), &list, &e) < 0 || json_count(list) > FAULT_MAX) {
		answer(c, 400, "the body is a JSON array of at most 16 faults");
		return;
	}
	for (const struct json *i = json_first(list); i; i = json_next(i)) {
		struct fault *f = &c->sim->faults[c->sim->fault_count++];

		*f = (struct fault){ .latency_ms = int_or(i, "latency_ms", 0),
				     .status = int_or(i, "status", 0),
				     .retry_after_s = int_or(i, "retry_after_s", 0),
				     .cut_after_bytes = int_or(i, "cut_after_bytes", -1),
				     .slow_bytes_per_s = int_or(i, "slow_bytes_per_s", 0),
				     .times = int_or(i, "times", -1) };
		copy_str(i, "prefix", f->prefix, sizeof(f->prefix));
		copy_str(i, "method", f->method, sizeof(f->method));
	}
	answer(c, 200, "set");
}

static void add_log(struct call *c, struct span rest)
{
	struct span namespace, pod;
	AUTO_FREE char *namespace_text = NULL, *pod_text = NULL;

	if (!span_take_part(&rest, '/', &namespace) || !rest.len) {
		answer(c, 400, "the path is /sim/logs/NAMESPACE/POD");
		return;
	}
	pod = rest;
	namespace_text = span_dup(namespace);
	pod_text = span_dup(pod);
	logs_add(c->sim, namespace_text, pod_text, buf_span(&c->body));
	answer(c, 200, "added");
}

static uint64_t query_number(const struct call *c, const char *name, uint64_t otherwise)
{
	uint64_t n;
	char text[24];

	call_query(c, name, text, sizeof(text));
	return span_to_u64(span_of(text), 64 * 1024 * 1024, &n) == 0 && *text ? n : otherwise;
}

static void fill_one(struct sim *sim, struct kind *k, const char *namespace, const char *prefix, uint64_t i,
					 uint64_t size)
{
	struct json *object = json_new_object(), *metadata = json_new_object(), *notes = json_new_object();
	AUTO_FREE char *name = mem_printf("%s-%06llu", prefix, (unsigned long long)i);
	AUTO_FREE char *filler = mem_new(size + 1);

	memset(filler, 'x', size);
	json_set_str(metadata, "name", name);
	json_set_str(notes, "example.com/filler", filler);
	json_set_item(metadata, "annotations", notes);
	json_set_item(object, "metadata", metadata);
	object = change_put_head_first(object, k);
	change_fill_new(sim, k, namespace, object);
	(void)change_store(sim, k, object, NULL, NULL);
}

static void fill(struct call *c)
{
	char group[128], version[32], resource[128], namespace[128], prefix[64];
	uint64_t count = query_number(c, "count", 1), size = query_number(c, "size", 0);
	struct kind *k;

	call_query(c, "group", group, sizeof(group));
	call_query(c, "version", version, sizeof(version));
	call_query(c, "resource", resource, sizeof(resource));
	call_query(c, "namespace", namespace, sizeof(namespace));
	call_query(c, "prefix", prefix, sizeof(prefix));
	k = resources_find(&c->sim->resources, group, *version ? version : "v1", resource);
	if (!k || k->is_review || (k->r.is_namespaced && !*namespace)) {
		answer(c, 400, "no such resource, or no namespace");
		return;
	}
	for (uint64_t i = 0; i < count; i++)
		fill_one(c->sim, k, namespace, *prefix ? prefix : k->r.singular, i, size);
	answer(c, 200, "filled");
}

static void compact(struct call *c)
{
	for (size_t i = 0; i < c->sim->resources.count; i++)
		collection_compact(&c->sim->resources.at[i]->objects, c->sim->version);
	answer(c, 200, "forgotten");
}

void serve_control(struct call *c)
{
	struct span target = c->head->target, path = target;

	c->user = NULL; /* not a request of the API: no audit event */
	(void)span_take_part(&target, '?', &path);
	if (span_equal_str(path, "/sim/faults"))
		set_faults(c);
	else if (span_starts(path, SPAN("/sim/logs/")))
		add_log(c, span_from(path.at + 10, path.len - 10));
	else if (span_equal_str(path, "/sim/fill"))
		fill(c);
	else if (span_equal_str(path, "/sim/compact"))
		compact(c);
	else
		answer(c, 404, "there is nothing at this path");
}
