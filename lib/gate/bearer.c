/* The bearer token of a request. */
#include "lib/gate/bearer.h"

int bearer_token(const struct http_head *head, struct span *ret_token, struct err *e)
{
	const struct span *field = http_field_find(head, "authorization");

	if (!field)
		return err_set(e, ERR_AUTH,
			       "not signed in: the request has no Authorization; try mk8s login");
	if (http_field_count(head, "authorization") != 1 || field->len < 8 ||
	    !span_equal_nocase(span_from(field->at, 7), SPAN("Bearer ")))
		return err_set(e, ERR_AUTH, "not signed in: Authorization must be one bearer token");
	*ret_token = span_trim(span_from(field->at + 7, field->len - 7));
	return 0;
}
