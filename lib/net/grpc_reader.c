/* Takes messages out of the bytes of a gRPC stream. */
#include "lib/net/grpc_reader.h"

#include "lib/net/grpc_wire.h"

void grpc_reader_init(struct grpc_reader *r, size_t message_max)
{
	*r = (struct grpc_reader){
		.message_max = message_max < GRPC_MESSAGE_MAX ? message_max : GRPC_MESSAGE_MAX
	};
	buf_init(&r->held, GRPC_FRAME_HEAD + r->message_max + GRPC_READER_PUT_MAX);
}

void grpc_reader_free(struct grpc_reader *r)
{
	buf_free(&r->held);
	r->taken = 0;
}

int grpc_reader_put(struct grpc_reader *r, struct span bytes, struct err *e)
{
	buf_consume(&r->held, r->taken);
	r->taken = 0;
	(void)buf_put_span(&r->held, bytes);
	return buf_ok(&r->held, "what waits of a gRPC stream", e);
}

int grpc_reader_next(struct grpc_reader *r, struct span *ret_message, struct err *e)
{
	const uint8_t *at = (const uint8_t *)r->held.at + r->taken;
	size_t left = r->held.len - r->taken, len;

	if (left > 0 && at[0] != 0)
		return err_set(e, ERR_PROTOCOL,
			       at[0] == 1 ? "a message is compressed, but no grpc-encoding is given"
					  : "a message's flag is neither 0 nor 1");
	if (left < GRPC_FRAME_HEAD)
		return 0;
	len = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
	if (len > r->message_max)
		return err_set(e, ERR_LIMIT, "a message of %zu bytes came, at most %zu are taken",
			       len, r->message_max);
	if (left - GRPC_FRAME_HEAD < len)
		return 0;
	*ret_message = span_from(at + GRPC_FRAME_HEAD, len);
	r->taken += GRPC_FRAME_HEAD + len;
	return 1;
}

bool grpc_reader_is_empty(const struct grpc_reader *r)
{
	return r->taken == r->held.len;
}
