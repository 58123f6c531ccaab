/* The OpenAPI 3.1 document of a listener, out of its route tables. */
#include <stdio.h>
#include <string.h>

#include "lib/format/json.h"
#include "lib/net/server_inner.h"

/* The pattern as a path template: a last "*" becomes "{path}". */
static void openapi_path(const char *pattern, char *into, size_t into_size)
{
	size_t len = strlen(pattern);

	if (len && pattern[len - 1] == '*')
		(void)snprintf(into, into_size, "%.*s{path}", (int)(len - 1), pattern);
	else
		(void)snprintf(into, into_size, "%s", pattern);
}

static struct json *openapi_parameters(const char *path)
{
	struct json *list = json_new_array();

	for (const char *at = strchr(path, '{'); at; at = strchr(at + 1, '{')) {
		struct json *one = json_new_object(), *schema = json_new_object();
		char name[64];

		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(at + 1, "}"), at + 1);
		json_set_str(one, "name", name);
		json_set_str(one, "in", "path");
		json_set_bool(one, "required", true);
		json_set_str(schema, "type", "string");
		json_set_item(one, "schema", schema);
		json_add_item(list, one);
	}
	return list;
}

static void openapi_refusal(struct json *responses, const char *status, const char *reason)
{
	struct json *one = json_new_object();

	json_set_str(one, "description", reason);
	json_set_item(responses, status, one);
}

static struct json *openapi_responses(const struct route *route)
{
	static const char problem[] =
		"{\"200\":{\"description\":\"OK\"},\"default\":{\"description\":\"Problem\","
		"\"content\":{\"application/problem+json\":{\"schema\":"
		"{\"$ref\":\"#/components/schemas/Problem\"}}}}}";
	struct json *responses = NULL;
	struct err e;

	(void)json_parse(SPAN(problem), JSON_LIMITS(sizeof(problem)), &responses,
			 &e); /* a literal parses */
	if (route->access == ACCESS_PUBLIC)
		return responses;
	openapi_refusal(responses, "401", http_reason(401));
	if (route->access == ACCESS_ADMIN)
		openapi_refusal(responses, "403", http_reason(403));
	return responses;
}

static struct json *openapi_security(void)
{
	struct json *list = json_new_array(), *one = json_new_object();

	json_set_item(one, "bearer", json_new_array());
	json_add_item(list, one);
	return list;
}

static struct json *openapi_body(void)
{
	struct json *body = json_new_object(), *content = json_new_object(),
		    *any = json_new_object();

	json_set_item(any, "schema", json_new_object());
	json_set_item(content, "application/json", any);
	json_set_item(body, "content", content);
	return body;
}

static struct json *openapi_operation(const struct route *route, const char *path)
{
	struct json *operation = json_new_object();

	json_set_str(operation, "summary", route->summary ? route->summary : "");
	json_set_item(operation, "parameters", openapi_parameters(path));
	if (route->body_max)
		json_set_item(operation, "requestBody", openapi_body());
	json_set_item(operation, "responses", openapi_responses(route));
	if (route->access != ACCESS_PUBLIC)
		json_set_item(operation, "security", openapi_security());
	return operation;
}

static void openapi_add(struct json *paths, const struct route *route)
{
	static const struct {
		const char *method, *name;
	} methods[] = { { "GET", "get" },       { "PUT", "put" },         { "POST", "post" },
			{ "DELETE", "delete" }, { "OPTIONS", "options" }, { "HEAD", "head" },
			{ "PATCH", "patch" } };
	char path[200];
	struct json *item;

	openapi_path(route->pattern, path, sizeof(path));
	item = json_get(paths, path);
	if (!item) {
		json_set_item(paths, path, json_new_object());
		item = json_get(paths, path);
	}
	for (size_t i = 0; i < COUNT_OF(methods); i++)
		if (strcmp(route->method, "*") == 0 ||
		    strcmp(route->method, methods[i].method) == 0)
			json_set_item(item, methods[i].name, openapi_operation(route, path));
}

static struct json *openapi_components(void)
{
	static const char text[] =
		"{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"}},"
		"\"schemas\":{\"Problem\":{\"type\":\"object\",\"description\":\"RFC "
		"9457\",\"properties\":{"
		"\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
		"\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
		"\"instance\":{\"type\":\"string\",\"description\":\"The request id\"}}}}}";
	struct json *components = NULL;
	struct err e;

	(void)json_parse(SPAN(text), JSON_LIMITS(sizeof(text)), &components,
			 &e); /* a literal parses */
	return components;
}

void server_put_openapi(const struct server_listener *from, struct buf *into)
{
	struct json *root = json_new_object(), *info = json_new_object(),
		    *paths = json_new_object();

	json_set_str(info, "title", from->server->o.name);
	json_set_str(info, "version", MK8S_VERSION);
	for (size_t i = 0; i < from->o.route_count; i++)
		openapi_add(paths, &from->o.routes[i]);
	for (size_t i = 0; i < server_own_routes.count; i++)
		openapi_add(paths, &server_own_routes.routes[i]);
	json_set_str(root, "openapi", "3.1.0");
	json_set_item(root, "info", info);
	json_set_item(root, "paths", paths);
	json_set_item(root, "components", openapi_components());
	json_print(root, JSON_COMPACT, into);
	(void)buf_put_char(into, '\n');
	json_free(root);
}
