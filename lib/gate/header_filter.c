/* Which fields of a proxied message pass: lists of what is allowed. */
#include "lib/gate/header_filter.h"

#include <assert.h>

static const char *const request_fields[] = {
	"accept",	   "accept-encoding", "content-type",  "content-length",
	"user-agent",	   "if-match",	      "if-none-match", "kubectl-command",
	"kubectl-session", "traceparent",     "tracestate",    NULL,
};

static const char *const answer_fields[] = {
	"content-type", "content-encoding", "content-length", "warning", "audit-id",
	"retry-after",	"etag",		    "cache-control",  "vary",	 "last-modified", NULL,
};

#define UPGRADE_FIELDS_MAX 8 /* of one request; kubectl sends up to five X-Stream-Protocol-Version */
#define UPGRADE_TEXTS_MAX 1024

/*
 * The API server wants an Origin for a watch by WebSocket; who asks is known by the token, never
 * by a cookie.
 */
static const char *const websocket_fields[] = { "sec-websocket-key", "sec-websocket-version",
						"origin", NULL };

static const char *const switch_fields[] = {
	"sec-websocket-accept", "sec-websocket-protocol", "x-stream-protocol-version", "audit-id", NULL,
};

static bool list_holds(const char *const *list, struct span name)
{
	for (; *list; list++) {
		if (span_equal_str(name, *list))
			return true;
	}
	return false;
}

static void filter(const struct http_head *head, const char *const *allowed,
		   struct header_list *ret_list)
{
	ret_list->count = 0;
	for (size_t i = 0; i < head->field_count && ret_list->count < HEADER_FILTER_MAX / 2; i++) {
		const struct http_field *field = &head->fields[i];

		if (head->protocol.len && span_equal_str(field->name, "content-length"))
			continue; /* an upgraded request has no body, and what follows is none */
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

/* "v5.channel.k8s.io", "v4.base64.channel.k8s.io", "SPDY/3.1+portforward.k8s.io" and the like. */
static bool subprotocol_passes(struct span name)
{
	static const char *const others[] = { "SPDY/3.1+portforward.k8s.io", "binary.k8s.io",
					      "base64.binary.k8s.io", NULL };
	struct span channel = SPAN("channel.k8s.io");
	struct span prefix;

	if (list_holds(others, name) || span_equal(name, channel))
		return true;
	if (!span_ends(name, SPAN(".channel.k8s.io")))
		return false;
	prefix = span_from(name.at, name.len - channel.len);
	if (prefix.len > sizeof("v9999.base64.") - 1)
		return false; /* "base64url.bearer.authorization.k8s.io." is longer */
	for (size_t i = 0; i < prefix.len; i++) {
		char c = prefix.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.'))
			return false;
	}
	return true;
}

/* One Sec-WebSocket-Protocol less what must not pass; empty when nothing is left. */
static struct span subprotocols(struct span asked, struct buf *texts)
{
	size_t at = texts->len;
	struct span part;

	while (span_take_part(&asked, ',', &part)) {
		part = span_trim(part);
		if (subprotocol_passes(part))
			(void)buf_printf(texts, "%s%.*s", texts->len > at ? ", " : "", SPAN_ARG(part));
	}
	return span_from(texts->at ? texts->at + at : "", texts->len - at);
}

void header_filter_upgrade(const struct http_head *head, struct header_list *list,
			   struct buf *texts)
{
	bool is_websocket = span_equal_str(head->protocol, "websocket");
	size_t end = list->count + UPGRADE_FIELDS_MAX;

	buf_init(texts, UPGRADE_TEXTS_MAX);
	if (!head->protocol.len)
		return;
	(void)buf_reserve(texts, UPGRADE_TEXTS_MAX); /* fields borrow from it: it must not move */
	for (size_t i = 0; i < head->field_count && list->count < end; i++) {
		struct http_field field = head->fields[i];
		bool passes = is_websocket ? list_holds(websocket_fields, field.name) :
					     span_equal_str(field.name, "x-stream-protocol-version");

		if (is_websocket && span_equal_str(field.name, "sec-websocket-protocol")) {
			field.value = subprotocols(field.value, texts);
			passes = field.value.len > 0;
		}
		if (passes && list->count < HEADER_FILTER_MAX)
			list->at[list->count++] = field;
	}
}

void header_filter_switch(const struct http_head *head, struct header_list *ret_list)
{
	filter(head, switch_fields, ret_list);
}

void header_list_add(struct header_list *list, const char *name, struct span value)
{
	assert(list->count < HEADER_FILTER_MAX);
	list->at[list->count++] = (struct http_field){ span_of(name), value };
}

void header_list_drop(struct header_list *list, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (!span_equal_str(list->at[i].name, name))
			list->at[kept++] = list->at[i];
	}
	list->count = kept;
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
