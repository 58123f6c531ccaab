/* Base64: what decodes encodes to the same text, and everything encoded decodes. */
#include <assert.h>
#include <stdint.h>

#include "lib/format/base64.h"

#define MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct span text, enum base64_alphabet alphabet)
{
	AUTO_BUF struct buf bytes = { .max = MAX }, again = { .max = MAX };
	struct err e = { 0 };

	if (base64_decode(text, alphabet, &bytes, &e) == 0) {
		base64_encode(buf_span(&bytes), alphabet, &again);
		assert(span_equal(buf_span(&again), text));
	} else {
		assert(e.code == ERR_INPUT && bytes.len == 0);
	}
	buf_reset(&bytes);
	buf_reset(&again);
	base64_encode(text, alphabet, &again);
	assert(base64_decode(buf_span(&again), alphabet, &bytes, &e) == 0);
	assert(span_equal(buf_span(&bytes), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(span_from(data, size), BASE64_STD);
	check(span_from(data, size), BASE64_URL);
	return 0;
}
