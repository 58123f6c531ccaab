/* ExecuteCommand on the agent: no API request before central, and then we, have said yes. */
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/gate/agent_command.h"
#include "lib/gate/agent_decide.h"
#include "lib/gate/header_filter.h"
#include "lib/gate/proxy_review.h"
#include "lib/gate/words.h"
#include "lib/kube/status.h"

#define ANSWER_MAX (64 * 1024) /* bytes of an answer of central's */

char **agent_command_identity(const Mk8s__Agent__V1__CommandStart *start)
{
	char **fields = mem_new_array(start->n_roles + 4, sizeof(*fields));
	size_t count = 0;

	fields[count++] = mem_printf("Impersonate-User: mk8s:%s", start->user);
	fields[count++] = mem_dup_str("Impersonate-Group: system:authenticated");
	fields[count++] = mem_dup_str("Impersonate-Group: mk8s:users");
	for (size_t i = 0; i < start->n_roles; i++)
		fields[count++] = mem_printf("Impersonate-Group: mk8s:role:%s", start->roles[i]);
	return fields;
}

void agent_command_question_free(struct command_question *q)
{
	buf_free(&q->body);
	proxy_filter_free(q->filter);
	free(q->path);
	*q = (struct command_question){ .number = q->number };
}

static struct http_head question_head(const struct kube_request *rq, struct http_field *fields)
{
	size_t count = 0;

	fields[count++] = (struct http_field){ SPAN("accept"),
					       span_of(rq->accept ? rq->accept : KUBE_JSON) };
	if (rq->body.len)
		fields[count++] = (struct http_field){
			SPAN("content-type"), span_of(rq->content_type ? rq->content_type : KUBE_JSON)
		};
	return (struct http_head){ .method = span_of(rq->method ? rq->method : "GET"),
				   .target = span_of(rq->path),
				   .fields = fields,
				   .field_count = count };
}

/* The answer is given to kubectl as if the API server had said so. */
static void answer_status(struct command_question *q, int status, const char *message)
{
	struct kube_failure f = { .code = status, .message = message };

	buf_reset(&q->body);
	(void)kube_status_put(&q->body, &f);
	q->pass.status = status;
	q->pass.body = buf_span(&q->body);
}

/* What of a list over all namespaces the command may see, which is what central found, too. */
static int limit_answer(struct agent_command *c, const Mk8s__Agent__V1__CommandDecision *d,
			const struct request_info *info, const struct http_head *head, struct err *e)
{
	struct command_question *q = &c->question;
	char **names = mem_new_array(d->n_only_namespaces + 1, sizeof(*names));
	struct proxy_filter_options o = { .namespaces = names,
					  .info = info,
					  .request = head,
					  .target = head->target,
					  .seal_key = c->seal_key,
					  .user_id = c->start->user,
					  .cluster_id = c->start->id };
	int status;

	for (size_t i = 0; i < d->n_only_namespaces; i++)
		names[i] = mem_dup_str(d->only_namespaces[i]);
	status = proxy_filter_new(&o, &q->filter, e);
	if (status) {
		answer_status(q, status, e->text);
		return 0;
	}
	q->path = span_dup(proxy_filter_target(q->filter));
	q->pass.path = q->path;
	q->pass.accept = proxy_filter_accept(q->filter);
	q->pass.filter = proxy_filter_body;
	q->pass.filter_ctx = q->filter;
	return 0;
}

/* Central lets it pass: our own decision, with the same rules, and what goes along. */
static int pass_request(struct agent_command *c, const Mk8s__Agent__V1__CommandDecision *d,
			struct err *e)
{
	struct command_question *q = &c->question;
	AUTO_FREE struct request_info *info = mem_new(sizeof(*info));
	struct http_field fields[2];
	struct http_head head = question_head(q->request, fields);
	struct agent_question asked = { .rules = c->rules,
					.rules_sha256 = span_of(d->rules),
					.user = span_of(c->start->user),
					.method = head.method,
					.target = head.target,
					.apply_patch = header_is_apply_patch(&head) };
	struct authz_answer answer;
	size_t count = 0;

	if (agent_decide(c->agent, &asked, info, &answer, e) < 0) {
		answer_status(q, e->code == ERR_NOT_FOUND ? 503 : err_http_status(e->code), e->text);
		return 0;
	}
	if (answer.filtered != (d->n_only_namespaces > 0))
		return err_set(e, ERR_PROTOCOL, "central and the agent read the rules differently");
	(void)snprintf(q->audit_field, sizeof(q->audit_field), "Audit-ID: %.40s", d->audit_id);
	q->fields[count++] = q->audit_field;
	for (char **field = c->identity; field && *field && count + 1 < COUNT_OF(q->fields); field++)
		q->fields[count++] = *field;
	q->pass.fields = q->fields;
	return answer.filtered ? limit_answer(c, d, info, &head, e) : 0;
}

static int take_decision(struct agent_command *c, const Mk8s__Agent__V1__CommandDecision *d,
			 struct err *e)
{
	struct command_question *q = &c->question;

	if (!q->request || q->decided || d->number != q->number ||
	    (d->status && (d->status < 200 || d->status > 599)))
		return -1;
	q->decided = true;
	if (!d->status) {
		if (pass_request(c, d, e) < 0)
			q->refused = *e;
		return 0;
	}
	(void)buf_put(&q->body, d->body.data, d->body.len);
	q->pass.status = (int)d->status;
	q->pass.body = buf_span(&q->body);
	return 0;
}

int agent_command_decide(struct agent_command *c, const Mk8s__Agent__V1__CommandDecision *d,
			 struct err *e)
{
	int result;

	(void)pthread_mutex_lock(&c->lock);
	/* Over already: kubectl asks no more, and does not hear the answer. */
	result = agent_command_is_over(c) ? 0 : take_decision(c, d, e);
	(void)pthread_cond_broadcast(&c->changed);
	(void)pthread_mutex_unlock(&c->lock);
	return result;
}

/* The worker's side. */

/* Central reads what a review asks. */
static struct span review_body(const struct kube_request *rq)
{
	AUTO_FREE struct request_info *info = mem_new(sizeof(*info));
	struct err e;

	if (rq->body.len &&
	    request_info_parse(info, span_of(rq->method ? rq->method : "GET"), span_of(rq->path), &e) == 0 &&
	    proxy_review_kind(info) != PROXY_REVIEW_NONE)
		return rq->body;
	return SPAN_NONE;
}

static bool put_request(struct agent_command *c, const struct kube_request *rq, uint32_t number)
{
	Mk8s__Agent__V1__CommandEvent event = MK8S__AGENT__V1__COMMAND_EVENT__INIT;
	Mk8s__Agent__V1__CommandRequest asked = MK8S__AGENT__V1__COMMAND_REQUEST__INIT;
	struct span body = review_body(rq);

	asked.number = number;
	asked.method = (char *)(rq->method ? rq->method : "GET");
	asked.target = (char *)rq->path;
	if (rq->body.len)
		asked.content_type = (char *)(rq->content_type ? rq->content_type : KUBE_JSON);
	asked.body.data = (uint8_t *)body.at;
	asked.body.len = body.len;
	event.event_case = MK8S__AGENT__V1__COMMAND_EVENT__EVENT_REQUEST;
	event.request = &asked;
	return agent_command_put(c, &event);
}

int agent_command_before(void *owner, const struct kube_request *rq, struct kube_pass *ret_pass,
			 struct err *e)
{
	struct agent_command *c = owner;
	struct command_question *q = &c->question;
	uint32_t number;

	agent_command_memory_begin(c, rq->path);
	(void)pthread_mutex_lock(&c->lock);
	agent_command_question_free(q);
	buf_init(&q->body, ANSWER_MAX);
	q->request = rq;
	number = ++q->number;
	(void)pthread_mutex_unlock(&c->lock);
	(void)put_request(c, rq, number);
	(void)pthread_mutex_lock(&c->lock);
	while (!q->decided && !agent_command_is_over(c))
		agent_command_wait(c);
	q->request = NULL;
	if (!q->decided)
		(void)err_set(&q->refused, ERR_TIMEOUT, "the command was ended");
	*ret_pass = q->pass;
	*e = q->refused;
	(void)pthread_mutex_unlock(&c->lock);
	return e->code == ERR_NONE ? 0 : -1;
}

void agent_command_after(void *owner, int status, uint64_t bytes_sent, uint64_t bytes_received)
{
	struct agent_command *c = owner;
	Mk8s__Agent__V1__CommandEvent event = MK8S__AGENT__V1__COMMAND_EVENT__INIT;
	Mk8s__Agent__V1__CommandRequestDone done = MK8S__AGENT__V1__COMMAND_REQUEST_DONE__INIT;

	done.number = c->question.number;
	done.status = (uint32_t)status;
	done.bytes_sent = bytes_sent;
	done.bytes_received = bytes_received;
	event.event_case = MK8S__AGENT__V1__COMMAND_EVENT__EVENT_REQUEST_DONE;
	event.request_done = &done;
	(void)agent_command_put(c, &event);
}
