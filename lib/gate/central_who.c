/* Who a stream's request comes from, and which cluster it means; on the loop. */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/gate/authz.h"
#include "lib/gate/bearer.h"
#include "lib/gate/central.h"
#include "lib/gate/token_cache.h"

const struct snapshot_user *central_signed_in(struct central *c, const struct http_head *head,
					      struct central_claim *ret_claim, struct err *e)
{
	const struct snapshot_user *user;
	const struct keys_token *token;
	int64_t now = clock_unix_s();
	struct span text;

	if (bearer_token(head, &text, e) < 0)
		return NULL;
	token = token_cache_verify(c->tokens, text, now, e);
	if (!token) {
		err_set(e, ERR_AUTH, "not signed in: the token is not valid or has ended; try mk8s login");
		return NULL;
	}
	user = snapshot_session_user(c->snapshot, token->sid, now);
	if (!user) {
		err_set(e, ERR_AUTH, "not signed in: the session has ended; try mk8s login");
		return NULL;
	}
	memcpy(ret_claim->sid, token->sid, sizeof(ret_claim->sid));
	ret_claim->expires_unix_s = token->expires_unix_s;
	return user;
}

const struct snapshot_cluster *central_visible_cluster(struct central *c, const struct snapshot_user *user,
						       const char *id_or_name, struct err *e)
{
	const struct snapshot_cluster *cluster = snapshot_cluster_find(c->snapshot, id_or_name);

	if (cluster && authz_sees_cluster(user->roles, user->role_count, cluster->name))
		return cluster;
	err_set(e, ERR_NOT_FOUND, "cluster \"%.250s\" not found", id_or_name);
	return NULL;
}
