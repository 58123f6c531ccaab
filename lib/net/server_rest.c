/* A REST request: its body is read on the loop, its handler runs on a worker, its answer goes out
 * on the loop. */
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/net/server_answer.h"
#include "lib/net/server_inner.h"

#define REST_ANSWER_MAX (64 * 1024 * 1024)
#define REST_FIELDS_MAX (16 * 1024)
#define REST_USER_SIZE 256

/*
 * Owned by the loop until it is submitted, then by the worker until rest_done. It copies what it
 * needs of the stream, which may be gone by then; `gone` is all that the loop tells the worker.
 */
struct rest_job {
	struct request rq;
	struct server *server;
	struct http_stream *stream; /* NULL when the client left; the loop's */
	struct loop_timer *timer; /* while the body is read */
	char *copy; /* the head's fields and texts */
	struct http_head head;
	char params[ROUTE_TEXT_SIZE];
	char peer_ip[48];
	struct buf body;
	bool submitted;
	atomic_bool gone;
	char user[REST_USER_SIZE]; /* for the access log; from the worker */
};

static void rest_free(struct rest_job *job)
{
	job->server->held_bytes -= job->body.len;
	loop_timer_free(job->timer);
	buf_free(&job->body);
	buf_free(&job->rq.answer);
	buf_free(&job->rq.fields);
	free(job->copy);
	free(job);
}

/* Answers before any worker was asked; the job is gone. */
static void rest_refuse(struct rest_job *job, int status, const char *sentence)
{
	struct http_stream *s = job->stream;

	rest_free(job);
	if (status == 503)
		answer_problem_later(s, status, 1, sentence);
	else
		answer_problem(s, status, sentence, NULL);
}

static struct span copy_text(char **at, struct span text)
{
	struct span copy = { *at, text.len };

	if (text.len)
		memcpy(*at, text.at, text.len);
	(*at)[text.len] = '\0';
	*at += text.len + 1;
	return copy;
}

/* Every text of the copy has a NUL behind it. */
static void rest_copy_head(struct rest_job *job, const struct http_head *from)
{
	size_t len = from->field_count * sizeof(struct http_field) + from->method.len +
		     from->scheme.len + from->authority.len + from->target.len + 4;
	struct http_field *fields;
	char *at;

	for (size_t i = 0; i < from->field_count; i++)
		len += from->fields[i].name.len + from->fields[i].value.len + 2;
	job->copy = mem_new(len);
	fields = (struct http_field *)(void *)job->copy;
	at = job->copy + from->field_count * sizeof(*fields);
	for (size_t i = 0; i < from->field_count; i++) {
		fields[i].name = copy_text(&at, from->fields[i].name);
		fields[i].value = copy_text(&at, from->fields[i].value);
	}
	job->head = (struct http_head){ .fields = fields, .field_count = from->field_count };
	job->head.method = copy_text(&at, from->method);
	job->head.scheme = copy_text(&at, from->scheme);
	job->head.authority = copy_text(&at, from->authority);
	job->head.target = copy_text(&at, from->target);
}

static void rest_fill_request(struct rest_job *job, const struct rest_arrival *from)
{
	struct request *rq = &job->rq;
	const struct span *agent = http_field_find(&job->head, "user-agent");
	const struct server_visit *visit = &from->visit->shown;

	rq->app = from->server->o.app;
	rq->route = from->match->route;
	rq->head = &job->head;
	memcpy(job->params, from->match->text, sizeof(job->params));
	for (size_t i = 0; i < ROUTE_PARAM_MAX && from->match->param[i]; i++)
		rq->param[i] = job->params + (from->match->param[i] - from->match->text);
	rq->path = span_from(job->head.target.at, from->path.len);
	rq->query = SPAN_NONE;
	if (from->query.at)
		rq->query = span_from(job->head.target.at + from->path.len + 1, from->query.len);
	memcpy(job->peer_ip, visit->peer_ip, sizeof(job->peer_ip));
	rq->peer_ip = job->peer_ip;
	rq->user_agent = agent ? agent->at : "";
	memcpy(rq->request_id, visit->request_id, sizeof(rq->request_id));
	rq->status = 200;
	rq->content_type = "application/json";
	buf_init(&rq->answer, REST_ANSWER_MAX);
	buf_init(&rq->fields, REST_FIELDS_MAX);
}

static int rest_authorize(const struct server_options *o, struct request *rq, struct err *e)
{
	if (rq->route->access == ACCESS_PUBLIC)
		return 0;
	assert(o->authenticate);
	if (o->authenticate(rq, e) < 0) {
		if (e->code == ERR_AUTH)
			request_add_field(rq, "www-authenticate", "Bearer");
		return -1;
	}
	if (rq->route->access == ACCESS_ADMIN && !(o->is_admin && o->is_admin(rq->identity)))
		return err_set(e, ERR_DENIED, "only an administrator may do this");
	return 0;
}

static int rest_handle(struct rest_job *job, struct err *e)
{
	struct request *rq = &job->rq;

	if (rest_authorize(&job->server->o, rq, e) < 0 || rq->route->handle(rq, e) < 0 ||
	    buf_ok(&rq->answer, "the answer", e) < 0 ||
	    buf_ok(&rq->fields, "the answer's head", e) < 0)
		return -1;
	return 0;
}

/* On the worker: the answer becomes a problem document. */
static void rest_fail(struct rest_job *job, const struct err *e)
{
	struct request *rq = &job->rq;

	if (rq->status < 400)
		rq->status = e->code == ERR_LIMIT && (rq->answer.failed || rq->fields.failed) ?
				     500 :
				     err_http_status(e->code);
	if (rq->status == 503 && rq->fields.len == 0)
		request_add_field(rq, "retry-after", "1");
	if (rq->status >= 500)
		log_event(LOG_WARN, "request failed", LOG_STR("server", job->server->o.name),
			  LOG_STR("route", rq->route->pattern),
			  LOG_STR("request_id", rq->request_id), LOG_STR("reason", e->text));
	buf_free(&rq->answer);
	buf_init(&rq->answer, REST_ANSWER_MAX);
	answer_put_problem(&rq->answer, rq->status, e->text, rq->request_id);
	rq->content_type = "application/problem+json";
}

static void rest_work(void *arg)
{
	struct rest_job *job = arg;
	const struct server_options *o = &job->server->o;
	struct request *rq = &job->rq;
	struct err e = { 0 };

	if (atomic_load(&job->gone)) /* nothing was begun, and nobody waits */
		return;
	if (rest_handle(job, &e) < 0)
		rest_fail(job, &e);
	if (rq->identity && o->identity_name)
		(void)snprintf(job->user, sizeof(job->user), "%s", o->identity_name(rq->identity));
	if (rq->identity && o->identity_free)
		o->identity_free(rq->identity);
	rq->identity = NULL;
}

/* "name: value\r\n" lines as fields. */
static void rest_add_fields(struct answer_fields *fields, const struct buf *lines)
{
	struct span rest = buf_span(lines), line;

	while (rest.len > 0 && span_take_part(&rest, '\n', &line)) {
		ptrdiff_t colon = span_find(line, ':');

		if (colon < 0 || fields->count == ANSWER_FIELD_MAX)
			continue;
		fields->at[fields->count++] = (struct http_field){
			span_from(line.at, (size_t)colon),
			span_trim(span_from(line.at + colon + 1, line.len - (size_t)colon - 2))
		};
	}
}

/* On the loop. */
static void rest_done(void *arg)
{
	struct rest_job *job = arg;
	struct http_stream *s = job->stream;
	struct answer_fields fields = { 0 };

	if (s) {
		if (job->user[0])
			server_stream_set_user(s, job->user);
		rest_add_fields(&fields, &job->rq.fields);
		answer_own(s, job->rq.status, job->rq.content_type, &job->rq.answer, &fields);
	}
	rest_free(job);
}

static void rest_submit(struct rest_job *job)
{
	struct err e;

	loop_timer_free(job->timer);
	job->timer = NULL;
	job->rq.body = buf_span(&job->body);
	job->submitted = true;
	if (pool_submit(job->server->pool, rest_work, rest_done, job, &e) < 0)
		rest_refuse(job, 503, "all workers are busy; try again later");
}

static void rest_on_body(void *owner, struct http_stream *s, struct span bytes)
{
	struct rest_job *job = owner;
	struct server *server = job->server;

	http_stream_consume(s, bytes.len);
	if (bytes.len > SERVER_HELD_MAX - server->held_bytes) {
		rest_refuse(job, 503, "too many request bodies at once; try again later");
		return;
	}
	if (buf_put_span(&job->body, bytes) < 0) {
		if (job->body.no_memory)
			rest_refuse(job, 503, "there is no memory for the body; try again later");
		else
			rest_refuse(job, 413, job->body.max ? "the body is larger than this path takes" :
							      "this path takes no body");
		return;
	}
	server->held_bytes += bytes.len;
}

static void rest_on_end(void *owner, struct http_stream *s, const struct http_field *trailers,
			size_t count)
{
	struct rest_job *job = owner;

	(void)s;
	(void)trailers;
	(void)count;
	if (!job->submitted)
		rest_submit(job);
}

static void rest_on_close(void *owner, struct http_stream *s, const struct err *why)
{
	struct rest_job *job = owner;

	(void)s;
	(void)why;
	job->stream = NULL;
	atomic_store(&job->gone, true);
	if (!job->submitted)
		rest_free(job);
}

static void rest_on_timeout(void *owner)
{
	rest_refuse(owner, 408, "the request's body did not come in time");
}

static const struct http_events rest_events = {
	.on_body = rest_on_body,
	.on_end = rest_on_end,
	.on_close = rest_on_close,
};

/* Whether the head announces more than the route takes. */
static bool rest_is_too_large(const struct http_head *head, size_t body_max)
{
	const struct span *length = http_field_find(head, "content-length");
	uint64_t ignored;

	return length && span_to_u64(*length, body_max, &ignored) < 0;
}

void rest_start(const struct rest_arrival *arrival, struct http_stream *s)
{
	const struct route *route = arrival->match->route;
	struct server *server = arrival->server;
	struct rest_job *job = mem_new(sizeof(*job));

	job->server = server;
	job->stream = s;
	rest_copy_head(job, http_stream_request(s));
	rest_fill_request(job, arrival);
	buf_init(&job->body, route->body_max);
	if (rest_is_too_large(&job->head, route->body_max)) {
		rest_refuse(job, 413,
			    route->body_max ? "the body is larger than this path takes" :
					      "this path takes no body");
		return;
	}
	http_stream_attach(s, &rest_events, job);
	if (http_stream_ended(s)) {
		rest_submit(job);
		return;
	}
	job->timer = loop_timer_new(server->loop, rest_on_timeout, job);
	loop_timer_start(job->timer,
			 server->o.request_timeout_ms ? server->o.request_timeout_ms : 30000, 0);
}
