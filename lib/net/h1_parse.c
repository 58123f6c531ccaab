/* HTTP/1.1 messages out of bytes. */
#include "lib/net/h1_parse.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/net/http_upgrade.h"

enum {
	SKIPPED_MAX = 16,        /* 1xx answers before a final one */
	EXCESS_MAX = 16 * 1024,  /* chunk extensions beyond what their data excuses */
	EXCESS_FREE = 16,        /* bytes of extension that any chunk may have, and as many as twice its data */
};

static struct h1_parser *parser_of(llhttp_t *l)
{
	return l->data;
}

/* For a callback: stops llhttp. */
static int parse_bad(struct h1_parser *p, int status, const char *why)
{
	if (p->state != H1_PARSE_BAD) {
		p->state = H1_PARSE_BAD;
		p->bad_status = p->role == H1_ANSWERS ? 502 : status;
		p->why = why;
	}
	return HPE_USER;
}

static int parse_over(struct h1_parser *p)
{
	if (p->role == H1_REQUESTS && !p->target_ended)
		return parse_bad(p, 414, "the request target is too long");
	return parse_bad(p, 431, "the fields of the head are too large or too many");
}

static int on_url(llhttp_t *l, const char *at, size_t len)
{
	struct h1_parser *p = parser_of(l);

	if (!p->collect.count) {
		http_collect_begin(&p->collect);
		http_collect_name(&p->collect, SPAN(":path"));
	}
	http_collect_value(&p->collect, span_from(at, len));
	return p->collect.over ? parse_over(p) : 0;
}

static int on_url_complete(llhttp_t *l)
{
	parser_of(l)->target_ended = true;
	return 0;
}

static int on_header_field(llhttp_t *l, const char *at, size_t len)
{
	struct h1_parser *p = parser_of(l);

	if (p->in_value || p->collect.count <= (p->role == H1_REQUESTS && !(l->flags & F_TRAILING))) {
		http_collect_begin(&p->collect);
		p->in_value = false;
	}
	if (!p->collect.over)
		http_collect_name(&p->collect, span_from(at, len));
	return p->collect.over ? parse_over(p) : 0;
}

static int on_header_value(llhttp_t *l, const char *at, size_t len)
{
	struct h1_parser *p = parser_of(l);

	http_collect_value(&p->collect, span_from(at, len));
	return p->collect.over ? parse_over(p) : 0;
}

static int on_header_value_complete(llhttp_t *l)
{
	struct h1_parser *p = parser_of(l);

	http_collect_trim(&p->collect);
	p->in_value = true;
	return 0;
}

/*
 * Transfer-Encoding is absent, or one field that says "chunked" and nothing else (RFC 9112 6.1,
 * and stricter).
 */
static int check_coding(struct h1_parser *p, const struct http_head *head)
{
	size_t count = http_field_count(head, "transfer-encoding");
	uint64_t len = 0;
	int has_len = http_content_length(head, &len);

	if (has_len < 0)
		return parse_bad(p, 400, "Content-Length must be one decimal number");
	if (!count)
		return 0;
	if (has_len)
		return parse_bad(p, 400, "Content-Length and Transfer-Encoding exclude each other");
	if (count > 1 ||
	    !span_equal_nocase(*http_field_find(head, "transfer-encoding"), SPAN("chunked")) ||
	    p->is_1_0)
		return parse_bad(p, 400, "the only Transfer-Encoding is chunked, in HTTP/1.1");
	return 0;
}

/*
 * "http://host/path" is taken when it names the same host as the Host field (RFC 9112 3.2.2, and
 * stricter).
 */
static bool target_to_origin_form(struct http_packed *packed)
{
	struct span *target = &packed->head.target;
	struct span rest;
	size_t len;

	if (span_starts(*target, SPAN("https://")))
		rest = span_from(target->at + 8, target->len - 8);
	else if (span_starts(*target, SPAN("http://")))
		rest = span_from(target->at + 7, target->len - 7);
	else
		return true;
	for (len = 0; len < rest.len && rest.at[len] != '/' && rest.at[len] != '?'; len++)
		;
	if (!span_equal_nocase(span_from(rest.at, len), packed->host))
		return false;
	*target = span_from(rest.at + len, rest.len - len);
	if (!target->len)
		*target = SPAN("/");
	return target->at[0] == '/';
}

static int check_request(struct h1_parser *p, struct http_packed *packed)
{
	struct span method = span_of(llhttp_method_name(p->llhttp.method));

	if (p->llhttp.http_major != 1 || p->llhttp.http_minor > 1)
		return parse_bad(p, 505, "the version must be HTTP/1.1 or HTTP/1.0");
	if (p->llhttp.method == HTTP_CONNECT)
		return parse_bad(p, 501, "CONNECT is not served");
	if (packed->host_count > 1 || (packed->host_count == 0 && !p->is_1_0))
		return parse_bad(p, 400, "there must be exactly one Host field");
	if (packed->host_count && !http_authority_is_valid(packed->host))
		return parse_bad(p, 400, "the Host field is not a host with an optional port");
	if (!target_to_origin_form(packed))
		return parse_bad(p, 400, "an absolute request target must name the host of the Host field");
	if (!http_target_is_valid(method, packed->head.target))
		return parse_bad(p, 400, "the request target must begin with / and hold no blank, # or control byte");
	return check_coding(p, &packed->head);
}

static int check_answer(struct h1_parser *p, struct http_packed *packed)
{
	int status = p->llhttp.status_code;

	if (p->llhttp.http_major != 1 || p->llhttp.http_minor > 1)
		return parse_bad(p, 502, "the version must be HTTP/1.1 or HTTP/1.0");
	if (status < 100 || status > 599)
		return parse_bad(p, 502, "the status must be 100 to 599");
	if (status == 101 && (!p->protocol.len || p->is_1_0 ||
			      !span_equal(http_upgrade_asked(&packed->head), p->protocol)))
		return parse_bad(p, 502, "the server switches to a protocol that was not asked for");
	if (status < 200 && p->has_body)
		return parse_bad(p, 502, "a 1xx answer has no body");
	return check_coding(p, &packed->head);
}

void h1_parser_take_head(const struct h1_parser *p, void *memory, struct http_head *ret_head)
{
	struct http_packed packed;

	http_collect_pack(&p->collect, memory, &packed);
	*ret_head = packed.head;
	if (p->role == H1_ANSWERS) {
		ret_head->status = p->llhttp.status_code;
		return;
	}
	(void)target_to_origin_form(&packed); /* was checked */
	ret_head->target = packed.head.target;
	ret_head->method = span_of(llhttp_method_name(p->llhttp.method));
}

size_t h1_parser_head_size(const struct h1_parser *p)
{
	return http_collect_size(&p->collect);
}

static int check_head(struct h1_parser *p)
{
	AUTO_FREE void *memory = NULL;
	_Alignas(max_align_t) char small[4096];
	struct http_packed packed;
	size_t size = h1_parser_head_size(p);

	if (size > sizeof(small))
		memory = mem_new(size);
	http_collect_pack(&p->collect, memory ? memory : small, &packed);
	return p->role == H1_REQUESTS ? check_request(p, &packed) : check_answer(p, &packed);
}

static int on_headers_complete(llhttp_t *l)
{
	struct h1_parser *p = parser_of(l);
	bool may_have_body;

	l->upgrade = 0; /* Upgrade is ignored (RFC 9110 7.8): the connection goes on as HTTP/1.1 */
	p->is_1_0 = l->http_major == 1 && l->http_minor == 0;
	p->keeps_alive = llhttp_should_keep_alive(l);
	p->has_body = (l->flags & (F_CHUNKED | F_TRANSFER_ENCODING)) || l->content_length > 0 ||
		      (p->role == H1_ANSWERS && llhttp_message_needs_eof(l));
	if (check_head(p) != 0)
		return HPE_USER;
	if (p->role == H1_ANSWERS && l->status_code < 200 && l->status_code != 101) {
		if (++p->skipped > SKIPPED_MAX)
			return parse_bad(p, 502, "too many 1xx answers");
		return 0;
	}
	may_have_body = p->events->on_head(p->owner, p);
	if (p->state == H1_PARSE_BAD)
		return HPE_USER;
	p->state = H1_PARSE_BODY;
	p->head_len = 0;
	p->in_value = false;
	http_collect_reset(&p->collect);
	return may_have_body ? 0 : 1;
}

static int on_body(llhttp_t *l, const char *at, size_t len)
{
	struct h1_parser *p = parser_of(l);

	p->events->on_body(p->owner, span_from(at, len));
	return p->state == H1_PARSE_BAD ? HPE_USER : 0;
}

static int on_chunk_extension(llhttp_t *l, const char *at UNUSED, size_t len)
{
	struct h1_parser *p = parser_of(l);

	p->chunk_extra += len;
	if (p->chunk_extra > EXCESS_MAX)
		return parse_bad(p, 400, "the chunk extensions are too long");
	return 0;
}

/* Extensions that stay small beside their data are let pass for ever, others add up. */
static int on_chunk_header(llhttp_t *l)
{
	struct h1_parser *p = parser_of(l);
	uint64_t excused = l->content_length < EXCESS_MAX ? l->content_length * 2 + EXCESS_FREE :
							    UINT32_MAX;

	p->excess += p->chunk_extra;
	p->chunk_extra = 0;
	p->excess -= p->excess < excused ? p->excess : (size_t)excused;
	if (p->excess > EXCESS_MAX)
		return parse_bad(p, 400, "the chunk extensions are too long");
	return 0;
}

static void emit_end(struct h1_parser *p)
{
	struct http_packed packed = { .head.fields = NULL };
	struct http_field *trailers;
	AUTO_FREE void *memory = NULL;
	size_t count = 0;

	if (p->collect.count) {
		memory = mem_new(http_collect_size(&p->collect));
		http_collect_pack(&p->collect, memory, &packed);
	}
	trailers = memory;
	for (size_t i = 0; i < packed.head.field_count; i++)
		if (!http_field_no_trailer(trailers[i].name))
			trailers[count++] = trailers[i];
	p->events->on_end(p->owner, trailers, count);
}

static void parser_begin(struct h1_parser *p)
{
	p->state = H1_PARSE_IDLE;
	p->head_len = 0;
	p->excess = 0;
	p->chunk_extra = 0;
	p->target_ended = false;
	p->in_value = false;
	http_collect_reset(&p->collect);
}

static int on_message_complete(llhttp_t *l)
{
	struct h1_parser *p = parser_of(l);

	if (p->state == H1_PARSE_HEAD) { /* a 1xx answer: its head is all of it */
		parser_begin(p);
		p->state = H1_PARSE_HEAD;
		return 0;
	}
	p->state = H1_PARSE_WHOLE;
	emit_end(p);
	return p->state == H1_PARSE_BAD ? HPE_USER : HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_url_complete = on_url_complete,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_header_value_complete = on_header_value_complete,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_chunk_extension_name = on_chunk_extension,
	.on_chunk_extension_value = on_chunk_extension,
	.on_chunk_header = on_chunk_header,
	.on_message_complete = on_message_complete,
};

void h1_parser_init(struct h1_parser *p, enum h1_role role, const struct h1_limits *limits,
		    const struct h1_parse_events *events, void *owner)
{
	*p = (struct h1_parser){
		.role = role, .events = events, .owner = owner, .head_max = limits->head_max
	};
	/* The collector counts 32 bytes a field besides; head_len below counts what really came. */
	http_collect_init(&p->collect, limits->head_max + 32 * (limits->field_count_max + 1),
			  limits->field_count_max + (role == H1_REQUESTS));
	llhttp_init(&p->llhttp, role == H1_REQUESTS ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
	p->llhttp.data = p;
	parser_begin(p);
}

void h1_parser_free(struct h1_parser *p)
{
	http_collect_free(&p->collect);
}

void h1_parser_trim(struct h1_parser *p)
{
	if (p->state == H1_PARSE_IDLE)
		http_collect_free(&p->collect);
}

void h1_parser_next(struct h1_parser *p)
{
	llhttp_resume(&p->llhttp);
	p->skipped = 0;
	parser_begin(p);
}

/* What llhttp itself refused. */
static void parser_refused(struct h1_parser *p, llhttp_errno_t code)
{
	if (code == HPE_INVALID_METHOD && p->first >= 'A' && p->first <= 'Z')
		(void)parse_bad(p, 501, "the method is not known");
	else if (code == HPE_INVALID_VERSION && (p->llhttp.http_major != 1 || p->llhttp.http_minor > 1))
		(void)parse_bad(p, 505, "the version must be HTTP/1.1 or HTTP/1.0");
	else
		(void)parse_bad(p, 400, "the message is not well-formed HTTP/1.1");
}

static size_t parser_execute(struct h1_parser *p, struct span bytes)
{
	llhttp_errno_t code = llhttp_execute(&p->llhttp, bytes.at, bytes.len);

	if (code == HPE_OK)
		return bytes.len;
	if (code != HPE_PAUSED)
		parser_refused(p, code);
	return (size_t)(llhttp_get_error_pos(&p->llhttp) - bytes.at);
}

/* A head is fed at most up to its ceiling, so that blanks and line ends count too. */
static size_t parser_feed_head(struct h1_parser *p, struct span bytes)
{
	size_t room = p->head_max - p->head_len;
	size_t len = bytes.len < room ? bytes.len : room;
	size_t taken;

	p->head_len += len;
	taken = parser_execute(p, span_from(bytes.at, len));
	if (p->state == H1_PARSE_HEAD && p->head_len >= p->head_max)
		(void)parse_over(p);
	return taken;
}

size_t h1_parser_feed(struct h1_parser *p, struct span bytes)
{
	size_t taken = 0;

	while (taken < bytes.len && p->state != H1_PARSE_WHOLE && p->state != H1_PARSE_BAD) {
		struct span rest = span_from(bytes.at + taken, bytes.len - taken);

		if (p->state == H1_PARSE_IDLE) {
			p->state = H1_PARSE_HEAD;
			p->first = rest.at[0];
		}
		taken += p->state == H1_PARSE_HEAD ? parser_feed_head(p, rest) : parser_execute(p, rest);
	}
	return taken;
}

void h1_parser_finish(struct h1_parser *p)
{
	if (p->state != H1_PARSE_HEAD && p->state != H1_PARSE_BODY)
		return;
	if (llhttp_finish(&p->llhttp) != HPE_OK && p->state != H1_PARSE_WHOLE)
		(void)parse_bad(p, 400, "the message was cut off before its end");
}
