/*
 * What may stand in targets, authorities and fields, and which fields belong to the connection
 * (RFC 9110, 9112).
 */
#include <string.h>

#include "lib/net/http_head.h"

enum { TOKEN = 1, VALUE = 2, TARGET = 4, AUTHORITY = 8 };

/*
 * By byte: lower-case tokens, field values (HTAB, SP, VCHAR, obs-text), targets, host and port
 * characters.
 */
static const unsigned char classes[256] = {
	['\t'] = VALUE,
	[' '] = VALUE,
	['!'] = TOKEN | VALUE | TARGET | AUTHORITY,
	['"'] = VALUE | TARGET,
	['#'] = TOKEN | VALUE,
	['$' ... '\''] = TOKEN | VALUE | TARGET | AUTHORITY,
	['('] = VALUE | TARGET | AUTHORITY,
	[')'] = VALUE | TARGET | AUTHORITY,
	['*'] = TOKEN | VALUE | TARGET | AUTHORITY,
	['+'] = TOKEN | VALUE | TARGET | AUTHORITY,
	[','] = VALUE | TARGET | AUTHORITY,
	['-'] = TOKEN | VALUE | TARGET | AUTHORITY,
	['.'] = TOKEN | VALUE | TARGET | AUTHORITY,
	['/'] = VALUE | TARGET,
	['0' ... '9'] = TOKEN | VALUE | TARGET | AUTHORITY,
	[':'] = VALUE | TARGET | AUTHORITY,
	[';'] = VALUE | TARGET | AUTHORITY,
	['<'] = VALUE | TARGET,
	['='] = VALUE | TARGET | AUTHORITY,
	['>' ... '@'] = VALUE | TARGET,
	['A' ... 'Z'] = VALUE | TARGET | AUTHORITY,
	['['] = VALUE | TARGET | AUTHORITY,
	['\\'] = VALUE | TARGET,
	[']'] = VALUE | TARGET | AUTHORITY,
	['^'] = TOKEN | VALUE | TARGET,
	['_'] = TOKEN | VALUE | TARGET | AUTHORITY,
	['`'] = TOKEN | VALUE | TARGET,
	['a' ... 'z'] = TOKEN | VALUE | TARGET | AUTHORITY,
	['{'] = VALUE | TARGET,
	['|'] = TOKEN | VALUE | TARGET,
	['}'] = VALUE | TARGET,
	['~'] = TOKEN | VALUE | TARGET | AUTHORITY,
	[0x80 ... 0xff] = VALUE,
};

static bool all_of(struct span text, unsigned char class)
{
	for (size_t i = 0; i < text.len; i++)
		if (!(classes[(unsigned char)text.at[i]] & class))
			return false;
	return true;
}

bool http_target_is_valid(struct span method, struct span target)
{
	if (span_equal(target, SPAN("*")))
		return span_equal(method, SPAN("OPTIONS"));
	return target.len && target.at[0] == '/' && all_of(target, TARGET);
}

bool http_authority_is_valid(struct span authority)
{
	return authority.len && all_of(authority, AUTHORITY);
}

int http_fields_check(const struct http_field *fields, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		const struct http_field *f = &fields[i];

		if (!f->name.len || !all_of(f->name, TOKEN))
			return err_set(e, ERR_INPUT,
				       "a field name is no lower-case token (field %zu, %zu bytes)",
				       i, f->name.len);
		if (!all_of(f->value, VALUE))
			return err_set(e, ERR_INPUT, "the value of field %.*s holds a control character",
				       SPAN_ARG(f->name));
	}
	return 0;
}

static bool name_is_one_of(struct span name, const char *const *names)
{
	for (; *names; names++)
		if (span_equal_str(name, *names))
			return true;
	return false;
}

bool http_field_no_trailer(struct span name)
{
	static const char *const names[] = {
		"authorization", "cache-control", "connection", "content-encoding", "content-length",
		"content-range", "content-type", "cookie", "expect", "host", "keep-alive", "location",
		"max-forwards", "proxy-authenticate", "proxy-authorization", "proxy-connection", "range",
		"set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "www-authenticate", NULL,
	};

	return !name.len || name.at[0] == ':' || name_is_one_of(name, names);
}

bool http_field_is_framing(struct span name)
{
	static const char *const names[] = {
		"connection",	     "host",	"keep-alive", "proxy-connection",
		"transfer-encoding", "upgrade", NULL,
	};

	return name_is_one_of(name, names);
}

bool http_field_is_hop(const struct http_head *head, struct span name)
{
	static const char *const names[] = {
		"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection",
		"proxy-authorization", "proxy-authenticate", NULL,
	};
	struct span part, list;

	if (name_is_one_of(name, names))
		return true;
	for (size_t i = 0; i < head->field_count; i++) {
		if (!span_equal(head->fields[i].name, SPAN("connection")))
			continue;
		list = head->fields[i].value;
		while (span_take_part(&list, ',', &part))
			if (span_equal_nocase(span_trim(part), name))
				return true;
	}
	return false;
}

int http_content_length(const struct http_head *head, uint64_t *ret_len)
{
	size_t count = http_field_count(head, "content-length");

	if (!count)
		return 0;
	if (count > 1 ||
	    span_to_u64(*http_field_find(head, "content-length"), INT64_MAX, ret_len) < 0)
		return -1;
	return 1;
}

bool http_answer_has_no_body(struct span method, int status)
{
	return status < 200 || status == 204 || status == 304 || span_equal(method, SPAN("HEAD"));
}
