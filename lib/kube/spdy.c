/* Frames of SPDY/3.1. */
#include "lib/kube/spdy.h"

#include <string.h>

enum {
	VERSION = 3,
	SYN_STREAM = 1, RST_STREAM = 3, UNKNOWN = 5, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 9,
	FLAG_FIN = 1,
	STATUS_CANCEL = 5,
	BLOCK_MAX = 4096, /* of our own headers */
	CONTROL_MAX = 1024 * 1024,
};

static void put_u32(struct buf *out, uint32_t value)
{
	const unsigned char bytes[4] = { (unsigned char)(value >> 24), (unsigned char)(value >> 16),
					 (unsigned char)(value >> 8), (unsigned char)value };

	(void)buf_put(out, bytes, sizeof(bytes));
}

static void put_control(struct buf *out, uint32_t type, uint32_t flags, size_t len)
{
	put_u32(out, 0x80000000u | (uint32_t)VERSION << 16 | type);
	put_u32(out, flags << 24 | (uint32_t)len);
}

static void put_pair(struct buf *out, const char *text)
{
	put_u32(out, (uint32_t)strlen(text));
	(void)buf_put_str(out, text);
}

/* RFC 1950 2.2: a zlib stream without dictionary, once a connection; RFC 1951 3.2.4: a block that is stored. */
static void put_block(struct buf *out, struct spdy_writer *w, struct span plain)
{
	uint16_t len = (uint16_t)plain.len, inverse = (uint16_t)~len;
	const unsigned char head[5] = { 0, (unsigned char)len, (unsigned char)(len >> 8), (unsigned char)inverse,
					(unsigned char)(inverse >> 8) };

	if (!w->has_begun)
		(void)buf_put(out, "\x78\x01", 2);
	w->has_begun = true;
	(void)buf_put(out, head, sizeof(head));
	(void)buf_put_span(out, plain);
	(void)buf_put(out, "\0\0\0\xff\xff", 5); /* an empty one: Go's reader hands out what it has only then */
}

void spdy_put_syn(struct buf *out, struct spdy_writer *w, uint32_t stream, const struct spdy_header *headers,
		  size_t count)
{
	AUTO_BUF struct buf plain, block;

	buf_init(&plain, BLOCK_MAX);
	buf_init(&block, BLOCK_MAX + 32);
	put_u32(&plain, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		put_pair(&plain, headers[i].name);
		put_pair(&plain, headers[i].value);
	}
	put_block(&block, w, buf_span(&plain));
	put_control(out, SYN_STREAM, 0, 10 + block.len);
	put_u32(out, stream);
	put_u32(out, 0);              /* goes with no other stream */
	(void)buf_put(out, "\0\0", 2); /* priority, credential slot */
	(void)buf_put_span(out, buf_span(&block));
}

void spdy_put_data_head(struct buf *out, uint32_t stream, size_t len, bool fin)
{
	put_u32(out, stream);
	put_u32(out, (fin ? (uint32_t)FLAG_FIN << 24 : 0) | (uint32_t)len);
}

void spdy_put_reset(struct buf *out, uint32_t stream)
{
	put_control(out, RST_STREAM, 0, 8);
	put_u32(out, stream);
	put_u32(out, STATUS_CANCEL);
}

void spdy_put_ping(struct buf *out, uint32_t number)
{
	put_control(out, PING, 0, 4);
	put_u32(out, number);
}

static uint32_t get_u32(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_control(const struct spdy_reader *r)
{
	return r->head[0] & 0x80;
}

static uint32_t type_of(const struct spdy_reader *r)
{
	return get_u32(r->head) & 0xffff;
}

/* How many bytes of a control frame's payload are wanted before it is understood. */
static size_t wanted_of(const struct spdy_reader *r)
{
	switch (type_of(r)) {
	case RST_STREAM:
	case GOAWAY:
		return 8;
	case PING:
		return 4;
	default:
		return 0;
	}
}

static void fill(struct spdy_reader *r, size_t up_to, struct span *bytes)
{
	size_t len = up_to - r->head_len;

	if (len > bytes->len)
		len = bytes->len;
	if (len)
		memcpy(r->head + r->head_len, bytes->at, len);
	r->head_len += len;
	*bytes = span_from(bytes->at + len, bytes->len - len);
}

static int check_head(struct spdy_reader *r, struct err *e)
{
	uint32_t word = get_u32(r->head), len = get_u32(r->head + 4) & 0xffffff, type = word & 0xffff;

	r->left = len;
	if (!is_control(r))
		return 0;
	if ((word >> 16 & 0x7fff) != VERSION || type < SYN_STREAM || type > WINDOW_UPDATE || type == UNKNOWN)
		return err_set(e, ERR_PROTOCOL, "the stream does not hold frames of SPDY/3.1");
	if (len > CONTROL_MAX || len < wanted_of(r))
		return err_set(e, ERR_PROTOCOL, "a SPDY frame has the length %u", len);
	return 0;
}

static enum spdy_kind kind_of(const struct spdy_reader *r)
{
	switch (type_of(r)) {
	case RST_STREAM:
		return SPDY_RESET;
	case GOAWAY:
		return SPDY_GOAWAY;
	case PING:
		return SPDY_PING;
	default:
		return SPDY_OTHER;
	}
}

static int take_data(struct spdy_reader *r, struct span *bytes, struct spdy_event *ret)
{
	size_t len = bytes->len < r->left ? bytes->len : r->left;

	if (len == 0 && r->left)
		return 0;
	r->left -= (uint32_t)len;
	*ret = (struct spdy_event){ .kind = SPDY_DATA,
				    .stream = get_u32(r->head),
				    .fin = r->left == 0 && (r->head[4] & FLAG_FIN),
				    .bytes = span_from(bytes->at, len) };
	*bytes = span_from(bytes->at + len, bytes->len - len);
	if (r->left == 0)
		*r = (struct spdy_reader){ 0 };
	return 1;
}

/* What is not looked at of a control frame. */
static bool skip_rest(struct spdy_reader *r, struct span *bytes)
{
	size_t len = bytes->len < r->left ? bytes->len : r->left;

	r->left -= (uint32_t)len;
	*bytes = span_from(bytes->at + len, bytes->len - len);
	if (r->left)
		return false;
	*r = (struct spdy_reader){ 0 };
	return true;
}

int spdy_read(struct spdy_reader *r, struct span *bytes, struct spdy_event *ret_event, struct err *e)
{
	size_t wanted;

	if (r->in_data)
		return take_data(r, bytes, ret_event);
	if (r->in_rest && !skip_rest(r, bytes))
		return 0;
	if (r->head_len < SPDY_HEAD) {
		fill(r, SPDY_HEAD, bytes);
		if (r->head_len < SPDY_HEAD)
			return 0;
		if (check_head(r, e) < 0)
			return -1;
	}
	r->in_data = !is_control(r);
	if (r->in_data)
		return take_data(r, bytes, ret_event);
	wanted = wanted_of(r);
	fill(r, SPDY_HEAD + wanted, bytes);
	if (r->head_len < SPDY_HEAD + wanted)
		return 0;
	*ret_event = (struct spdy_event){ .kind = kind_of(r) };
	if (wanted)
		ret_event->stream = get_u32(r->head + SPDY_HEAD) & 0x7fffffff;
	if (type_of(r) == PING)
		ret_event->stream = get_u32(r->head + SPDY_HEAD);
	r->left -= (uint32_t)wanted;
	r->in_rest = true;
	return 1;
}
