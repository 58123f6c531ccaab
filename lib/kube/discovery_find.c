/* Resources by the names people give them, and the paths to them. */
#include <string.h>

#include "lib/base/span.h"
#include "lib/format/url.h"
#include "lib/kube/discovery.h"
#include "lib/kube/discovery_builtin.h"

enum match { BY_NAME, BY_SHORT_NAME, BY_KIND, MATCH_COUNT };

static bool words_have(const char *words, struct span word)
{
	struct span rest = span_of(words), part;

	while (span_take_part(&rest, ',', &part))
		if (part.len && span_equal_nocase(part, word))
			return true;
	return false;
}

bool kube_words_have(const char *words, const char *word)
{
	return words_have(words, span_of(word));
}

static bool matches(const struct kube_resource *r, struct span name, enum match by)
{
	switch (by) {
	case BY_NAME:
		return span_equal_nocase(name, span_of(r->plural)) ||
		       span_equal_nocase(name, span_of(r->singular));
	case BY_SHORT_NAME:
		return words_have(r->short_names, name);
	case BY_KIND:
	case MATCH_COUNT:
		break;
	}
	return span_equal_nocase(name, span_of(r->kind));
}

/* `qualifier`: nothing, a group, or version.group. */
static bool is_in(const struct kube_resource *r, struct span qualifier)
{
	ptrdiff_t dot = span_find(qualifier, '.');

	if (!qualifier.at || span_equal_nocase(qualifier, span_of(r->group)))
		return true;
	return dot > 0 &&
	       span_equal_nocase(span_from(qualifier.at, (size_t)dot), span_of(r->version)) &&
	       span_equal_nocase(span_from(qualifier.at + dot + 1, qualifier.len - (size_t)dot - 1),
				 span_of(r->group));
}

static const struct kube_resource *first_of(const struct kube_discovery *d, size_t *ret_count)
{
	*ret_count = d ? d->count : kube_resources_builtin_count;
	return d ? d->at : kube_resources_builtin;
}

const struct kube_resource *kube_discovery_find(const struct kube_discovery *d, const char *name)
{
	struct span qualifier = span_of(name), word;
	size_t count;
	const struct kube_resource *r = first_of(d, &count);

	if (!span_take_part(&qualifier, '.', &word) || word.len == 0)
		return NULL;
	for (int by = BY_NAME; by < MATCH_COUNT; by++)
		for (size_t i = 0; i < count; i++)
			if (matches(&r[i], word, (enum match)by) && is_in(&r[i], qualifier))
				return &r[i];
	return NULL;
}

const struct kube_resource *kube_discovery_find_kind(const struct kube_discovery *d,
						     const char *api_version, const char *kind)
{
	const char *slash = strchr(api_version, '/');
	struct span group = slash ? span_from(api_version, (size_t)(slash - api_version)) : SPAN("");
	struct span version = span_of(slash ? slash + 1 : api_version);
	size_t count;
	const struct kube_resource *r = first_of(d, &count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(r[i].kind, kind) == 0 && span_equal_str(group, r[i].group) &&
		    span_equal_str(version, r[i].version))
			return &r[i];
	return NULL;
}

void kube_resource_put_kind(struct buf *out, const struct kube_resource *r)
{
	for (const char *at = r->kind; *at; at++)
		(void)buf_put_char(out, *at >= 'A' && *at <= 'Z' ? (char)(*at + ('a' - 'A')) : *at);
	if (r->group[0])
		(void)buf_printf(out, ".%s", r->group);
}

static int put_segment(struct buf *out, const char *what, const char *text, struct err *e)
{
	if (text[0] == '\0' || strcmp(text, ".") == 0 || strcmp(text, "..") == 0 || strpbrk(text, "/%"))
		return err_set(e, ERR_INPUT, "%s '%.100s': expected a name without '/' and '%%'",
			       what, text);
	(void)buf_put_char(out, '/');
	url_encode(span_of(text), URL_PATH, out);
	return 0;
}

int kube_resource_put_path(struct buf *out, const struct kube_resource *r, const char *namespace,
			   const char *name, struct err *e)
{
	(void)buf_put_str(out, r->group[0] ? "/apis" : "/api");
	if ((r->group[0] && put_segment(out, "group", r->group, e)) ||
	    put_segment(out, "version", r->version, e))
		return -1;
	if (r->is_namespaced && namespace && namespace[0]) {
		(void)buf_put_str(out, "/namespaces");
		if (put_segment(out, "namespace", namespace, e))
			return -1;
	}
	if (put_segment(out, "resource", r->plural, e) || (name && put_segment(out, "name", name, e)))
		return -1;
	return 0;
}
