/* The decision about a proxied request, at its start and again whenever rights change. */
#include "lib/gate/proxy_decide.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/gate/bearer.h"
#include "lib/gate/header_filter.h"
#include "lib/gate/proxy_filter.h"
#include "lib/gate/proxy_review.h"
#include "lib/gate/token_cache.h"
#include "lib/gate/words.h"

const struct snapshot_user *proxied_authenticate(struct proxied *p, struct err *e)
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

/* 0, or the status to refuse with. */
static int proxied_authorize(struct proxied *p, const struct snapshot_user *user,
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

int proxied_decide(struct proxied *p, const struct snapshot_user *user,
		   const char *cluster_id_or_name, struct err *e)
{
	const struct snapshot_cluster *cluster = proxied_cluster(p, user, cluster_id_or_name, e);

	if (!cluster)
		return err_http_status(e->code);
	if (proxied_target(p, e) < 0)
		return e->code == ERR_LIMIT ? 414 : err_http_status(e->code);
	return proxied_authorize(p, user, cluster, e);
}

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
