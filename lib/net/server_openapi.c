/* The OpenAPI 3.1 document of a listener, out of its route tables. */
#include <stdio.h>
#include <string.h>

#include "lib/format/json.h"
#include "lib/net/server_inner.h"

#define SCHEMAS_MAX (256 * 1024)

/* The pattern as a path template: a last "*" becomes "{path}". */
static void openapi_path(const char *pattern, char *into, size_t into_size)
{
	size_t len = strlen(pattern);

	if (len && pattern[len - 1] == '*')
		(void)snprintf(into, into_size, "%.*s{path}", (int)(len - 1), pattern);
	else
		(void)snprintf(into, into_size, "%s", pattern);
}

static void openapi_parameter(struct json *list, const char *name, const char *in, bool required,
			      struct json *schema)
{
	struct json *one = json_new_object();

	json_set_str(one, "name", name);
	json_set_str(one, "in", in);
	json_set_bool(one, "required", required);
	json_set_item(one, "schema", schema);
	json_add_item(list, one);
}

/* "integer"; "date-time" is a format of strings; none: a string. */
static struct json *openapi_type(const char *type)
{
	struct json *schema = json_new_object();
	bool is_date = type && strcmp(type, "date-time") == 0;

	json_set_str(schema, "type", type && !is_date ? type : "string");
	if (is_date)
		json_set_str(schema, "format", type);
	return schema;
}

static void openapi_query(struct json *list, const char *query)
{
	struct span rest = span_of(query), part;

	while (rest.len && span_take_part(&rest, ' ', &part)) {
		bool required = span_ends(part, SPAN("!"));
		char word[64];
		char *type;

		(void)snprintf(word, sizeof(word), "%.*s", (int)part.len - required, part.at);
		type = strchr(word, ':');
		if (type)
			*type++ = '\0';
		openapi_parameter(list, word, "query", required, openapi_type(type));
	}
}

static struct json *openapi_parameters(const char *path, const struct route_doc *doc)
{
	struct json *list = json_new_array();

	for (const char *at = strchr(path, '{'); at; at = strchr(at + 1, '{')) {
		char name[64];

		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(at + 1, "}"), at + 1);
		openapi_parameter(list, name, "path", true, openapi_type(NULL));
	}
	if (doc && doc->query)
		openapi_query(list, doc->query);
	return list;
}

/* "application/json": {"schema": ...}, a schema that takes all where there is no name. */
static void openapi_media(struct json *content, const char *type, const char *schema_name)
{
	struct json *media = json_new_object(), *schema = json_new_object();
	char ref[100];

	if (schema_name) {
		(void)snprintf(ref, sizeof(ref), "#/components/schemas/%s", schema_name);
		json_set_str(schema, "$ref", ref);
	}
	json_set_item(media, "schema", schema);
	json_set_item(content, type, media);
}

/* {"content": {"application/json": ...}} */
static struct json *openapi_content(const char *schema_name)
{
	struct json *owner = json_new_object(), *content = json_new_object();

	openapi_media(content, "application/json", schema_name);
	json_set_item(owner, "content", content);
	return owner;
}

static void openapi_refusal(struct json *responses, const char *status, const char *reason)
{
	struct json *one = json_new_object();

	json_set_str(one, "description", reason);
	json_set_item(responses, status, one);
}

static struct json *openapi_responses(const struct route *route, const struct route_doc *doc)
{
	struct json *responses = json_new_object(), *success, *problem = openapi_content(NULL);
	static const char problem_content[] = "{\"application/problem+json\":{\"schema\":"
					      "{\"$ref\":\"#/components/schemas/Problem\"}}}";
	struct json *content = NULL;
	int status = doc ? doc->status : 200;
	char digits[16];
	struct err e;

	(void)json_parse(SPAN(problem_content), JSON_LIMITS(sizeof(problem_content)), &content,
			 &e); /* a literal parses */
	success = doc && doc->gives ? openapi_content(doc->gives) : json_new_object();
	if (doc && doc->gives_lines)
		openapi_media(json_get(success, "content"), "application/x-ndjson", doc->gives_lines);
	json_set_str(success, "description", http_reason(status));
	(void)snprintf(digits, sizeof(digits), "%d", status);
	json_set_item(responses, digits, success);
	json_set_str(problem, "description", "Problem");
	json_set_item(problem, "content", content);
	json_set_item(responses, "default", problem);
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

static struct json *openapi_operation(const struct route *route, const char *path,
				      const struct route_doc *doc)
{
	struct json *operation = json_new_object();

	json_set_str(operation, "summary", route->summary ? route->summary : "");
	json_set_item(operation, "parameters", openapi_parameters(path, doc));
	if (route->body_max)
		json_set_item(operation, "requestBody", openapi_content(doc ? doc->takes : NULL));
	json_set_item(operation, "responses", openapi_responses(route, doc));
	if (route->access != ACCESS_PUBLIC)
		json_set_item(operation, "security", openapi_security());
	return operation;
}

static const struct route_doc *find_doc(const struct server_listen *o, const struct route *route)
{
	for (size_t i = 0; i < o->doc_count; i++) {
		if (strcmp(o->docs[i].method, route->method) == 0 &&
		    strcmp(o->docs[i].pattern, route->pattern) == 0)
			return &o->docs[i];
	}
	return NULL;
}

static void openapi_add(struct json *paths, const struct route *route, const struct route_doc *doc)
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
			json_set_item(item, methods[i].name, openapi_operation(route, path, doc));
}

static struct json *openapi_components(const char *schemas)
{
	static const char text[] =
		"{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"}},"
		"\"schemas\":{\"Problem\":{\"type\":\"object\",\"description\":\"RFC "
		"9457\",\"properties\":{"
		"\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
		"\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
		"\"instance\":{\"type\":\"string\",\"description\":\"The request id\"}}}}}";
	struct json *components = NULL, *more = NULL, *item;
	struct err e;

	(void)json_parse(SPAN(text), JSON_LIMITS(sizeof(text)), &components,
			 &e); /* literals parse; tests see to it */
	if (schemas &&
	    json_parse(span_of(schemas), JSON_LIMITS(SCHEMAS_MAX), &more, &e) == 0) {
		struct json *into = json_get(components, "schemas");

		while ((item = json_first(more)) != NULL) {
			const char *name = json_name(item);

			json_set_item(into, name, json_dup(item));
			json_remove_item(more, item);
		}
	}
	json_free(more);
	return components;
}

void server_put_openapi(const struct server_listener *from, struct buf *into)
{
	struct json *root = json_new_object(), *info = json_new_object(),
		    *paths = json_new_object();

	json_set_str(info, "title", from->server->o.name);
	json_set_str(info, "version", MK8S_VERSION);
	for (size_t i = 0; i < from->o.route_count; i++)
		openapi_add(paths, &from->o.routes[i], find_doc(&from->o, &from->o.routes[i]));
	for (size_t i = 0; i < server_own_routes.count; i++)
		openapi_add(paths, &server_own_routes.routes[i], NULL);
	json_set_str(root, "openapi", "3.1.0");
	json_set_item(root, "info", info);
	json_set_item(root, "paths", paths);
	json_set_item(root, "components", openapi_components(from->o.schemas));
	json_print(root, JSON_COMPACT, into);
	(void)buf_put_char(into, '\n');
	json_free(root);
}
