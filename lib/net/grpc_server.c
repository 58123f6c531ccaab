/* Unary gRPC, the server's side: the message is read on the loop, the handler runs on a worker. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/net/grpc_wire.h"
#include "lib/net/loop.h"
#include "lib/net/pool.h"
#include "lib/net/server_answer.h"

#define GRPC_SENTENCE_MAX 1300 /* a sentence of struct err, every byte as %XX */

/* The loop's until it is submitted, then shared: the worker has `call` to itself, the loop the
 * rest. */
struct grpc_job {
	struct grpc_server_options o;
	const struct grpc_method *method;
	struct http_stream *stream; /* NULL once answered or closed */
	struct loop_timer *timer; /* the deadline */
	struct buf message; /* with its frame head */
	bool submitted;
	atomic_bool gone;
	struct grpc_call call;
	enum grpc_status status; /* from the worker */
	struct err err;
	char *peer_cert;
	char peer_ip[48];
};

static void job_free(struct grpc_job *job)
{
	if (job->o.held_bytes)
		*job->o.held_bytes -= job->message.len;
	loop_timer_free(job->timer);
	buf_free(&job->message);
	buf_free(&job->call.answer);
	free(job->peer_cert);
	free(job);
}

/* Trailers-Only; 200 unless `http_status` says otherwise. */
static void refuse(struct http_stream *s, enum grpc_status status, const char *sentence,
		   bool say_encodings)
{
	AUTO_BUF struct buf message;
	struct answer_fields fields = { 0 };
	char number[8];

	buf_init(&message, GRPC_SENTENCE_MAX);
	grpc_message_encode(sentence, &message);
	(void)snprintf(number, sizeof(number), "%d", (int)status);
	answer_add_field(&fields, "content-type", SPAN("application/grpc"));
	answer_add_field(&fields, "grpc-status", span_of(number));
	if (message.len)
		answer_add_field(&fields, "grpc-message", buf_span(&message));
	if (say_encodings)
		answer_add_field(&fields, "grpc-accept-encoding", SPAN("identity"));
	answer_stream(s,
		      &(struct http_head){
			      .status = 200, .fields = fields.at, .field_count = fields.count },
		      NULL, NULL, 0);
}

void grpc_refuse(struct http_stream *s, enum grpc_status status, const char *sentence)
{
	refuse(s, status, sentence, false);
}

static void serve_status(const struct grpc_server_options *o, struct http_stream *s,
			 enum grpc_status status)
{
	if (o->on_status)
		o->on_status(s, status);
}

/* Takes the stream from the job and ends it with a status. */
static void job_refuse(struct grpc_job *job, enum grpc_status status, const char *sentence)
{
	struct http_stream *s = job->stream;

	job->stream = NULL;
	serve_status(&job->o, s, status);
	grpc_refuse(s, status, sentence);
}

static void job_answer(struct grpc_job *job)
{
	static const struct http_field fields[] = { { SPAN("content-type"),
						      SPAN("application/grpc") } };
	static const struct http_field trailers[] = { { SPAN("grpc-status"), SPAN("0") } };
	struct http_stream *s = job->stream;
	AUTO_BUF struct buf frame;

	job->stream = NULL;
	buf_init(&frame, GRPC_FRAME_HEAD + GRPC_MESSAGE_MAX);
	grpc_frame_put(&frame, buf_span(&job->call.answer));
	serve_status(&job->o, s, GRPC_OK);
	answer_stream(s,
		      &(struct http_head){
			      .status = 200, .fields = fields, .field_count = COUNT_OF(fields) },
		      &frame, trailers, COUNT_OF(trailers));
}

static void job_work(void *arg)
{
	struct grpc_job *job = arg;

	if (atomic_load(&job->gone)) /* nobody waits any more */
		return;
	job->status = job->method->handle(&job->call, &job->err);
	if (job->status == GRPC_OK && buf_ok(&job->call.answer, "the answer", &job->err) < 0)
		job->status = GRPC_RESOURCE_EXHAUSTED;
}

static void job_done(void *arg)
{
	struct grpc_job *job = arg;

	if (job->stream && job->status == GRPC_OK)
		job_answer(job);
	else if (job->stream)
		job_refuse(job, job->status, job->err.text);
	job_free(job);
}

static void job_submit(struct grpc_job *job, struct span message)
{
	struct err e;

	job->call.message = message;
	job->submitted = true;
	if (pool_submit(job->o.pool, job_work, job_done, job, &e) == 0)
		return;
	job_refuse(job, GRPC_UNAVAILABLE, "all workers are busy; try again later");
	job_free(job);
}

/* Before it was submitted. */
static void job_drop(struct grpc_job *job, enum grpc_status status, const char *sentence)
{
	job_refuse(job, status, sentence);
	job_free(job);
}

static void on_body(void *owner, struct http_stream *s, struct span bytes)
{
	struct grpc_job *job = owner;
	struct span message;
	enum grpc_status status;
	struct err e;

	http_stream_consume(s, bytes.len);
	if (job->o.held_bytes && bytes.len > job->o.held_max - *job->o.held_bytes) {
		job_drop(job, GRPC_RESOURCE_EXHAUSTED,
			 "too many messages at once; try again later");
		return;
	}
	if (buf_put_span(&job->message, bytes) < 0) { /* holds one message of the largest size */
		struct span front = buf_span(&job->message);

		status = grpc_frame_read(front, false, &message, &e);
		if (status == GRPC_OK)
			job_drop(job, GRPC_INTERNAL, "a unary call has exactly one message");
		else
			job_drop(job, status, e.text);
		return;
	}
	if (job->o.held_bytes)
		*job->o.held_bytes += bytes.len;
	status = grpc_frame_read(buf_span(&job->message), false, &message, &e);
	if (status != GRPC_OK)
		job_drop(job, status, e.text);
}

static void on_end(void *owner, struct http_stream *s, const struct http_field *trailers,
		   size_t count)
{
	struct grpc_job *job = owner;
	struct span message;
	enum grpc_status status;
	struct err e;

	(void)s;
	(void)trailers;
	(void)count;
	if (job->submitted)
		return;
	status = grpc_frame_read(buf_span(&job->message), true, &message, &e);
	if (status != GRPC_OK)
		job_drop(job, status, e.text);
	else
		job_submit(job, message);
}

static void on_close(void *owner, struct http_stream *s, const struct err *why)
{
	struct grpc_job *job = owner;

	(void)s;
	(void)why;
	job->stream = NULL;
	atomic_store(&job->gone, true);
	if (!job->submitted)
		job_free(job);
	else
		loop_timer_stop(job->timer);
}

static void on_deadline(void *owner)
{
	struct grpc_job *job = owner;

	atomic_store(&job->gone, true);
	if (job->stream)
		job_refuse(job, GRPC_DEADLINE_EXCEEDED, "the deadline of the call has passed");
	if (!job->submitted)
		job_free(job);
}

static const struct http_events job_events = { .on_body = on_body,
					       .on_end = on_end,
					       .on_close = on_close };

static const struct grpc_method *method_find(const struct grpc_server_options *o, struct span path)
{
	for (size_t i = 0; i < o->method_count; i++)
		if (span_equal_str(path, o->methods[i].path))
			return &o->methods[i];
	return NULL;
}

/* What the head alone can be refused for. GRPC_OK: *ret_method and *ret_timeout_ms are set. */
static enum grpc_status head_check(const struct grpc_server_options *o, const struct http_stream *s,
				   const struct grpc_method **ret_method, uint64_t *ret_timeout_ms,
				   struct err *e)
{
	const struct http_head *head = http_stream_request(s);
	const struct span *te = http_field_find(head, "te");
	const struct span *encoding = http_field_find(head, "grpc-encoding");
	const struct span *timeout = http_field_find(head, "grpc-timeout");

	*ret_timeout_ms = GRPC_TIMEOUT_MAX_MS;
	*ret_method = method_find(o, head->target);
	(void)err_set(e, ERR_INPUT, "this server has no such method");
	if (!*ret_method)
		return GRPC_UNIMPLEMENTED;
	(void)err_set(e, ERR_INPUT, "messages may only be encoded as identity");
	if (encoding && !span_equal_str(*encoding, "identity"))
		return GRPC_UNIMPLEMENTED;
	(void)err_set(e, ERR_PROTOCOL,
		      "the head lacks te: trailers; something on the way does not pass trailers");
	if (!te || !span_equal_nocase(span_trim(*te), SPAN("trailers")))
		return GRPC_INTERNAL;
	(void)err_set(e, ERR_PROTOCOL,
		      "grpc-timeout must be at most eight digits and one of H, M, S, m, u, n");
	if (timeout && grpc_timeout_parse(*timeout, ret_timeout_ms) < 0)
		return GRPC_INTERNAL;
	(void)err_set(e, ERR_DENIED, "this method needs a client certificate");
	if ((*ret_method)->needs_cert && http_stream_peer_cert(s).len == 0)
		return GRPC_PERMISSION_DENIED;
	err_clear(e);
	return GRPC_OK;
}

static void job_start(const struct grpc_server_options *o, struct http_stream *s,
		      const struct grpc_method *method, uint64_t timeout_ms)
{
	struct grpc_job *job = mem_new(sizeof(*job));
	struct span cert = http_stream_peer_cert(s);

	if (timeout_ms > GRPC_TIMEOUT_MAX_MS)
		timeout_ms = GRPC_TIMEOUT_MAX_MS;
	job->o = *o;
	job->method = method;
	job->stream = s;
	buf_init(&job->message, GRPC_FRAME_HEAD + GRPC_MESSAGE_MAX);
	job->peer_cert = mem_dup(cert.at, cert.len);
	(void)snprintf(job->peer_ip, sizeof(job->peer_ip), "%s", http_stream_peer_ip(s));
	job->call = (struct grpc_call){ .app = o->app,
					.peer_cert = span_from(job->peer_cert, cert.len),
					.peer_ip = job->peer_ip,
					.deadline_mono_ms = clock_mono_ms() + timeout_ms };
	buf_init(&job->call.answer, GRPC_MESSAGE_MAX);
	job->timer = loop_timer_new(o->loop, on_deadline, job);
	loop_timer_start(job->timer, timeout_ms, 0);
	http_stream_attach(s, &job_events, job);
	if (http_stream_ended(s))
		on_end(job, s, NULL, 0);
}

void grpc_serve(const struct grpc_server_options *o, struct http_stream *s)
{
	const struct http_head *head = http_stream_request(s);
	const struct span *type = http_field_find(head, "content-type");
	struct answer_fields post = { 0 };
	const struct grpc_method *method;
	uint64_t timeout_ms;
	enum grpc_status status;
	struct err e;

	answer_add_field(&post, "allow", SPAN("POST"));
	if (!span_equal_str(head->method, "POST")) {
		answer_problem(s, 405, "gRPC calls are POST", &post);
		return;
	}
	if (!type || !grpc_is_content_type(*type)) {
		answer_problem(s, 415, "the content type must be application/grpc", NULL);
		return;
	}
	status = head_check(o, s, &method, &timeout_ms, &e);
	if (status == GRPC_OK) {
		job_start(o, s, method, timeout_ms);
		return;
	}
	serve_status(o, s, status);
	refuse(s, status, e.text, http_field_find(head, "grpc-encoding") != NULL);
}
