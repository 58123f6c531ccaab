/* Questions about rights in the form of requests. */
#include "lib/gate/authz_question.h"

#include <string.h>

#include "lib/base/attr.h"
#include "lib/gate/authz_tables.h"

void authz_question_info(const struct authz_question *q, struct request_info *ret_info)
{
	bool is_namespace = strcmp(q->resource, "namespaces") == 0 && *q->group == '\0';

	ret_info->is_resource = *q->path == '\0';
	ret_info->verb = q->verb;
	ret_info->path = q->path;
	ret_info->api_prefix = ret_info->is_resource ? (*q->group ? "apis" : "api") : "";
	ret_info->api_group = q->group;
	ret_info->api_version = "";
	ret_info->namespace = is_namespace ? q->name : q->namespace;
	ret_info->resource = q->resource;
	ret_info->name = q->name;
	ret_info->subresource = q->subresource;
	ret_info->rest = ret_info->label_selector = ret_info->field_selector = "";
	ret_info->used = 0;
}

void authz_question_parse(const char *verb, char *text, struct authz_question *ret_q)
{
	static const struct {
		const char *word, *verb, *subresource;
	} words[] = {
		{ "logs", "get", "log" },
		{ "exec", "create", "exec" },
		{ "port-forward", "create", "portforward" },
		{ "proxy", "get", "proxy" },
	};
	char *at;

	*ret_q = (struct authz_question){ verb, "", text, "", "", "", "" };
	if (*text == '/') {
		ret_q->resource = "";
		ret_q->path = text;
		return;
	}
	if ((at = strchr(text, '/')) != NULL) {
		*at = '\0';
		ret_q->subresource = at + 1;
	}
	if ((at = strchr(text, '.')) != NULL) {
		*at = '\0';
		ret_q->group = at + 1;
	} else {
		ret_q->group = authz_builtin_group(text);
	}
	for (size_t i = 0; i < COUNT_OF(words) && *ret_q->subresource == '\0'; i++) {
		if (strcmp(words[i].word, verb) != 0)
			continue;
		ret_q->verb = words[i].verb;
		ret_q->subresource = words[i].subresource;
	}
}
