/* The source that asks 1Password Connect (REST, openapi 1.7). */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/table.h"
#include "lib/crypto/random.h"
#include "lib/format/json.h"
#include "lib/format/url.h"
#include "lib/net/fetch.h"
#include "lib/rollout/source_inner.h"

#define PATH_MAX_LEN 4096
#define LIST_MAX (4 * 1024 * 1024)
#define VAULTS_MAX 200 /* searched for an item when none is named */
#define RETRY_MAX 2
#define ID_LEN 26 /* of 1Password's own */
#define ID_MAX 64

static int open_fetch(struct secret_source *s, struct err *e)
{
	struct fetch_options o = { .ca_file = s->ca_file, .user_agent = "mk8s" };

	if (s->fetch)
		return 0;
	if (crypto_init(e) < 0)
		return -1;
	s->fetch = fetch_new(&o, e);
	return s->fetch ? 0 : -1;
}

static bool keep(void *owner, struct span bytes)
{
	return buf_put_span(owner, bytes) == 0;
}

/* Connect's own sentence, {"status":404,"message":"..."}. */
static void put_message(struct secret_source *s, const struct fetch_answer *answer, struct buf *into)
{
	AUTO_JSON struct json *doc = NULL;
	AUTO_BUF struct buf safe;
	struct err ignored = { 0 };
	const char *text = NULL;

	buf_init(&safe, 4096);
	if (json_parse(buf_span(&answer->body), JSON_LIMITS(64 * 1024), &doc, &ignored) == 0)
		text = json_str(doc, "message");
	if (!text)
		return;
	redactor_put(s->redactor, span_of(text), &safe);
	if (safe.len > 150)
		safe.len = 150;
	(void)buf_put_str(into, " (Connect: ");
	(void)table_put_escaped(into, buf_span(&safe));
	(void)buf_put_str(into, ")");
}

static int refuse_status(struct secret_source *s, const struct fetch_answer *answer, struct err *e)
{
	AUTO_BUF struct buf said;
	const char *message;

	buf_init(&said, 1024);
	put_message(s, answer, &said);
	message = buf_str(&said);
	switch (answer->status) {
	case 400:
		return source_fail(s, SECRET_FAILURE_OTHER, ERR_INPUT, e, "Connect did not take the question%s",
				   message);
	case 401:
		return source_fail(s, SECRET_FAILURE_TOKEN, ERR_AUTH, e,
				   "Connect refused the token; check OP_CONNECT_TOKEN%s", message);
	case 403:
		return source_fail(s, SECRET_FAILURE_TOKEN, ERR_DENIED, e,
				   "Connect's token may not read this vault; give it access in 1Password%s",
				   message);
	case 404:
		return source_fail(s, SECRET_FAILURE_NO_ITEM, ERR_NOT_FOUND, e, "Connect found nothing%s",
				   message);
	case 429:
		return source_fail(s, SECRET_FAILURE_RATE_LIMIT, ERR_BUSY, e,
				   "1Password's rate limit is reached; try again later%s", message);
	default:
		return source_fail(s, SECRET_FAILURE_UNREACHABLE, ERR_UNREACHABLE, e,
				   "Connect at %.100s answered with status %d%s", s->url, answer->status,
				   message);
	}
}

static int ask_once(struct secret_source *s, const char *path, struct buf *into, int *ret_status,
		    struct err *e)
{
	AUTO_FREE char *url = mem_printf("%s%s", s->url, path);
	const char *fields[] = { "Accept: application/json", buf_str(&s->authorization), NULL };
	struct fetch_request rq = { .url = url,
				    .fields = fields,
				    .timeout_ms = s->timeout_ms,
				    .idle_timeout_ms = s->timeout_ms,
				    .retry_max = RETRY_MAX,
				    .answer_max = 64 * 1024,
				    .cancel_fd = s->cancel_fd,
				    .on_chunk = keep,
				    .owner = into };
	struct fetch_answer answer;
	int result = fetch_do(s->fetch, &rq, &answer, e);

	if (result < 0) {
		s->failure = SECRET_FAILURE_UNREACHABLE;
		(void)err_context(e, "1Password Connect at %.100s", s->url);
	} else if (answer.status < 200 || answer.status > 299) {
		*ret_status = answer.status;
		result = refuse_status(s, &answer, e);
	} else {
		result = buf_ok(into, "Connect's answer", e);
	}
	fetch_answer_free(&answer);
	return result;
}

/* GET; `into` gets the body of a 2xx. Connect before 1.7.2 may refuse its first question: one more try. */
static int ask(struct secret_source *s, const char *path, struct buf *into, struct err *e)
{
	int status = 0;

	if (open_fetch(s, e) < 0)
		return -1;
	if (ask_once(s, path, into, &status, e) == 0)
		return 0;
	if (status != 401)
		return -1;
	buf_reset(into);
	return ask_once(s, path, into, &status, e);
}

static int ask_list(struct secret_source *s, const char *path, struct json **ret, struct err *e)
{
	AUTO_BUF struct buf body;
	struct json *doc;

	buf_init(&body, LIST_MAX);
	if (ask(s, path, &body, e) < 0)
		return -1;
	if (json_parse(buf_span(&body), JSON_LIMITS(LIST_MAX), &doc, e) == 0) {
		if (json_is_array(doc)) {
			*ret = doc;
			return 0;
		}
		json_free(doc);
	}
	return source_fail(s, SECRET_FAILURE_OTHER, ERR_PROTOCOL, e,
			   "%.100s did not answer with a list in JSON; is it 1Password Connect?", s->url);
}

/* Appends ?filter=NAME eq "VALUE". */
static void put_filter(struct buf *path, const char *name, const char *value)
{
	AUTO_BUF struct buf filter;

	buf_init(&filter, PATH_MAX_LEN);
	(void)buf_printf(&filter, "%s eq \"", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			(void)buf_put_char(&filter, '\\');
		(void)buf_put_char(&filter, *value);
	}
	(void)buf_put_char(&filter, '"');
	(void)buf_put_str(path, "?filter=");
	url_encode(buf_span(&filter), URL_QUERY, path);
	path->failed = path->failed || filter.failed;
}

static bool is_id(const char *text)
{
	size_t len = 0;

	for (; text[len]; len++) {
		if (!islower((unsigned char)text[len]) && !isdigit((unsigned char)text[len]))
			return false;
	}
	return len == ID_LEN;
}

/* Ids go into paths, so they hold nothing that means something there. */
static int check_id(struct secret_source *s, const char *id, struct err *e)
{
	size_t len = id ? strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") : 0;

	if (len > 0 && len <= ID_MAX && id[len] == '\0')
		return 0;
	return source_fail(s, SECRET_FAILURE_OTHER, ERR_PROTOCOL, e, "Connect gave an id that is none");
}

/* The vaults that `vault` means by name or id; all without it. At least one, else an error. */
static int find_vaults(struct secret_source *s, const char *vault, struct json **ret, struct err *e)
{
	AUTO_BUF struct buf path;
	struct json *all = NULL;

	buf_init(&path, PATH_MAX_LEN);
	(void)buf_put_str(&path, "/v1/vaults");
	if (vault && !is_id(vault))
		put_filter(&path, "name", vault);
	if (buf_ok(&path, "the name of the vault", e) < 0 || ask_list(s, buf_str(&path), &all, e) < 0)
		return -1;
	for (struct json *v = json_first(all), *next; v; v = next) {
		const char *id = json_str(v, "id");

		next = json_next(v);
		if (vault && is_id(vault) && (!id || strcmp(id, vault) != 0))
			json_remove_item(all, v);
		else if (check_id(s, id, e) < 0)
			goto fail;
	}
	if (json_count(all) > VAULTS_MAX) {
		source_fail(s, SECRET_FAILURE_NEEDS_VAULT, ERR_USAGE, e,
			    "Connect's token sees more than %d vaults; add --vault", VAULTS_MAX);
		goto fail;
	}
	if (json_count(all) == 0) {
		source_fail(s, SECRET_FAILURE_NO_VAULT, ERR_NOT_FOUND, e,
			    vault ? "there is no vault \"%.80s\" that Connect's token can read" :
				    "Connect's token can read no vault%.0s", vault ? vault : "");
		goto fail;
	}
	*ret = all;
	return 0;
fail:
	json_free(all);
	return -1;
}

/* Where an item was found. */
struct place {
	char vault_id[ID_MAX + 1], id[ID_MAX + 1];
	char vault[128]; /* cut; for people */
	size_t count;
};

static void note_place(struct place *p, const struct json *vault, const char *id, struct buf *list)
{
	const char *name = json_str(vault, "name");

	if (p->count++ == 0) {
		(void)snprintf(p->vault_id, sizeof(p->vault_id), "%s", json_str(vault, "id"));
		(void)snprintf(p->id, sizeof(p->id), "%s", id);
		(void)snprintf(p->vault, sizeof(p->vault), "%s", name ? name : p->vault_id);
	}
	if (list->len < 200)
		(void)buf_printf(list, "%s%.40s: %s", list->len ? ", " : "", name ? name : "", id);
}

/* In one vault: every item of this title. */
static int search_vault(struct secret_source *s, const struct json *vault, const char *item,
			struct place *p, struct buf *list, struct err *e)
{
	AUTO_BUF struct buf path;
	AUTO_JSON struct json *items = NULL;

	buf_init(&path, PATH_MAX_LEN);
	(void)buf_printf(&path, "/v1/vaults/%s/items", json_str(vault, "id"));
	put_filter(&path, "title", item);
	if (buf_ok(&path, "the name of the item", e) < 0 || ask_list(s, buf_str(&path), &items, e) < 0)
		return -1;
	for (struct json *i = json_first(items); i; i = json_next(i)) {
		if (check_id(s, json_str(i, "id"), e) < 0)
			return -1;
		note_place(p, vault, json_str(i, "id"), list);
	}
	return 0;
}

static int search_vaults(struct secret_source *s, const struct json *vaults, const char *item,
			 const char *vault, struct place *p, struct err *e)
{
	AUTO_BUF struct buf list;

	buf_init(&list, 1024);
	for (struct json *v = json_first(vaults); v; v = json_next(v)) {
		if (search_vault(s, v, item, p, &list, e) < 0)
			return -1;
	}
	if (p->count == 1)
		return 0;
	if (p->count == 0)
		return source_fail(s, SECRET_FAILURE_NO_ITEM, ERR_NOT_FOUND, e,
				   "there is no item \"%.80s\" that Connect's token can read%s%.60s; check its "
				   "name and --vault", item, vault ? " in vault " : "", vault ? vault : "");
	return source_fail(s, SECRET_FAILURE_SEVERAL, ERR_EXISTS, e,
			   "several items are called \"%.60s\"; name the vault with --vault, or the item by its "
			   "ID: %s", item, buf_str(&list));
}

static int read_item(struct secret_source *s, const char *vault_id, const char *vault, const char *id,
		     struct item_store **ret, struct err *e)
{
	AUTO_FREE char *path = mem_printf("/v1/vaults/%s/items/%s", vault_id, id);
	AUTO_BUF struct buf body;

	buf_init_locked(&body, ITEM_JSON_MAX);
	if (ask(s, path, &body, e) < 0 || item_parse(buf_span(&body), ret, e) < 0)
		return -1;
	item_store_set_vault(*ret, vault);
	return 0;
}

/* 1: read; 0: no vault has an item of this id; -1: an error. */
static int read_by_id(struct secret_source *s, const struct json *vaults, const char *id,
		      struct item_store **ret, struct err *e)
{
	for (struct json *v = json_first(vaults); v; v = json_next(v)) {
		const char *name = json_str(v, "name");

		if (read_item(s, json_str(v, "id"), name ? name : "", id, ret, e) == 0)
			return 1;
		if (s->failure != SECRET_FAILURE_NO_ITEM)
			return -1;
		s->failure = SECRET_FAILURE_NONE;
	}
	return 0;
}

static int connect_item(struct secret_source *s, const char *vault, const char *item,
			struct item_store **ret, struct err *e)
{
	struct place place = { .count = 0 };
	AUTO_JSON struct json *vaults = NULL;
	int found = 0;

	if (find_vaults(s, vault, &vaults, e) < 0)
		return -1;
	if (is_id(item) && (found = read_by_id(s, vaults, item, ret, e)) != 0)
		return found < 0 ? -1 : 0;
	if (search_vaults(s, vaults, item, vault, &place, e) < 0)
		return -1;
	return read_item(s, place.vault_id, place.vault, place.id, ret, e);
}

static int connect_file(struct secret_source *s, const struct secret_item *item,
			const struct secret_file *file, struct buf *into, struct err *e)
{
	AUTO_BUF struct buf path;

	buf_init(&path, PATH_MAX_LEN);
	(void)buf_printf(&path, "/v1/vaults/%s/items/%s/files/", item->vault_id, item->id);
	url_encode(span_of(file->id), URL_PATH, &path);
	(void)buf_put_str(&path, "/content");
	if (check_id(s, item->vault_id, e) < 0 || check_id(s, item->id, e) < 0 ||
	    buf_ok(&path, "the id of the file", e) < 0)
		return -1;
	return ask(s, buf_str(&path), into, e);
}

/* Its version needs no token, and older ones may not say it. */
static void ask_version(struct secret_source *s, struct secret_identity *ret)
{
	AUTO_BUF struct buf body;
	AUTO_JSON struct json *doc = NULL;
	struct err ignored = { 0 };
	const char *version = NULL;

	buf_init(&body, LIST_MAX);
	if (ask(s, "/health", &body, &ignored) == 0 &&
	    json_parse(buf_span(&body), JSON_LIMITS(LIST_MAX), &doc, &ignored) == 0)
		version = json_str(doc, "version");
	(void)snprintf(ret->version, sizeof(ret->version), "%s", version ? version : "");
}

static int connect_check(struct secret_source *s, struct secret_identity *ret, struct err *e)
{
	AUTO_JSON struct json *vaults = NULL;

	if (ask_list(s, "/v1/vaults", &vaults, e) < 0)
		return -1;
	ret->vault_count = json_count(vaults);
	(void)snprintf(ret->account, sizeof(ret->account), "%s", s->url);
	ask_version(s, ret);
	s->failure = SECRET_FAILURE_NONE;
	return 0;
}

const struct source_kind source_connect = { "connect", connect_check, connect_item, connect_file };
