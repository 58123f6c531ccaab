/* /version, health, and which resources there are: aggregated and by group. */
#include <stdio.h>
#include <string.h>

#include "lib/base/attr.h"
#include "tests/kubesim/serve.h"

#define VERBS_ALL "[\"create\",\"delete\",\"deletecollection\",\"get\",\"list\",\"patch\",\"update\",\"watch\"]"
#define AGGREGATED "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

static void put_words(struct buf *out, const char *name, const char *words)
{
	struct span rest = span_of(words), word;
	const char *comma = "";

	if (!*words)
		return;
	(void)buf_printf(out, ",\"%s\":[", name);
	while (span_take_part(&rest, ',', &word)) {
		(void)buf_printf(out, "%s\"%.*s\"", comma, SPAN_ARG(word));
		comma = ",";
	}
	(void)buf_put_char(out, ']');
}

static const char *subresource_verbs(struct span sub)
{
	static const struct {
		const char *sub, *verbs;
	} rows[] = {
		{ "log", "[\"get\"]" },
		{ "exec", "[\"create\",\"get\"]" },
		{ "attach", "[\"create\",\"get\"]" },
		{ "portforward", "[\"create\",\"get\"]" },
		{ "binding", "[\"create\"]" },
		{ "eviction", "[\"create\"]" },
		{ "token", "[\"create\"]" },
		{ "finalize", "[\"update\"]" },
		{ "proxy", "[\"create\",\"delete\",\"get\",\"patch\",\"update\"]" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (span_equal_str(sub, rows[i].sub))
			return rows[i].verbs;
	return "[\"get\",\"patch\",\"update\"]";
}

static void put_subresources(struct buf *out, const struct resource *r)
{
	struct span rest = span_of(r->subresources), sub;
	const char *comma = "";

	if (!*r->subresources)
		return;
	(void)buf_put_str(out, ",\"subresources\":[");
	while (span_take_part(&rest, ',', &sub)) {
		(void)buf_printf(out, "%s{\"subresource\":\"%.*s\",\"responseKind\":{\"group\":\"\",\"version\":\"\",\"kind\":"
				 "\"%s\"},\"verbs\":%s}", comma, SPAN_ARG(sub), r->kind, subresource_verbs(sub));
		comma = ",";
	}
	(void)buf_put_char(out, ']');
}

static void put_aggregated_resource(struct buf *out, const struct kind *k)
{
	(void)buf_printf(out, "{\"resource\":\"%s\",\"responseKind\":{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"},"
			 "\"scope\":\"%s\",\"singularResource\":\"%s\",\"verbs\":%s",
			 k->r.plural, k->r.is_custom ? k->r.group : "", k->r.is_custom ? k->r.version : "", k->r.kind,
			 k->r.is_namespaced ? "Namespaced" : "Cluster", k->r.singular,
			 k->is_review ? "[\"create\"]" : VERBS_ALL);
	put_words(out, "shortNames", k->r.short_names);
	put_words(out, "categories", k->r.categories);
	put_subresources(out, &k->r);
	(void)buf_put_char(out, '}');
}

/* Whether a resource before the i-th has its group (and version, when asked). */
static bool is_repeated(const struct resources *rs, size_t i, bool with_version)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(rs->at[k]->r.group, rs->at[i]->r.group) == 0 &&
		    (!with_version || strcmp(rs->at[k]->r.version, rs->at[i]->r.version) == 0))
			return true;
	return false;
}

static void put_version_resources(struct buf *out, const struct resources *rs, const struct resource *like,
				  void (*put)(struct buf *out, const struct kind *k))
{
	const char *comma = "";

	for (size_t i = 0; i < rs->count; i++) {
		if (strcmp(rs->at[i]->r.group, like->group) != 0 || strcmp(rs->at[i]->r.version, like->version) != 0)
			continue;
		(void)buf_put_str(out, comma);
		put(out, rs->at[i]);
		comma = ",";
	}
}

static void put_aggregated_group(struct buf *out, const struct resources *rs, const char *group)
{
	const char *comma = "";

	(void)buf_put_str(out, "{\"metadata\":{");
	if (*group)
		(void)buf_printf(out, "\"name\":\"%s\"", group);
	(void)buf_put_str(out, "},\"versions\":[");
	for (size_t i = 0; i < rs->count; i++) {
		const struct resource *r = &rs->at[i]->r;

		if (strcmp(r->group, group) != 0 || is_repeated(rs, i, true))
			continue;
		(void)buf_printf(out, "%s{\"version\":\"%s\",\"resources\":[", comma, r->version);
		put_version_resources(out, rs, r, put_aggregated_resource);
		(void)buf_put_str(out, "],\"freshness\":\"Current\"}");
		comma = ",";
	}
	(void)buf_put_str(out, "]}");
}

static void put_aggregated(struct buf *out, const struct resources *rs, bool is_core)
{
	const char *comma = "";

	(void)buf_put_str(
		out, "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\",\"metadata\":{},"
			 "\"items\":[");
	for (size_t i = 0; i < rs->count; i++) {
		if ((rs->at[i]->r.group[0] == '\0') != is_core || is_repeated(rs, i, false))
			continue;
		(void)buf_put_str(out, comma);
		put_aggregated_group(out, rs, rs->at[i]->r.group);
		comma = ",";
	}
	(void)buf_put_str(out, "]}\n");
}

static void put_group(struct buf *out, const struct resources *rs, const char *group)
{
	const char *first = NULL, *comma = "";

	(void)buf_printf(out, "\"name\":\"%s\",\"versions\":[", group);
	for (size_t i = 0; i < rs->count; i++) {
		const char *version = rs->at[i]->r.version;

		if (strcmp(rs->at[i]->r.group, group) != 0 || is_repeated(rs, i, true))
			continue;
		first = first ? first : version;
		(void)buf_printf(out, "%s{\"groupVersion\":\"%s/%s\",\"version\":\"%s\"}", comma, group, version, version);
		comma = ",";
	}
	(void)buf_printf(out, "],\"preferredVersion\":{\"groupVersion\":\"%s/%s\",\"version\":\"%s\"}", group,
					 first, first);
}

static void put_groups(struct buf *out, const struct resources *rs)
{
	const char *comma = "";

	(void)buf_put_str(out, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[");
	for (size_t i = 0; i < rs->count; i++) {
		if (!rs->at[i]->r.group[0] || is_repeated(rs, i, false))
			continue;
		(void)buf_printf(out, "%s{", comma);
		put_group(out, rs, rs->at[i]->r.group);
		(void)buf_put_char(out, '}');
		comma = ",";
	}
	(void)buf_put_str(out, "]}\n");
}

static void put_resource(struct buf *out, const struct kind *k)
{
	const char *scope = k->r.is_namespaced ? "true" : "false";
	struct span rest = span_of(k->r.subresources), sub;

	(void)buf_printf(out, "{\"name\":\"%s\",\"singularName\":\"%s\",\"namespaced\":%s,\"kind\":\"%s\",\"verbs\":%s",
			 k->r.plural, k->r.singular, scope, k->r.kind, k->is_review ? "[\"create\"]" : VERBS_ALL);
	put_words(out, "shortNames", k->r.short_names);
	put_words(out, "categories", k->r.categories);
	(void)buf_put_char(out, '}');
	while (rest.len && span_take_part(&rest, ',', &sub))
		(void)buf_printf(out, ",{\"name\":\"%s/%.*s\",\"singularName\":\"\",\"namespaced\":%s,\"kind\":\"%s\","
				 "\"verbs\":%s}", k->r.plural, SPAN_ARG(sub), scope, k->r.kind, subresource_verbs(sub));
}

/* "/apis/apps" and "/apis/apps/v1"; false when there is no such group. */
static bool put_one(struct call *c, const char *path)
{
	struct span rest = span_of(path), group, version = SPAN_NONE;
	const struct resources *rs = &c->sim->resources;

	(void)span_take_part(&rest, '/', &group);
	if (rest.at)
		version = rest;
	for (size_t i = 0; i < rs->count; i++) {
		const struct resource *r = &rs->at[i]->r;

		if (!span_equal_str(group, r->group) || (version.len && !span_equal_str(version, r->version)))
			continue;
		if (!version.len) {
			(void)buf_put_str(&c->out, "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",");
			put_group(&c->out, rs, r->group);
			(void)buf_put_str(&c->out, "}\n");
			return true;
		}
		(void)buf_printf(
			&c->out,
			"{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":\"%s\",\"resources\":[",
			rs->at[i]->api_version);
		put_version_resources(&c->out, rs, r, put_resource);
		(void)buf_put_str(&c->out, "]}\n");
		return true;
	}
	return false;
}

static void put_core(struct call *c)
{
	(void)buf_printf(
		&c->out,
		"{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":[{\"clientCIDR\":"
		"\"0.0.0.0/0\",\"serverAddress\":\"127.0.0.1:%u\"}]}\n",
		c->sim->port);
}

static bool wants_aggregated(const struct call *c)
{
	const struct span *accept = http_field_find(c->head, "accept");
	struct span rest = accept ? *accept : SPAN_NONE, range;

	while (span_take_part(&rest, ',', &range))
		if (span_equal_str(span_trim(range), AGGREGATED))
			return true;
	return false;
}

static const char version_text[] =
	"{\n  \"major\": \"1\",\n  \"minor\": \"36\",\n  \"gitVersion\": \"v1.36.0+kubesim\",\n"
	"  \"gitCommit\": \"\",\n  \"gitTreeState\": \"archive\",\n  \"buildDate\": \"1970-01-01T00:00:00Z\",\n"
	"  \"goVersion\": \"none\",\n  \"compiler\": \"gcc\",\n  \"platform\": \"linux/amd64\"\n}";

bool serve_discovery(struct call *c)
{
	const char *path = c->info.path;
	const char *type = "application/json";
	size_t len = strlen(path);

	if (!span_equal_str(c->head->method, "GET") && !span_equal_str(c->head->method, "HEAD"))
		return false;
	if (strcmp(path, "/version") == 0 || strcmp(path, "/version/") == 0) {
		(void)buf_put_str(&c->out, version_text);
	} else if (strcmp(path, "/healthz") == 0 || strcmp(path, "/livez") == 0 || strcmp(path, "/readyz") == 0) {
		(void)buf_put_str(&c->out, "ok");
		type = "text/plain; charset=utf-8";
	} else if (strncmp(path, "/api", 4) == 0 && len <= 6 && wants_aggregated(c)) {
		put_aggregated(&c->out, &c->sim->resources, path[4] != 's');
		type = AGGREGATED;
	} else if (strcmp(path, "/api") == 0 || strcmp(path, "/api/") == 0) {
		put_core(c);
	} else if (strcmp(path, "/apis") == 0 || strcmp(path, "/apis/") == 0) {
		put_groups(&c->out, &c->sim->resources);
	} else if (strcmp(path, "/api/v1") == 0) {
		(void)put_one(c, "/v1");
	} else if (strncmp(path, "/apis/", 6) != 0 || path[6] == '\0' || !put_one(c, path + 6)) {
		return false;
	}
	call_answer(c, 200, type);
	return true;
}
