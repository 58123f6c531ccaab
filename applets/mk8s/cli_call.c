/* Calls to central's REST API; its problem documents become errors. */
#include <stdlib.h>
#include <string.h>

#include "applets/mk8s/cli.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/random.h"
#include "lib/format/url.h"
#include "lib/net/fetch.h"

#define TRIES_MORE 2
#define ANSWER_MAX (64 * 1024 * 1024)

static int open_fetch(struct cli *c, struct err *e)
{
	struct fetch_options o = { .ca_pem = c->ca_pem,
				   .ca_sha256 = c->ca_pem ? NULL : c->ca_sha256 };

	if (c->fetch)
		return 0;
	if (crypto_init(e) < 0)
		return -1;
	c->fetch = fetch_new(&o, e);
	return c->fetch ? 0 : -1;
}

static enum err_code code_of(int status)
{
	switch (status) {
	case 400:
		return ERR_INPUT;
	case 401:
		return ERR_AUTH;
	case 403:
		return ERR_DENIED;
	case 404:
		return ERR_NOT_FOUND;
	case 409:
		return ERR_EXISTS;
	case 413:
		return ERR_LIMIT;
	case 429:
	case 503:
		return ERR_BUSY;
	default:
		return ERR_PROTOCOL;
	}
}

static int read_problem(const struct fetch_answer *a, const char *url, struct err *e)
{
	AUTO_JSON struct json *doc = NULL;
	struct err bad = { 0 };
	const char *detail = NULL;

	if (json_parse(buf_span(&a->body), JSON_LIMITS(CLI_FILE_MAX), &doc, &bad) == 0) {
		detail = json_str(doc, "detail");
		if (!detail)
			detail = json_str(doc, "title");
	}
	if (!detail)
		return err_set(e, code_of(a->status), "%s answered with status %d", url, a->status);
	return err_set(e, code_of(a->status), "%s", detail);
}

static int exchange(struct cli *c, const struct cli_call *call, const char *url, const char *token,
		    struct buf *into, struct err *e)
{
	AUTO_SECRET char *authorization =
		token ? mem_printf("Authorization: Bearer %s", token) : NULL;
	AUTO_FREE char *type = mem_printf(
		"Content-Type: %s", call->content_type ? call->content_type : "application/json");
	AUTO_FREE char *accept =
		mem_printf("Accept: %s", call->accept ? call->accept : "application/json");
	const char *fields[] = { accept, type, authorization, NULL };
	AUTO_FREE char *whole = mem_printf("%s%s", url, call->path);
	struct fetch_request rq = { .method = call->method,
				    .url = whole,
				    .fields = fields,
				    .body = call->body,
				    .retry_max = TRIES_MORE,
				    .answer_max = ANSWER_MAX };
	struct fetch_answer answer;
	int result = fetch_do(c->fetch, &rq, &answer, e);

	if (result == 0 && (answer.status < 200 || answer.status > 299))
		result = read_problem(&answer, url, e);
	if (result == 0) {
		(void)buf_put_span(into, buf_span(&answer.body));
		result = buf_ok(into, "central's answer", e);
	}
	if (answer.body.at)
		secret_wipe(answer.body.at, answer.body.len); /* may hold tokens */
	fetch_answer_free(&answer);
	return result;
}

int cli_call(struct cli *c, const struct cli_call *call, struct buf *into, struct err *e)
{
	const char *url, *token = NULL;

	if (cli_url(c, &url, e) < 0 || (!call->is_public && cli_token(c, &token, e) < 0) ||
	    open_fetch(c, e) < 0)
		return -1;
	return exchange(c, call, url, token, into, e);
}

int cli_call_json(struct cli *c, const char *method, const char *path, struct json *body,
		  struct json **ret_answer, struct err *e)
{
	AUTO_JSON struct json *taken = body;
	AUTO_BUF struct buf text, reply;
	struct cli_call call = { .method = method, .path = path };

	buf_init_secret(&text, CLI_FILE_MAX);
	buf_init_secret(&reply, ANSWER_MAX);
	if (body)
		json_print(taken, JSON_COMPACT, &text);
	call.body = buf_span(&text);
	if (buf_ok(&text, "the request", e) < 0 || cli_call(c, &call, &reply, e) < 0)
		return -1;
	if (ret_answer && json_parse(buf_span(&reply), JSON_LIMITS(ANSWER_MAX), ret_answer, e) < 0)
		return err_set(e, ERR_PROTOCOL, "central's answer to %s %s is no JSON", method,
			       path);
	return 0;
}

char *cli_path(const char *const *parts)
{
	struct buf path;

	buf_init(&path, CLI_FILE_MAX);
	for (; *parts; parts++) {
		(void)buf_put_char(&path, '/');
		url_encode(span_of(*parts), URL_PATH, &path);
	}
	return buf_take_str(&path);
}
