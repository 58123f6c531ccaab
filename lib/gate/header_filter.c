/* Which fields of a proxied message pass: lists of what is allowed. */
#include "lib/gate/header_filter.h"

#include <assert.h>

static const char *const request_fields[] = {
	"accept",	   "accept-encoding", "content-type",	 "content-length", "user-agent",  "if-match",
	"if-none-match", "kubectl-command", "kubectl-session", "traceparent",	   "tracestate", NULL,
};

static const char *const answer_fields[] = {
	"content-type", "content-encoding", "content-length", "warning", "audit-id",
	"retry-after",	"etag",		    "cache-control",  "vary",	 "last-modified", NULL,
};

static bool list_holds(const char *const *list, struct span name)
{
	for (; *list; list++) {
		if (span_equal_str(name, *list))
			return true;
	}
	return false;
}

static void filter(const struct http_head *head, const char *const *allowed, struct header_list *ret_list)
{
	ret_list->count = 0;
	for (size_t i = 0; i < head->field_count && ret_list->count < HEADER_FILTER_MAX / 2; i++) {
		const struct http_field *field = &head->fields[i];

		if (list_holds(allowed, field->name) && !http_field_is_hop(head, field->name))
			ret_list->at[ret_list->count++] = *field;
	}
}

void header_filter_request(const struct http_head *head, struct header_list *ret_list)
{
	filter(head, request_fields, ret_list);
}

void header_filter_answer(const struct http_head *head, struct header_list *ret_list)
{
	filter(head, answer_fields, ret_list);
}

void header_list_add(struct header_list *list, const char *name, struct span value)
{
	assert(list->count < HEADER_FILTER_MAX);
	list->at[list->count++] = (struct http_field){ span_of(name), value };
}

bool header_is_apply_patch(const struct http_head *head)
{
	const struct span *type = http_field_find(head, "content-type");
	struct span rest, media;

	if (!type)
		return false;
	rest = *type;
	return span_take_part(&rest, ';', &media) &&
	       span_starts(span_trim(media), SPAN("application/apply-patch"));
}
