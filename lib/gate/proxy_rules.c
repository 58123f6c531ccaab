/* A SelfSubjectRulesReview on its way to the cluster and back. */
#include "lib/gate/proxy_rules.h"

#include "lib/base/clock.h"
#include "lib/gate/rules_review.h"

void proxy_rules_request(const struct http_head *request, struct header_list *ret_list)
{
	header_filter_request(request, ret_list);
	header_list_drop(ret_list, "accept");
	header_list_drop(ret_list, "accept-encoding");
	header_list_add(ret_list, "accept", SPAN("application/json"));
}

static int limit_answer(struct proxied *p, struct buf *out, struct err *e)
{
	const struct snapshot_user *user =
		snapshot_session_user(p->central->snapshot, p->sid, clock_unix_s());
	struct rules_review review = {
		.cluster = p->cluster,
		.namespace = p->review_namespace,
		.scratch = &p->info->info,
	};

	if (!user)
		return err_set(e, ERR_DENIED, "the session ended");
	review.roles = user->roles;
	review.role_count = user->role_count;
	return rules_review_limit(&review, buf_span(&p->review_answer), out, e);
}

int proxy_rules_body(void *proxied, struct span bytes, bool is_end, struct buf *out, struct err *e)
{
	struct proxied *p = proxied;

	if (is_end)
		return limit_answer(p, out, e);
	if (buf_put_span(&p->review_answer, bytes) < 0)
		return buf_ok(&p->review_answer, "the cluster's answer to the review", e);
	return 0;
}
