/* gRPC's frames and texts: what is accepted says the same in parts, and texts go both ways. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/net/grpc_wire.h"

#define DECODED_SIZE 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A whole message was acceptable at every point before, and its length is what its head said. */
static void check_frame(struct span bytes)
{
	struct span message = SPAN_NONE;
	struct err e = { 0 };
	enum grpc_status status = grpc_frame_read(bytes, true, &message, &e);

	assert((status == GRPC_OK) == (e.code == ERR_NONE));
	if (status != GRPC_OK)
		return;
	assert(message.len == bytes.len - GRPC_FRAME_HEAD &&
	       message.at == bytes.at + GRPC_FRAME_HEAD);
	for (size_t len = 0; len < bytes.len; len += 1 + len / 2)
		assert(grpc_frame_read(span_from(bytes.at, len), false, &message, &e) == GRPC_OK);
}

static void check_timeout(struct span text)
{
	uint64_t ms = 0;

	if (grpc_timeout_parse(text, &ms) == 0)
		assert(ms >= 1 && ms <= UINT64_C(99999999) * 3600000 && text.len <= 9);
	else
		assert(ms == 0);
}

/* Decoding what was encoded gives the sentence back, its control characters as blanks. */
static void check_message(struct span text)
{
	AUTO_BUF struct buf encoded;
	char sentence[DECODED_SIZE], decoded[DECODED_SIZE];

	buf_init(&encoded, 3 * DECODED_SIZE);
	grpc_message_decode(text, decoded, sizeof(decoded));
	if (span_to_str(text, sentence, sizeof(sentence)) < 0)
		return;
	grpc_message_encode(sentence, &encoded);
	for (size_t i = 0; i < encoded.len; i++)
		assert(encoded.at[i] >= 0x20 && encoded.at[i] <= 0x7e);
	grpc_message_decode(buf_span(&encoded), decoded, sizeof(decoded));
	assert(strlen(decoded) == strlen(sentence));
	for (size_t i = 0; sentence[i]; i++)
		assert(decoded[i] == sentence[i] ||
		       (decoded[i] == ' ' && (sentence[i] < 0x20 || sentence[i] == 0x7f)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_from(data, size);

	check_frame(bytes);
	check_timeout(bytes);
	check_message(bytes);
	(void)grpc_is_content_type(bytes);
	return 0;
}
