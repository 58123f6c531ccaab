/* get, list, create, update, delete and deletecollection of stored objects. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/format/base64.h"
#include "lib/format/timefmt.h"
#include "tests/kubesim/change.h"
#include "tests/kubesim/select.h"
#include "tests/kubesim/serve.h"
#include "tests/kubesim/table.h"

static struct object *find(struct call *c)
{
	struct object *o = collection_find(&c->kind->objects, change_namespace(c), c->info.name);

	if (!o)
		call_fail_not_found(c, &c->kind->r, c->info.name);
	return o;
}

void serve_get(struct call *c)
{
	const struct object *o = find(c);

	if (o)
		change_answer_object(c, 200, o);
}

struct page {
	struct selection selection;
	char start_namespace[256], start_name[256]; /* the last object of the page before; "" none */
	uint64_t limit;                             /* 0: none */
	const struct object **at;                   /* owned; the objects are borrowed */
	size_t count;
	uint64_t left;      /* objects behind the page */
	bool counts_left;
	uint64_t version;   /* of the first page */
};

static void page_free(struct page *p)
{
	selection_free(&p->selection);
	free(p->at);
}

/* The continue token of the API server: {"v":"meta.k8s.io/v1","rv":237,"start":"/default/web\0"} */
static int read_continue(struct page *p, const char *token, struct err *e)
{
	AUTO_BUF struct buf text;
	AUTO_JSON struct json *json = NULL;
	const char *start, *name;
	int64_t version;
	size_t len;

	buf_init(&text, 4096);
	if (base64_decode(span_of(token), BASE64_URL, &text, e) < 0 ||
	    json_parse(buf_span(&text), JSON_LIMITS(4096), &json, e) < 0 || json_int(json, "rv", &version) < 0 ||
	    !(start = json_str(json, "start")) || !(name = strrchr(start, '/')))
		return err_set(e, ERR_INPUT, "invalid continue token: continue key is not valid");
	len = (size_t)(name - start);
	if (len >= sizeof(p->start_namespace) || strlen(name + 1) >= sizeof(p->start_name))
		return err_set(e, ERR_INPUT, "invalid continue token: continue key is not valid");
	p->version = (uint64_t)version;
	memcpy(p->start_namespace, start, len);
	memcpy(p->start_name, name + 1, strlen(name + 1) + 1);
	return 0;
}

static int read_page(struct call *c, struct page *p, struct err *e)
{
	char limit[24], token[2048];

	*p = (struct page){ .version = c->sim->version };
	call_query(c, "limit", limit, sizeof(limit));
	call_query(c, "continue", token, sizeof(token));
	if (*limit && span_to_u64(span_of(limit), UINT32_MAX, &p->limit) < 0)
		return err_set(e, ERR_INPUT, "strconv.ParseInt: parsing \"%s\": invalid syntax", limit);
	if (*token && read_continue(p, token, e) < 0)
		return -1;
	return selection_parse(&p->selection, c->info.label_selector, c->info.field_selector, e);
}

static bool is_in_scope(const struct call *c, const struct object *o)
{
	const char *namespace = change_namespace(c);

	return (!*namespace || strcmp(namespace, o->namespace) == 0) &&
	       (!c->info.name[0] || strcmp(c->info.name, o->name) == 0);
}

static void collect(const struct call *c, struct page *p)
{
	const struct collection *all = &c->kind->objects;
	size_t i = collection_seek(all, change_namespace(c), ""), cap = 0;

	p->counts_left = !p->selection.label_count && !p->selection.field_count;
	if (p->start_name[0]) {
		i = collection_seek(all, p->start_namespace, p->start_name);
		if (i < all->count && strcmp(all->at[i]->namespace, p->start_namespace) == 0 &&
		    strcmp(all->at[i]->name, p->start_name) == 0)
			i++;
	}
	for (; i < all->count; i++) {
		if (*change_namespace(c) && strcmp(all->at[i]->namespace, change_namespace(c)) != 0)
			break;
		if (!is_in_scope(c, all->at[i]) || !selection_matches(&p->selection, all->at[i]->json))
			continue;
		if (p->limit && p->count == p->limit) {
			p->left++;
			continue;
		}
		if (p->count == cap) {
			cap = cap ? 2 * cap : 64;
			p->at = mem_grow(p->at, cap, sizeof(*p->at));
		}
		p->at[p->count++] = all->at[i];
	}
}

static void put_list_meta(struct buf *out, const struct page *p)
{
	const struct object *last = p->count ? p->at[p->count - 1] : NULL;
	AUTO_BUF struct buf token = { 0 };
	char number[32];

	(void)buf_printf(out, "{\"resourceVersion\":\"%llu\"", (unsigned long long)p->version);
	if (p->left && last) {
		buf_init(&token, 4096);
		(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)p->version);
		(void)buf_printf(&token, "{\"v\":\"meta.k8s.io/v1\",\"rv\":%s,\"start\":\"%s/%s\"}", number,
				 last->namespace, last->name);
		(void)buf_put_str(out, ",\"continue\":\"");
		base64_encode(buf_span(&token), BASE64_URL, out);
		(void)buf_put_char(out, '"');
		if (p->counts_left)
			(void)buf_printf(out, ",\"remainingItemCount\":%llu", (unsigned long long)p->left);
	}
	(void)buf_put_char(out, '}');
}

/* Items of built-in resources are printed without kind and apiVersion. */
static void put_item(struct buf *out, const struct kind *k, const struct object *o)
{
	size_t head = sizeof("{\"kind\":\"\",\"apiVersion\":\"\",") - 1 + strlen(k->r.kind) + strlen(k->api_version);

	if (k->r.is_custom || o->text.len <= head) {
		(void)buf_put_span(out, o->text);
		return;
	}
	(void)buf_put_char(out, '{');
	(void)buf_put(out, o->text.at + head, o->text.len - head);
}

static void put_list(struct call *c, const struct page *p)
{
	struct buf *out = &c->out;

	if (c->form == FORM_TABLE) {
		AUTO_BUF struct buf meta;

		buf_init(&meta, 8192);
		put_list_meta(&meta, p);
		table_put(out, c, &(struct table_list){ p->at, p->count, p->version, buf_str(&meta) });
		(void)buf_put_char(out, '\n');
		return;
	}
	(void)buf_printf(out, "{\"kind\":\"%sList\",\"apiVersion\":\"%s\",\"metadata\":", c->kind->r.kind,
			 c->kind->api_version);
	put_list_meta(out, p);
	(void)buf_put_str(out, ",\"items\":[");
	for (size_t i = 0; i < p->count; i++) {
		if (i)
			(void)buf_put_char(out, ',');
		put_item(out, c->kind, p->at[i]);
	}
	(void)buf_put_str(out, "]}\n");
}

static void fail_expired(struct call *c)
{
	call_fail(c, &(struct failure){ .code = 410,
					.reason = "Expired",
					.message = "The provided continue parameter is too old to display a consistent list"
						   " result. You can start a new list without the continue parameter." });
}

void serve_list(struct call *c)
{
	struct page p;
	struct err e;

	if (read_page(c, &p, &e) < 0) {
		call_fail(c, &(struct failure){ .code = 400, .message = e.text });
		return;
	}
	if (p.version < c->kind->objects.forgotten_version && p.start_name[0]) {
		fail_expired(c);
	} else {
		collect(c, &p);
		put_list(c, &p);
		call_answer(c, 200, "application/json");
	}
	page_free(&p);
}

static void fail_invalid(struct call *c, const char *field, const char *why)
{
	AUTO_FREE char *message = mem_printf("%s \"\" is invalid: %s: Required value: %s", c->kind->r.kind, field, why);
	AUTO_FREE char *causes = mem_printf("[{\"reason\":\"FieldValueRequired\",\"message\":\"Required value: %s\","
					    "\"field\":\"%s\"}]", why, field);

	call_fail(c, &(struct failure){
			     .code = 422, .message = message, .resource = &c->kind->r, .causes = causes });
}

static void fail_exists(struct call *c, const char *name)
{
	AUTO_BUF struct buf message;

	buf_init(&message, 4096);
	resource_put_name(&message, &c->kind->r);
	(void)buf_printf(&message, " \"%s\" already exists", name);
	call_fail(c, &(struct failure){ .code = 409,
					.reason = "AlreadyExists",
					.message = buf_str(&message),
					.name = name,
					.resource = &c->kind->r });
}

static bool check_kind(struct call *c, const struct json *object)
{
	const char *kind = json_str(object, "kind"), *version = json_str(object, "apiVersion");
	AUTO_FREE char *message = NULL;

	if ((!kind || strcmp(kind, c->kind->r.kind) == 0) && (!version || strcmp(version, c->kind->api_version) == 0))
		return true;
	message = mem_printf("%s in version \"%s\" cannot be handled as a %s: no kind \"%s\" is registered for version "
			     "\"%s\" in scheme \"pkg/runtime/scheme.go:111\"",
			     kind ? kind : "", version ? version : "", c->kind->r.kind, kind ? kind : "", version ? version : "");
	call_fail(c, &(struct failure){ .code = 400, .message = message });
	return false;
}

/* The name that `metadata` gives, with a random end for generateName. */
static const char *settle_name(struct json *metadata)
{
	const char *prefix = json_str(metadata, "generateName");
	char random[RANDOM_UUID_SIZE];

	if (!json_str(metadata, "name") && prefix) {
		AUTO_FREE char *name = NULL;

		random_uuid(random);
		name = mem_printf("%s%.5s", prefix, random);
		json_set_str(metadata, "name", name);
	}
	return json_str(metadata, "name");
}

static bool check_new(struct call *c, struct json *object)
{
	struct json *metadata = json_get(object, "metadata");
	const char *namespace = json_str(metadata, "namespace"), *wanted = change_namespace(c);
	const char *name = settle_name(metadata);
	const struct kind *namespaces = resources_find(&c->sim->resources, "", "v1", "namespaces");

	if (namespace && *namespace && strcmp(namespace, wanted) != 0)
		call_fail(c, &(struct failure){ .code = 400,
						.message = "the namespace of the provided object does not match the namespace"
							   " sent on the request" });
	else if (!name || !*name)
		fail_invalid(c, "metadata.name", "name or generateName is required");
	else if (*wanted && !collection_find(&namespaces->objects, "", wanted))
		call_fail_not_found(c, &namespaces->r, wanted);
	else if (collection_find(&c->kind->objects, wanted, name))
		fail_exists(c, name);
	else
		return true;
	return false;
}

void serve_create(struct call *c)
{
	struct json *object = change_read_body(c);

	if (!object)
		return;
	if (!json_is_object(json_get(object, "metadata")))
		json_set_item(object, "metadata", json_new_object());
	if (!check_kind(c, object) || !check_new(c, object)) {
		json_free(object);
		return;
	}
	change_answer_create(c, change_put_head_first(object, c->kind), NULL, NULL);
}

void serve_update(struct call *c)
{
	struct json *object = change_read_body(c);
	struct object *before;

	if (!object)
		return;
	if (check_kind(c, object) && (before = find(c)))
		change_answer_update(c, before, object, NULL, NULL);
	else
		json_free(object);
}

/* Whether the preconditions of the DeleteOptions hold. */
static bool check_delete(struct call *c, const struct object *o)
{
	AUTO_JSON struct json *options = c->body.len ? change_read_body(c) : json_new_object();
	const char *uid = json_find_str(options, "preconditions.uid"), *now = json_find_str(o->json, "metadata.uid");
	AUTO_FREE char *message = NULL;

	if (!options)
		return false;
	if (!uid || strcmp(uid, now) == 0)
		return true;
	message = mem_printf("Operation cannot be fulfilled on %s \"%s\": the UID in the precondition (%s) does not match"
			     " the UID in record (%s). The object might have been deleted and then recreated",
			     c->kind->r.plural, o->name, uid, now);
	call_fail(c, &(struct failure){ .code = 409, .message = message, .name = o->name, .resource = &c->kind->r });
	return false;
}

/* Objects that end gracefully are shown as they go, others get a Status. */
static void put_deleted(struct call *c, const struct object *o)
{
	bool is_pod = strcmp(c->kind->r.kind, "Pod") == 0, is_namespace = strcmp(c->kind->r.kind, "Namespace") == 0;
	const struct resource *r = &c->kind->r;
	char now[TIMEFMT_SIZE];

	if (!is_pod && !is_namespace) {
		(void)buf_printf(&c->out, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\","
				 "\"details\":{\"name\":\"%s\",%s%s%s\"kind\":\"%s\",\"uid\":\"%s\"}}\n",
				 o->name, r->group[0] ? "\"group\":\"" : "", r->group, r->group[0] ? "\"," : "", r->plural,
				 json_find_str(o->json, "metadata.uid"));
		return;
	}
	AUTO_JSON struct json *shown = json_dup(o->json);

	timefmt_date(clock_unix_s(), now);
	json_set_str(json_get(shown, "metadata"), "deletionTimestamp", now);
	if (is_namespace)
		json_set_str(json_get(shown, "status"), "phase", "Terminating");
	json_print(shown, JSON_COMPACT, &c->out);
	(void)buf_put_char(&c->out, '\n');
}

void serve_delete(struct call *c)
{
	struct object *o = find(c);
	char dry_run[16];

	if (!o || !check_delete(c, o))
		return;
	put_deleted(c, o);
	call_query(c, "dryRun", dry_run, sizeof(dry_run));
	if (strcmp(dry_run, "All") != 0)
		object_unref(change_remove(c->sim, c->kind, o));
	call_answer(c, 200, "application/json");
}

void serve_delete_collection(struct call *c)
{
	struct page p;
	struct err e;

	if (read_page(c, &p, &e) < 0) {
		call_fail(c, &(struct failure){ .code = 400, .message = e.text });
		return;
	}
	collect(c, &p);
	put_list(c, &p);
	for (size_t i = 0; i < p.count; i++) {
		struct object *o = collection_find(&c->kind->objects, p.at[i]->namespace, p.at[i]->name);

		if (o)
			object_unref(change_remove(c->sim, c->kind, o));
	}
	call_answer(c, 200, "application/json");
	page_free(&p);
}
