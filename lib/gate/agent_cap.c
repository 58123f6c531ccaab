/* The agent's local cap: roles of its own configuration, which no central can exceed. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/gate/agent_state.h"
#include "lib/gate/authz.h"

int agent_cap_read(const struct agent_config *config, struct role_document **ret_cap, struct err *e)
{
	AUTO_JSON struct json *doc = json_new_object();
	struct role_document *cap;

	*ret_cap = NULL;
	if (!config->roles)
		return 0;
	json_set_item(doc, "roles", json_dup(config->roles));
	cap = mem_new(sizeof(*cap));
	if (role_document_parse(doc, cap, e) < 0) {
		free(cap);
		return -1;
	}
	*ret_cap = cap;
	return 0;
}

void agent_cap_free(struct role_document *cap)
{
	if (!cap)
		return;
	role_document_free(cap);
	free(cap);
}

int agent_cap_check(const struct role_document *cap, const char *user,
		    const struct authz_request *rq, struct err *e)
{
	const struct role *const *roles = cap ? (const struct role *const *)cap->roles : NULL;
	char sentence[sizeof(e->text)];
	struct authz_answer answer;

	if (!cap)
		return 0;
	authz_decide(roles, cap->role_count, rq, &answer);
	if (answer.allowed && !answer.filtered && !answer.only_existing)
		return 0;
	if (answer.filtered)
		return err_set(e, ERR_DENIED, "the agent's own roles allow this in some namespaces only: ask for one");
	if (answer.only_existing)
		return err_set(e, ERR_DENIED,
			       "the agent's own roles do not allow an apply patch to create");
	authz_denial(user, roles, cap->role_count, rq, &answer, sentence, sizeof(sentence));
	return err_set(e, ERR_DENIED, "the agent's own roles: %.370s", sentence);
}

int agent_config_check(const struct agent_config *config, struct err *e)
{
	struct role_document *cap;

	if (agent_cap_read(config, &cap, e) < 0)
		return -1;
	agent_cap_free(cap);
	return 0;
}
