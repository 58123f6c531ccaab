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
	if (p->relay && why->code != ERR_NONE) {
		p->unaudited = true;
		proxied_refuse(p, 503, "the audit trail takes no rows, so nothing may be changed", 5);
	} else if (p->relay) {
		proxy_record_forward(p);
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
			proxy_record_forward(p);
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

	if (!p->relay) {
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
		relay_refuse(p->relay, 201, "application/json", body, 0);
}

/* A review is whole: what central's own roles deny is answered here, all else by the API server. */
static void proxied_on_held(void *owner, struct relay *r)
{
	struct proxied *p = owner;
	const struct snapshot_user *user = snapshot_session_user(p->central->snapshot, p->sid, clock_unix_s());
	struct proxy_review review = { .user = p->user, .cluster = p->cluster, .scratch = &p->info->info };
	AUTO_BUF struct buf answer;
	struct err e = { 0 };
	int denied;

	buf_init(&answer, 2 * PROXY_REVIEW_MAX);
	if (!p->review || !user)
		return; /* not a review; or its session ended, which ends the request, too */
	review.roles = user->roles;
	review.role_count = user->role_count;
	denied = proxy_review_decide(&review, relay_held(r), &answer, &e);
	if (denied < 0)
		proxied_deny(p, err_http_status(e.code), &e);
	else if (denied)
		proxied_answer_review(p, buf_span(&answer));
	else
		proxied_admit(p);
}

static void proxied_keep_user(struct proxied *p, const struct snapshot_user *user)
{
	p->user_id = mem_dup_str(user->id);
	p->user = mem_dup_str(user->email);
	p->role_names = mem_dup_str(user->role_names);
	p->rules_sha256 = mem_dup_str(user->rules_sha256);
	p->rules_json = mem_dup_str(user->rules_json);
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
	if (status)
		proxied_deny(p, status, &e);
	else if (p->only_existing)
		proxy_exists_ask(p, proxied_exists);
	else if (p->review && !relay_request_ended(p->relay))
		return; /* proxied_on_held */
	else if (p->review)
		proxied_on_held(p, p->relay);
	else
		proxied_admit(p);
}

static void proxied_on_done(void *owner, struct relay *r, const struct err *why)
{
	struct proxied *p = owner;

	proxy_record_end(p);
	proxied_audit_complete(p, relay_stats(r), why);
	p->relay = NULL;
	proxied_free_if_unused(p);
}

static const struct relay_events proxy_events = {
	.on_head = proxied_on_head,
	.on_failed = proxied_on_failed,
	.on_done = proxied_on_done,
	.on_held = proxied_on_held,
};

void proxy_serve(void *app, struct http_stream *s, const char *const *params)
{
	struct central *c = app;
	struct proxied *p = proxied_new(c, http_stream_request(s), server_stream_visit(s)->peer_ip);

	p->relay = relay_new(s, &proxy_events, p);
	proxied_start(p, params[0]);
}
