/*
 * What central asks on a reversed connection: hello, rules, bulk, and Kubernetes requests, which
 * are decided again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/gate/agent_command.h"
#include "lib/gate/agent_decide.h"
#include "lib/gate/agent_explain.h"
#include "lib/gate/header_filter.h"
#include "lib/gate/relay.h"
#include "lib/gate/upgrade.h"
#include "lib/kube/status.h"
#include "lib/net/server.h"

#define RULES_PREFIX "/mk8s/rules/"
#define PROXY_PREFIX "/k8s"

/* One Kubernetes request. */
struct served {
	struct agent *agent;
	struct relay *relay;
	struct agent_rules *rules;
	struct agent_explain explain;
};

static const struct span *field(const struct http_head *head, const char *name)
{
	static const struct span none = { "", 0 };
	const struct span *found = http_field_find(head, name);

	return found ? found : &none;
}

static void served_refuse(struct relay *r, int status, const char *message)
{
	struct kube_failure f = { .code = status, .message = message };
	AUTO_BUF struct buf body;

	buf_init(&body, 16 * 1024);
	(void)kube_status_put(&body, &f);
	relay_refuse(r, status, "application/json", buf_span(&body), 0);
}

/*
 * Only the fields of proto/REVERSE.md come over the tunnel: another one means a peer that is not
 * central.
 */
static bool fields_allowed(const struct http_head *head)
{
	static const char *const ours[] = { "mk8s-user", "mk8s-roles", "mk8s-rules", "audit-id" };
	struct header_list passed;
	size_t known;

	AUTO_BUF struct buf texts;

	header_filter_request(head, &passed);
	header_filter_upgrade(head, &passed, &texts);
	known = passed.count + (head->protocol.len > 0); /* mk8s-method */
	for (size_t i = 0; i < COUNT_OF(ours); i++) {
		if (http_field_count(head, ours[i]) != 1)
			return false;
		known++;
	}
	return known == head->field_count;
}

/* The agent's own decision, by the same function that central used. */
static int served_decide(struct served *v, struct span target, struct err *e)
{
	const struct http_head *head = relay_request(v->relay);
	AUTO_FREE struct request_info *info = mem_new(sizeof(*info));
	struct agent_question q = {
		.rules = v->rules,
		.rules_sha256 = *field(head, "mk8s-rules"),
		.user = *field(head, "mk8s-user"),
		.method = upgrade_method(head),
		.target = target,
		.apply_patch = header_is_apply_patch(head),
	};
	struct authz_answer answer;

	return agent_decide(v->agent, &q, info, &answer, e);
}

/* Identity last, after everything the client sent is gone (gateway attacks A01, A02). */
static void add_identity(struct header_list *fields, const struct http_head *head,
			 struct buf *names)
{
	struct span rest = *field(head, "mk8s-roles"), role;
	size_t at;

	(void)buf_printf(names, "mk8s:%.*s", SPAN_ARG(*field(head, "mk8s-user")));
	header_list_add(fields, "impersonate-user", buf_span(names));
	header_list_add(fields, "impersonate-group", SPAN("system:authenticated"));
	header_list_add(fields, "impersonate-group", SPAN("mk8s:users"));
	while (span_take_part(&rest, ',', &role)) {
		if (!role.len || fields->count + 4 > HEADER_FILTER_MAX)
			continue;
		at = names->len;
		(void)buf_printf(names, "mk8s:role:%.*s", SPAN_ARG(role));
		header_list_add(fields, "impersonate-group", span_from(names->at + at, names->len - at));
	}
}

static void served_forward(struct served *v, struct span target)
{
	const struct http_head *head = relay_request(v->relay);
	bool ended = relay_request_ended(v->relay);
	struct http_head asked = { .method = upgrade_method(head),
				   .target = target,
				   .protocol = head->protocol };
	struct header_list fields;
	AUTO_BUF struct buf names;
	AUTO_BUF struct buf texts;

	buf_init(&names, 64 * 1024);
	(void)buf_reserve(&names, 16 * 1024); /* fields borrow from it: it must not move */
	header_filter_request(head, &fields);
	header_filter_upgrade(head, &fields, &texts);
	header_list_add(&fields, "audit-id", *field(head, "audit-id"));
	if (v->agent->config->impersonate)
		add_identity(&fields, head, &names);
	relay_connect(v->relay,
		      agent_upstream_request(v->agent->upstream, &asked, &fields, ended,
					     &relay_upstream, v->relay),
		      ended);
}

/* A 403 that may be about the agent's own rights: its body may become longer. */
static void explain(struct served *v, struct header_list *fields)
{
	size_t kept = 0;

	for (size_t i = 0; i < fields->count; i++) {
		if (!span_equal_str(fields->at[i].name, "content-length"))
			fields->at[kept++] = fields->at[i];
	}
	fields->count = kept;
	relay_set_filter(v->relay, agent_explain_body, &v->explain);
}

static void served_head(void *owner, struct relay *r, const struct http_head *head)
{
	struct header_list fields;
	struct http_head answer = { .status = head->status };
	bool granted;

	if (head->status == 401) { /* it is the agent who is not known there; the user is signed in */
		served_refuse(r, 502, "the API server does not accept the agent's own credential");
		return;
	}
	if (!upgrade_answer(relay_request(r), head, &answer, &fields, &granted)) {
		served_refuse(r, 502, "the API server answered an upgrade without granting or refusing it");
		return;
	}
	if (!granted)
		header_filter_answer(head, &fields);
	if (!granted && agent_explain_wants(head) && !span_equal_str(relay_request(r)->method, "HEAD"))
		explain(owner, &fields);
	answer.fields = fields.at;
	answer.field_count = fields.count;
	relay_answer(r, &answer);
}

static void served_failed(void *owner UNUSED, struct relay *r, const struct err *why)
{
	char message[sizeof(why->text) + 80];

	(void)snprintf(message, sizeof(message), "the agent cannot reach its API server: %s",
		       why->text);
	served_refuse(r, why->code == ERR_TIMEOUT ? 504 : why->code == ERR_BUSY ? 503 : 502, message);
}

static void served_done(void *owner, struct relay *r UNUSED, const struct err *why UNUSED)
{
	struct served *v = owner;

	agent_explain_free(&v->explain);
	free(v);
}

static void serve_kubernetes(struct agent_link *k, struct http_stream *s)
{
	static const struct relay_events events = {
		.on_head = served_head,
		.on_failed = served_failed,
		.on_done = served_done,
	};
	const struct http_head *head = http_stream_request(s);
	struct span target = span_from(head->target.at + sizeof(PROXY_PREFIX) - 1,
				       head->target.len - (sizeof(PROXY_PREFIX) - 1));
	struct served *v = mem_new(sizeof(*v));
	struct err e = { 0 };

	v->agent = agent_link_agent(k);
	v->rules = agent_link_rules(k);
	agent_explain_init(&v->explain, v->agent->config->cluster_name);
	v->relay = relay_new(s, &events, v);
	if (!fields_allowed(head))
		served_refuse(v->relay, 400, "agent: the request has fields that no central sends");
	else if (served_decide(v, target, &e) < 0)
		served_refuse(v->relay, e.code == ERR_NOT_FOUND ? 428 : err_http_status(e.code), e.text);
	else
		served_forward(v, target);
}

/* Rules arrive as a body. */
struct rules_upload {
	struct agent_link *link;
	char sha256[80];
	struct buf body;
};

static void answer_empty(struct http_stream *s, int status)
{
	struct http_head head = { .status = status };
	struct err e = { 0 };

	if (http_stream_answer(s, &head, true, &e) < 0)
		http_stream_reset(s, HTTP_RESET_INTERNAL);
}

static void rules_body(void *owner, struct http_stream *s, struct span bytes)
{
	struct rules_upload *u = owner;

	(void)buf_put_span(&u->body, bytes); /* asked for at the end */
	http_stream_consume(s, bytes.len);
}

static void rules_end(void *owner, struct http_stream *s, const struct http_field *trailers UNUSED,
		      size_t count UNUSED)
{
	struct rules_upload *u = owner;
	struct err e = { 0 };

	if (buf_ok(&u->body, "the role document", &e) < 0 ||
	    agent_rules_put(agent_link_rules(u->link), span_of(u->sha256), buf_span(&u->body), &e) < 0) {
		log_event(LOG_WARN, "rules refused", LOG_STR("error", e.text));
		answer_empty(s, 400);
		return;
	}
	answer_empty(s, 204);
}

static void rules_close(void *owner, struct http_stream *s UNUSED, const struct err *why UNUSED)
{
	struct rules_upload *u = owner;

	buf_free(&u->body);
	free(u);
}

static void serve_rules(struct agent_link *k, struct http_stream *s)
{
	static const struct http_events events = { .on_body = rules_body,
						   .on_end = rules_end,
						   .on_close = rules_close };
	struct span target = http_stream_request(s)->target;
	struct rules_upload *u = mem_new(sizeof(*u));

	u->link = k;
	buf_init(&u->body, AGENT_RULES_BODY_MAX);
	(void)span_to_str(span_from(target.at + sizeof(RULES_PREFIX) - 1,
				    target.len - (sizeof(RULES_PREFIX) - 1)),
			  u->sha256, sizeof(u->sha256));
	http_stream_attach(s, &events, u);
}

static void serve_hello(struct agent_link *k, struct http_stream *s)
{
	AUTO_FREE char *hello = mem_printf("{\"instance\":\"%s\",\"kind\":\"%s\",\"agent_version\":\"%s\"}",
					   agent_link_agent(k)->instance, agent_link_is_bulk(k) ? "bulk" : "main",
					   MK8S_VERSION);

	server_stream_answer(s, 200, "application/json", span_of(hello));
	agent_link_greeted(k);
}

void agent_serve(void *owner, struct http_stream *s)
{
	struct agent_link *k = owner;
	const struct http_head *head = http_stream_request(s);
	bool is_get = span_equal_str(head->method, "GET"), is_put = span_equal_str(head->method, "PUT");

	if (span_starts(head->target, SPAN(PROXY_PREFIX "/"))) {
		serve_kubernetes(k, s);
	} else if (is_put && span_starts(head->target, SPAN(RULES_PREFIX))) {
		serve_rules(k, s);
	} else if (span_equal_str(head->target, AGENT_METHOD("ExecuteCommand"))) {
		agent_command_serve(k, s);
	} else if (is_get && span_equal_str(head->target, "/mk8s/hello")) {
		serve_hello(k, s);
	} else if (span_equal_str(head->method, "POST") && span_equal_str(head->target, "/mk8s/bulk")) {
		agent_link_open(agent_link_agent(k), true);
		server_stream_answer(s, 204, NULL, SPAN_NONE);
	} else {
		server_stream_answer(s, 404, "text/plain", SPAN("not found\n"));
	}
}
