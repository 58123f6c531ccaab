/* Sessions passing by: what is seen does not depend on how the bytes were cut. */
#include <assert.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/gate/exec_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct buf output[2], sizes;
};

static void saw_output(void *owner, int stream, struct span bytes)
{
	struct seen *s = owner;

	assert(stream == 1 || stream == 2);
	(void)buf_put_span(&s->output[stream - 1], bytes);
}

static void saw_resize(void *owner, unsigned width, unsigned height)
{
	struct seen *s = owner;

	assert(width && height);
	(void)buf_printf(&s->sizes, "%ux%u ", width, height);
}

static const struct exec_events events = { saw_output, saw_resize };

/* Bytes in runs: one says whose and how many, then these. In pieces of at most `step`; the status of the end. */
static int play(uint8_t mode, struct span input, size_t step, struct seen *seen)
{
	const char *names[] = { "v4.channel.k8s.io", "base64.channel.k8s.io", "" };
	struct http_field field = { SPAN("sec-websocket-protocol"), span_of(names[mode % 3]) };
	struct http_head request = { .protocol = mode % 3 == 2 ? SPAN("spdy/3.1") : SPAN("websocket") };
	struct http_head answer = { .fields = &field, .field_count = mode % 3 == 2 ? 0 : 1 };
	struct err e = { 0 };
	struct exec_stream *s = exec_stream_new(&request, &answer, &events, seen, &e);
	int rc = 0;

	assert(s);
	for (size_t at = 0; rc == 0 && at < input.len;) {
		uint8_t run = (uint8_t)input.at[at++];
		size_t end = at + (run & 0x7f) < input.len ? at + (run & 0x7f) : input.len;

		for (; rc == 0 && at < end; at += step)
			rc = exec_stream_feed(s, run & 0x80, span_from(input.at + at, end - at < step ? end - at : step), &e);
		at = end;
	}
	assert((rc < 0) == (e.code != ERR_NONE));
	exec_stream_free(s);
	return rc;
}

static void seen_init(struct seen *s)
{
	buf_init(&s->output[0], 1 << 20);
	buf_init(&s->output[1], 1 << 20);
	buf_init(&s->sizes, 1 << 20);
}

static void seen_free(struct seen *s)
{
	buf_free(&s->output[0]);
	buf_free(&s->output[1]);
	buf_free(&s->sizes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = size ? span_from(data + 1, size - 1) : SPAN_NONE;
	struct seen whole, cut;

	seen_init(&whole);
	seen_init(&cut);
	if (size) {
		assert(play(data[0], input, 4096, &whole) == play(data[0], input, 1, &cut));
		assert(span_equal(buf_span(&whole.output[0]), buf_span(&cut.output[0])));
		assert(span_equal(buf_span(&whole.output[1]), buf_span(&cut.output[1])));
		assert(span_equal(buf_span(&whole.sizes), buf_span(&cut.sizes)));
	}
	seen_free(&whole);
	seen_free(&cut);
	return 0;
}
