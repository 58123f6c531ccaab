/* The kubeconfig files that are read together, and the entries in them. */
#include "lib/kube/kubeconfig_sources.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"

#define NAMES_SHOWN_MAX 10

void kubeconfig_sources_free(struct kubeconfig_sources *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->at[i].name);
		free(s->at[i].dir);
		yaml_docs_free(s->at[i].docs);
	}
}

int kubeconfig_add_source(struct kubeconfig_sources *s, struct span text, const char *name,
			  const char *dir, struct err *e)
{
	struct yaml_docs *docs = NULL;
	const struct yaml *root = NULL;

	if (s->count == KUBECONFIG_FILES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d kubeconfig files", KUBECONFIG_FILES_MAX);
	if (yaml_parse(text, YAML_LIMITS(KUBECONFIG_MAX_LEN), &docs, e))
		return err_context(e, "kubeconfig %.150s", name);
	if (yaml_docs_count(docs) > 0)
		root = yaml_docs_at(docs, 0);
	if (root && yaml_kind(root) != YAML_MAP && !yaml_is_null(root)) {
		yaml_docs_free(docs);
		return err_set(e, ERR_INPUT,
			       "kubeconfig %.150s: expected clusters, users and contexts", name);
	}
	s->at[s->count++] =
		(struct kubeconfig_source){ mem_dup_str(name), mem_dup_str(dir), docs, root };
	return 0;
}

/* "dir" of "dir/file". */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? mem_dup(path, slash == path ? 1 : (size_t)(slash - path)) : mem_dup_str(".");
}

/* `must_exist`: a file that is not there is an error, else it is left out. */
static int add_file(struct kubeconfig_sources *s, const char *path, bool must_exist, struct err *e)
{
	AUTO_FREE char *dir = folder_of(path);
	struct buf text;
	struct err failure = { 0 };
	int rc;

	buf_init_secret(&text, KUBECONFIG_MAX_LEN);
	rc = file_read(path, &text, &failure);
	if (rc == 0)
		rc = kubeconfig_add_source(s, buf_span(&text), path, dir, e);
	else if (failure.code == ERR_NOT_FOUND && !must_exist)
		rc = 0;
	else
		*e = failure;
	buf_free(&text);
	return rc;
}

static int add_list(struct kubeconfig_sources *s, const char *list, struct err *e)
{
	struct span rest = span_of(list), part;

	while (span_take_part(&rest, ':', &part)) {
		AUTO_FREE char *path = span_dup(part);

		if (part.len && add_file(s, path, false, e))
			return -1;
	}
	return 0;
}

int kubeconfig_add_chosen(struct kubeconfig_sources *s, const struct kubeconfig_choice *c,
			  struct err *e)
{
	AUTO_FREE char *usual = c->home ? mem_printf("%s/.kube/config", c->home) : NULL;

	if (c->file)
		return add_file(s, c->file, true, e);
	if (c->env && c->env[0])
		return add_list(s, c->env, e);
	return usual ? add_file(s, usual, false, e) : 0;
}

const char *kubeconfig_text_at(const struct yaml *map, const char *key)
{
	const struct yaml *value = map && yaml_kind(map) == YAML_MAP ? yaml_get(map, key) : NULL;

	if (!value || yaml_kind(value) != YAML_TEXT || yaml_is_null(value))
		return NULL;
	return yaml_text(value)[0] ? yaml_text(value) : NULL;
}

static const struct yaml *list_of(const struct kubeconfig_source *source, const char *list)
{
	const struct yaml *items = NULL;

	if (source->root && yaml_kind(source->root) == YAML_MAP)
		items = yaml_get(source->root, list);
	return items && yaml_kind(items) == YAML_LIST ? items : NULL;
}

bool kubeconfig_find(const struct kubeconfig_sources *s, const char *list, const char *kind,
		     const char *name, struct kubeconfig_found *ret)
{
	for (size_t f = 0; f < s->count; f++) {
		const struct yaml *items = list_of(&s->at[f], list);

		for (size_t i = 0; items && i < yaml_count(items); i++) {
			const struct yaml *item = yaml_at(items, i);
			const char *own = kubeconfig_text_at(item, "name");

			if (!own || strcmp(own, name) != 0)
				continue;
			*ret = (struct kubeconfig_found){ yaml_get(item, kind), &s->at[f] };
			return true;
		}
	}
	return false;
}

/* The contexts, for a sentence. */
static void put_context_names(const struct kubeconfig_sources *s, struct buf *out)
{
	size_t shown = 0;

	for (size_t f = 0; f < s->count; f++) {
		const struct yaml *items = list_of(&s->at[f], "contexts");

		for (size_t i = 0; items && i < yaml_count(items) && shown < NAMES_SHOWN_MAX; i++) {
			const char *name = kubeconfig_text_at(yaml_at(items, i), "name");

			if (name)
				(void)buf_printf(out, "%s%.40s", shown++ ? ", " : "", name);
		}
	}
	if (shown == 0)
		(void)buf_put_str(out, "none");
}

int kubeconfig_no_context(const struct kubeconfig_sources *s, const char *name, struct err *e)
{
	struct buf names;

	buf_init(&names, 1024);
	put_context_names(s, &names);
	(void)err_set(e, ERR_NOT_FOUND, "context '%.100s' is not in the kubeconfig; it has: %s",
		      name, buf_str(&names));
	buf_free(&names);
	return -1;
}

const char *kubeconfig_current_context(const struct kubeconfig_sources *s)
{
	for (size_t f = 0; f < s->count; f++) {
		const char *name = kubeconfig_text_at(s->at[f].root, "current-context");

		if (name)
			return name;
	}
	return NULL;
}
