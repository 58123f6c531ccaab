/* Upgraded requests on their way over the tunnel. */
#include "lib/gate/upgrade.h"

void upgrade_ask(const struct http_head *request, struct http_head *head,
		 struct header_list *fields, struct buf *texts)
{
	header_filter_upgrade(request, fields, texts);
	if (!request->protocol.len)
		return;
	head->protocol = request->protocol;
	header_list_add(fields, "mk8s-method", request->method);
}

struct span upgrade_method(const struct http_head *head)
{
	const struct span *method = http_field_find(head, "mk8s-method");

	if (!head->protocol.len)
		return method ? SPAN_NONE : head->method;
	if (!method || http_field_count(head, "mk8s-method") != 1 ||
	    !(span_equal_str(*method, "GET") || span_equal_str(*method, "POST")))
		return SPAN_NONE;
	return *method;
}

bool upgrade_answer(const struct http_head *request, const struct http_head *head,
		    struct http_head *answer, struct header_list *fields, bool *ret_granted)
{
	bool from_tunnel = !span_equal_str(request->method, "CONNECT"); /* we are central, and the client spoke HTTP/1.1 */

	*ret_granted = request->protocol.len && head->status == (from_tunnel ? 200 : 101);
	if (*ret_granted) {
		header_filter_switch(head, fields);
		answer->status = from_tunnel ? 101 : 200;
		return true;
	}
	return !request->protocol.len || head->status < 200 || head->status > 299;
}
