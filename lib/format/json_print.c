/* JSON as text: one line, or indented as kubectl prints it. */
#include "lib/format/json.h"
#include "lib/format/utf8.h"

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* The escape that `c` needs inside quotes, or NULL. */
static const char *escape_of(unsigned char c)
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		return NULL;
	}
}

/* Bytes at the start of `text` that go out as they are. */
static size_t plain_len(struct span text)
{
	size_t at = 0;

	while (at < text.len) {
		unsigned char c = (unsigned char)text.at[at];
		size_t len = c < 0x80 ? 1 : utf8_char_len(span_from(text.at + at, text.len - at));

		if (c < 0x20 || c == '"' || c == '\\' || len == 0)
			break;
		at += len;
	}
	return at;
}

void json_put_quoted(struct buf *into, struct span text)
{
	buf_put_char(into, '"');
	while (text.len) {
		size_t plain = plain_len(text);
		unsigned char c;

		buf_put(into, text.at, plain);
		if (plain == text.len)
			break;
		c = (unsigned char)text.at[plain];
		if (escape_of(c))
			buf_put_str(into, escape_of(c));
		else if (c < 0x20)
			buf_printf(into, "\\u%04x", c);
		else
			buf_put_str(into, REPLACEMENT);
		text = span_from(text.at + plain + 1, text.len - plain - 1);
	}
	buf_put_char(into, '"');
}

static void put_newline(enum json_style style, size_t depth, struct buf *into)
{
	if (style == JSON_COMPACT)
		return;
	buf_put_char(into, '\n');
	while (depth--)
		buf_put_str(into, "    ");
}

static void print_item(const struct json *item, enum json_style style, size_t depth,
		       struct buf *into);

static void print_container(const struct json *item, enum json_style style, size_t depth,
			    struct buf *into)
{
	bool object = json_is_object(item);
	const struct json *first = json_first(item);

	buf_put_char(into, object ? '{' : '[');
	for (const struct json *child = first; child; child = json_next(child)) {
		if (child != first)
			buf_put_char(into, ',');
		put_newline(style, depth + 1, into);
		if (object) {
			json_put_quoted(into, span_of(json_name(child)));
			buf_put_str(into, style == JSON_PRETTY ? ": " : ":");
		}
		print_item(child, style, depth + 1, into);
	}
	if (first)
		put_newline(style, depth, into);
	buf_put_char(into, object ? '}' : ']');
}

static void print_item(const struct json *item, enum json_style style, size_t depth,
		       struct buf *into)
{
	switch (json_kind(item)) {
	case JSON_NULL:
		buf_put_str(into, "null");
		break;
	case JSON_BOOL:
		buf_put_str(into, json_is_true(item) ? "true" : "false");
		break;
	case JSON_NUMBER:
		buf_put_str(into, json_text(item));
		break;
	case JSON_STRING:
		json_put_quoted(into, span_of(json_text(item)));
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		print_container(item, style, depth, into);
		break;
	}
}

void json_print(const struct json *item, enum json_style style, struct buf *into)
{
	print_item(item, style, 0, into);
}
