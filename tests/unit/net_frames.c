/* See net_frames.h. */
#include "tests/unit/net_frames.h"

void stage_start_h2(struct stage *s)
{
	s->server.is_h2 = true;
	stage_start(s);
}

void put_frame(struct buf *b, enum frame_type type, uint8_t flags, uint32_t id, struct span payload)
{
	uint8_t head[9] = {
		(uint8_t)(payload.len >> 16), (uint8_t)(payload.len >> 8), (uint8_t)payload.len,
		(uint8_t)type, flags,
		(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id,
	};

	assert_int_equal(buf_put(b, head, sizeof(head)), 0);
	assert_int_equal(buf_put_span(b, payload), 0);
}

/* Literals without indexing and without Huffman; "name=value\n" lines. */
static void put_block(struct buf *b, const char *lines)
{
	struct span rest = span_of(lines), line;

	while (span_take_part(&rest, '\n', &line)) {
		ptrdiff_t at = line.len > 1 ? span_find(span_from(line.at + 1, line.len - 1), '=') + 1 : 0;
		struct span name = span_from(line.at, (size_t)at);
		struct span value = span_from(line.at + at + 1, line.len - (size_t)at - 1);

		if (!line.len)
			continue;
		assert_true(at > 0 && name.len < 127);
		buf_put_char(b, 0);
		buf_put_char(b, (char)name.len);
		buf_put_span(b, name);
		if (value.len < 127) {
			buf_put_char(b, (char)value.len);
		} else { /* RFC 7541 5.1, two bytes more */
			buf_put_char(b, 127);
			buf_put_char(b, (char)(0x80 | ((value.len - 127) & 0x7f)));
			buf_put_char(b, (char)((value.len - 127) >> 7));
		}
		buf_put_span(b, value);
	}
}

void put_headers(struct buf *b, uint8_t flags, uint32_t id, const char *lines)
{
	struct buf block AUTO_BUF;

	buf_init(&block, 1024 * 1024);
	put_block(&block, lines);
	put_frame(b, F_HEADERS, flags, id, buf_span(&block));
}

static void put_preface(struct buf *b)
{
	buf_put_str(b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	put_frame(b, F_SETTINGS, 0, 0, SPAN_NONE);
	put_frame(b, F_SETTINGS, ACK, 0, SPAN_NONE);
}

int open_raw(struct stage *s)
{
	int fd = raw_connect(test_server_port(&s->server));
	struct buf b AUTO_BUF;

	buf_init(&b, 1024);
	put_preface(&b);
	raw_send(fd, buf_span(&b));
	buf_reset(&s->got);
	return fd;
}

uint32_t u32(struct span bytes)
{
	const uint8_t *at = (const uint8_t *)bytes.at;

	assert_true(bytes.len >= 4);
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The next whole frame at `*at` in what came. */
static bool take_frame(const struct buf *got, size_t *at, struct frame *ret)
{
	const uint8_t *head = (const uint8_t *)got->at + *at;
	size_t len;

	if (got->len - *at < 9)
		return false;
	len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
	if (got->len - *at - 9 < len)
		return false;
	*ret = (struct frame){ (enum frame_type)head[3], head[4], u32(span_from(head + 5, 4)) & 0x7fffffff,
			       span_from(head + 9, len) };
	*at += 9 + len;
	return true;
}

/* Waits for a frame of that type (and stream, when not 0); false when the connection ended before. */
bool await_frame(struct stage *s, int fd, enum frame_type type, uint32_t id, struct frame *ret)
{
	uint64_t end_ms = clock_mono_ms() + 5000;

	for (;;) {
		size_t at = 0;

		while (take_frame(&s->got, &at, ret))
			if (ret->type == type && (!id || ret->id == id))
				return true;
		if (clock_mono_ms() > end_ms)
			return false;
		raw_read(s->loop, fd, NULL, 20, &s->got);
	}
}

/* What the server makes of one request: 'r' and the code of RST_STREAM, 'g' and GOAWAY's, 'h' and the first byte. */
void verdict(struct stage *s, int fd, uint32_t id, char *ret_kind, uint32_t *ret_code)
{
	uint64_t end_ms = clock_mono_ms() + 5000;
	struct frame f;

	*ret_kind = '-';
	*ret_code = 0;
	while (clock_mono_ms() < end_ms) {
		size_t at = 0;

		raw_read(s->loop, fd, NULL, 10, &s->got);
		while (take_frame(&s->got, &at, &f)) {
			if (f.type == F_HEADERS && f.id == id) {
				*ret_kind = 'h';
				*ret_code = (uint8_t)f.payload.at[0];
				return;
			}
			if (f.type == F_RST && f.id == id) {
				*ret_kind = 'r';
				*ret_code = u32(f.payload);
				return;
			}
			if (f.type == F_GOAWAY) {
				*ret_kind = 'g';
				*ret_code = u32(span_from(f.payload.at + 4, 4));
				return;
			}
		}
	}
}
