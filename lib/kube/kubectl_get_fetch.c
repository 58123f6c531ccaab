/* What kubectl get asks the server for: objects, and lists page by page. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_get.h"

enum { HTTP_GONE = 410, PAGE_MAX = 256 * 1024 * 1024 };

bool kubectl_get_is_table(enum kubectl_output o)
{
	return o == OUTPUT_TABLE || o == OUTPUT_WIDE;
}

/* Takes `document`. */
static void add_page(struct get *g, const struct kubectl_target *t, struct json *document)
{
	if ((g->page_count & (g->page_count - 1)) == 0)
		g->pages = mem_grow(g->pages, g->page_count ? g->page_count * 2 : 1,
				    sizeof(*g->pages));
	g->pages[g->page_count++] = (struct page){ t->resource, document, t->name == NULL };
}

void kubectl_get_drop(struct get *g, size_t from)
{
	while (g->page_count > from)
		json_free(g->pages[--g->page_count].document);
}

/* kubectl says what it was that could not be listed. */
static void explain_list(const struct get *g, const struct kubectl_target *t,
			 struct kube_status *status)
{
	const struct kube_resource *r = t->resource;
	const struct get_options *o = g->o;
	char *message = status->message;

	if (t->name || (status->code != 400 && status->code != 404))
		return;
	if (o->selector || o->field_selector)
		status->message = mem_printf(
			"Unable to find \"%s/%s, Resource=%s\" that match label selector \"%s\", "
			"field selector \"%s\": %s",
			r->group, r->version, r->plural, o->selector ? o->selector : "",
			o->field_selector ? o->field_selector : "", message);
	else
		status->message = mem_printf("Unable to list \"%s/%s, Resource=%s\": %s", r->group,
					     r->version, r->plural, message);
	free(message);
}

/* One request. 0, or -1 after having noted the failure; *ret_status is the HTTP status of a refusal. */
static int ask(struct get *g, const struct kubectl_target *t, const char *path, struct json **ret,
	       int *ret_status)
{
	const struct kube_request rq = { .path = path,
					 .accept = kubectl_get_is_table(g->output) ? KUBE_TABLE :
										     KUBE_JSON };
	struct kube_answer answer;
	struct kube_status status = { 0 };
	struct err failure = { 0 };
	int rc = kube_do(g->k->client, &rq, &answer, &status, &failure);

	*ret_status = status.code;
	if (rc == 0 &&
	    (rc = json_parse(buf_span(&answer.body), KUBECTL_JSON_LIMITS(PAGE_MAX), ret, &failure)))
		(void)err_context(&failure, "GET %.100s: the server's answer", path);
	kubectl_warn(g->k, &answer);
	kube_answer_free(&answer);
	if (rc && (status.code == HTTP_GONE || (status.code == 404 && g->o->ignore_not_found))) {
		kube_status_free(&status); /* the caller starts anew; or nobody wants to know */
	} else if (rc) {
		explain_list(g, t, &status);
		kubectl_fail_request(g->k, &status, &failure);
	}
	return rc;
}

static char *list_path(struct get *g, const struct kubectl_target *t, const char *go_on, bool whole)
{
	struct buf path;
	char limit[24];

	buf_init(&path, KUBECTL_FILE_MAX);
	if (!kubectl_put_path(g->k, &path, t)) {
		buf_free(&path);
		return NULL;
	}
	(void)snprintf(limit, sizeof(limit), "%lld", (long long)g->o->chunk_size); /* fits */
	kubectl_put_query(&path, "continue", go_on);
	kubectl_put_query(&path, "fieldSelector", g->o->field_selector);
	kubectl_put_query(&path, "labelSelector", g->o->selector);
	if (g->o->sort_by && kubectl_get_is_table(g->output))
		kubectl_put_query(&path, "includeObject", "Object");
	if (!whole && g->o->chunk_size > 0 && !g->o->sort_by)
		kubectl_put_query(&path, "limit", limit);
	return buf_take_str(&path);
}

/* All pages of a collection. When the server has forgotten where we were, everything is asked for at once. */
static void get_list(struct get *g, const struct kubectl_target *t)
{
	size_t first = g->page_count;
	AUTO_FREE char *go_on = NULL;
	bool whole = false;

	do {
		AUTO_FREE char *path = list_path(g, t, go_on, whole);
		struct json *document = NULL;
		const char *next;
		int status;

		if (!path)
			return;
		if (ask(g, t, path, &document, &status)) {
			if (status != HTTP_GONE || whole)
				return;
			kubectl_get_drop(g, first);
			whole = true;
			free(go_on);
			go_on = NULL;
			continue;
		}
		add_page(g, t, document);
		next = json_find_str(document, "metadata.continue");
		free(go_on);
		go_on = mem_dup_str(next && next[0] ? next : NULL);
		whole = whole && go_on;
	} while ((go_on || whole) && kubectl_goes_on(g->k));
}

static void get_object(struct get *g, const struct kubectl_target *t)
{
	struct json *document = NULL;
	struct buf path;
	int status;

	buf_init(&path, KUBECTL_FILE_MAX);
	if (kubectl_put_path(g->k, &path, t) && ask(g, t, buf_str(&path), &document, &status) == 0)
		add_page(g, t, document);
	buf_free(&path);
}

void kubectl_get_fetch(struct get *g)
{
	for (size_t i = 0; i < g->targets.count && kubectl_goes_on(g->k); i++) {
		if (g->targets.at[i].name)
			get_object(g, &g->targets.at[i]);
		else
			get_list(g, &g->targets.at[i]);
	}
}
