/* Discovery documents read into a list of resources. */
#include "lib/kube/discovery.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"

#define AGGREGATED                                                                 \
	"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"    \
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

enum { DOCUMENT_MAX = 64 * 1024 * 1024, RESOURCES_MAX = 20000, WORDS_MAX = 4096 };

void kube_discovery_free(struct kube_discovery *d)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct kube_resource *r = &d->at[i];
		const char *const owned[] = { r->group,    r->version,     r->plural,     r->singular,
					      r->kind,     r->short_names, r->categories, r->verbs };

		for (size_t j = 0; j < COUNT_OF(owned); j++)
			free((void *)(uintptr_t)owned[j]);
	}
	free(d->at);
	*d = (struct kube_discovery){ 0 };
}

static char *dup_text(const char *text)
{
	return mem_dup_str(text ? text : "");
}

/* An array of strings as "a,b,c". */
static char *join(const struct json *array)
{
	struct buf words;

	buf_init(&words, WORDS_MAX);
	for (const struct json *word = json_is_array(array) ? json_first(array) : NULL; word;
	     word = json_next(word))
		if (json_kind(word) == JSON_STRING && !strchr(json_text(word), ','))
			(void)buf_printf(&words, "%s%s", words.len ? "," : "", json_text(word));
	return buf_take_str(&words);
}

/* The singular that old servers leave out. */
static char *singular_of(const char *given, const char *kind)
{
	char *text = dup_text(given && given[0] ? given : kind);

	for (char *at = text; *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at + ('a' - 'A'));
	return text;
}

struct names {
	const char *group, *version, *plural, *singular, *kind;
	bool is_namespaced;
};

static int add(struct kube_discovery *d, const struct names *n, const struct json *from,
	       struct err *e)
{
	if (!n->plural || !n->plural[0] || strchr(n->plural, '/') || !n->kind || !n->kind[0])
		return 0; /* a subresource, or nothing one could ask for */
	if (d->count == RESOURCES_MAX)
		return err_set(e, ERR_PROTOCOL, "the server has more than %d resources", RESOURCES_MAX);
	if ((d->count & (d->count - 1)) == 0)
		d->at = mem_grow(d->at, d->count ? d->count * 2 : 1, sizeof(*d->at));
	d->at[d->count++] = (struct kube_resource){
		.group = dup_text(n->group),
		.version = dup_text(n->version),
		.plural = dup_text(n->plural),
		.singular = singular_of(n->singular, n->kind),
		.kind = dup_text(n->kind),
		.short_names = join(json_get(from, "shortNames")),
		.categories = join(json_get(from, "categories")),
		.verbs = join(json_get(from, "verbs")),
		.is_namespaced = n->is_namespaced,
	};
	return 0;
}

static int add_version(struct kube_discovery *d, const char *group, const struct json *version,
		       struct err *e)
{
	const struct json *r = json_first(json_get(version, "resources"));

	for (; r; r = json_next(r)) {
		const char *scope = json_str(r, "scope");
		const struct names names = {
			.group = group,
			.version = json_str(version, "version"),
			.plural = json_str(r, "resource"),
			.singular = json_str(r, "singularResource"),
			.kind = json_find_str(r, "responseKind.kind"),
			.is_namespaced = scope && strcmp(scope, "Namespaced") == 0,
		};

		if (add(d, &names, r, e))
			return -1;
	}
	return 0;
}

static int read_aggregated(struct kube_discovery *d, const struct json *document, struct err *e)
{
	const struct json *group = json_first(json_get(document, "items"));

	for (; group; group = json_next(group)) {
		const char *name = json_find_str(group, "metadata.name");
		const struct json *version = json_first(json_get(group, "versions"));

		for (; version; version = json_next(version))
			if (add_version(d, name, version, e))
				return -1;
	}
	return 0;
}

/* An APIResourceList; `group_version` is "v1" or "apps/v1". */
static int read_resource_list(struct kube_discovery *d, const struct json *document,
			      const char *group_version, struct err *e)
{
	const char *slash = strchr(group_version, '/');
	AUTO_FREE char *group = mem_dup(group_version, slash ? (size_t)(slash - group_version) : 0);
	const struct json *r = json_first(json_get(document, "resources"));

	for (; r; r = json_next(r)) {
		const struct names names = {
			.group = group,
			.version = slash ? slash + 1 : group_version,
			.plural = json_str(r, "name"),
			.singular = json_str(r, "singularName"),
			.kind = json_str(r, "kind"),
			.is_namespaced = json_is_true(json_get(r, "namespaced")),
		};

		if (add(d, &names, r, e))
			return -1;
	}
	return 0;
}

static bool is_kind(const struct json *document, const char *kind)
{
	const char *text = json_str(document, "kind");

	return text && strcmp(text, kind) == 0;
}

int kube_discovery_read(struct kube_discovery *d, struct span json, const char *group_version,
			struct err *e)
{
	AUTO_JSON struct json *document = NULL;

	if (json_parse(json, JSON_LIMITS(DOCUMENT_MAX), &document, e))
		return err_context(e, "discovery");
	if (group_version)
		return read_resource_list(d, document, group_version, e);
	if (!is_kind(document, "APIGroupDiscoveryList"))
		return err_set(e, ERR_PROTOCOL,
			       "discovery: the server's answer is no APIGroupDiscoveryList");
	return read_aggregated(d, document, e);
}

static int ask(struct kube_client *c, const char *path, struct json **ret, struct err *e)
{
	const struct kube_request rq = { .path = path, .accept = AGGREGATED };
	struct kube_answer answer;
	int rc = kube_do(c, &rq, &answer, NULL, e);

	if (rc == 0 && json_parse(buf_span(&answer.body), JSON_LIMITS(DOCUMENT_MAX), ret, e))
		rc = err_context(e, "discovery: GET %s", path);
	kube_answer_free(&answer);
	return rc;
}

/*
 * One version the old way. What does not answer is left out, as kubectl does: one broken group
 * hides no other.
 */
static int ask_version(struct kube_client *c, struct kube_discovery *d, const char *group_version,
		       struct err *e)
{
	AUTO_FREE char *path = mem_printf("%s/%s", strchr(group_version, '/') ? "/apis" : "/api", group_version);
	AUTO_JSON struct json *document = NULL;
	struct err failure = { 0 };

	if (strstr(group_version, "..") || strpbrk(group_version, "?#% "))
		return err_set(e, ERR_PROTOCOL, "discovery: the server names a version '%.60s'",
			       group_version);
	if (ask(c, path, &document, &failure)) {
		if (failure.code != ERR_UNREACHABLE && failure.code != ERR_TIMEOUT)
			return 0;
		*e = failure;
		return -1;
	}
	return read_resource_list(d, document, group_version, e);
}

static int ask_group(struct kube_client *c, struct kube_discovery *d, const struct json *group,
		     struct err *e)
{
	const char *preferred = json_find_str(group, "preferredVersion.groupVersion");
	const struct json *version = json_first(json_get(group, "versions"));

	if (preferred && ask_version(c, d, preferred, e))
		return -1;
	for (; version; version = json_next(version)) {
		const char *name = json_str(version, "groupVersion");

		if (name && (!preferred || strcmp(name, preferred) != 0) && ask_version(c, d, name, e))
			return -1;
	}
	return 0;
}

/* The documents of old servers: APIVersions of /api, APIGroupList of /apis. */
static int read_legacy(struct kube_client *c, struct kube_discovery *d, const struct json *document,
		       struct err *e)
{
	const struct json *version = json_first(json_get(document, "versions"));
	const struct json *group = json_first(json_get(document, "groups"));

	if (!is_kind(document, "APIVersions") && !is_kind(document, "APIGroupList"))
		return err_set(e, ERR_PROTOCOL, "discovery: the server's answer lists no API groups");
	for (; version; version = json_next(version))
		if (json_text(version) && ask_version(c, d, json_text(version), e))
			return -1;
	for (; group; group = json_next(group))
		if (ask_group(c, d, group, e))
			return -1;
	return 0;
}

int kube_discover(struct kube_client *c, struct kube_discovery *ret_discovery, struct err *e)
{
	static const char *const paths[] = { "/api", "/apis" };
	struct kube_discovery d = { 0 };
	int rc = 0;

	for (size_t i = 0; i < COUNT_OF(paths) && rc == 0; i++) {
		AUTO_JSON struct json *document = NULL;

		rc = ask(c, paths[i], &document, e);
		if (rc == 0)
			rc = is_kind(document, "APIGroupDiscoveryList") ? read_aggregated(&d, document, e)
									: read_legacy(c, &d, document, e);
	}
	if (rc)
		kube_discovery_free(&d);
	else
		*ret_discovery = d;
	return rc;
}
