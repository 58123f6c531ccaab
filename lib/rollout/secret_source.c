/* The choice between the sources, and what was read once. */
#include "lib/rollout/secret_source.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/format/url.h"
#include "lib/net/fetch.h"
#include "lib/rollout/source_inner.h"

#define TIMEOUT_MS 60000
#define TOKEN_MAX 16384
#define LIMIT_UNKNOWN_MS 60000 /* how long nothing is asked after a rate limit that names no time */

extern char **environ;

int source_fail(struct secret_source *s, enum secret_failure failure, enum err_code code,
		struct err *e, const char *fmt, ...)
{
	char text[sizeof(e->text)];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	s->failure = failure;
	return err_set(e, code, "%s", text);
}

int secret_source_environment(struct secret_source_options *o, struct err *e)
{
	const char *host = getenv("OP_CONNECT_HOST"), *token = getenv("OP_CONNECT_TOKEN");
	bool has_host = host && *host, has_token = token && *token;

	if (has_host != has_token)
		return err_set(e, ERR_USAGE,
			       "%s is set without %s; 1Password Connect needs both, op needs neither",
			       has_host ? "OP_CONNECT_HOST" : "OP_CONNECT_TOKEN",
			       has_host ? "OP_CONNECT_TOKEN" : "OP_CONNECT_HOST");
	o->connect_url = has_host ? host : NULL;
	o->connect_token = has_token ? token : NULL;
	return 0;
}

/* A token goes over TLS, or where no one else listens: this machine, or a name of its own network. */
static int check_url(const char *text, struct err *e)
{
	struct url url;

	if (url_split(span_of(text), &url, e) < 0)
		return err_context(e, "Connect's address \"%.100s\"", text);
	if (url.userinfo.len || url.query.len)
		return err_set(e, ERR_USAGE, "Connect's address is https://HOST[:PORT] and no more");
	if (span_equal_nocase(url.scheme, SPAN("https")))
		return 0;
	if (!span_equal_nocase(url.scheme, SPAN("http")))
		return err_set(e, ERR_USAGE, "Connect's address \"%.100s\" must begin with https://", text);
	if (span_equal_str(url.host, "::1") || span_starts(url.host, SPAN("127.")) ||
	    (!url.host_is_ipv6 && span_find(url.host, '.') < 0))
		return 0;
	return err_set(e, ERR_USAGE,
		       "\"%.100s\" would send Connect's token in the clear; use https://, or http:// to "
		       "this machine or a name without a dot", text);
}

static int check_token(const char *token, struct err *e)
{
	size_t len = strlen(token);

	for (size_t i = 0; i < len; i++) {
		if (token[i] <= ' ' || token[i] > '~')
			return err_set(e, ERR_USAGE, "Connect's token holds a blank or a character that no token has");
	}
	if (len == 0 || len > TOKEN_MAX)
		return err_set(e, ERR_USAGE, "Connect's token is empty or longer than %d bytes", TOKEN_MAX);
	return 0;
}

/* What op may repeat in its messages. */
static void add_tokens(struct redactor *r)
{
	static const char *const names[] = { "OP_SERVICE_ACCOUNT_TOKEN=", "OP_CONNECT_TOKEN=", "OP_SESSION" };

	for (char **variable = environ; *variable; variable++) {
		const char *value = strchr(*variable, '=');

		for (size_t i = 0; value && i < COUNT_OF(names); i++) {
			if (strncmp(*variable, names[i], strlen(names[i])) == 0)
				redactor_add(r, span_of(value + 1));
		}
	}
}

struct secret_source *secret_source_new(const struct secret_source_options *o, struct err *e)
{
	struct secret_source *s;

	if (o->connect_url && (check_url(o->connect_url, e) < 0 || check_token(o->connect_token, e) < 0))
		return NULL;
	s = mem_new(sizeof(*s));
	s->kind = o->connect_url ? &source_connect : &source_op;
	s->account = mem_dup_str(o->account);
	s->url = mem_dup_str(o->connect_url);
	s->ca_file = mem_dup_str(o->ca_file);
	s->timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS;
	s->cancel_fd = o->cancel_fd;
	while (s->url && *s->url && s->url[strlen(s->url) - 1] == '/')
		s->url[strlen(s->url) - 1] = '\0';
	buf_init_locked(&s->authorization, TOKEN_MAX + 64);
	buf_init(&s->words, 4 * SOURCE_WORDS_MAX);
	s->redactor = redactor_new();
	add_tokens(s->redactor);
	if (s->url) {
		redactor_add(s->redactor, span_of(o->connect_token));
		(void)buf_put_str(&s->authorization, "Authorization: Bearer ");
		(void)buf_put_str(&s->authorization, o->connect_token);
	}
	return s;
}

void secret_source_free(struct secret_source *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->entry_count; i++) {
		free(s->entries[i].vault);
		free(s->entries[i].item);
		item_store_free(s->entries[i].store);
	}
	free(s->entries);
	fetch_free(s->fetch);
	redactor_free(s->redactor);
	buf_free(&s->authorization);
	buf_free(&s->words);
	free(s->account);
	free(s->url);
	free(s->ca_file);
	free(s->program);
	free(s);
}

const char *secret_source_kind(const struct secret_source *s)
{
	return s->kind->name;
}

enum secret_failure secret_source_failure(const struct secret_source *s)
{
	return s->failure;
}

struct span secret_source_words(const struct secret_source *s)
{
	return buf_span(&s->words);
}

/* While the limit lasts nothing is asked: each question would only make it last longer. */
static int check_limit(struct secret_source *s, struct err *e)
{
	if (clock_mono_ms() >= s->limit_end_ms)
		return 0;
	*e = s->limit;
	return source_fail(s, SECRET_FAILURE_RATE_LIMIT, ERR_BUSY, e, "%s", s->limit.text);
}

static int note_failure(struct secret_source *s, int result, const struct err *e)
{
	if (result == 0)
		s->failure = SECRET_FAILURE_NONE;
	else if (s->failure == SECRET_FAILURE_NONE)
		s->failure = SECRET_FAILURE_OTHER;
	if (result < 0 && s->failure == SECRET_FAILURE_RATE_LIMIT && clock_mono_ms() >= s->limit_end_ms) {
		uint64_t seconds = op_error_retry_s(span_of(e->text));

		s->limit = *e;
		s->limit_end_ms = clock_mono_ms() + (seconds ? seconds * 1000 : LIMIT_UNKNOWN_MS);
	}
	return result;
}

int secret_source_check(struct secret_source *s, struct secret_identity *ret, struct err *e)
{
	struct secret_identity found = { 0 };

	s->failure = SECRET_FAILURE_NONE;
	if (check_limit(s, e) < 0)
		return -1;
	if (note_failure(s, s->kind->check(s, &found, e), e) < 0)
		return -1;
	*ret = found;
	return 0;
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* By the names it was asked by, or by its id. */
static const struct secret_item *find_read(const struct secret_source *s, const char *vault,
					   const char *item)
{
	for (size_t i = 0; i < s->entry_count; i++) {
		const struct source_entry *entry = &s->entries[i];
		const struct secret_item *known = item_store_item(entry->store);

		if (is_same(entry->vault, vault) && strcmp(entry->item, item) == 0)
			return known;
		if (strcmp(known->id, item) == 0 &&
		    (!vault || strcmp(known->vault_id, vault) == 0 || strcmp(known->vault, vault) == 0))
			return known;
	}
	return NULL;
}

int secret_source_item(struct secret_source *s, const char *vault, const char *item,
		       const struct secret_item **ret, struct err *e)
{
	const struct secret_item *known = find_read(s, vault, item);
	struct item_store *store;

	s->failure = SECRET_FAILURE_NONE;
	if (known) {
		*ret = known;
		return 0;
	}
	if (!*item || (vault && !*vault))
		return err_set(e, ERR_USAGE, "the name of the %s is empty", *item ? "vault" : "item");
	if (*item == '-' || (vault && *vault == '-'))
		return err_set(e, ERR_USAGE, "\"%.60s\" begins with a dash; name it by its ID",
			       *item == '-' ? item : vault);
	if (check_limit(s, e) < 0 || note_failure(s, s->kind->item(s, vault, item, &store, e), e) < 0)
		return -1;
	s->entries = mem_grow(s->entries, s->entry_count + 1, sizeof(*s->entries));
	s->entries[s->entry_count++] =
		(struct source_entry){ mem_dup_str(vault), mem_dup_str(item), store };
	*ret = item_store_item(store);
	return 0;
}

int secret_source_file(struct secret_source *s, const struct secret_item *item,
		       const struct secret_file *file, struct buf *into, struct err *e)
{
	s->failure = SECRET_FAILURE_NONE;
	if (check_limit(s, e) < 0)
		return -1;
	return note_failure(s, s->kind->file(s, item, file, into, e), e);
}
