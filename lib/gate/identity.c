/* Who a REST request comes from: the bearer token, its session, its user. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/gate/authz.h"
#include "lib/gate/bearer.h"
#include "lib/gate/central.h"

static int identify(struct central *c, const struct http_head *head, struct identity *who,
		    struct err *e)
{
	struct keys_token claims;
	struct span token;

	if (bearer_token(head, &token, e) < 0)
		return -1;
	if (keys_token_verify(c->keys, token, &claims, e) < 0)
		return err_set(e, ERR_AUTH, "not signed in: the token is not valid or has ended; try mk8s login");
	who->user = snapshot_session_user(who->snapshot, claims.sid, clock_unix_s());
	if (!who->user)
		return err_set(e, ERR_AUTH, "not signed in: the session has ended; try mk8s login");
	memcpy(who->sid, claims.sid, sizeof(who->sid));
	who->expires_unix_s = claims.expires_unix_s;
	who->is_admin = authz_is_admin(who->user->roles, who->user->role_count);
	return 0;
}

int central_authenticate(struct request *rq, struct err *e)
{
	struct central *c = rq->app;
	struct identity *who = mem_new(sizeof(*who));

	who->snapshot = central_snapshot(c);
	if (identify(c, rq->head, who, e) < 0) {
		audit_refused(c->audit, rq->peer_ip, "REST request");
		central_identity_free(who);
		return -1;
	}
	rq->identity = who;
	return 0;
}

bool central_identity_is_admin(const void *identity)
{
	const struct identity *who = identity;

	return who->is_admin;
}

const char *central_identity_name(const void *identity)
{
	const struct identity *who = identity;

	return who->user->email;
}

void central_identity_free(void *identity)
{
	struct identity *who = identity;

	if (!who)
		return;
	snapshot_unref(who->snapshot);
	free(who);
}
