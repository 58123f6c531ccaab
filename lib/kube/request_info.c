/*
 * The API server's RequestInfo (apiserver pkg/endpoints/request/requestinfo.go, v1.36), step by
 * step.
 */
#include "lib/kube/request_info.h"

#include <string.h>

#include "lib/kube/query.h"
#include "lib/kube/selector.h"

enum {
	METHOD_MAX = 32,
	/* With all its prefixes a path names its subresource in the ninth part at the latest. */
	PARTS_MAX = 10,
};

/* The parts of a path: spans into the decoded path; the last may hold several. */
struct parts {
	struct span at[PARTS_MAX];
	size_t count;
	struct span end; /* empty, behind the last part */
};

static int does_not_fit(struct err *e)
{
	return err_set(e, ERR_LIMIT, "the request's path and selectors are longer than %d bytes",
		       REQUEST_INFO_ARENA_LEN);
}

/* Copies into the arena; NULL when it is full. */
static const char *keep(struct request_info *r, struct span text)
{
	char *at = r->arena + r->used;

	if (text.len >= sizeof(r->arena) - r->used)
		return NULL;
	if (text.len)
		memcpy(at, text.at, text.len);
	at[text.len] = '\0';
	r->used += text.len + 1;
	return at;
}

/* Decodes into the arena. */
static int keep_decoded(struct request_info *r, struct span raw, enum query_part part,
			const char **ret_text, struct err *e)
{
	char *at = r->arena + r->used;
	size_t len;

	if (raw.len >= sizeof(r->arena) - r->used)
		return does_not_fit(e);
	if (query_decode(raw, part, at, &len))
		return err_set(e, ERR_INPUT, "the request's path holds a %% without two hex digits");
	if (memchr(at, '\0', len))
		return err_set(e, ERR_INPUT, "the request's target holds %%00");
	at[len] = '\0';
	r->used += len + 1;
	*ret_text = at;
	return 0;
}

static struct span trim_slashes(struct span path)
{
	while (path.len && path.at[0] == '/')
		path = span_from(path.at + 1, path.len - 1);
	while (path.len && path.at[path.len - 1] == '/')
		path.len--;
	return path;
}

static void split(struct span path, struct parts *ret)
{
	struct span rest = trim_slashes(path);

	ret->count = 0;
	ret->end = span_from(rest.at + rest.len, 0);
	if (rest.len == 0)
		return;
	while (ret->count < PARTS_MAX - 1 && span_take_part(&rest, '/', &ret->at[ret->count]))
		ret->count++;
	if (rest.at)
		ret->at[ret->count++] = rest;
}

static const char *verb_of_method(struct span method)
{
	static const struct {
		const char *method, *verb;
	} verbs[] = {
		{ "GET", "get" },     { "POST", "create" }, { "PUT", "update" },
		{ "PATCH", "patch" }, { "HEAD", "get" },    { "DELETE", "delete" },
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (span_equal_str(method, verbs[i].method))
			return verbs[i].verb;
	return "";
}

/* The method in lower case: the verb of what is no resource. */
static const char *keep_lower(struct request_info *r, struct span method)
{
	char *at = r->arena + r->used;

	for (size_t i = 0; i < method.len; i++) {
		char c = method.at[i];

		at[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
	}
	at[method.len] = '\0';
	r->used += method.len + 1;
	return at;
}

static bool is_any(struct span part, const char *a, const char *b)
{
	return span_equal_str(part, a) || span_equal_str(part, b);
}

/* Resource, name, subresource and what follows, from the part `first` on. */
static int take_resource(struct request_info *r, const struct parts *p, size_t first, struct err *e)
{
	size_t left = p->count - first;
	bool has_subresource = left >= 3 && strcmp(r->verb, "proxy") != 0;
	size_t used = has_subresource ? 3 : left >= 2 ? 2 : 1;

	r->resource = keep(r, p->at[first]);
	if (r->resource && left >= 2)
		r->name = keep(r, p->at[first + 1]);
	if (r->name && has_subresource)
		r->subresource = keep(r, p->at[first + 2]);
	if (r->subresource && left > used) {
		const char *at = p->at[first + used].at;

		r->rest = keep(r, span_from(at, (size_t)(p->end.at - at)));
	}
	return r->resource && r->name && r->subresource && r->rest ? 0 : does_not_fit(e);
}

/* The parts behind /api or /apis. */
static int take_parts(struct request_info *r, struct span method, const struct parts *p, size_t at,
		      struct err *e)
{
	bool via_path; /* the verb stands in the path */

	r->is_resource = true;
	r->api_version = keep(r, p->at[at++]);
	via_path = is_any(p->at[at], "proxy", "watch");
	if (via_path && p->count - at < 2)
		return err_set(e, ERR_INPUT, "the request's path names no resource");
	r->verb = via_path ? keep(r, p->at[at++]) : verb_of_method(method);
	if (!r->api_version || !r->verb)
		return does_not_fit(e);
	if (span_equal_str(p->at[at], "namespaces") && p->count - at > 1) {
		r->namespace = keep(r, p->at[at + 1]);
		if (!r->namespace)
			return does_not_fit(e);
		if (p->count - at > 2 && !is_any(p->at[at + 2], "status", "finalize"))
			at += 2;
	}
	return take_resource(r, p, at, e);
}

enum { LABELS, FIELDS, WATCH, TIMEOUT, LIMIT, PARAMETER_COUNT };

/* ParseInt(text, 10, 64) of Go: does it succeed? */
static bool is_int64(struct span text)
{
	bool negative = text.len && text.at[0] == '-';
	uint64_t value;

	if (text.len && (text.at[0] == '-' || text.at[0] == '+'))
		text = span_from(text.at + 1, text.len - 1);
	return span_to_u64(text, (uint64_t)INT64_MAX + negative, &value) == 0;
}

/* Whether an optional number decodes. */
static bool is_number(struct request_info *r, const struct query_value *v)
{
	char *at = r->arena + r->used; /* scratch; the caller made sure of the room */
	size_t len;

	if (!v->is_there)
		return true;
	return query_decode(v->raw, QUERY_VALUE, at, &len) == 0 && is_int64(span_from(at, len));
}

/* Whether the server's list options decode; if so, the name that a field selector asks for. */
static bool decode_options(struct request_info *r, const struct query_value *v)
{
	char *name = r->arena + r->used;

	if (!is_number(r, &v[TIMEOUT]) || !is_number(r, &v[LIMIT]) ||
	    !selector_is_label(span_of(r->label_selector)) ||
	    !selector_is_field(span_of(r->field_selector), name, sizeof(r->arena) - r->used))
		return false;
	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strpbrk(name, "/%")) {
		r->name = name;
		r->used += strlen(name) + 1;
	}
	return true;
}

static int keep_selector(struct request_info *r, const struct query_value *v, const char **ret_text,
			 struct err *e)
{
	return v->is_there ? keep_decoded(r, v->raw, QUERY_VALUE, ret_text, e) : 0;
}

/* What the query adds where no name is given: list or watch, the name, the selectors. */
static int take_query(struct request_info *r, struct span query, struct err *e)
{
	static const char *const names[PARAMETER_COUNT] = { "labelSelector", "fieldSelector", "watch",
							    "timeoutSeconds", "limit" };
	struct query_value values[PARAMETER_COUNT];
	bool is_get = strcmp(r->verb, "get") == 0, decodes;

	if (r->name[0] || !(is_get || strcmp(r->verb, "delete") == 0))
		return 0;
	if (query_find(query, names, PARAMETER_COUNT, values, e) ||
	    keep_selector(r, &values[LABELS], &r->label_selector, e) ||
	    keep_selector(r, &values[FIELDS], &r->field_selector, e))
		return -1;
	if (!is_get) {
		r->verb = "deletecollection";
		return 0;
	}
	if (values[FIELDS].raw.len + values[TIMEOUT].raw.len + values[LIMIT].raw.len >=
	    sizeof(r->arena) - r->used)
		return does_not_fit(e);
	decodes = decode_options(r, values);
	r->verb = query_value_is_true(&values[WATCH], decodes) ? "watch" : "list";
	return 0;
}

static int take_path(struct request_info *r, struct span method, struct span query, struct err *e)
{
	struct parts p;
	size_t at = 1;

	split(span_of(r->path), &p);
	if (p.count < 3 || !is_any(p.at[0], "api", "apis"))
		return 0;
	r->api_prefix = keep(r, p.at[0]);
	if (span_equal_str(p.at[0], "apis")) {
		if (p.count < 4)
			return 0;
		r->api_group = keep(r, p.at[at++]);
	}
	if (!r->api_prefix || !r->api_group)
		return does_not_fit(e);
	return take_parts(r, method, &p, at, e) ? -1 : take_query(r, query, e);
}

int request_info_parse(struct request_info *ret_info, struct span method, struct span target,
		       struct err *e)
{
	struct request_info *r = ret_info;
	struct span path, query;

	r->is_resource = false;
	r->used = 0;
	r->api_prefix = r->api_group = r->api_version = "";
	r->namespace = r->resource = r->name = r->subresource = r->rest = "";
	r->label_selector = r->field_selector = "";
	r->verb = r->path = "";
	if (method.len == 0 || method.len > METHOD_MAX)
		return err_set(e, ERR_INPUT, "the request's method has %zu letters", method.len);
	if (query_split_target(target, &path, &query, e))
		return -1;
	r->verb = keep_lower(r, method);
	if (keep_decoded(r, path, QUERY_PATH, &r->path, e))
		return -1;
	return take_path(r, method, query, e);
}
