/* /openapi/v3: paths with their kinds, enough for stock kubectl apply, create, explain and their validation. */
#include <stdio.h>
#include <string.h>

#include "tests/kubesim/serve.h"

static const char *api_root(const struct kind *k)
{
	return k->r.group[0] ? "apis" : "api";
}

static bool is_first_of_version(const struct resources *rs, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(rs->at[k]->api_version, rs->at[i]->api_version) == 0)
			return false;
	return true;
}

static void put_index(struct call *c)
{
	const struct resources *rs = &c->sim->resources;
	const char *comma = "";

	(void)buf_put_str(&c->out, "{\"paths\":{");
	for (size_t i = 0; i < rs->count; i++) {
		const struct kind *k = rs->at[i];

		if (!is_first_of_version(rs, i))
			continue;
		(void)buf_printf(&c->out, "%s\"%s/%s\":{\"serverRelativeURL\":\"/openapi/v3/%s/%s?hash=%zu\"}", comma,
				 api_root(k), k->api_version, api_root(k), k->api_version, rs->count);
		comma = ",";
	}
	(void)buf_put_str(&c->out, "}}\n");
}

static void put_kind(struct buf *out, const struct kind *k)
{
	(void)buf_printf(out, "{\"group\":\"%s\",\"kind\":\"%s\",\"version\":\"%s\"}", k->r.group, k->r.kind, k->r.version);
}

/* kubectl leaves validation to a server whose PATCH takes fieldValidation. */
static void put_operation(struct buf *out, const struct kind *k, const char *method, const char *action)
{
	(void)buf_printf(out, "\"%s\":{\"x-kubernetes-action\":\"%s\",\"x-kubernetes-group-version-kind\":", method,
					 action);
	put_kind(out, k);
	(void)buf_put_str(out, ",\"parameters\":[{\"name\":\"dryRun\",\"in\":\"query\",\"schema\":{\"type\":\"string\"}},"
			  "{\"name\":\"fieldManager\",\"in\":\"query\",\"schema\":{\"type\":\"string\"}},"
			  "{\"name\":\"fieldValidation\",\"in\":\"query\",\"schema\":{\"type\":\"string\"}}],"
			  "\"responses\":{\"200\":{\"description\":\"OK\"}}}");
}

static void put_paths(struct buf *out, const struct kind *k, const char *comma)
{
	const char *scope = k->r.is_namespaced ? "namespaces/{namespace}/" : "";

	(void)buf_printf(out, "%s\"/%s/%s/%s%s\":{", comma, api_root(k), k->api_version, scope, k->r.plural);
	put_operation(out, k, "post", "post");
	(void)buf_printf(out, "},\"/%s/%s/%s%s/{name}\":{", api_root(k), k->api_version, scope, k->r.plural);
	put_operation(out, k, "put", "put");
	(void)buf_put_char(out, ',');
	put_operation(out, k, "patch", "patch");
	(void)buf_put_char(out, '}');
}

static void put_schema(struct buf *out, const struct kind *k, const char *comma)
{
	(void)buf_printf(out, "%s\"sim.%s.%s.%s\":{\"description\":\"%s of %s\",\"type\":\"object\",\"properties\":{"
			 "\"apiVersion\":{\"type\":\"string\",\"description\":\"the version of the schema\"},"
			 "\"kind\":{\"type\":\"string\",\"description\":\"the kind\"},"
			 "\"metadata\":{\"type\":\"object\",\"description\":\"names and labels\"},"
			 "\"spec\":{\"type\":\"object\",\"description\":\"what is wanted\"},"
			 "\"status\":{\"type\":\"object\",\"description\":\"what is\"}},"
			 "\"x-kubernetes-preserve-unknown-fields\":true,\"x-kubernetes-group-version-kind\":[",
			 comma, k->r.group[0] ? k->r.group : "core", k->r.version, k->r.kind, k->r.kind, k->api_version);
	put_kind(out, k);
	(void)buf_put_str(out, "]}");
}

static void put_each(struct call *c, const char *version,
					 void (*put)(struct buf *out, const struct kind *k, const char *comma))
{
	const char *comma = "";

	for (size_t i = 0; i < c->sim->resources.count; i++) {
		const struct kind *k = c->sim->resources.at[i];

		if (strcmp(k->api_version, version) != 0)
			continue;
		put(&c->out, k, comma);
		comma = ",";
	}
}

/* "api/v1" or "apis/apps/v1"; false when there is none. */
static bool put_document(struct call *c, const char *path)
{
	const struct resources *rs = &c->sim->resources;
	char full[256];

	for (size_t i = 0; i < rs->count; i++) {
		(void)snprintf(full, sizeof(full), "%s/%s", api_root(rs->at[i]), rs->at[i]->api_version);
		if (strcmp(full, path) != 0)
			continue;
		(void)buf_put_str(
			&c->out,
			"{\"openapi\":\"3.0.0\",\"info\":{\"title\":\"kubesim\",\"version\":\"1.36\"},\"paths\":{");
		put_each(c, rs->at[i]->api_version, put_paths);
		(void)buf_put_str(&c->out, "},\"components\":{\"schemas\":{");
		put_each(c, rs->at[i]->api_version, put_schema);
		(void)buf_put_str(&c->out, "}}}\n");
		return true;
	}
	return false;
}

bool serve_openapi(struct call *c)
{
	const char *path = c->info.path;

	if (strcmp(path, "/openapi/v3") == 0)
		put_index(c);
	else if (strcmp(path, "/openapi/v2") == 0)
		(void)buf_put_str(&c->out, "{\"swagger\":\"2.0\",\"info\":{\"title\":\"kubesim\",\"version\":\"1.36\"},"
				  "\"paths\":{},\"definitions\":{}}\n");
	else if (strncmp(path, "/openapi/v3/", 12) != 0 || !put_document(c, path + 12))
		return false;
	call_answer(c, 200, "application/json");
	return true;
}
