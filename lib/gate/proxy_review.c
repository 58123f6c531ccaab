/* Central's part of reviews of one's own rights. */
#include "lib/gate/proxy_review.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/gate/authz_question.h"
#include "lib/kube/review_proto.h"

enum proxy_review_kind proxy_review_kind(const struct request_info *info)
{
	if (!info->is_resource || strcmp(info->verb, "create") != 0 ||
	    strcmp(info->api_group, "authorization.k8s.io") != 0 || *info->subresource || *info->name)
		return PROXY_REVIEW_NONE;
	if (strcmp(info->resource, "selfsubjectaccessreviews") == 0)
		return PROXY_REVIEW_ACCESS;
	return strcmp(info->resource, "selfsubjectrulesreviews") == 0 ? PROXY_REVIEW_RULES : PROXY_REVIEW_NONE;
}

static const char *text_of(const struct json *object, const char *member)
{
	const char *text = json_str(object, member);

	return text ? text : "";
}

static int read_question(const struct json *review, struct authz_question *ret_q, struct err *e)
{
	const struct json *spec = json_get(review, "spec");
	const struct json *on_resource = json_get(spec, "resourceAttributes");
	const struct json *on_path = json_get(spec, "nonResourceAttributes");

	if (json_is_object(on_resource) == json_is_object(on_path))
		return err_set(e, ERR_INPUT,
			       "a review must have either spec.resourceAttributes or "
			       "spec.nonResourceAttributes");
	if (json_is_object(on_path)) {
		*ret_q = (struct authz_question){ text_of(on_path, "verb"), "", "", "", "", "",
						  text_of(on_path, "path") };
		return *ret_q->path ? 0
				    : err_set(e, ERR_INPUT,
					      "spec.nonResourceAttributes.path is missing");
	}
	*ret_q = (struct authz_question){
		.verb = text_of(on_resource, "verb"),
		.group = text_of(on_resource, "group"),
		.resource = text_of(on_resource, "resource"),
		.subresource = text_of(on_resource, "subresource"),
		.namespace = text_of(on_resource, "namespace"),
		.name = text_of(on_resource, "name"),
		.path = "",
	};
	return 0;
}

static void put_denial(const struct json *review, const char *reason, struct buf *into)
{
	static const char *const kept[] = { "kind", "apiVersion", "spec" };
	AUTO_JSON struct json *answer = json_new_object();
	struct json *status = json_new_object();

	for (size_t i = 0; i < COUNT_OF(kept); i++) {
		const struct json *member = json_get(review, kept[i]);

		if (member)
			json_append_member(answer, kept[i], json_dup(member));
	}
	json_set_item(answer, "metadata", json_new_object());
	json_set_bool(status, "allowed", false);
	json_set_str(status, "reason", reason);
	json_set_item(answer, "status", status);
	json_print(answer, JSON_COMPACT, into);
	(void)buf_put_char(into, '\n');
}

static int read_review(struct span body, bool is_rules, struct json **ret_review, struct err *e)
{
	int rc;

	if (body.len > PROXY_REVIEW_MAX)
		return err_set(e, ERR_LIMIT, "a review may have %d bytes", PROXY_REVIEW_MAX);
	if (!review_proto_is(body))
		rc = json_parse(body, JSON_LIMITS(PROXY_REVIEW_MAX), ret_review, e);
	else if (is_rules)
		rc = review_proto_parse_rules(body, ret_review, e);
	else
		rc = review_proto_parse(body, ret_review, e);
	return rc < 0 ? err_context(e, "the review, which must be JSON or protobuf here") : 0;
}

int proxy_review_namespace(struct span body, char **ret_namespace, struct err *e)
{
	AUTO_JSON struct json *review = NULL;
	const char *namespace;

	if (read_review(body, true, &review, e) < 0)
		return -1;
	namespace = json_find_str(review, "spec.namespace");
	if (!namespace || !*namespace)
		return err_set(e, ERR_INPUT, "spec.namespace is missing in the review");
	*ret_namespace = mem_dup_str(namespace);
	return 0;
}

int proxy_review_decide(const struct proxy_review *r, struct span body, struct buf *ret_answer,
			struct err *e)
{
	struct authz_request rq = { .cluster = r->cluster, .info = r->scratch };
	AUTO_JSON struct json *review = NULL;
	struct authz_question q;
	struct authz_answer answer;
	char reason[sizeof(e->text)];

	if (read_review(body, false, &review, e) < 0)
		return -1;
	if (read_question(review, &q, e) < 0)
		return -1;
	authz_question_info(&q, r->scratch);
	authz_decide(r->roles, r->role_count, &rq, &answer);
	if (answer.allowed)
		return 0;
	authz_denial(r->user, r->roles, r->role_count, &rq, &answer, reason, sizeof(reason));
	put_denial(review, reason, ret_answer);
	return buf_ok(ret_answer, "the review's answer", e) < 0 ? -1 : 1;
}
