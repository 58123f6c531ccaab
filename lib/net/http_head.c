/* How message heads are gathered and copied. */
#include "lib/net/http_head.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

enum { FIELD_OVERHEAD = 32, PARTS_FIRST = 16 };

void http_collect_init(struct http_collect *c, size_t size_max, size_t count_max)
{
	*c = (struct http_collect){ .size_max = size_max, .count_max = count_max };
	buf_init(&c->bytes, size_max);
}

void http_collect_reset(struct http_collect *c)
{
	buf_reset(&c->bytes);
	c->count = 0;
	c->size = 0;
	c->over = false;
}

void http_collect_free(struct http_collect *c)
{
	buf_free(&c->bytes);
	free(c->parts);
	c->parts = NULL;
	c->cap = 0;
	http_collect_reset(c);
}

static bool collect_may_add(struct http_collect *c, size_t len)
{
	if (!c->over && len > c->size_max - c->size)
		c->over = true;
	if (!c->over)
		c->size += len;
	return !c->over;
}

void http_collect_begin(struct http_collect *c)
{
	if (c->count >= c->count_max)
		c->over = true;
	if (!collect_may_add(c, FIELD_OVERHEAD))
		return;
	if (c->count == c->cap) {
		c->cap = c->cap ? c->cap * 2 : PARTS_FIRST;
		c->parts = mem_grow(c->parts, c->cap, sizeof(*c->parts));
	}
	c->parts[c->count++] = (struct http_part){ .name_at = (uint32_t)c->bytes.len };
}

static bool collect_put(struct http_collect *c, struct span piece)
{
	if (!collect_may_add(c, piece.len))
		return false;
	if (buf_put_span(&c->bytes, piece) < 0)
		c->over = true;
	return !c->over;
}

void http_collect_name(struct http_collect *c, struct span piece)
{
	char *at;

	if (!collect_put(c, piece))
		return;
	at = c->bytes.at + c->bytes.len - piece.len;
	for (size_t i = 0; i < piece.len; i++)
		if (at[i] >= 'A' && at[i] <= 'Z')
			at[i] = (char)(at[i] + ('a' - 'A'));
	c->parts[c->count - 1].name_len += (uint32_t)piece.len;
	c->parts[c->count - 1].value_at = (uint32_t)c->bytes.len;
}

void http_collect_value(struct http_collect *c, struct span piece)
{
	if (collect_put(c, piece))
		c->parts[c->count - 1].value_len += (uint32_t)piece.len;
}

void http_collect_trim(struct http_collect *c)
{
	struct http_part *last = c->count ? &c->parts[c->count - 1] : NULL;

	while (last && last->value_len) {
		char end = c->bytes.at[last->value_at + last->value_len - 1];

		if (end != ' ' && end != '\t')
			break;
		last->value_len--;
	}
}

void http_collect_add(struct http_collect *c, struct span name, struct span value)
{
	http_collect_begin(c);
	http_collect_name(c, name);
	http_collect_value(c, value);
}

size_t http_collect_size(const struct http_collect *c)
{
	return c->count * sizeof(struct http_field) + c->bytes.len;
}

static void pack_pseudo(struct http_head *head, struct span name, struct span value)
{
	uint64_t status;

	if (span_equal(name, SPAN(":method")))
		head->method = value;
	else if (span_equal(name, SPAN(":scheme")))
		head->scheme = value;
	else if (span_equal(name, SPAN(":authority")))
		head->authority = value;
	else if (span_equal(name, SPAN(":protocol")))
		head->protocol = value;
	else if (span_equal(name, SPAN(":path")))
		head->target = value;
	else if (span_equal(name, SPAN(":status")) && span_to_u64(value, 999, &status) == 0)
		head->status = (int)status;
}

void http_collect_pack(const struct http_collect *c, void *memory, struct http_packed *ret_packed)
{
	struct http_field *fields = memory;
	char *bytes = (char *)memory + c->count * sizeof(*fields);
	struct http_packed packed = { .head.fields = fields };

	if (c->bytes.len)
		memcpy(bytes, c->bytes.at, c->bytes.len);
	for (size_t i = 0; i < c->count; i++) {
		const struct http_part *p = &c->parts[i];
		struct span name = span_from(bytes + p->name_at, p->name_len);
		struct span value = span_from(bytes + p->value_at, p->value_len);

		if (name.len && name.at[0] == ':') {
			pack_pseudo(&packed.head, name, value);
		} else if (span_equal(name, SPAN("host"))) {
			packed.host = value;
			packed.host_count++;
		} else {
			fields[packed.head.field_count++] = (struct http_field){ name, value };
		}
	}
	if (!packed.head.authority.len)
		packed.head.authority = packed.host;
	*ret_packed = packed;
}
