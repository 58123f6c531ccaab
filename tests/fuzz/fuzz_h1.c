/* HTTP/1.1 messages: the pieces in which bytes come change nothing, and what is taken can be written and read again. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/net/h1_parse.h"
#include "lib/net/h1_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const struct h1_limits limits = { .head_max = 4096, .field_count_max = 20 };

struct record {
	struct buf text;
	size_t body; /* of the current message */
};

/* A request that was taken is one that may be sent. */
static void check_rewrite(const struct http_head *head)
{
	struct http_queue q;
	struct h1_body body;
	struct http_head copy = *head;
	struct err e;

	if (!copy.authority.len)
		copy.authority = SPAN("a");
	http_queue_init(&q, 64 * 1024);
	assert(h1_write_request(&q, &copy, false, &body, &e) == 0);
	http_queue_free(&q);
}

static bool on_head(void *owner, struct h1_parser *p)
{
	struct record *r = owner;
	AUTO_FREE void *memory = mem_new(h1_parser_head_size(p) + 1);
	struct http_head head;

	h1_parser_take_head(p, memory, &head);
	buf_printf(&r->text, "%.*s %.*s %d %zu\n", SPAN_ARG(head.method), SPAN_ARG(head.target), head.status,
		   head.field_count);
	for (size_t i = 0; i < head.field_count; i++) {
		buf_put_span(&r->text, head.fields[i].name);
		buf_put_span(&r->text, head.fields[i].value);
	}
	if (p->role == H1_REQUESTS)
		check_rewrite(&head);
	return true;
}

static void on_body(void *owner, struct span bytes)
{
	struct record *r = owner;

	buf_put_span(&r->text, bytes);
	r->body += bytes.len;
}

static void on_end(void *owner, const struct http_field *trailers, size_t count)
{
	struct record *r = owner;

	buf_printf(&r->text, "end %zu %zu\n", r->body, count);
	r->body = 0;
	for (size_t i = 0; i < count; i++)
		assert(!http_field_no_trailer(trailers[i].name));
}

static const struct h1_parse_events events = { on_head, on_body, on_end };

static int parse(enum h1_role role, struct span input, size_t step, struct buf *ret_text)
{
	struct record r = { .body = 0 };
	struct h1_parser p;
	int status;

	buf_init(&r.text, 16 * 1024 * 1024);
	h1_parser_init(&p, role, &limits, &events, &r);
	p.protocol = SPAN("websocket"); /* so that a 101 may pass */
	while (input.len && p.state != H1_PARSE_BAD) {
		size_t taken = h1_parser_feed(&p, span_from(input.at, input.len < step ? input.len : step));

		assert(taken <= step);
		input = span_from(input.at + taken, input.len - taken);
		if (p.state == H1_PARSE_WHOLE)
			h1_parser_next(&p);
	}
	h1_parser_finish(&p);
	status = p.state == H1_PARSE_BAD ? p.bad_status : 0;
	assert(status == 0 || p.why);
	h1_parser_free(&p);
	*ret_text = r.text;
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct span input = span_from(len ? bytes + 1 : bytes, len ? len - 1 : 0);
	enum h1_role role = len && bytes[0] == 'a' ? H1_ANSWERS : H1_REQUESTS;
	struct buf whole, pieces;
	int a = parse(role, input, input.len + 1, &whole);
	int b = parse(role, input, 1, &pieces);

	assert((a == 0) == (b == 0));
	if (a == 0) {
		assert(span_equal(buf_span(&whole), buf_span(&pieces)));
	}
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
