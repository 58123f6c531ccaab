/* SPDY/3.1 frames, read as they pass by; fields are inflated by zlib. */
#include "lib/net/spdy_frames.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"

enum {
	HEAD_SIZE = 8,
	VERSION = 3,
	SYN_STREAM = 1,
	SYN_REPLY = 2,
	HEADERS = 8,
	SYN_STREAM_SIZE = 10, /* in front of the fields: both stream ids, priority, slot */
	REPLY_SIZE = 4,
	INFLATED_STEP = 4096,
};

struct spdy_frames {
	const struct spdy_frames_events *events;
	void *owner;
	z_stream zlib;
	uint8_t head[HEAD_SIZE];
	size_t head_len;
	uint32_t left; /* of the frame */
	struct buf block; /* a control frame with fields, until it is whole */
	struct buf fields;
};

struct spdy_frames *spdy_frames_new(const struct spdy_frames_events *events, void *owner)
{
	struct spdy_frames *f = mem_new(sizeof(*f));

	f->events = events;
	f->owner = owner;
	buf_init(&f->block, SPDY_BLOCK_MAX);
	buf_init(&f->fields, SPDY_BLOCK_MAX);
	if (inflateInit(&f->zlib) != Z_OK)
		mem_die(sizeof(f->zlib)); /* it can only lack memory */
	return f;
}

void spdy_frames_free(struct spdy_frames *f)
{
	if (!f)
		return;
	(void)inflateEnd(&f->zlib);
	buf_free(&f->block);
	buf_free(&f->fields);
	free(f);
}

static uint32_t get_u32(const char *at)
{
	const uint8_t *b = (const uint8_t *)at;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static bool is_control(const struct spdy_frames *f)
{
	return f->head[0] & 0x80;
}

static unsigned type_of(const struct spdy_frames *f)
{
	return (unsigned)f->head[2] << 8 | f->head[3];
}

static bool has_fields(const struct spdy_frames *f)
{
	return is_control(f) && (type_of(f) == SYN_STREAM || type_of(f) == SYN_REPLY || type_of(f) == HEADERS);
}

/* One step of inflating; 1 when there is more to come out. */
static int inflate_step(struct spdy_frames *f, struct err *e)
{
	char *room = buf_reserve(&f->fields, INFLATED_STEP);
	int rc;

	if (!room)
		return err_set(e, ERR_LIMIT, "a SPDY stream has more than %d bytes of fields", SPDY_BLOCK_MAX);
	f->zlib.next_out = (Bytef *)room;
	f->zlib.avail_out = INFLATED_STEP;
	rc = inflate(&f->zlib, Z_SYNC_FLUSH);
	if (rc == Z_NEED_DICT && inflateSetDictionary(&f->zlib, spdy_dictionary, SPDY_DICTIONARY_SIZE) == Z_OK)
		rc = inflate(&f->zlib, Z_SYNC_FLUSH);
	buf_commit(&f->fields, INFLATED_STEP - f->zlib.avail_out);
	if (rc == Z_BUF_ERROR && f->zlib.avail_in == 0)
		return 0;
	if (rc != Z_OK)
		return err_set(e, ERR_PROTOCOL, "the fields of a SPDY stream cannot be inflated");
	return f->zlib.avail_in || f->zlib.avail_out == 0;
}

static int inflate_fields(struct spdy_frames *f, struct span compressed, struct err *e)
{
	int more;

	buf_reset(&f->fields);
	f->zlib.next_in = (z_const Bytef *)(uintptr_t)compressed.at;
	f->zlib.avail_in = (uInt)compressed.len;
	do
		more = inflate_step(f, e);
	while (more > 0);
	return more;
}

/* A length and as many bytes. */
static bool take_text(struct span *rest, struct span *ret)
{
	uint32_t len;

	if (rest->len < 4)
		return false;
	len = get_u32(rest->at);
	if (len > rest->len - 4)
		return false;
	*ret = span_from(rest->at + 4, len);
	*rest = span_from(rest->at + 4 + len, rest->len - 4 - len);
	return true;
}

static bool is_new_name(const struct http_field *fields, size_t count, struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] >= 'A' && name.at[i] <= 'Z')
			return false;
	for (size_t i = 0; i < count; i++)
		if (span_equal(fields[i].name, name))
			return false;
	return name.len > 0;
}

/* What is left behind the last field would be the beginning of the next block for a peer that reads as it needs. */
static int read_fields(struct span rest, struct http_field *fields, size_t *ret_count, struct err *e)
{
	uint32_t count = rest.len >= 4 ? get_u32(rest.at) : SPDY_FIELDS_MAX + 1;

	if (count > SPDY_FIELDS_MAX)
		return err_set(e, ERR_PROTOCOL, "a SPDY stream has no or too many fields");
	rest = span_from(rest.at + 4, rest.len - 4);
	for (uint32_t i = 0; i < count; i++)
		if (!take_text(&rest, &fields[i].name) || !take_text(&rest, &fields[i].value) ||
		    !is_new_name(fields, i, fields[i].name))
			return err_set(e, ERR_PROTOCOL, "a field of a SPDY stream is malformed");
	if (rest.len)
		return err_set(e, ERR_PROTOCOL, "bytes are left behind the fields of a SPDY stream");
	*ret_count = count;
	return 0;
}

static int end_block(struct spdy_frames *f, struct err *e)
{
	size_t before = type_of(f) == SYN_STREAM ? SYN_STREAM_SIZE : REPLY_SIZE, count = 0;
	struct http_field fields[SPDY_FIELDS_MAX];
	uint32_t stream;

	if (f->block.len < before)
		return err_set(e, ERR_PROTOCOL, "a SPDY frame is too short");
	stream = get_u32(f->block.at) & 0x7fffffff;
	if (inflate_fields(f, span_from(f->block.at + before, f->block.len - before), e) < 0 ||
	    read_fields(buf_span(&f->fields), fields, &count, e) < 0)
		return -1;
	buf_reset(&f->block);
	return type_of(f) == SYN_STREAM ? f->events->on_stream(f->owner, stream, fields, count, e) : 0;
}

static int take_payload(struct spdy_frames *f, struct span *bytes, struct err *e)
{
	struct span piece = span_from(bytes->at, f->left < bytes->len ? f->left : bytes->len);
	int rc = 0;

	f->left -= (uint32_t)piece.len;
	*bytes = span_from(bytes->at + piece.len, bytes->len - piece.len);
	if (!is_control(f))
		rc = f->events->on_data(f->owner, get_u32((const char *)f->head) & 0x7fffffff, piece, e);
	else if (has_fields(f) && buf_put_span(&f->block, piece) < 0)
		rc = err_set(e, ERR_LIMIT, "a SPDY stream has more than %d bytes of fields", SPDY_BLOCK_MAX);
	else if (has_fields(f) && f->left == 0)
		rc = end_block(f, e);
	if (f->left == 0)
		f->head_len = 0;
	return rc;
}

static int begin_frame(struct spdy_frames *f, struct err *e)
{
	f->left = get_u32((const char *)f->head + 4) & 0xffffff;
	if (is_control(f) && ((f->head[0] & 0x7f) != 0 || f->head[1] != VERSION))
		return err_set(e, ERR_PROTOCOL, "a frame is none of SPDY/3.1");
	if (f->left)
		return 0;
	f->head_len = 0;
	return has_fields(f) ? err_set(e, ERR_PROTOCOL, "a SPDY frame is too short") : 0;
}

int spdy_frames_feed(struct spdy_frames *f, struct span bytes, struct err *e)
{
	while (bytes.len) {
		int rc = 0;

		if (f->head_len == HEAD_SIZE) {
			rc = take_payload(f, &bytes, e);
		} else {
			f->head[f->head_len++] = (uint8_t)bytes.at[0];
			bytes = span_from(bytes.at + 1, bytes.len - 1);
			if (f->head_len == HEAD_SIZE)
				rc = begin_frame(f, e);
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}
