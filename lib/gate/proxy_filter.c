/*
 * Lists and watches over all namespaces by a role limited to some: the request to send, the answer
 * that passes.
 */
#include "lib/gate/proxy_filter.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/crypto/aead.h"
#include "lib/format/base64.h"
#include "lib/format/url.h"
#include "lib/gate/words.h"

#define SEAL_PREFIX "mk8s1."
#define TOKEN_MAX (16 * 1024) /* of a continue, sealed */
#define ACCEPT_MAX (4 * 1024)

struct proxy_filter {
	char **namespaces;
	struct list_filter *items;
	const uint8_t *seal_key;
	struct buf bound; /* what `continue` is sealed with */
	struct buf target, accept;
};

void proxy_filter_free(struct proxy_filter *f)
{
	if (!f)
		return;
	words_free(f->namespaces);
	list_filter_free(f->items);
	buf_free(&f->bound);
	buf_free(&f->target);
	buf_free(&f->accept);
	free(f);
}

/* Accept: what of it is JSON stays, "anything" becomes JSON. */

static bool accepts_json(struct span media, struct span *ret_parameters)
{
	struct span type = SPAN_NONE, rest = media;

	(void)span_take_part(&rest, ';', &type);
	type = span_trim(type);
	*ret_parameters = rest;
	return span_equal_nocase(type, SPAN("application/json")) ||
	       span_equal_str(type, "application/*") || span_equal_str(type, "*/*");
}

static void put_accept(struct buf *into, const struct http_head *request)
{
	for (size_t i = 0; i < request->field_count; i++) {
		struct span rest = request->fields[i].value, media, parameters;

		if (!span_equal_str(request->fields[i].name, "accept"))
			continue;
		while (span_take_part(&rest, ',', &media)) {
			if (!accepts_json(span_trim(media), &parameters))
				continue;
			(void)buf_printf(into, "%sapplication/json%s%.*s", into->len ? "," : "",
					 parameters.at ? ";" : "", SPAN_ARG(parameters));
		}
	}
}

/* `continue`: sealed for one user's one question. */

static void put_bound(struct buf *into, const struct proxy_filter_options *o)
{
	const char *const parts[] = { "continue",
				      o->user_id,
				      o->cluster_id,
				      o->info->path,
				      o->info->label_selector,
				      o->info->field_selector };

	for (size_t i = 0; i < COUNT_OF(parts); i++)
		(void)buf_put(into, parts[i],
			      strlen(parts[i]) +
				      1); /* no part holds a NUL, so no two lists are one */
}

static int seal_continue(void *owner, struct span token, struct buf *into, struct err *e)
{
	struct proxy_filter *f = owner;
	AUTO_BUF struct buf sealed;

	buf_init(&sealed, TOKEN_MAX);
	if (aead_seal(f->seal_key, buf_span(&f->bound), token, &sealed, e) < 0)
		return -1;
	(void)buf_put_str(into, SEAL_PREFIX);
	base64_encode(buf_span(&sealed), BASE64_URL, into);
	return buf_ok(into, "the sealed continue", e);
}

static int open_continue(struct proxy_filter *f, struct span given, struct buf *into, struct err *e)
{
	AUTO_BUF struct buf sealed;

	buf_init(&sealed, TOKEN_MAX);
	if (!span_starts(given, SPAN(SEAL_PREFIX)))
		return err_set(e, ERR_AUTH, "the continue parameter was not given out here");
	given = span_from(given.at + sizeof(SEAL_PREFIX) - 1,
			  given.len - (sizeof(SEAL_PREFIX) - 1));
	if (base64_decode(given, BASE64_URL, &sealed, e) < 0)
		return -1;
	return aead_open(f->seal_key, buf_span(&f->bound), buf_span(&sealed), into, e);
}

/* The query, written anew: of a repeated parameter the server takes the first. */

struct rewrite {
	struct buf name, value, token, include;
	size_t pair_count;
	bool has_continue, has_include;
};

static void put_pair(struct proxy_filter *f, struct rewrite *w, const char *name, struct span value)
{
	(void)buf_put_char(&f->target, w->pair_count++ ? '&' : '?');
	url_encode(span_of(name), URL_QUERY, &f->target);
	(void)buf_put_char(&f->target, '=');
	url_encode(value, URL_QUERY, &f->target);
}

/* One pair as decoded; those with a part in filtering are kept for the end. */
static void take_pair(struct proxy_filter *f, struct rewrite *w)
{
	struct span name = buf_span(&w->name), value = buf_span(&w->value);

	if (span_equal_str(name, "continue")) {
		if (!w->has_continue)
			(void)buf_put_span(&w->token, value);
		w->has_continue = true;
	} else if (span_equal_str(name, "includeObject")) {
		if (!w->has_include)
			(void)buf_put_span(&w->include, value);
		w->has_include = true;
	} else {
		put_pair(f, w, buf_str(&w->name), value);
	}
}

static int put_query(struct proxy_filter *f, struct rewrite *w, struct span query,
		     bool *ret_drop_object, struct err *e)
{
	AUTO_BUF struct buf opened;
	struct span pair;

	buf_init(&opened, TOKEN_MAX);
	while (span_take_part(&query, '&', &pair)) {
		struct err ignored = { 0 };

		if (url_query_next(&pair, &w->name, &w->value, &ignored) == 1)
			take_pair(f, w);
	}
	*ret_drop_object = span_equal_str(buf_span(&w->include), "None");
	if (w->has_include)
		put_pair(f, w, "includeObject",
			 *ret_drop_object ? SPAN("Metadata") : buf_span(&w->include));
	if (buf_ok(&w->token, "the continue parameter", e) < 0)
		return -1;
	if (w->token.len) {
		if (open_continue(f, buf_span(&w->token), &opened, e) < 0)
			return -1;
		put_pair(f, w, "continue", buf_span(&opened));
	}
	return 0;
}

static int put_target(struct proxy_filter *f, struct span target, bool *ret_drop_object,
		      struct err *e)
{
	struct span path = SPAN_NONE, rest = target;
	struct rewrite w = { 0 };
	int rc;

	buf_init(&w.name, target.len + 1);
	buf_init(&w.value, target.len + 1);
	buf_init(&w.token, TOKEN_MAX);
	buf_init(&w.include, 64);
	(void)span_take_part(&rest, '?', &path);
	(void)buf_put_span(&f->target, path);
	rc = put_query(f, &w, rest, ret_drop_object, e);
	buf_free(&w.name);
	buf_free(&w.value);
	buf_free(&w.token);
	buf_free(&w.include);
	return rc;
}

static int prepare(struct proxy_filter *f, const struct proxy_filter_options *o,
		   bool *ret_drop_object, struct err *e)
{
	put_accept(&f->accept, o->request);
	if (!f->accept.len && http_field_count(o->request, "accept")) {
		(void)err_set(e, ERR_INPUT,
			      "this list is filtered, which is done in application/json (also as a "
			      "Table) "
			      "only, and the request does not accept it");
		return 406;
	}
	if (!f->accept.len)
		(void)buf_put_str(&f->accept, "application/json");
	put_bound(&f->bound, o);
	if (put_target(f, o->target, ret_drop_object, e) < 0) {
		(void)err_set(e, ERR_INPUT,
			      "The provided continue parameter is not valid for this list or too "
			      "old. You can "
			      "start a new list without the continue parameter.");
		return 410;
	}
	if (buf_ok(&f->target, "the request's target", e) < 0 ||
	    buf_ok(&f->accept, "the accept field", e) < 0)
		return 400;
	return 0;
}

int proxy_filter_new(const struct proxy_filter_options *o, struct proxy_filter **ret_filter,
		     struct err *e)
{
	struct proxy_filter *f = mem_new(sizeof(*f));
	struct list_filter_options items = {
		.namespaces = (const char *const *)o->namespaces,
		.watch = strcmp(o->info->verb, "watch") == 0,
		.by_name =
			strcmp(o->info->resource, "namespaces") == 0 && *o->info->api_group == '\0',
		.seal = seal_continue,
		.owner = f,
	};
	int status;

	f->namespaces = o->namespaces;
	f->seal_key = o->seal_key;
	buf_init(&f->bound, 64 * 1024);
	buf_init(&f->target, 64 * 1024);
	buf_init(&f->accept, ACCEPT_MAX);
	status = prepare(f, o, &items.drop_object, e);
	if (status) {
		proxy_filter_free(f);
		return status;
	}
	f->items = list_filter_new(&items);
	*ret_filter = f;
	return 0;
}

struct span proxy_filter_target(const struct proxy_filter *f)
{
	return buf_span(&f->target);
}

const char *proxy_filter_accept(struct proxy_filter *f)
{
	return buf_str(&f->accept);
}

void proxy_filter_request(const struct proxy_filter *f, const struct http_head *request,
			  struct header_list *ret_list)
{
	header_filter_request(request, ret_list);
	header_list_drop(ret_list, "accept");
	header_list_drop(ret_list, "accept-encoding");
	header_list_drop(ret_list, "if-none-match");
	header_list_add(ret_list, "accept", buf_span(&f->accept));
}

int proxy_filter_answer(const struct http_head *answer, struct header_list *ret_list,
			bool *ret_has_items, struct err *e)
{
	const struct span *type = http_field_find(answer, "content-type");
	const struct span *encoding = http_field_find(answer, "content-encoding");
	struct span media = SPAN_NONE, rest = type ? *type : SPAN_NONE;

	(void)span_take_part(&rest, ';', &media);
	*ret_has_items = answer->status >= 200 && answer->status < 300;
	if (*ret_has_items &&
	    (!span_equal_nocase(span_trim(media), SPAN("application/json")) || encoding))
		return err_set(e, ERR_PROTOCOL,
			       "the cluster's answer is %s%.*s, which cannot be filtered",
			       encoding ? "compressed " : "", SPAN_ARG(media));
	header_filter_answer(answer, ret_list);
	if (*ret_has_items)
		header_list_drop(ret_list, "content-length");
	return 0;
}

int proxy_filter_body(void *filter, struct span bytes, bool is_end, struct buf *out, struct err *e)
{
	struct proxy_filter *f = filter;

	return is_end ? list_filter_end(f->items, e) : list_filter_put(f->items, bytes, out, e);
}
