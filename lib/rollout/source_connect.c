/* The source that asks 1Password Connect (REST, openapi 1.7). */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/url.h"
#include "lib/rollout/connect_ask.h"

#define PATH_MAX_LEN 4096
#define VAULTS_MAX 200 /* searched for an item when none is named */
#define ID_LEN 26 /* of 1Password's own */
#define ID_MAX 64

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
	if (buf_ok(&path, "the name of the vault", e) < 0 || connect_ask_list(s, buf_str(&path), &all, e) < 0)
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
	if (buf_ok(&path, "the name of the item", e) < 0 || connect_ask_list(s, buf_str(&path), &items, e) < 0)
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
	int result;

	buf_init_locked(&body, ITEM_JSON_MAX);
	result = connect_ask(s, path, &body, e);
	connect_close(s);
	if (result < 0 || item_parse(buf_span(&body), ret, e) < 0)
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
	return connect_ask(s, buf_str(&path), into, e);
}

/* Its version needs no token, and older ones may not say it. */
static void ask_version(struct secret_source *s, struct secret_identity *ret)
{
	AUTO_BUF struct buf body;
	AUTO_JSON struct json *doc = NULL;
	struct err ignored = { 0 };
	const char *version = NULL;

	buf_init(&body, CONNECT_LIST_MAX);
	if (connect_ask(s, "/health", &body, &ignored) == 0 &&
	    json_parse(buf_span(&body), JSON_LIMITS(CONNECT_LIST_MAX), &doc, &ignored) == 0)
		version = json_str(doc, "version");
	(void)snprintf(ret->version, sizeof(ret->version), "%s", version ? version : "");
}

static int connect_check(struct secret_source *s, struct secret_identity *ret, struct err *e)
{
	AUTO_JSON struct json *vaults = NULL;

	if (connect_ask_list(s, "/v1/vaults", &vaults, e) < 0)
		return -1;
	ret->vault_count = json_count(vaults);
	(void)snprintf(ret->account, sizeof(ret->account), "%s", s->url);
	ask_version(s, ret);
	s->failure = SECRET_FAILURE_NONE;
	return 0;
}

const struct source_kind source_connect = { "connect", connect_check, connect_item, connect_file };
