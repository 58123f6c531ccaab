/* The agent's own decision about a Kubernetes request. */
#include "lib/gate/agent_decide.h"

#include "lib/base/mem.h"

int agent_decide(const struct agent *a, const struct agent_question *q, struct request_info *info,
		 struct authz_answer *ret_answer, struct err *e)
{
	const struct role_document *roles = agent_rules_find(q->rules, q->rules_sha256);
	AUTO_FREE char *user = span_dup(q->user);
	struct authz_request rq = { .cluster = a->config->cluster_name,
				    .info = info,
				    .apply_patch = q->apply_patch };
	const struct role *const *list;
	char sentence[sizeof(e->text)];

	if (!roles)
		return err_set(e, ERR_NOT_FOUND, "the rules are not held");
	if (!q->method.len)
		return err_set(e, ERR_INPUT,
			       "agent: the method of an upgraded request is GET or POST");
	if (request_path_check(q->target, e) < 0 ||
	    request_info_parse(info, q->method, q->target, e) < 0)
		return -1;
	list = (const struct role *const *)roles->roles;
	authz_decide(list, roles->role_count, &rq, ret_answer);
	if (ret_answer->allowed)
		return agent_cap_check(a->cap, user, &rq, e);
	authz_denial(user, list, roles->role_count, &rq, ret_answer, sentence, sizeof(sentence));
	return err_set(e, ERR_DENIED, "agent: %.380s", sentence);
}
