/* URLs and query strings, read strictly. */
#include "lib/format/url.h"

#include "lib/format/hex.h"

int url_decode(struct span text, enum url_part part, struct buf *into, struct err *e)
{
	size_t len_before = into->len;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		uint8_t byte;

		if (c == '%') {
			if (text.len - i < 3 || hex_decode(span_from(text.at + i + 1, 2), &byte, 1) < 0) {
				into->len = len_before;
				return err_set(e, ERR_INPUT, "%% without two hexadecimal digits at offset %zu", i);
			}
			c = (char)byte;
			i += 2;
		} else if (c == '+' && part == URL_QUERY) {
			c = ' ';
		}
		buf_put_char(into, c);
	}
	return buf_ok(into, "the decoded text", e);
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_unreserved(char c)
{
	return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

void url_encode(struct span text, enum url_part part, struct buf *into)
{
	for (size_t i = 0; i < text.len; i++) {
		if (is_unreserved(text.at[i]))
			buf_put_char(into, text.at[i]);
		else if (text.at[i] == ' ' && part == URL_QUERY)
			buf_put_char(into, '+');
		else
			buf_printf(into, "%%%02X", (unsigned char)text.at[i]);
	}
}

/* Takes what stands before the first byte of `stops` off the front of `*rest`. */
static struct span take_until(struct span *rest, const char *stops)
{
	size_t len = 0;
	struct span front;

	while (len < rest->len && span_find(span_of(stops), rest->at[len]) < 0)
		len++;
	front = span_from(rest->at, len);
	*rest = span_from(rest->at + len, rest->len - len);
	return front;
}

static bool only(struct span text, const char *extra)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_letter(text.at[i]) && !is_digit(text.at[i]) &&
		    span_find(span_of(extra), text.at[i]) < 0)
			return false;
	return text.len > 0;
}

static bool has_bad_byte(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] <= ' ' || text.at[i] > '~' || text.at[i] == '\\')
			return true;
	return false;
}

static int split_port(struct span text, struct url *url, struct err *e)
{
	uint64_t port;

	if (text.len == 0)
		return 0;
	text = span_from(text.at + 1, text.len - 1);
	if (text.len > 5 || span_to_u64(text, 65535, &port) < 0 || port == 0)
		return err_set(e, ERR_INPUT, "port '%.*s': 1 to 65535 is expected",
			       (int)(text.len < 20 ? text.len : 20), text.at);
	url->port = (uint16_t)port;
	return 0;
}

/* [::1]:443, the bracket at hand. */
static int split_ipv6(struct span text, struct url *url, struct err *e)
{
	ptrdiff_t end = span_find(text, ']');

	if (end < 0)
		return err_set(e, ERR_INPUT, "an IPv6 address in a URL needs [ and ]");
	url->host = span_from(text.at + 1, (size_t)end - 1);
	url->host_is_ipv6 = true;
	if (!only(url->host, ":.") || span_find(url->host, ':') < 0)
		return err_set(e, ERR_INPUT, "what stands in [ ] is no IPv6 address without zone");
	text = span_from(text.at + end + 1, text.len - (size_t)end - 1);
	if (text.len && text.at[0] != ':')
		return err_set(e, ERR_INPUT, "':' and a port are expected after ]");
	return split_port(text, url, e);
}

static int split_host(struct span text, struct url *url, struct err *e)
{
	if (text.len && text.at[0] == '[')
		return split_ipv6(text, url, e);
	url->host = take_until(&text, ":");
	if (!only(url->host, "-._"))
		return err_set(e, ERR_INPUT, "host '%.*s': a name or an address is expected",
			       (int)(url->host.len < 100 ? url->host.len : 100), url->host.at);
	return split_port(text, url, e);
}

static int split_authority(struct span text, struct url *url, struct err *e)
{
	struct span rest = text, front = take_until(&rest, "@");

	if (rest.len == 0)
		return split_host(text, url, e);
	url->userinfo = front;
	return split_host(span_from(rest.at + 1, rest.len - 1), url, e);
}

int url_split(struct span text, struct url *ret, struct err *e)
{
	struct span rest = text;
	struct url url = { 0 };

	if (has_bad_byte(text))
		return err_set(e, ERR_INPUT, "a URL may not hold blanks, \\, control or non-ASCII bytes");
	url.scheme = take_until(&rest, ":");
	if (!only(url.scheme, "+-.") || !is_letter(url.scheme.at[0]) || !span_starts(rest, SPAN("://")))
		return err_set(e, ERR_INPUT, "the URL needs a scheme, as in https://host");
	rest = span_from(rest.at + 3, rest.len - 3);
	if (split_authority(take_until(&rest, "/?#"), &url, e) < 0)
		return -1;
	url.path = take_until(&rest, "?#");
	if (rest.len && rest.at[0] == '?') {
		rest = span_from(rest.at + 1, rest.len - 1);
		url.query = take_until(&rest, "#");
	}
	if (rest.len)
		return err_set(e, ERR_INPUT, "the URL has a fragment (#); none is accepted");
	*ret = url;
	return 0;
}

int url_query_next(struct span *rest, struct buf *ret_name, struct buf *ret_value, struct err *e)
{
	struct span pair, value, name;

	do
		if (!span_take_part(rest, '&', &pair))
			return 0;
	while (pair.len == 0);
	if (span_find(pair, ';') >= 0)
		return err_set(e, ERR_INPUT, "the query holds ';'; only & separates");
	value = pair;
	name = take_until(&value, "=");
	if (value.len)
		value = span_from(value.at + 1, value.len - 1);
	buf_reset(ret_name);
	buf_reset(ret_value);
	if (url_decode(name, URL_QUERY, ret_name, e) < 0 ||
	    url_decode(value, URL_QUERY, ret_value, e) < 0)
		return err_context(e, "query");
	return 1;
}

int url_query_get(struct span query, const char *name, struct buf *ret_value, struct err *e)
{
	AUTO_BUF struct buf found = { .max = ret_value->max };
	int rc;

	while ((rc = url_query_next(&query, &found, ret_value, e)) > 0)
		if (span_equal_str(buf_span(&found), name))
			return 1;
	return rc;
}
