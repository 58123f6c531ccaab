/* The decision about a proxied request, at its start and again whenever rights change. */
#include "lib/gate/proxy_decide.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/gate/header_filter.h"
#include "lib/gate/proxy_filter.h"
#include "lib/gate/proxy_review.h"
#include "lib/gate/words.h"

const struct snapshot_user *proxied_authenticate(struct proxied *p, struct err *e)
{
	struct central_claim claim;
	const struct snapshot_user *user = central_signed_in(p->central, p->head, &claim, e);

	if (!user)
		return NULL;
	memcpy(p->sid, claim.sid, sizeof(p->sid));
	p->token_expires_unix_s = claim.expires_unix_s;
	return user;
}

/* What is asked: "/clusters/NAME/k8s/api/v1/pods?x" gives "/api/v1/pods?x". */
static int proxied_target(struct proxied *p, struct err *e)
{
	struct span rest = p->head->target, part;
	const char *at;

	for (int i = 0; i < 4; i++) { /* "", "clusters", NAME, "k8s" */
		if (!span_take_part(&rest, '/', &part))
			return err_set(e, ERR_INPUT, "the path of a Kubernetes request is /clusters/NAME/k8s/...");
	}
	at = rest.at ? rest.at - 1 : "/";
	p->target = rest.at ? span_from(at, rest.len + 1) : span_of(at);
	return request_path_check(p->target, e);
}

/* What is too long is the target, not a body. */
static int target_status(const struct err *e)
{
	return e->code == ERR_LIMIT ? 414 : err_http_status(e->code);
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

/* What of a filtered answer passes; 0, or the status to refuse with. */
static int proxied_filter(struct proxied *p, struct err *e)
{
	struct proxy_filter_options o = {
		.namespaces = words_dup((const char *const *)p->only_namespaces),
		.info = &p->info->info,
		.request = p->head,
		.target = p->target,
		.seal_key = keys_seal(p->central->keys),
		.user_id = p->user_id,
		.cluster_id = p->cluster_id,
	};

	return proxy_filter_new(&o, &p->filter, e);
}

static int proxied_cluster(struct proxied *p, const struct snapshot_user *user, const char *id_or_name,
			   struct err *e)
{
	const struct snapshot_cluster *c = central_visible_cluster(p->central, user, id_or_name, e);

	if (!c)
		return -1;
	(void)snprintf(p->cluster_id, sizeof(p->cluster_id), "%s", c->id);
	(void)snprintf(p->cluster, sizeof(p->cluster), "%s", c->name);
	return 0;
}

int proxied_authorize(struct proxied *p, const struct snapshot_user *user, struct err *e)
{
	struct authz_request rq = { .cluster = p->cluster, .info = &p->info->info };
	struct authz_answer answer;
	char sentence[sizeof(e->text)];

	if (request_info_parse(&p->info->info, p->head->method, p->target, e) < 0)
		return target_status(e);
	proxied_note_info(p, rq.info);
	p->apply_patch = rq.apply_patch = header_is_apply_patch(p->head);
	authz_decide(user->roles, user->role_count, &rq, &answer);
	(void)snprintf(p->rule, sizeof(p->rule), "%s", answer.rule);
	if (!answer.allowed) {
		authz_denial(user->email, user->roles, user->role_count, &rq, &answer, sentence, sizeof(sentence));
		(void)err_set(e, ERR_DENIED, "%s", sentence);
		return 403;
	}
	p->only_existing = answer.only_existing;
	p->review = proxy_review_kind(rq.info);
	if (answer.filtered && p->head->protocol.len) {
		(void)err_set(e, ERR_DENIED, "a watch by WebSocket cannot be limited to your namespaces: watch one of them");
		return 403;
	}
	if (answer.filtered)
		p->only_namespaces = authz_filter_namespaces(user->roles, user->role_count, &rq);
	return 0;
}

int proxied_decide(struct proxied *p, const struct snapshot_user *user,
		   const char *cluster_id_or_name, struct err *e)
{
	int status;

	if (proxied_cluster(p, user, cluster_id_or_name, e) < 0)
		return err_http_status(e->code);
	if (proxied_target(p, e) < 0)
		return target_status(e);
	status = proxied_authorize(p, user, e);
	return status == 0 && p->only_namespaces ? proxied_filter(p, e) : status;
}

/* What is granted by now may be less; also when it is more a client has to list anew. */
static bool proxied_same_filter(const struct proxied *p, const struct snapshot_user *user,
				const struct authz_request *rq, const struct authz_answer *answer)
{
	char **names;
	bool same;

	if (!answer->filtered || !p->only_namespaces)
		return answer->filtered == (p->only_namespaces != NULL);
	names = authz_filter_namespaces(user->roles, user->role_count, rq);
	same = words_equal((const char *const *)names, (const char *const *)p->only_namespaces);
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
	if (request_info_parse(&p->info->info, p->head->method, p->target, &e) < 0)
		return false;
	authz_decide(user->roles, user->role_count, &rq, &answer);
	return answer.allowed && proxied_same_filter(p, user, &rq, &answer);
}

/* Whether its head is still there: a client may be gone while the cluster's answer is not. */
static bool proxied_is_live(const struct proxied *p)
{
	return !p->ended && (!p->relay || relay_down(p->relay));
}

void proxy_recheck(struct central *c)
{
	struct err why = { 0 };

	err_set(&why, ERR_DENIED, "the session ended or the right was taken away");
	for (struct proxied *p = c->proxied, *next; p; p = next) {
		next = p->next; /* an outlet's end may be its own */
		if (proxied_is_live(p) && p->cluster_id[0] && !p->refused && !proxied_still_allowed(p))
			p->outlet->abort(p, &why);
	}
}
