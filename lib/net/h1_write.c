/* HTTP/1.1 messages into bytes. */
#include "lib/net/h1_write.h"

#include <stdio.h>

#include "lib/net/http_upgrade.h"

enum { HEAD_USUAL = 1000 };

/* What is put must be whole: a buffer collects it first, the queue takes all or nothing. */
static int put_whole(struct http_queue *q, struct buf *b, struct err *e)
{
	if (b->failed || http_queue_put(q, buf_span(b)) < 0)
		return err_set(e, ERR_LIMIT, "more than %zu bytes would wait to be sent", q->max);
	return 0;
}

static void put_field(struct buf *b, struct span name, struct span value)
{
	char *at = buf_reserve(b, name.len + value.len + 4);

	if (!at)
		return;
	buf_put_span(b, name);
	buf_put(b, ": ", 2);
	buf_put_span(b, value);
	buf_put(b, "\r\n", 2);
}

static void put_fields(struct buf *b, const struct http_head *head, bool with_length)
{
	for (size_t i = 0; i < head->field_count; i++) {
		struct span name = head->fields[i].name;

		if (http_field_is_framing(name) ||
		    (!with_length && span_equal(name, SPAN("content-length"))))
			continue;
		put_field(b, name, head->fields[i].value);
	}
}

/*
 * How a body of unknown or given length travels; ret_has_len: the head's own Content-Length is
 * kept.
 */
static int choose_framing(const struct http_head *head, bool end, struct h1_body *ret_body,
			  bool *ret_has_len, struct err *e)
{
	uint64_t len = 0;
	int has_len = http_content_length(head, &len);

	if (has_len < 0)
		return err_set(e, ERR_INPUT, "content-length must be one decimal number");
	if (end && len > 0)
		return err_set(e, ERR_INPUT, "content-length is %llu, but no body follows",
			       (unsigned long long)len);
	*ret_has_len = has_len > 0;
	*ret_body = (struct h1_body){ has_len || end ? H1_LENGTH : H1_CHUNKED, len };
	return 0;
}

static void put_upgrade(struct buf *b, struct span protocol)
{
	buf_printf(b, "connection: Upgrade\r\nupgrade: %s\r\n", http_upgrade_name(protocol));
}

/* 101: the head is all of it, the rest is raw. */
static int write_switch(struct http_queue *q, const struct http_head *head, struct span protocol,
			struct h1_body *ret_body, struct err *e)
{
	struct buf b AUTO_BUF;

	buf_init(&b, q->max);
	buf_printf(&b, "HTTP/1.1 101 %s\r\n", http_reason(101));
	put_upgrade(&b, protocol);
	put_fields(&b, head, false);
	buf_put_str(&b, "\r\n");
	if (put_whole(q, &b, e) < 0)
		return -1;
	*ret_body = (struct h1_body){ .framing = H1_UNTIL_CLOSE };
	return 0;
}

int h1_write_answer(struct http_queue *q, const struct http_head *head,
		    const struct h1_answer_form *form, struct h1_body *ret_body, struct err *e)
{
	struct buf b AUTO_BUF;
	struct h1_body body = { .framing = H1_NO_BODY };
	bool has_len = head->status != 204; /* without a body: the length it would have (RFC 9110 8.6) */

	buf_init(&b, q->max);
	if (head->status == 101)
		return write_switch(q, head, form->protocol, ret_body, e);
	if (!http_answer_has_no_body(form->method, head->status)) {
		if (choose_framing(head, form->end, &body, &has_len, e) < 0)
			return -1;
		if (body.framing == H1_CHUNKED && form->is_1_0)
			body.framing = H1_UNTIL_CLOSE;
	}
	(void)buf_reserve(&b, HEAD_USUAL); /* one block for nearly every head; puts say when there is none */
	buf_printf(&b, "HTTP/1.1 %d %s\r\n", head->status, http_reason(head->status));
	put_fields(&b, head, has_len);
	if (body.framing == H1_LENGTH && !has_len)
		buf_put_str(&b, "content-length: 0\r\n");
	else if (body.framing == H1_CHUNKED)
		buf_put_str(&b, "transfer-encoding: chunked\r\n");
	buf_put_str(&b, form->close || body.framing == H1_UNTIL_CLOSE ?
				"connection: close\r\n\r\n" :
				"\r\n");
	if (put_whole(q, &b, e) < 0)
		return -1;
	*ret_body = body;
	return 0;
}

static int check_request(const struct http_head *head, struct err *e)
{
	struct http_field method = { SPAN("x"), head->method };

	if (!head->method.len || span_find(head->method, ' ') >= 0 ||
	    http_fields_check(&method, 1, e) < 0)
		return err_set(e, ERR_INPUT, "the request's method is no token");
	if (!http_target_is_valid(head->method, head->target))
		return err_set(e, ERR_INPUT,
			       "the request target must begin with / and hold no blank, # or control byte");
	if (!http_authority_is_valid(head->authority))
		return err_set(e, ERR_INPUT, "the request's authority is not a host with an optional port");
	if (head->protocol.len && !http_upgrade_name(head->protocol))
		return err_set(e, ERR_INPUT, "an upgrade is to websocket or spdy/3.1");
	return http_fields_check(head->fields, head->field_count, e);
}

int h1_write_request(struct http_queue *q, const struct http_head *head, bool end,
		     struct h1_body *ret_body, struct err *e)
{
	struct buf b AUTO_BUF;
	struct h1_body body;
	bool has_len;

	buf_init(&b, q->max);
	end = end || head->protocol.len;
	if (check_request(head, e) < 0 || choose_framing(head, end, &body, &has_len, e) < 0)
		return -1;
	(void)buf_reserve(&b, HEAD_USUAL);
	buf_put_span(&b, head->method);
	buf_put_char(&b, ' ');
	buf_put_span(&b, head->target);
	buf_put_str(&b, " HTTP/1.1\r\n");
	put_field(&b, SPAN("host"), head->authority);
	put_fields(&b, head, true);
	/* Methods that usually have a body say that there is none (RFC 9110 8.6). */
	if (end && !has_len &&
	    (span_equal(head->method, SPAN("POST")) || span_equal(head->method, SPAN("PUT")) ||
	     span_equal(head->method, SPAN("PATCH"))))
		buf_put_str(&b, "content-length: 0\r\n");
	else if (body.framing == H1_CHUNKED)
		buf_put_str(&b, "transfer-encoding: chunked\r\n");
	if (head->protocol.len) {
		put_upgrade(&b, head->protocol);
		body.framing = H1_UNTIL_CLOSE;
	}
	buf_put_str(&b, "\r\n");
	if (put_whole(q, &b, e) < 0)
		return -1;
	*ret_body = body;
	return 0;
}

static int write_chunk(struct http_queue *q, struct span bytes)
{
	char size[24];
	int len = snprintf(size, sizeof(size), "%zx\r\n", bytes.len);
	size_t need = (size_t)len + 2;

	/* The queue has room for all three pieces, or none is put. */
	if (bytes.len > q->max || need > q->max - bytes.len ||
	    need + bytes.len > q->max - http_queue_len(q))
		return -1;
	if (http_queue_put(q, span_from(size, (size_t)len)) < 0 || http_queue_put(q, bytes) < 0)
		return -1;
	return http_queue_put(q, SPAN("\r\n"));
}

int h1_write_body(struct http_queue *q, struct h1_body *body, struct span bytes, struct err *e)
{
	int result = 0;

	if (!bytes.len)
		return 0; /* an empty chunk would be the last */
	switch (body->framing) {
	case H1_NO_BODY:
		return 0;
	case H1_LENGTH:
		if (bytes.len > body->left)
			return err_set(e, ERR_INPUT,
				       "%zu bytes of body come, content-length leaves %llu",
				       bytes.len, (unsigned long long)body->left);
		body->left -= bytes.len;
		result = http_queue_put(q, bytes);
		break;
	case H1_CHUNKED:
		result = write_chunk(q, bytes);
		break;
	case H1_UNTIL_CLOSE:
		result = http_queue_put(q, bytes);
		break;
	}
	return result == 0 ?
		       0 :
		       err_set(e, ERR_LIMIT, "more than %zu bytes would wait to be sent", q->max);
}

int h1_write_end(struct http_queue *q, struct h1_body *body, const struct http_field *trailers,
		 size_t count, struct err *e)
{
	struct buf b AUTO_BUF;

	buf_init(&b, q->max);
	if (body->framing == H1_LENGTH && body->left)
		return err_set(e, ERR_INPUT, "%llu bytes of content-length were not sent",
			       (unsigned long long)body->left);
	if (body->framing != H1_CHUNKED)
		return 0;
	buf_put_str(&b, "0\r\n");
	for (size_t i = 0; i < count; i++)
		if (!http_field_no_trailer(trailers[i].name))
			put_field(&b, trailers[i].name, trailers[i].value);
	buf_put_str(&b, "\r\n");
	return put_whole(q, &b, e);
}
