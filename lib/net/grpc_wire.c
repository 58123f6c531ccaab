/* What both roles of gRPC write and read. */
#include "lib/net/grpc_wire.h"

#include <string.h>

#include "lib/format/hex.h"

int grpc_timeout_parse(struct span text, uint64_t *ret_ms)
{
	static const struct {
		char unit;
		uint64_t us_num, us_den;
	} units[] = { { 'H', 3600000000, 1 }, { 'M', 60000000, 1 }, { 'S', 1000000, 1 },
		      { 'm', 1000, 1 },       { 'u', 1, 1 },        { 'n', 1, 1000 } };
	uint64_t value;

	if (text.len < 2 || text.len > 9 ||
	    span_to_u64(span_from(text.at, text.len - 1), 99999999, &value) < 0)
		return -1;
	for (size_t i = 0; i < COUNT_OF(units); i++) {
		if (text.at[text.len - 1] != units[i].unit)
			continue;
		value = (value * units[i].us_num + units[i].us_den - 1) / units[i].us_den;
		*ret_ms = value <= 1000 ? 1 : (value + 999) / 1000;
		return 0;
	}
	return -1;
}

void grpc_message_encode(const char *sentence, struct buf *into)
{
	for (; *sentence; sentence++) {
		unsigned char c = (unsigned char)*sentence;

		if (c >= 0x20 && c <= 0x7e && c != '%')
			(void)buf_put_char(into, (char)c);
		else
			(void)buf_printf(into, "%%%02X", c);
	}
}

void grpc_message_decode(struct span text, char *into, size_t into_size)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len && len + 1 < into_size; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (c == '%' && text.len - i > 2 &&
		    hex_decode(span_from(text.at + i + 1, 2), &c, 1) == 0)
			i += 2;
		into[len++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
	}
	into[len] = '\0';
}

bool grpc_is_content_type(struct span value)
{
	struct span rest = value, type;

	(void)span_take_part(&rest, ';', &type);
	type = span_trim(type);
	return span_equal_nocase(type, SPAN("application/grpc")) ||
	       span_equal_nocase(type, SPAN("application/grpc+proto"));
}

void grpc_frame_put(struct buf *into, struct span message)
{
	const uint8_t head[GRPC_FRAME_HEAD] = { 0, (uint8_t)(message.len >> 24),
						(uint8_t)(message.len >> 16),
						(uint8_t)(message.len >> 8), (uint8_t)message.len };

	(void)buf_put(into, head, sizeof(head));
	(void)buf_put_span(into, message);
}

static enum grpc_status frame_bad(enum grpc_status status, enum err_code code, const char *sentence,
				  struct err *e)
{
	(void)err_set(e, code, "%s", sentence);
	return status;
}

enum grpc_status grpc_frame_read(struct span bytes, bool ended, struct span *ret_message,
				 struct err *e)
{
	const uint8_t *at = (const uint8_t *)bytes.at;
	size_t len;

	if (bytes.len > 0 && at[0] == 1)
		return frame_bad(GRPC_INTERNAL, ERR_PROTOCOL,
				 "the message is compressed, but no grpc-encoding is given", e);
	if (bytes.len > 0 && at[0] > 1)
		return frame_bad(GRPC_INTERNAL, ERR_PROTOCOL,
				 "the message's flag is neither 0 nor 1", e);
	if (bytes.len < GRPC_FRAME_HEAD) {
		if (!ended)
			return GRPC_OK;
		return frame_bad(GRPC_INTERNAL, ERR_PROTOCOL,
				 bytes.len ? "the message was cut short" : "there is no message",
				 e);
	}
	len = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
	if (len > GRPC_MESSAGE_MAX)
		return frame_bad(GRPC_RESOURCE_EXHAUSTED, ERR_LIMIT,
				 "the message is larger than 4 MiB", e);
	if (bytes.len - GRPC_FRAME_HEAD > len)
		return frame_bad(GRPC_INTERNAL, ERR_PROTOCOL,
				 "a unary call has exactly one message", e);
	if (ended && bytes.len - GRPC_FRAME_HEAD < len)
		return frame_bad(GRPC_INTERNAL, ERR_PROTOCOL, "the message was cut short", e);
	if (ended)
		*ret_message = span_from(bytes.at + GRPC_FRAME_HEAD, len);
	return GRPC_OK;
}
