/* What is done with a request once it is there: who asks, may they, whose work is it. */
#include "tests/kubesim/serve.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/attr.h"
#include "tests/kubesim/audit.h"

static bool authenticate(struct call *c)
{
	const struct span *field = http_field_find(c->head, "authorization");
	struct span certificate = http_stream_peer_cert(c->s);

	if (field && field->len > 7 && span_equal_nocase(span_from(field->at, 7), SPAN("Bearer ")))
		c->user = access_find(&c->sim->access, span_trim(span_from(field->at + 7, field->len - 7)));
	else if (!field && certificate.len)
		c->user = c->certificate_user = access_read_certificate(certificate);
	if (c->user)
		return true;
	call_fail(c, &(struct failure){ .code = 401, .message = "Unauthorized" });
	return false;
}

static void put_forbidden(struct buf *out, const struct call *c, const char *user, const char *verb)
{
	const struct request_info *info = &c->info;

	if (!info->is_resource) {
		(void)buf_printf(out, "forbidden: User \"%s\" cannot %s path \"%s\"", user, verb, info->path);
		return;
	}
	(void)buf_printf(out, "%s%s%s", info->resource, info->api_group[0] ? "." : "", info->api_group);
	if (info->name[0])
		(void)buf_printf(out, " \"%s\"", info->name);
	(void)buf_printf(out, " is forbidden: User \"%s\" cannot %s resource \"%s%s%s\" in API group \"%s\"", user, verb,
			 info->resource, info->subresource[0] ? "/" : "", info->subresource, info->api_group);
	if (info->namespace[0])
		(void)buf_printf(out, " in the namespace \"%s\"", info->namespace);
	else
		(void)buf_put_str(out, " at the cluster scope");
}

static void forbid(struct call *c, const char *user, const char *verb)
{
	const struct request_info *info = &c->info;
	const struct resource unknown = { .group = info->api_group, .plural = info->resource };
	AUTO_BUF struct buf message;

	buf_init(&message, 32 * 1024);
	put_forbidden(&message, c, user, verb);
	call_fail(c, &(struct failure){ .code = 403,
					.message = buf_str(&message),
					.name = info->is_resource ? info->name : NULL,
					.resource = info->is_resource ? &unknown : NULL });
}

static bool impersonate(struct call *c)
{
	struct err e = { 0 };
	char verb[64];

	c->impersonated = access_impersonate(&c->sim->access, c->user, c->head, &e);
	if (c->impersonated || e.code == ERR_NONE)
		return true;
	if (e.code == ERR_INPUT) {
		call_fail(c, &(struct failure){ .code = 400, .message = e.text });
		return false;
	}
	(void)snprintf(verb, sizeof(verb), "impersonate-on:user-info:%s", c->info.verb);
	forbid(c, json_str(c->user, "username"), verb);
	return false;
}

static bool authorize(struct call *c)
{
	const struct request_info *info = &c->info;
	struct question q = { info->verb, info->api_group, info->resource, info->subresource, info->namespace,
			      info->name, info->is_resource ? "" : info->path };

	if (access_allows(&c->sim->access, call_acting(c), &q))
		return true;
	forbid(c, json_str(call_acting(c), "username"), info->verb);
	return false;
}

static void fail_page(struct call *c)
{
	(void)buf_put_str(&c->out, "404 page not found\n");
	call_answer(c, 404, "text/plain; charset=utf-8");
}

/* Accept, in the client's order; protobuf and the like are passed over. */
static bool negotiate(struct call *c)
{
	const struct span *accept = http_field_find(c->head, "accept");
	struct span rest = accept ? *accept : SPAN("*/*"), range;

	while (span_take_part(&rest, ',', &range)) {
		struct span parts = range, part, type;
		const char *as = "";

		(void)span_take_part(&parts, ';', &type);
		type = span_trim(type);
		if (!span_equal_str(type, "application/json") && !span_equal_str(type, "*/*") &&
		    !span_equal_str(type, "application/*"))
			continue;
		while (span_take_part(&parts, ';', &part))
			if (span_starts(span_trim(part), SPAN("as=")))
				as = span_equal_str(span_trim(part), "as=Table") ? "Table" : "other";
		c->form = strcmp(as, "Table") == 0 ? FORM_TABLE : FORM_JSON;
		if (strcmp(as, "other") != 0)
			return true;
	}
	call_fail(c, &(struct failure){ .code = 406,
					.message = "406: Not Acceptable\n\nAvailable representations: application/json, "
						   "application/json;stream=watch" });
	return false;
}

static void serve_subresource(struct call *c)
{
	const struct request_info *info = &c->info;
	const char *sub = info->subresource;
	const char *verb = info->verb;

	if (!words_have(c->kind->r.subresources, span_of(sub)) || !info->name[0])
		call_fail_code(c, 404);
	else if (strcmp(sub, "log") == 0 && strcmp(verb, "get") == 0)
		serve_log(c);
	else if (strcmp(sub, "token") == 0 && strcmp(verb, "create") == 0)
		serve_token(c);
	else if (strcmp(sub, "exec") == 0 || strcmp(sub, "attach") == 0 || strcmp(sub, "portforward") == 0)
		call_fail(c, &(struct failure){ .code = 400, .message = "Upgrade request required" });
	else if (strcmp(sub, "status") == 0 && strcmp(verb, "get") == 0)
		serve_get(c);
	else if (strcmp(sub, "status") == 0 && strcmp(verb, "update") == 0)
		serve_update(c);
	else if (strcmp(sub, "status") == 0 && strcmp(verb, "patch") == 0)
		serve_patch(c);
	else
		call_fail_code(c, 405);
}

static void serve_verb(struct call *c)
{
	static const struct {
		const char *verb;
		bool needs_name;
		void (*fn)(struct call *c);
	} rows[] = {
		{ "get", true, serve_get },       { "list", false, serve_list },
		{ "watch", false, serve_watch },  { "create", false, serve_create },
		{ "update", true, serve_update }, { "patch", true, serve_patch },
		{ "delete", true, serve_delete }, { "deletecollection", false, serve_delete_collection },
	};
	bool has_name = c->info.name[0], is_watch = strcmp(c->info.verb, "watch") == 0;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (strcmp(rows[i].verb, c->info.verb) != 0)
			continue;
		/* a name of list and watch comes from the field selector */
		if (rows[i].needs_name ? !has_name : has_name && !is_watch && strcmp(rows[i].verb, "list") != 0)
			break;
		rows[i].fn(c);
		return;
	}
	call_fail_code(c, 405);
}

static void serve_resource(struct call *c)
{
	const struct request_info *info = &c->info;
	struct kind *k = resources_find(&c->sim->resources, info->api_group, info->api_version, info->resource);
	bool is_write = strcmp(info->verb, "create") == 0 || strcmp(info->verb, "deletecollection") == 0;

	if (!resources_has_version(&c->sim->resources, info->api_group, info->api_version)) {
		fail_page(c);
		return;
	}
	if (!k || (!k->r.is_namespaced && info->namespace[0] && strcmp(info->resource, "namespaces") != 0) ||
	    (k->r.is_namespaced && !info->namespace[0] && info->name[0] && strcmp(info->verb, "list") != 0 &&
	     strcmp(info->verb, "watch") != 0)) {
		call_fail_code(c, 404);
		return;
	}
	c->kind = k;
	if (k->r.is_namespaced && !info->namespace[0] && is_write)
		call_fail_code(c, 405);
	else if (k->is_review)
		serve_review(c);
	else if (!negotiate(c))
		return;
	else if (info->subresource[0])
		serve_subresource(c);
	else
		serve_verb(c);
}

static void fail_as_wished(struct call *c)
{
	const char *message = "a failure that a test asked for";

	call_fail(c, &(struct failure){ .code = (int)c->fault.status, .message = message });
}

static bool is_control(const struct call *c)
{
	return span_starts(c->head->target, SPAN("/sim/")) && access_is_member(c->user, "system:masters") &&
	       !http_field_find(c->head, "impersonate-user");
}

void serve(struct call *c)
{
	struct err e;

	if (!authenticate(c))
		return;
	if (is_control(c)) {
		serve_control(c);
		return;
	}
	if (request_info_parse(&c->info, c->head->method, c->head->target, &e) < 0) {
		c->info.verb = "";
		call_fail(c, &(struct failure){ .code = 400, .message = e.text });
		return;
	}
	audit_write(c, "RequestReceived");
	if (!impersonate(c) || !authorize(c))
		return;
	if (c->fault.prefix[0] && c->fault.status)
		fail_as_wished(c);
	else if (c->info.is_resource)
		serve_resource(c);
	else if (!serve_discovery(c) && !serve_openapi(c))
		fail_page(c);
}
