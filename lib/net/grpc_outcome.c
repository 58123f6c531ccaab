/* How a gRPC call ended, read from the answer's head and trailers. */
#include "lib/net/grpc_wire.h"

void grpc_outcome_take(struct grpc_outcome *o, const struct http_field *fields, size_t count)
{
	const struct http_head head = { .fields = fields, .field_count = count };
	const struct span *status = http_field_find(&head, "grpc-status");
	const struct span *sentence = http_field_find(&head, "grpc-message");
	uint64_t number;

	if (!status)
		return;
	o->has_status = true;
	o->status =
		span_to_u64(*status, 16, &number) == 0 ? (enum grpc_status)number : GRPC_UNKNOWN;
	if (sentence)
		grpc_message_decode(*sentence, o->sentence, sizeof(o->sentence));
}

void grpc_outcome_take_head(struct grpc_outcome *o, const struct http_head *head)
{
	const struct span *type = http_field_find(head, "content-type");

	o->http_status = head->status;
	o->is_grpc = head->status == 200 && type && grpc_is_content_type(*type);
	grpc_outcome_take(o, head->fields, head->field_count);
}

/* The mapping of the gRPC documents for an answer that is not gRPC's. */
static enum grpc_status status_of_http(int status)
{
	switch (status) {
	case 400:
		return GRPC_INTERNAL;
	case 401:
		return GRPC_UNAUTHENTICATED;
	case 403:
		return GRPC_PERMISSION_DENIED;
	case 404:
		return GRPC_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return GRPC_UNAVAILABLE;
	default:
		return GRPC_UNKNOWN;
	}
}

enum grpc_status grpc_outcome_judge(const struct grpc_outcome *o, struct err *e)
{
	enum grpc_status status = o->status;

	if (!o->is_grpc && !o->has_status) {
		status = status_of_http(o->http_status);
		(void)err_set(e, grpc_err_code(status),
			      "the peer answered with HTTP status %d, not with gRPC",
			      o->http_status);
	} else if (!o->has_status) {
		status = GRPC_UNKNOWN;
		(void)err_set(e, ERR_PROTOCOL, "the answer ended without grpc-status");
	} else if (status != GRPC_OK) {
		(void)err_set(e, grpc_err_code(status), "%s",
			      o->sentence[0] ? o->sentence : "the peer gave no reason");
	}
	return status;
}
