/* The blocking Kubernetes client: credentials, errors as the server words them. */
#include "lib/kube/client.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/format/url.h"
#include "lib/net/fetch.h"
#include "lib/net/ws.h"

enum {
	TOKEN_MAX = 64 * 1024,
	ANSWER_MAX = 256 * 1024 * 1024,
	TIMEOUT_MS = 60 * 1000,
	RETRY_MAX = 4,
	FIELDS_MAX = 8,
};

struct kube_client {
	const struct kube_target *target; /* borrowed from the caller for the client's life */
	struct fetch *fetch;
	uint64_t deadline_mono_ms; /* 0: none */
	unsigned retry_max;
	char *user_agent;
};

/* The name in the certificate is checked against the URL's host. */
static int check_server_name(const struct kube_target *t, struct err *e)
{
	struct url url;

	if (url_split(span_of(t->server), &url, e))
		return err_context(e, "Kubernetes server %.100s", t->server);
	if (t->tls_server_name && !span_equal_str(url.host, t->tls_server_name))
		return err_set(e, ERR_INPUT,
			       "Kubernetes server %.100s: tls-server-name '%.100s' differs from the host, which "
			       "is not supported",
			       t->server, t->tls_server_name);
	return 0;
}

static struct fetch_options fetch_options_of(const struct kube_target *t, const char *user_agent)
{
	return (struct fetch_options){
		.ca_pem = t->ca_pem,
		.ca_sha256 = t->ca_sha256,
		.cert_pem = t->cert_pem,
		.key_pem = t->key_pem,
		.insecure = t->insecure,
		.proxy = t->proxy_url,
		.user_agent = user_agent,
	};
}

struct kube_client *kube_client_new(const struct kube_target *t, const char *user_agent, struct err *e)
{
	const struct fetch_options o = fetch_options_of(t, user_agent);
	struct kube_client *c;
	struct fetch *fetch;

	if (check_server_name(t, e))
		return NULL;
	fetch = fetch_new(&o, e);
	if (!fetch)
		return NULL;
	c = mem_new(sizeof(*c));
	*c = (struct kube_client){ .target = t, .fetch = fetch, .retry_max = RETRY_MAX };
	c->user_agent = mem_dup_str(user_agent);
	return c;
}

void kube_client_set_deadline(struct kube_client *c, uint64_t deadline_mono_ms, bool may_retry)
{
	c->deadline_mono_ms = deadline_mono_ms;
	c->retry_max = may_retry ? RETRY_MAX : 0;
}

void kube_client_free(struct kube_client *c)
{
	if (!c)
		return;
	fetch_free(c->fetch);
	free(c->user_agent);
	free(c);
}

const char *kube_client_namespace(const struct kube_client *c)
{
	return c->target->namespace ? c->target->namespace : "default";
}

const char *kube_client_server(const struct kube_client *c)
{
	return c->target->server;
}

void kube_answer_free(struct kube_answer *a)
{
	buf_free(&a->body);
	buf_free(&a->warnings);
}

/* "Authorization: Bearer ..." of the target; *ret stays NULL when it has no token. */
static int make_authorization(const struct kube_target *t, char **ret, struct err *e)
{
	struct buf text;
	struct span token = span_of(t->token);
	int rc = 0;

	buf_init_secret(&text, TOKEN_MAX);
	if (t->token_file) {
		rc = file_read(t->token_file, &text, e);
		token = buf_span(&text);
		while (token.len && strchr(" \r\n\t", token.at[token.len - 1]))
			token.len--;
	}
	if (rc == 0 && token.len && memchr(token.at, '\n', token.len))
		rc = err_set(e, ERR_INPUT, "the Kubernetes token holds a line break");
	if (rc == 0 && token.len)
		*ret = mem_printf("Authorization: Bearer %.*s", SPAN_ARG(token));
	buf_free(&text);
	return rc;
}

static void take_warnings(const struct fetch_answer *from, struct buf *warnings)
{
	struct span rest = buf_span(&from->fields), line;

	while (span_take_part(&rest, '\n', &line)) {
		ptrdiff_t quote;

		if (!span_starts(line, SPAN("warning: 299 ")))
			continue;
		quote = span_find(line, '"');
		if (quote < 0)
			continue;
		for (const char *at = line.at + quote + 1; at < line.at + line.len && *at != '"'; at++) {
			if (*at == '\\' && at + 1 < line.at + line.len)
				at++;
			(void)buf_put_char(warnings, *at);
		}
		(void)buf_put_char(warnings, '\n');
	}
}

/* Makes an error of an answer that is no 2xx. */
static int refuse(const struct fetch_answer *from, struct kube_status *ret_status, struct err *e)
{
	struct kube_status status;

	kube_status_parse(buf_span(&from->body), from->status, &status);
	(void)kube_status_to_err(&status, e);
	if (ret_status)
		*ret_status = status;
	else
		kube_status_free(&status);
	return -1;
}

static int limit_time(const struct kube_client *c, struct fetch_request *rq, struct err *e)
{
	uint64_t now = clock_mono_ms(), left;

	if (!c->deadline_mono_ms)
		return 0;
	if (now >= c->deadline_mono_ms)
		return err_set(e, ERR_TIMEOUT, "the time for the whole command is over");
	left = c->deadline_mono_ms - now;
	if (rq->timeout_ms > left)
		rq->timeout_ms = left;
	rq->idle_timeout_ms = left;
	return 0;
}

static int exchange(struct kube_client *c, const struct kube_request *rq, struct fetch_request *fetch_rq,
		    struct fetch_answer *ret, struct err *e)
{
	AUTO_FREE char *url = mem_printf("%s%s", c->target->server, rq->path);
	AUTO_FREE char *accept = mem_printf("Accept: %s", rq->accept ? rq->accept : KUBE_JSON);
	AUTO_FREE char *type = mem_printf("Content-Type: %s", rq->content_type ? rq->content_type : KUBE_JSON);
	AUTO_SECRET char *authorization = NULL;
	const char *fields[FIELDS_MAX] = { accept };
	size_t count = 1;

	if (make_authorization(c->target, &authorization, e))
		return -1;
	if (rq->body.len)
		fields[count++] = type;
	if (authorization)
		fields[count++] = authorization;
	fetch_rq->method = rq->method;
	fetch_rq->url = url;
	fetch_rq->fields = fields;
	fetch_rq->body = rq->body;
	fetch_rq->timeout_ms = rq->timeout_ms ? rq->timeout_ms : TIMEOUT_MS;
	fetch_rq->retry_max = c->retry_max;
	fetch_rq->answer_max = ANSWER_MAX;
	return limit_time(c, fetch_rq, e) < 0 ? -1 : fetch_do(c->fetch, fetch_rq, ret, e);
}

int kube_do(struct kube_client *c, const struct kube_request *rq, struct kube_answer *ret_answer,
	    struct kube_status *ret_status, struct err *e)
{
	struct fetch_request fetch_rq = { 0 };
	struct fetch_answer answer = { 0 };
	int rc;

	*ret_answer = (struct kube_answer){ 0 };
	buf_init(&ret_answer->warnings, TOKEN_MAX);
	if (ret_status)
		*ret_status = (struct kube_status){ 0 };
	rc = exchange(c, rq, &fetch_rq, &answer, e);
	if (rc == 0) {
		ret_answer->status = answer.status;
		(void)fetch_answer_field(&answer, "content-type", ret_answer->content_type,
					 sizeof(ret_answer->content_type));
		take_warnings(&answer, &ret_answer->warnings);
		if (answer.status < 200 || answer.status > 299)
			rc = refuse(&answer, ret_status, e);
	}
	if (rc == 0) {
		ret_answer->body = answer.body;
		answer.body = (struct buf){ 0 };
	}
	fetch_answer_free(&answer);
	return rc;
}

int kube_stream(struct kube_client *c, const struct kube_request *rq,
		bool (*on_chunk)(void *owner, struct span bytes), void *owner,
		struct kube_status *ret_status, struct err *e)
{
	struct fetch_request fetch_rq = { .on_chunk = on_chunk, .owner = owner };
	struct fetch_answer answer = { 0 };
	int rc;

	if (ret_status)
		*ret_status = (struct kube_status){ 0 };
	rc = exchange(c, rq, &fetch_rq, &answer, e);
	if (rc == 0 && (answer.status < 200 || answer.status > 299))
		rc = refuse(&answer, ret_status, e);
	fetch_answer_free(&answer);
	return rc;
}

/* What the server has to say about an upgrade that it refused. Its sentence stays where it says nothing else. */
static void explain_refusal(struct kube_client *c, const char *path, struct kube_status *ret_status,
			    struct err *e)
{
	struct kube_request rq = { .path = path };
	struct kube_answer answer = { 0 };
	struct err why = { 0 };

	if (kube_do(c, &rq, &answer, ret_status, &why) < 0 && ret_status->code && ret_status->code != 400)
		*e = why;
	else
		kube_status_free(ret_status);
	kube_answer_free(&answer);
}

struct ws *kube_open_ws(struct kube_client *c, const char *path, const char *protocols,
			struct kube_status *ret_status, struct err *e)
{
	const struct fetch_options o = fetch_options_of(c->target, c->user_agent);
	AUTO_FREE char *url = mem_printf("%s%s", c->target->server, path);
	AUTO_SECRET char *authorization = NULL;
	const char *fields[FIELDS_MAX] = { NULL };
	const struct ws_request rq = { url, fields, protocols, TIMEOUT_MS };
	struct ws *w;
	int status;

	*ret_status = (struct kube_status){ 0 };
	if (make_authorization(c->target, &authorization, e))
		return NULL;
	fields[0] = authorization;
	w = ws_open(&o, &rq, &status, e);
	if (!w && status && status != 101)
		explain_refusal(c, path, ret_status, e);
	return w;
}
