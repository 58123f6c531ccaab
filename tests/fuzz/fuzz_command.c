/* What comes with a command: the body of POST /clusters/{id}/exec, and the messages of its gRPC stream. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/gate/command_order.h"
#include "lib/net/grpc_reader.h"

#define MESSAGE_MAX 4096
#define TEXT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken is within its limits, and its text for the trail is one short line. */
static void check_order(struct span body)
{
	struct command_order o = { 0 };
	AUTO_BUF struct buf text;
	struct err e = { 0 };

	buf_init(&text, TEXT_MAX);
	if (command_order_parse(body, 60, 600, &o, &e) < 0) {
		assert(e.code == ERR_INPUT || e.code == ERR_LIMIT);
		assert(!o.body && !o.words && !o.files);
		return;
	}
	assert(o.word_count >= 1 && o.word_count <= COMMAND_WORDS_MAX);
	assert(o.file_count <= COMMAND_FILES_MAX && o.timeout_s >= 1 && o.timeout_s <= 600);
	command_order_put_text(&o, &text);
	assert(!text.failed && text.len >= 7 && !memchr(buf_str(&text), '\n', text.len));
	command_order_free(&o);
}

static int read_all(struct span bytes, size_t piece_len, struct buf *all)
{
	struct grpc_reader r;
	struct span message;
	struct err e = { 0 };
	int got = 0;

	grpc_reader_init(&r, MESSAGE_MAX);
	while (bytes.len && got >= 0) {
		size_t len = bytes.len < piece_len ? bytes.len : piece_len;

		got = grpc_reader_put(&r, span_from(bytes.at, len), &e);
		bytes = span_from(bytes.at + len, bytes.len - len);
		while (got >= 0 && (got = grpc_reader_next(&r, &message, &e)) > 0) {
			assert(message.len <= MESSAGE_MAX);
			(void)buf_put_span(all, message);
			(void)buf_put_char(all, '|');
		}
	}
	assert((got < 0) == (e.code != ERR_NONE));
	grpc_reader_free(&r);
	return got;
}

/* However the bytes are cut, the messages and the verdict are the same. */
static void check_stream(struct span bytes)
{
	AUTO_BUF struct buf whole, pieces;

	buf_init(&whole, 2 * bytes.len + 1);
	buf_init(&pieces, 2 * bytes.len + 1);
	assert(read_all(bytes, bytes.len + 1, &whole) == read_all(bytes, 3, &pieces));
	assert(whole.len == pieces.len && (!whole.len || memcmp(whole.at, pieces.at, whole.len) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_order(span_from(data, size));
	if (size <= GRPC_READER_PUT_MAX)
		check_stream(span_from(data, size));
	return 0;
}
