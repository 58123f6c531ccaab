/* Questions to 1Password Connect (REST, openapi 1.7) and what its refusals mean. */
#include "lib/rollout/connect_ask.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/table.h"
#include "lib/crypto/random.h"
#include "lib/net/fetch.h"

#define RETRY_MAX 2

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

void connect_close(struct secret_source *s)
{
	fetch_free(s->fetch);
	s->fetch = NULL;
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

/* Connect before 1.7.2 may refuse its first question: one more try. */
int connect_ask(struct secret_source *s, const char *path, struct buf *into, struct err *e)
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

int connect_ask_list(struct secret_source *s, const char *path, struct json **ret, struct err *e)
{
	AUTO_BUF struct buf body;
	struct json *doc;

	buf_init(&body, CONNECT_LIST_MAX);
	if (connect_ask(s, path, &body, e) < 0)
		return -1;
	if (json_parse(buf_span(&body), JSON_LIMITS(CONNECT_LIST_MAX), &doc, e) == 0) {
		if (json_is_array(doc)) {
			*ret = doc;
			return 0;
		}
		json_free(doc);
	}
	return source_fail(s, SECRET_FAILURE_OTHER, ERR_PROTOCOL, e,
			   "%.100s did not answer with a list in JSON; is it 1Password Connect?", s->url);
}
