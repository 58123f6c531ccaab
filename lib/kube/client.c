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
	FIELDS_MAX = 64,
};

struct kube_client {
	const struct kube_target *target; /* borrowed from the caller for the client's life */
	struct fetch *fetch;
	uint64_t deadline_mono_ms; /* 0: none */
	unsigned retry_max;
	char *user_agent;
	const struct kube_guard *guard; /* borrowed; NULL: none */
	bool ws_is_open;		/* a WebSocket, of which the guard does not know the end yet */
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
	if (c->ws_is_open) /* until now it was under way */
		c->guard->after(c->guard->owner, 101, 0, 0);
	fetch_free(c->fetch);
	free(c->user_agent);
	free(c);
}

void kube_client_set_guard(struct kube_client *c, const struct kube_guard *guard)
{
	c->guard = guard;
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

/* One exchange, and what its guard said. */
struct exchange {
	const struct kube_request *rq;
	const struct kube_guard *guard; /* NULL: none */
	struct kube_pass pass;
	struct fetch_request fetch;
	struct fetch_answer answer;
	bool (*on_chunk)(void *owner, struct span bytes); /* of a stream */
	void *owner;
	uint64_t received;
	struct buf filtered; /* what the guard's filter gave and nobody took yet */
	struct err failure;  /* of the filter */
};

static int add_guard_fields(const struct exchange *x, const char **fields, size_t *count, struct err *e)
{
	for (const char *const *field = x->pass.fields; field && *field; field++) {
		if (*count + 1 >= FIELDS_MAX)
			return err_set(e, ERR_LIMIT, "a Kubernetes request with more than %d fields",
				       FIELDS_MAX);
		fields[(*count)++] = *field;
	}
	return 0;
}

static int send_request(struct kube_client *c, struct exchange *x, struct err *e)
{
	const struct kube_request *rq = x->rq;
	const char *wanted = x->pass.accept ? x->pass.accept : rq->accept ? rq->accept : KUBE_JSON;
	AUTO_FREE char *url = mem_printf("%s%s", c->target->server, x->pass.path ? x->pass.path : rq->path);
	AUTO_FREE char *accept = mem_printf("Accept: %s", wanted);
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
	if (add_guard_fields(x, fields, &count, e))
		return -1;
	x->fetch.method = rq->method;
	x->fetch.url = url;
	x->fetch.fields = fields;
	x->fetch.body = rq->body;
	x->fetch.timeout_ms = rq->timeout_ms ? rq->timeout_ms : TIMEOUT_MS;
	x->fetch.retry_max = c->retry_max;
	x->fetch.answer_max = c->guard && c->guard->answer_max ? c->guard->answer_max : ANSWER_MAX;
	return limit_time(c, &x->fetch, e) < 0 ? -1 : fetch_do(c->fetch, &x->fetch, &x->answer, e);
}

static bool is_success(int status)
{
	return status >= 200 && status <= 299;
}

/* An answer that is held whole, through the filter. */
static int filter_whole(struct exchange *x, struct err *e)
{
	struct kube_pass *p = &x->pass;

	if (!p->filter || x->on_chunk || !is_success(x->answer.status))
		return 0;
	if (p->filter(p->filter_ctx, buf_span(&x->answer.body), false, &x->filtered, e) < 0 ||
	    p->filter(p->filter_ctx, SPAN_NONE, true, &x->filtered, e) < 0 ||
	    buf_ok(&x->filtered, "the filtered answer", e) < 0)
		return -1;
	buf_free(&x->answer.body);
	x->answer.body = x->filtered;
	x->filtered = (struct buf){ 0 };
	return 0;
}

/* A piece of a stream, through the filter. */
static bool take_chunk(void *owner, struct span bytes)
{
	struct exchange *x = owner;
	struct kube_pass *p = &x->pass;
	bool goes_on = true;

	x->received += bytes.len;
	if (!p->filter)
		return x->on_chunk(x->owner, bytes);
	if (p->filter(p->filter_ctx, bytes, false, &x->filtered, &x->failure) < 0)
		return false;
	if (x->filtered.len)
		goes_on = x->on_chunk(x->owner, buf_span(&x->filtered));
	buf_reset(&x->filtered);
	return goes_on;
}

/* A piece of an answer that is held whole; its room comes from fetch_do. */
static bool hold_chunk(void *owner, struct span bytes)
{
	struct exchange *x = owner;

	if (x->guard->hold(x->guard->owner, x->rq, bytes.len, &x->failure) < 0)
		return false;
	(void)buf_put_span(&x->answer.body, bytes);
	return buf_ok(&x->answer.body, "the server's answer", &x->failure) == 0;
}

/* 0 when there is an answer of any status, in x->answer. */
static int exchange(struct kube_client *c, struct exchange *x, struct err *e)
{
	const struct kube_guard *g = c->guard;
	int rc;

	buf_init(&x->filtered, ANSWER_MAX);
	if (g && g->before(g->owner, x->rq, &x->pass, e) < 0)
		return -1;
	if (x->pass.status) {
		buf_init(&x->answer.body, ANSWER_MAX);
		(void)buf_put_span(&x->answer.body, x->pass.body);
		x->answer.status = x->pass.status;
		return 0;
	}
	x->guard = g;
	x->fetch.owner = x;
	x->fetch.on_chunk = x->on_chunk ? take_chunk : g && g->hold ? hold_chunk : NULL;
	if (g)
		x->fetch.cancel_fd = g->cancel_fd;
	rc = send_request(c, x, e);
	if (g)
		g->after(g->owner, x->answer.status, x->rq->body.len, x->received + x->answer.body.len);
	if (rc == 0 && x->failure.code != ERR_NONE) {
		*e = x->failure;
		rc = -1;
	}
	return rc == 0 ? filter_whole(x, e) : rc;
}

static void exchange_free(struct exchange *x)
{
	fetch_answer_free(&x->answer);
	buf_free(&x->filtered);
}

int kube_do(struct kube_client *c, const struct kube_request *rq, struct kube_answer *ret_answer,
	    struct kube_status *ret_status, struct err *e)
{
	struct exchange x = { .rq = rq };
	int rc;

	*ret_answer = (struct kube_answer){ 0 };
	buf_init(&ret_answer->warnings, TOKEN_MAX);
	if (ret_status)
		*ret_status = (struct kube_status){ 0 };
	rc = exchange(c, &x, e);
	if (rc == 0) {
		ret_answer->status = x.answer.status;
		(void)fetch_answer_field(&x.answer, "content-type", ret_answer->content_type,
					 sizeof(ret_answer->content_type));
		take_warnings(&x.answer, &ret_answer->warnings);
		if (!is_success(x.answer.status))
			rc = refuse(&x.answer, ret_status, e);
	}
	if (rc == 0) {
		ret_answer->body = x.answer.body;
		x.answer.body = (struct buf){ 0 };
	}
	exchange_free(&x);
	return rc;
}

int kube_stream(struct kube_client *c, const struct kube_request *rq,
		bool (*on_chunk)(void *owner, struct span bytes), void *owner,
		struct kube_status *ret_status, struct err *e)
{
	struct exchange x = { .rq = rq, .on_chunk = on_chunk, .owner = owner };
	int rc;

	if (ret_status)
		*ret_status = (struct kube_status){ 0 };
	rc = exchange(c, &x, e);
	if (rc == 0 && !is_success(x.answer.status))
		rc = refuse(&x.answer, ret_status, e);
	exchange_free(&x);
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

/* NULL after a refusal of the guard's, a failure, or another answer than 101; *ret_status says which. */
static struct ws *open_ws(struct kube_client *c, struct exchange *x, const char *protocols,
			  int *ret_status, struct err *e)
{
	const struct fetch_options o = fetch_options_of(c->target, c->user_agent);
	AUTO_FREE char *url = mem_printf("%s%s", c->target->server, x->rq->path);
	AUTO_SECRET char *authorization = NULL;
	const char *fields[FIELDS_MAX] = { NULL };
	const struct ws_request rq = { url, fields, protocols, TIMEOUT_MS };
	size_t count = 0;

	*ret_status = 0;
	if (make_authorization(c->target, &authorization, e))
		return NULL;
	if (authorization)
		fields[count++] = authorization;
	return add_guard_fields(x, fields, &count, e) < 0 ? NULL : ws_open(&o, &rq, ret_status, e);
}

struct ws *kube_open_ws(struct kube_client *c, const char *path, const char *protocols,
			struct kube_status *ret_status, struct err *e)
{
	const struct kube_guard *g = c->guard;
	const struct kube_request rq = { .path = path };
	struct exchange x = { .rq = &rq };
	struct ws *w;
	int status;

	*ret_status = (struct kube_status){ 0 };
	if (g && g->before(g->owner, &rq, &x.pass, e) < 0)
		return NULL;
	if (x.pass.status || x.pass.filter) {
		kube_status_parse(x.pass.body, x.pass.status ? x.pass.status : 403, ret_status);
		(void)kube_status_to_err(ret_status, e);
		return NULL;
	}
	w = open_ws(c, &x, protocols, &status, e);
	c->ws_is_open = w && g;
	if (!w && g)
		g->after(g->owner, status, 0, 0);
	if (!w && status && status != 101)
		explain_refusal(c, path, ret_status, e);
	return w;
}
