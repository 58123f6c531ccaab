/* REST: which rule allows a request, or what each rule lacks for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/gate/api.h"
#include "lib/gate/authz.h"
#include "lib/gate/authz_question.h"
#include "lib/gate/authz_tables.h"
#include "lib/gate/words.h"

struct why {
	char user[256], cluster[256], verb[32], resource[512], namespace[256], name[256];
	struct authz_question question;
	struct request_info info;
};

static int why_param(struct request *rq, const char *name, bool required, char *into,
		     size_t into_size, struct err *e)
{
	if (request_query(rq, name, into, into_size, e))
		return 0;
	if (e->code != ERR_NONE)
		return -1;
	into[0] = '\0';
	return required ? err_set(e, ERR_INPUT, "%s: the query parameter is missing", name) : 0;
}

static int why_read(struct request *rq, struct why *w, struct err *e)
{
	static const char *const verbs[] = { "get",    "list",	"watch",	"create",
					     "update", "patch", "delete",	"deletecollection",
					     "logs",   "exec",	"port-forward", "proxy",
					     "head",   "post",	"put",		"options",
					     "*",      NULL };

	if (why_param(rq, "user", false, w->user, sizeof(w->user), e) < 0 ||
	    why_param(rq, "cluster", true, w->cluster, sizeof(w->cluster), e) < 0 ||
	    why_param(rq, "verb", true, w->verb, sizeof(w->verb), e) < 0 ||
	    why_param(rq, "resource", true, w->resource, sizeof(w->resource), e) < 0 ||
	    why_param(rq, "namespace", false, w->namespace, sizeof(w->namespace), e) < 0 ||
	    why_param(rq, "name", false, w->name, sizeof(w->name), e) < 0)
		return -1;
	if (!words_have(verbs, w->verb))
		return err_set(e, ERR_INPUT,
			       "verb: \"%.30s\" is none: there are get, list, watch, create, "
			       "update, patch, delete, "
			       "deletecollection, logs, exec, port-forward and proxy",
			       w->verb);
	if (!*w->resource)
		return err_set(
			e, ERR_INPUT,
			"resource: it must be as \"pods\", \"deployments.apps\", \"pods/log\" or "
			"\"/metrics\"");
	authz_question_parse(w->verb, w->resource, &w->question);
	w->question.namespace = w->namespace;
	w->question.name = w->name;
	authz_question_info(&w->question, &w->info);
	return 0;
}

/* About oneself everyone may ask, about others administrators. */
static const struct snapshot_user *why_user(struct request *rq, const struct why *w, struct err *e)
{
	const struct identity *who = api_identity(rq);
	const struct snapshot_user *user = who->user;

	if (*w->user && strcmp(w->user, who->user->email) != 0) {
		user = who->is_admin ? snapshot_user_find(who->snapshot, w->user) : NULL;
		if (!who->is_admin)
			err_set(e, ERR_DENIED, "user: only an administrator may ask about others");
		else if (!user)
			err_set(e, ERR_NOT_FOUND, "user \"%.200s\" not found", w->user);
	}
	return user;
}

static const struct snapshot_cluster *why_cluster(struct request *rq, const struct why *w,
						  struct err *e)
{
	const struct identity *who = api_identity(rq);
	const struct snapshot_cluster *c = snapshot_cluster_find(who->snapshot, w->cluster);

	if (c && authz_sees_cluster(who->user->roles, who->user->role_count, c->name))
		return c;
	err_set(e, ERR_NOT_FOUND, "cluster \"%.250s\" not found", w->cluster);
	return NULL;
}

/* Every rule of every role, with what it lacks. */
static struct json *why_rules(const struct snapshot_user *user, const struct authz_request *rq,
			      const char *verb)
{
	static const char *const lacks[] = {
		[AUTHZ_LACKS_NOTHING] = "",
		[AUTHZ_LACKS_CLUSTER] = "cluster",
		[AUTHZ_LACKS_VERB] = "verb",
		[AUTHZ_LACKS_RESOURCE] = "resource",
		[AUTHZ_LACKS_NAMESPACE] = "namespace",
	};
	struct json *list = json_new_array();

	for (size_t i = 0; i < user->role_count && *verb; i++) {
		for (size_t k = 0; k < user->roles[i]->rule_count; k++) {
			const struct role_rule *rule = &user->roles[i]->rules[k];
			struct json *item = json_new_object();

			json_set_str(item, "role", user->roles[i]->name);
			json_set_int(item, "rule", (int64_t)k + 1);
			json_set_str(item, "clusters", rule->cluster);
			json_set_str(item, "lacks", lacks[authz_rule_lacks(rule, rq, verb)]);
			json_add_item(list, item);
		}
	}
	return list;
}

static struct json *why_namespaces(const struct snapshot_user *user, const struct authz_request *rq,
				   const struct authz_answer *answer)
{
	struct json *list = json_new_array();
	char **names = answer->filtered ? authz_filter_namespaces(user->roles, user->role_count, rq)
					: NULL;

	for (char **name = names; name && *name; name++)
		json_add_str(list, *name);
	words_free(names);
	return list;
}

static struct json *why_answer(const struct why *w, const struct snapshot_user *user,
			       const struct snapshot_cluster *cluster)
{
	struct authz_request rq = { .cluster = cluster->name, .info = &w->info };
	struct json *doc = json_new_object();
	struct authz_answer answer;
	char sentence[400];

	authz_decide(user->roles, user->role_count, &rq, &answer);
	json_set_str(doc, "user", user->email);
	json_set_str(doc, "cluster", cluster->name);
	json_set_str(doc, "verb", w->info.verb);
	json_set_str(doc, "group", w->info.api_group);
	json_set_str(doc, "resource", w->info.is_resource ? w->info.resource : w->info.path);
	json_set_str(doc, "subresource", w->info.subresource);
	json_set_str(doc, "namespace", w->info.namespace);
	json_set_str(doc, "name", w->info.name);
	json_set_bool(doc, "allowed", answer.allowed && !user->disabled);
	json_set_str(doc, "role_verb", answer.verb);
	json_set_str(doc, "rule", answer.rule);
	json_set_item(doc, "only_namespaces", why_namespaces(user, &rq, &answer));
	authz_denial(user->email, user->roles, user->role_count, &rq, &answer, sentence,
		     sizeof(sentence));
	if (user->disabled)
		(void)snprintf(sentence, sizeof(sentence), "user \"%s\" is disabled", user->email);
	json_set_str(doc, "reason", answer.allowed && !user->disabled ? "" : sentence);
	json_set_item(doc, "rules", why_rules(user, &rq, answer.verb));
	return doc;
}

int api_why(struct request *rq, struct err *e)
{
	AUTO_FREE struct why *w = mem_new(sizeof(*w)); /* a parsed request is large */
	const struct snapshot_user *user;
	const struct snapshot_cluster *cluster;

	if (why_read(rq, w, e) < 0)
		return -1;
	user = why_user(rq, w, e);
	cluster = user ? why_cluster(rq, w, e) : NULL;
	return cluster ? api_answer(rq, 200, why_answer(w, user, cluster), e) : -1;
}
