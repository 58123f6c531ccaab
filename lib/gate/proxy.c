/*
 * Central's pass-through: a Kubernetes request from a user is decided, audited and sent to the
 * cluster's agent.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/gate/proxy_audit.h"
#include "lib/gate/proxy_decide.h"
#include "lib/gate/proxy_exists.h"
#include "lib/gate/proxy_record.h"
#include "lib/gate/proxy_review.h"
#include "lib/gate/proxy_upstream.h"

static void proxied_on_disk(void *arg, const struct err *why)
{
	struct proxied *p = arg;

	p->pending--;
	if (!p->ended && why->code != ERR_NONE) {
		p->unaudited = true;
		proxied_refuse(p, 503, "the audit trail takes no rows, so nothing may be changed", 5);
	} else if (!p->ended) {
		p->outlet->forward(p);
	}
	proxied_free_if_unused(p);
}

/* A change is forwarded when its row is on disk, a read at once. */
static void proxied_admit(struct proxied *p)
{
	struct err e = { 0 };

	if (!p->is_change) {
		if (proxied_audit_received(p, "allow", NULL, &e) < 0)
			proxied_refuse(p, 503, "the audit trail is full; try again", 1);
		else
			p->outlet->forward(p);
		return;
	}
	p->pending++;
	if (proxied_audit_received(p, "allow", proxied_on_disk, &e) < 0)
		proxied_on_disk(p, &e);
}

static void proxied_deny(struct proxied *p, int status, const struct err *why)
{
	struct err e = { 0 };

	(void)proxied_audit_received(p, "deny", NULL, &e); /* the refusal stands whether or not it can be recorded */
	proxied_refuse(p, status, why->text, 0);
}

/* What a GET of the object told: 404 makes the apply patch a creation, and anything but 200 may be one. */
static void proxied_exists(struct proxied *p, int status, const struct err *why)
{
	char message[sizeof(why->text) + sizeof(p->cluster) + 80];
	struct err e = { 0 };

	if (p->ended) {
		p->rule[0] = '\0';
	} else if (why->code != ERR_NONE || status == 428 || status == 429 || status >= 500) {
		(void)snprintf(message, sizeof(message), "cluster \"%s\" could not say whether the object exists: %s",
			       p->cluster, why->code != ERR_NONE ? why->text : "its answer was a failure");
		(void)proxied_audit_received(p, "allow", NULL, &e); /* it is refused either way */
		proxied_refuse(p, 503, message, PROXY_RETRY_AFTER_S);
	} else if (status == 200) {
		proxied_admit(p);
	} else {
		p->rule[0] = '\0';
		err_set(&e, ERR_DENIED,
			"user \"%.120s\" may patch, but not create %s \"%.120s\" in the namespace \"%.120s\": %s",
			p->user, p->resource, p->name, p->namespace,
			status == 404 ? "the object is new" :
					"whether it exists cannot be told, as that needs the verb \"get\"");
		proxied_deny(p, 403, &e);
	}
	proxied_free_if_unused(p);
}

static void proxied_answer_review(struct proxied *p, struct span body)
{
	struct err e = { 0 };

	if (proxied_audit_received(p, "allow", NULL, &e) < 0)
		proxied_refuse(p, 503, "the audit trail is full; try again", 1);
	else
		p->outlet->answer(p, 201, body, 0);
}

/* What central's own roles deny is answered here, all else by the API server. */
static void proxied_review_access(struct proxied *p, const struct snapshot_user *user, struct span body)
{
	struct proxy_review review = { .user = p->user, .cluster = p->cluster, .scratch = &p->info->info };
	AUTO_BUF struct buf answer;
	struct err e = { 0 };
	int denied;

	buf_init(&answer, 2 * PROXY_REVIEW_MAX);
	review.roles = user->roles;
	review.role_count = user->role_count;
	denied = proxy_review_decide(&review, body, &answer, &e);
	if (denied < 0)
		proxied_deny(p, err_http_status(e.code), &e);
	else if (denied)
		proxied_answer_review(p, buf_span(&answer));
	else
		proxied_admit(p);
}

/* Its answer passes central in the pass-through only. */
static void proxied_review_rules(struct proxied *p, struct span body)
{
	struct err e = { 0 };

	if (!p->relay) {
		(void)err_set(&e, ERR_DENIED,
			      "a SelfSubjectRulesReview is not answered to a command; "
			      "try mk8s kubectl auth can-i --list");
	} else if (proxy_review_namespace(body, &p->review_namespace, &e) == 0) {
		proxied_admit(p);
		return;
	}
	proxied_deny(p, err_http_status(e.code), &e);
}

void proxied_go_on_review(struct proxied *p, struct span body)
{
	const struct snapshot_user *user = snapshot_session_user(p->central->snapshot, p->sid, clock_unix_s());

	if (!user)
		return; /* its session ended, which ends the request, too */
	if (p->review == PROXY_REVIEW_RULES)
		proxied_review_rules(p, body);
	else
		proxied_review_access(p, user, body);
}

void proxied_go_on(struct proxied *p, int status, const struct err *why)
{
	if (status)
		proxied_deny(p, status, why);
	else if (p->only_existing)
		proxy_exists_ask(p, proxied_exists);
	else if (!p->review)
		proxied_admit(p);
}

/* The pass-through. */

static void proxied_on_held(void *owner, struct relay *r)
{
	struct proxied *p = owner;

	if (p->review)
		proxied_go_on_review(p, relay_held(r));
}

static void proxied_start(struct proxied *p, const char *id_or_name)
{
	const struct snapshot_user *user;
	struct err e = { 0 };
	int status;

	user = proxied_authenticate(p, &e);
	if (!user) {
		p->refused = true;
		audit_refused(p->central->audit, p->source, "Kubernetes request");
		proxied_refuse(p, 401, e.text, 0);
		return;
	}
	proxied_keep_user(p, user);
	server_stream_set_user(relay_down(p->relay), p->user);
	status = proxied_decide(p, user, id_or_name, &e);
	if (status == 0)
		status = proxy_record_check(p, &e);
	proxied_go_on(p, status, &e);
	if (!status && p->review && relay_request_ended(p->relay)) /* else it is held first */
		proxied_go_on_review(p, SPAN_NONE);
}

static void proxied_on_done(void *owner, struct relay *r, const struct err *why)
{
	struct proxied *p = owner;

	proxy_record_end(p);
	proxied_audit_complete(p, relay_stats(r), why);
	p->relay = NULL;
	p->ended = true;
	proxied_free_if_unused(p);
}

static const struct relay_events proxy_events = {
	.on_head = proxied_on_head,
	.on_failed = proxied_on_failed,
	.on_done = proxied_on_done,
	.on_held = proxied_on_held,
};

static void outlet_answer(struct proxied *p, int status, struct span body, unsigned retry_after_s)
{
	relay_refuse(p->relay, status, "application/json", body, retry_after_s);
}

static void outlet_abort(struct proxied *p, const struct err *why)
{
	relay_abort(p->relay, why);
}

static const struct proxied_outlet proxy_outlet = { proxy_record_forward, outlet_answer, outlet_abort,
						       NULL };

void proxy_serve(void *app, struct http_stream *s, const char *const *params)
{
	struct central *c = app;
	struct proxied *p = proxied_new(c, http_stream_request(s), server_stream_visit(s)->peer_ip);

	p->outlet = &proxy_outlet;
	p->relay = relay_new(s, &proxy_events, p);
	proxied_start(p, params[0]);
}
