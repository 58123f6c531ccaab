/* Sends a proxied request through the tunnel, and takes the agent's answer. */
#include "lib/gate/proxy_upstream.h"

#include <stdio.h>

#include "lib/base/mem.h"
#include "lib/gate/header_filter.h"
#include "lib/gate/proxy_filter.h"
#include "lib/gate/proxy_record.h"
#include "lib/gate/proxy_rules.h"
#include "lib/gate/upgrade.h"

#define PROXY_TRIES_MAX 4

/*
 * kubectl asks for each of /api and /apis five times, and takes a 503 with a time for ten tries: with
 * a second between them it would take a minute to say that the agent is away.
 */
static unsigned away_retry_s(const struct proxied *p, const struct err *why)
{
	return why->code == ERR_UNREACHABLE && !p->resource[0] ? RELAY_RETRY_NOW : PROXY_RETRY_AFTER_S;
}

static void proxied_taught(void *owner, const struct err *why)
{
	struct proxied *p = owner;

	p->pending--;
	if (p->relay && why->code != ERR_NONE)
		proxied_refuse(p, 503, "the cluster's agent went away", PROXY_RETRY_AFTER_S);
	else if (p->relay)
		proxied_forward(p);
	proxied_free_if_unused(p);
}

static void proxied_send(struct proxied *p, struct h2 *h)
{
	struct span asked = p->filter ? proxy_filter_target(p->filter) : p->target;
	AUTO_FREE char *target = mem_printf("/k8s%.*s", SPAN_ARG(asked));
	const struct http_head *request = relay_request(p->relay);
	bool ended = relay_request_ended(p->relay);
	struct header_list fields;
	struct http_head head = {
		.method = request->method,
		.scheme = SPAN("https"),
		.authority = SPAN("agent"),
		.target = span_of(target),
	};
	AUTO_BUF struct buf texts;

	if (p->filter)
		proxy_filter_request(p->filter, request, &fields);
	else if (p->review == PROXY_REVIEW_RULES)
		proxy_rules_request(request, &fields);
	else
		header_filter_request(request, &fields);
	upgrade_ask(request, &head, &fields, &texts);
	header_list_add(&fields, "mk8s-user", span_of(p->user));
	header_list_add(&fields, "mk8s-roles", span_of(p->role_names));
	header_list_add(&fields, "mk8s-rules", span_of(p->rules_sha256));
	header_list_add(&fields, "audit-id", span_of(p->id));
	head.fields = fields.at;
	head.field_count = fields.count;
	relay_connect(p->relay, h2_request(h, &head, ended, &relay_upstream, p->relay), ended);
}

void proxied_forward(struct proxied *p)
{
	struct err e = { 0 };
	struct tunnel_link *k = tunnel_pick(p->central->tunnel, p->cluster_id, p->bulk, &e);
	char message[sizeof(e.text) + sizeof(p->cluster) + 80];

	p->tries++;
	if (!k) {
		(void)snprintf(message, sizeof(message), "cluster \"%s\": %s", p->cluster, e.text);
		proxied_refuse(p, e.code == ERR_BUSY ? 429 : 503, message, away_retry_s(p, &e));
	} else if (relay_request(p->relay)->protocol.len && !h2_may_upgrade(tunnel_link_h2(k))) {
		proxied_refuse(p, 501, "the cluster's agent takes no upgrades", 0);
	} else if (tunnel_link_knows(k, p->rules_sha256)) {
		proxied_send(p, tunnel_link_h2(k));
	} else {
		p->pending++;
		tunnel_link_teach(k, p->rules_sha256, span_of(p->rules_json), proxied_taught, p);
	}
}

/* The answer's fields; -1 after a refusal. */
static int proxied_filter_head(struct proxied *p, const struct http_head *head, struct header_list *ret_fields)
{
	bool has_items, is_head = span_equal_str(relay_request(p->relay)->method, "HEAD");
	struct err e = { 0 };

	if (!p->filter && p->review != PROXY_REVIEW_RULES) {
		header_filter_answer(head, ret_fields);
		return 0;
	}
	if (proxy_filter_answer(head, ret_fields, &has_items, &e) < 0) {
		proxied_refuse(p, 502, e.text, 0);
		return -1;
	}
	if (has_items && !p->filter)
		relay_set_filter(p->relay, proxy_rules_body, p);
	else if (has_items && !is_head)
		relay_set_filter(p->relay, proxy_filter_body, p->filter);
	return 0;
}

void proxied_on_head(void *owner, struct relay *r, const struct http_head *head)
{
	struct proxied *p = owner;
	struct header_list fields;
	struct http_head answer = { .status = head->status };
	bool granted;

	if (head->status == 428) { /* the agent forgot the user's rules (proto/REVERSE.md, Rules) */
		tunnel_forget(p->central->tunnel, p->cluster_id, p->rules_sha256);
		proxied_refuse(p, 503, "the cluster's agent needs the rules again; try again", PROXY_RETRY_AFTER_S);
		return;
	}
	if (!upgrade_answer(relay_request(r), head, &answer, &fields, &granted)) {
		proxied_refuse(p, 502, "the cluster answered an upgrade without granting or refusing it", 0);
		return;
	}
	if (granted && !proxy_record_granted(p, head))
		return;
	if (!granted && proxied_filter_head(p, head, &fields) < 0)
		return;
	if (!granted)
		header_list_add(&fields, "x-content-type-options", SPAN("nosniff"));
	if (!http_field_find(head, "audit-id"))
		header_list_add(&fields, "audit-id", span_of(p->id));
	answer.fields = fields.at;
	answer.field_count = fields.count;
	relay_answer(r, &answer);
}

void proxied_on_failed(void *owner, struct relay *r, const struct err *why)
{
	struct proxied *p = owner;
	char message[sizeof(why->text) + sizeof(p->cluster) + 80];
	bool untouched = why->code == ERR_BUSY; /* the agent refused the stream before it looked at it */

	if (p->tries < PROXY_TRIES_MAX && relay_may_retry(r) && (untouched || !p->is_change)) {
		proxied_forward(p);
		return;
	}
	(void)snprintf(message, sizeof(message), "cluster \"%s\": the connection to its agent was cut: %s", p->cluster,
		       why->text);
	proxied_refuse(p, untouched || !p->is_change ? 503 : 502, message,
		       untouched || !p->is_change ? PROXY_RETRY_AFTER_S : 0);
}
