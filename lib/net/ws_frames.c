/* WebSocket frames, read as they pass by. */
#include "lib/net/ws_frames.h"

#include <string.h>

enum {
	OP_CONTINUATION = 0,
	OP_BINARY = 2,
	OP_CLOSE = 8,
	OP_PONG = 10,
	FIN = 0x80,
	RESERVED = 0x70,
	OPCODE = 0x0f,
	MASKED = 0x80,
	LENGTH = 0x7f,
	LENGTH_16 = 126,
	LENGTH_64 = 127,
	CONTROL_MAX = 125,
	MASK_SIZE = 4,
	PIECE = 4096,
};

void ws_frames_init(struct ws_frames *f, bool masked)
{
	*f = (struct ws_frames){ .masked = masked };
}

static unsigned opcode_of(const struct ws_frames *f)
{
	return f->head[0] & OPCODE;
}

static bool is_control(const struct ws_frames *f)
{
	return opcode_of(f) >= OP_CLOSE;
}

static size_t length_size(const struct ws_frames *f)
{
	unsigned len = f->head[1] & LENGTH;

	return len == LENGTH_16 ? 2 : len == LENGTH_64 ? 8 : 0;
}

/* Bytes of the head; 2 until the second is there. */
static size_t head_size(const struct ws_frames *f)
{
	if (f->head_len < 2)
		return 2;
	return 2 + length_size(f) + (f->masked ? MASK_SIZE : 0);
}

static uint64_t payload_len(const struct ws_frames *f)
{
	size_t size = length_size(f);
	uint64_t len = 0;

	if (size == 0)
		return f->head[1] & LENGTH;
	for (size_t i = 0; i < size; i++)
		len = len << 8 | f->head[2 + i];
	return len;
}

static int check_head(const struct ws_frames *f, struct err *e)
{
	unsigned opcode = opcode_of(f);

	if (f->head[0] & RESERVED)
		return err_set(e, ERR_PROTOCOL, "a WebSocket frame uses an extension");
	if ((opcode > OP_BINARY && opcode < OP_CLOSE) || opcode > OP_PONG)
		return err_set(e, ERR_PROTOCOL, "a WebSocket frame has the unknown opcode %u", opcode);
	if (((f->head[1] & MASKED) != 0) != f->masked)
		return err_set(e, ERR_PROTOCOL, "a WebSocket frame is %s", f->masked ? "not masked" : "masked");
	if (is_control(f) && (!(f->head[0] & FIN) || (f->head[1] & LENGTH) > CONTROL_MAX))
		return err_set(e, ERR_PROTOCOL, "a WebSocket control frame is fragmented or too long");
	if (!is_control(f) && (opcode == OP_CONTINUATION) != f->in_message)
		return err_set(e, ERR_PROTOCOL, "a WebSocket fragment is out of order");
	return 0;
}

static int give(struct ws_frames *f, struct span bytes, ws_part_fn *fn, void *owner, struct err *e)
{
	struct ws_part part = { bytes, f->first, f->left == 0 && (f->head[0] & FIN) };

	f->first = false;
	return fn(owner, &part, e);
}

/* The payload in pieces, without its mask. */
static int give_unmasked(struct ws_frames *f, struct span bytes, ws_part_fn *fn, void *owner, struct err *e)
{
	const uint8_t *key = f->head + 2 + length_size(f);
	uint64_t left = f->left;
	char clear[PIECE];
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < bytes.len;) {
		size_t len = bytes.len - at < PIECE ? bytes.len - at : PIECE;

		for (size_t i = 0; i < len; i++)
			clear[i] = (char)((uint8_t)bytes.at[at + i] ^ key[(f->at + at + i) % MASK_SIZE]);
		at += len;
		f->left = left + (bytes.len - at); /* what is still to be given of these counts as to come */
		rc = give(f, span_from(clear, len), fn, owner, e);
	}
	f->left = left;
	return rc;
}

static int take_payload(struct ws_frames *f, struct span *bytes, ws_part_fn *fn, void *owner, struct err *e)
{
	struct span piece = span_from(bytes->at, f->left < bytes->len ? (size_t)f->left : bytes->len);
	int rc = 0;

	f->left -= piece.len;
	if (!is_control(f))
		rc = f->masked ? give_unmasked(f, piece, fn, owner, e) : give(f, piece, fn, owner, e);
	f->at += piece.len;
	*bytes = span_from(bytes->at + piece.len, bytes->len - piece.len);
	if (f->left == 0)
		f->head_len = 0;
	return rc;
}

/* The head is whole. */
static int begin_frame(struct ws_frames *f, ws_part_fn *fn, void *owner, struct err *e)
{
	int rc = 0;

	f->left = payload_len(f);
	f->at = 0;
	if (f->left >> 63)
		return err_set(e, ERR_PROTOCOL, "a WebSocket frame has an impossible length");
	if (opcode_of(f) == OP_CLOSE)
		f->closed = true;
	if (!is_control(f)) {
		f->first = f->first || !f->in_message;
		f->in_message = !(f->head[0] & FIN);
		if (f->left == 0)
			rc = give(f, SPAN_NONE, fn, owner, e);
	}
	if (f->left == 0)
		f->head_len = 0;
	return rc;
}

int ws_frames_feed(struct ws_frames *f, struct span bytes, ws_part_fn *fn, void *owner, struct err *e)
{
	while (bytes.len && !f->closed) {
		int rc = 0;

		if (f->left && f->head_len) {
			rc = take_payload(f, &bytes, fn, owner, e);
		} else {
			f->head[f->head_len++] = (uint8_t)bytes.at[0];
			bytes = span_from(bytes.at + 1, bytes.len - 1);
			if (f->head_len == 2)
				rc = check_head(f, e);
			if (rc == 0 && f->head_len >= 2 && f->head_len == head_size(f))
				rc = begin_frame(f, fn, owner, e);
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}
