/* A command's requests to the Kubernetes API: decided and audited as those of the pass-through. */
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/gate/command.h"
#include "lib/gate/proxy_audit.h"
#include "lib/gate/proxy_decide.h"
#include "lib/gate/proxy_record.h"
#include "lib/gate/words.h"

/* What a struct proxied borrows from its request, here from the agent's message. */
struct command_ask {
	struct command *command; /* NULL once the request or the command has ended */
	uint32_t number;
	uint64_t started_us;
	char *method, *target, *content_type;
	struct http_field fields[2];
	struct http_head head;
};

static void ask_free(struct proxied *p)
{
	struct command_ask *ask = p->ask;

	free(ask->method);
	free(ask->target);
	free(ask->content_type);
	free(ask);
}

/* The request is over: its `complete` row. It is freed when its callbacks have come. */
static void ask_over(struct proxied *p, const struct http_stats *result, const struct err *why)
{
	struct http_stats stats = *result;

	stats.started_us = p->ask->started_us;
	proxied_audit_complete(p, &stats, why);
	p->ended = true;
	if (p->ask->command)
		p->ask->command->ask = NULL;
	p->ask->command = NULL;
}

static void send_decision(struct proxied *p, Mk8s__Agent__V1__CommandDecision *decision)
{
	Mk8s__Agent__V1__CommandInput input = MK8S__AGENT__V1__COMMAND_INPUT__INIT;

	decision->number = p->ask->number;
	input.input_case = MK8S__AGENT__V1__COMMAND_INPUT__INPUT_DECISION;
	input.decision = decision;
	(void)command_send(p->ask->command, &input);
}

static void send_proceed(struct proxied *p)
{
	Mk8s__Agent__V1__CommandDecision decision = MK8S__AGENT__V1__COMMAND_DECISION__INIT;

	p->ask->command->forwarded = true;
	decision.audit_id = p->id;
	decision.rules = p->rules_sha256;
	decision.only_namespaces = p->only_namespaces;
	decision.n_only_namespaces = words_count((const char *const *)p->only_namespaces);
	send_decision(p, &decision);
}

static void ask_taught(void *owner, const struct err *why)
{
	struct proxied *p = owner;

	p->pending--;
	if (!p->ended && why->code == ERR_NONE)
		send_proceed(p);
	else if (!p->ended)
		proxied_refuse(p, 503, "the cluster's agent did not take the user's rules",
			       PROXY_RETRY_AFTER_S);
	proxied_free_if_unused(p);
}

static void ask_forward(struct proxied *p)
{
	struct tunnel_link *k = p->ask->command->link;

	if (tunnel_link_knows(k, p->rules_sha256)) {
		send_proceed(p);
		return;
	}
	p->pending++;
	tunnel_link_teach(k, p->rules_sha256, span_of(p->rules_json), ask_taught, p);
}

static void ask_answer(struct proxied *p, int status, struct span body, unsigned retry_after_s UNUSED)
{
	Mk8s__Agent__V1__CommandDecision decision = MK8S__AGENT__V1__COMMAND_DECISION__INIT;
	const struct http_stats stats = { .status = status, .bytes_out = body.len };
	const struct err none = { 0 };

	decision.status = (uint32_t)status;
	decision.body.data = (uint8_t *)body.at;
	decision.body.len = body.len;
	p->pending++; /* sending may end the command, and with it this */
	send_decision(p, &decision);
	p->pending--;
	if (!p->ended)
		ask_over(p, &stats, &none);
}

static void ask_abort(struct proxied *p, const struct err *why)
{
	command_fail(p->ask->command, 403, 0, why->text);
}

static const struct proxied_outlet ask_outlet = { ask_forward, ask_answer, ask_abort, ask_free };

static struct command_ask *ask_new(struct command *c, const Mk8s__Agent__V1__CommandRequest *rq)
{
	struct command_ask *ask = mem_new(sizeof(*ask));
	size_t count = 0;

	ask->command = c;
	ask->number = rq->number;
	ask->started_us = clock_mono_us();
	ask->method = mem_dup_str(rq->method);
	ask->target = mem_dup_str(rq->target);
	ask->content_type = mem_dup_str(rq->content_type);
	ask->fields[count++] = (struct http_field){ SPAN("user-agent"), span_of(c->user_agent) };
	if (*ask->content_type)
		ask->fields[count++] =
			(struct http_field){ SPAN("content-type"), span_of(ask->content_type) };
	ask->head = (struct http_head){ .method = span_of(ask->method),
					.target = span_of(ask->target),
					.fields = ask->fields,
					.field_count = count };
	return ask;
}

static struct proxied *proxied_of(struct command *c, const struct snapshot_user *user,
				  struct command_ask *ask)
{
	struct proxied *p = proxied_new(c->central, &ask->head, c->source);

	p->outlet = &ask_outlet;
	p->ask = ask;
	p->target = ask->head.target;
	free(p->command);
	p->command = mem_dup_str(c->text);
	memcpy(p->sid, c->sid, sizeof(p->sid));
	memcpy(p->cluster_id, c->cluster_id, sizeof(p->cluster_id));
	memcpy(p->cluster, c->cluster, sizeof(p->cluster));
	p->token_expires_unix_s = c->token_expires_unix_s;
	proxied_keep_user(p, user);
	return p;
}

void command_asked(struct command *c, const Mk8s__Agent__V1__CommandRequest *rq)
{
	const struct snapshot_user *user =
		snapshot_session_user(c->central->snapshot, c->sid, clock_unix_s());
	struct err e = { 0 };
	struct proxied *p;
	int status;

	if (c->ask || rq->number != c->asked + 1) {
		command_fail(c, 502, 0, "the cluster's agent asked about requests out of order");
		return;
	}
	if (!user) {
		command_fail(c, 401, 0, "not signed in: the session has ended; try mk8s login");
		return;
	}
	c->asked++;
	p = c->ask = proxied_of(c, user, ask_new(c, rq));
	status = request_path_check(p->target, &e) < 0 ? 400 : proxied_authorize(p, user, &e);
	if (!status)
		status = proxy_record_check(p, &e);
	p->pending++; /* it may end at once */
	proxied_go_on(p, status, &e);
	if (!status && p->review && !p->ended)
		proxied_go_on_review(p, span_from(rq->body.data, rq->body.len));
	p->pending--;
	proxied_free_if_unused(p);
}

void command_ask_done(struct command *c, const Mk8s__Agent__V1__CommandRequestDone *done)
{
	const struct http_stats stats = { .status = done->status <= 599 ? (int)done->status : 0,
					  .bytes_in = done->bytes_sent,
					  .bytes_out = done->bytes_received };
	const struct err none = { 0 };
	struct proxied *p = c->ask;

	if (!p || p->pending || done->number != p->ask->number) {
		command_fail(c, 502, 0, "the cluster's agent told of requests out of order");
		return;
	}
	ask_over(p, &stats, &none);
	proxied_free_if_unused(p);
}

void command_ask_end(struct command *c, int status)
{
	const struct http_stats stats = { .status = status };
	struct proxied *p = c->ask;
	struct err why = { 0 };

	if (!p)
		return;
	if (status == 401 || status == 403 || status == 404)
		(void)err_set(&why, ERR_DENIED, "the session ended or the right was taken away");
	ask_over(p, &stats, &why);
	proxied_free_if_unused(p);
}
