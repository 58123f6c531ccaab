/*
 * Central's pass-through: a Kubernetes request from a user is decided, audited and sent to the
 * cluster's agent.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/gate/authz.h"
#include "lib/gate/bearer.h"
#include "lib/gate/central.h"
#include "lib/gate/header_filter.h"
#include "lib/gate/proxy_audit.h"
#include "lib/gate/proxy_exists.h"
#include "lib/gate/proxy_filter.h"
#include "lib/gate/proxy_review.h"
#include "lib/gate/relay.h"
#include "lib/gate/token_cache.h"
#include "lib/gate/upgrade.h"
#include "lib/gate/words.h"
#include "lib/kube/status.h"

#define PROXY_TRIES_MAX 4
#define PROXY_RETRY_AFTER_S 1

static const struct relay_events proxy_events;

static void proxied_link(struct proxied *p)
{
	p->next = p->central->proxied;
	if (p->next)
		p->next->prev = p;
	p->central->proxied = p;
}

static void proxied_unlink(struct proxied *p)
{
	if (p->prev)
		p->prev->next = p->next;
	else
		p->central->proxied = p->next;
	if (p->next)
		p->next->prev = p->prev;
}

static void proxied_free_if_unused(struct proxied *p)
{
	if (p->relay || p->pending)
		return;
	proxied_unlink(p);
	proxied_free_texts(p);
	free(p);
}

static void proxied_refuse(struct proxied *p, int status, const char *message, unsigned retry_after_s)
{
	struct kube_failure f = { .code = status, .message = message, .retry_after_s = retry_after_s };
	AUTO_BUF struct buf body;

	if (!p->relay)
		return;
	if (status == 410)
		f.reason = "Expired"; /* what clients look for before they list anew */
	buf_init(&body, 16 * 1024);
	if (p->resource && p->resource[0]) {
		f.name = p->name[0] ? p->name : NULL;
		f.group = p->api_group[0] ? p->api_group : NULL;
		f.kind = p->resource;
	}
	(void)kube_status_put(&body, &f);
	relay_refuse(p->relay, status, "application/json", buf_span(&body), retry_after_s);
}

/* Who asks. */

static const struct snapshot_user *proxied_authenticate(struct proxied *p, struct err *e)
{
	const struct http_head *head = relay_request(p->relay);
	const struct snapshot_user *user;
	const struct keys_token *token;
	int64_t now = clock_unix_s();
	struct span text;

	if (bearer_token(head, &text, e) < 0)
		return NULL;
	token = token_cache_verify(p->central->tokens, text, now, e);
	if (!token) {
		err_set(e, ERR_AUTH, "not signed in: the token is not valid or has ended; try mk8s login");
		return NULL;
	}
	user = snapshot_session_user(p->central->snapshot, token->sid, now);
	if (!user) {
		err_set(e, ERR_AUTH, "not signed in: the session has ended; try mk8s login");
		return NULL;
	}
	memcpy(p->sid, token->sid, sizeof(p->sid));
	p->token_expires_unix_s = token->expires_unix_s;
	return user;
}

/* What is asked: "/clusters/NAME/k8s/api/v1/pods?x" gives "/api/v1/pods?x". */
static int proxied_target(struct proxied *p, struct err *e)
{
	struct span rest = relay_request(p->relay)->target, part;
	const char *at;

	for (int i = 0; i < 4; i++) { /* "", "clusters", NAME, "k8s" */
		if (!span_take_part(&rest, '/', &part))
			return err_set(e, ERR_INPUT, "the path of a Kubernetes request is /clusters/NAME/k8s/...");
	}
	at = rest.at ? rest.at - 1 : "/";
	p->target = rest.at ? span_from(at, rest.len + 1) : span_of(at);
	return request_path_check(p->target, e);
}

static void proxied_note_info(struct proxied *p, const struct request_info *info)
{
	(void)snprintf(p->verb, sizeof(p->verb), "%s", info->verb);
	p->api_group = mem_dup_str(info->api_group);
	p->resource = mem_dup_str(info->resource);
	p->subresource = mem_dup_str(info->subresource);
	p->namespace = mem_dup_str(info->namespace);
	p->name = mem_dup_str(info->is_resource ? info->name : info->path);
	p->is_change = authz_is_change(info);
	p->bulk = strcmp(info->verb, "list") == 0 || strcmp(info->verb, "watch") == 0 ||
		  strcmp(info->subresource, "log") == 0;
}

static int proxied_filter(struct proxied *p, const struct snapshot_user *user, const struct authz_request *rq,
			  struct err *e)
{
	struct proxy_filter_options o = {
		.namespaces = authz_filter_namespaces(user->roles, user->role_count, rq),
		.info = rq->info,
		.request = relay_request(p->relay),
		.target = p->target,
		.seal_key = keys_seal(p->central->keys),
		.user_id = p->user_id,
		.cluster_id = p->cluster_id,
	};

	return proxy_filter_new(&o, &p->filter, e);
}

/* 0, or the status to refuse with. */
static int proxied_decide(struct proxied *p, const struct snapshot_user *user,
			  const struct snapshot_cluster *cluster, struct err *e)
{
	struct authz_request rq = { .cluster = cluster->name, .info = &p->info->info };
	struct authz_answer answer;
	char sentence[sizeof(e->text)];

	if (request_info_parse(&p->info->info, relay_request(p->relay)->method, p->target, e) < 0)
		return err_http_status(e->code);
	proxied_note_info(p, rq.info);
	p->apply_patch = rq.apply_patch = header_is_apply_patch(relay_request(p->relay));
	authz_decide(user->roles, user->role_count, &rq, &answer);
	(void)snprintf(p->rule, sizeof(p->rule), "%s", answer.rule);
	if (!answer.allowed) {
		authz_denial(user->email, user->roles, user->role_count, &rq, &answer, sentence, sizeof(sentence));
		(void)err_set(e, ERR_DENIED, "%s", sentence);
		return 403;
	}
	p->only_existing = answer.only_existing;
	p->review = proxy_review_is(rq.info);
	if (answer.filtered && relay_request(p->relay)->protocol.len) {
		(void)err_set(e, ERR_DENIED, "a watch by WebSocket cannot be limited to your namespaces: watch one of them");
		return 403;
	}
	return answer.filtered ? proxied_filter(p, user, &rq, e) : 0;
}

/* Sending it. */

static void proxied_forward(struct proxied *p);

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

static void proxied_forward(struct proxied *p)
{
	struct err e = { 0 };
	struct tunnel_link *k = tunnel_pick(p->central->tunnel, p->cluster_id, p->bulk, &e);
	char message[sizeof(e.text) + sizeof(p->cluster) + 80];

	p->tries++;
	if (!k) {
		(void)snprintf(message, sizeof(message), "cluster \"%s\": %s", p->cluster, e.text);
		proxied_refuse(p, e.code == ERR_BUSY ? 429 : 503, message, PROXY_RETRY_AFTER_S);
	} else if (relay_request(p->relay)->protocol.len && !h2_may_upgrade(tunnel_link_h2(k))) {
		proxied_refuse(p, 501, "the cluster's agent takes no upgrades", 0);
	} else if (tunnel_link_knows(k, p->rules_sha256)) {
		proxied_send(p, tunnel_link_h2(k));
	} else {
		p->pending++;
		tunnel_link_teach(k, p->rules_sha256, span_of(p->rules_json), proxied_taught, p);
	}
}

static void proxied_on_disk(void *arg, const struct err *why)
{
	struct proxied *p = arg;

	p->pending--;
	if (p->relay && why->code != ERR_NONE) {
		p->unaudited = true;
		proxied_refuse(p, 503, "the audit trail takes no rows, so nothing may be changed", 5);
	} else if (p->relay) {
		proxied_forward(p);
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
			proxied_forward(p);
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

/*
 * Either the cluster, or the answer of one that does not exist: who may not see it learns nothing.
 */
static const struct snapshot_cluster *proxied_cluster(struct proxied *p, const struct snapshot_user *user,
						      const char *id_or_name, struct err *e)
{
	const struct snapshot_cluster *c = snapshot_cluster_find(p->central->snapshot, id_or_name);

	if (!c || !authz_sees_cluster(user->roles, user->role_count, c->name)) {
		err_set(e, ERR_NOT_FOUND, "cluster \"%.250s\" not found", id_or_name);
		return NULL;
	}
	(void)snprintf(p->cluster_id, sizeof(p->cluster_id), "%s", c->id);
	(void)snprintf(p->cluster, sizeof(p->cluster), "%s", c->name);
	return c;
}

static void proxied_start(struct proxied *p, const char *id_or_name)
{
	const struct snapshot_user *user;
	const struct snapshot_cluster *cluster;
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
	cluster = proxied_cluster(p, user, id_or_name, &e);
	if (!cluster || proxied_target(p, &e) < 0)
		status = err_http_status(e.code);
	else
		status = proxied_decide(p, user, cluster, &e);
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

void proxy_serve(void *app, struct http_stream *s, const char *const *params)
{
	struct central *c = app;
	struct proxied *p = proxied_new(c);

	proxied_link(p);
	p->relay = relay_new(s, &proxy_events, p);
	proxied_note_client(p, http_stream_request(s), server_stream_visit(s)->peer_ip);
	proxied_start(p, params[0]);
}

/* The agent's answer. */

/* The answer's fields; -1 after a refusal. */
static int proxied_filter_head(struct proxied *p, const struct http_head *head, struct header_list *ret_fields)
{
	bool has_items, is_head = span_equal_str(relay_request(p->relay)->method, "HEAD");
	struct err e = { 0 };

	if (!p->filter) {
		header_filter_answer(head, ret_fields);
		return 0;
	}
	if (proxy_filter_answer(head, ret_fields, &has_items, &e) < 0) {
		proxied_refuse(p, 502, e.text, 0);
		return -1;
	}
	if (has_items && !is_head)
		relay_set_filter(p->relay, proxy_filter_body, p->filter);
	return 0;
}

static void proxied_on_head(void *owner, struct relay *r, const struct http_head *head)
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

static void proxied_on_failed(void *owner, struct relay *r, const struct err *why)
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

static void proxied_on_done(void *owner, struct relay *r, const struct err *why)
{
	struct proxied *p = owner;

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

/* Live requests. */

/* What is granted by now may be less; also when it is more a client has to list anew. */
static bool proxied_same_filter(const struct proxied *p, const struct snapshot_user *user,
				const struct authz_request *rq, const struct authz_answer *answer)
{
	char **names;
	bool same;

	if (!answer->filtered)
		return p->filter == NULL;
	names = authz_filter_namespaces(user->roles, user->role_count, rq);
	same = p->filter && proxy_filter_grants(p->filter, (const char *const *)names);
	words_free(names);
	return same;
}

static bool proxied_still_allowed(struct proxied *p)
{
	const struct snapshot *s = p->central->snapshot;
	int64_t now = clock_unix_s();
	const struct snapshot_user *user = snapshot_session_user(s, p->sid, now);
	const struct snapshot_cluster *cluster = snapshot_cluster_find(s, p->cluster_id);
	struct authz_request rq = { .info = &p->info->info, .apply_patch = p->apply_patch };
	struct authz_answer answer;
	struct err e = { 0 };

	if (!user || !cluster || p->token_expires_unix_s <= now)
		return false;
	if (strcmp(user->rules_sha256, p->rules_sha256) == 0)
		return true;
	rq.cluster = cluster->name;
	if (request_info_parse(&p->info->info, relay_request(p->relay)->method, p->target, &e) < 0)
		return false;
	authz_decide(user->roles, user->role_count, &rq, &answer);
	return answer.allowed && proxied_same_filter(p, user, &rq, &answer);
}

void proxy_recheck(struct central *c)
{
	struct err why = { 0 };

	err_set(&why, ERR_DENIED, "the session ended or the right was taken away");
	for (struct proxied *p = c->proxied; p; p = p->next) {
		if (p->relay && relay_down(p->relay) && p->cluster_id[0] && !p->refused && !proxied_still_allowed(p))
			relay_abort(p->relay, &why);
	}
}
