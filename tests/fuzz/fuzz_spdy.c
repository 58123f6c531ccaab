/* SPDY frames: byte by byte gives what all at once gives. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/kube/spdy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint64_t bytes, ends, others, streams;
};

static int read_all(const uint8_t *data, size_t size, size_t step, struct seen *s)
{
	struct spdy_reader r = { 0 };
	struct spdy_event event;
	struct err e = { 0 };
	int rc = 0;

	for (size_t at = 0; at < size && rc >= 0; at += step) {
		struct span bytes = span_from(data + at, size - at < step ? size - at : step);

		while ((rc = spdy_read(&r, &bytes, &event, &e)) > 0) {
			s->bytes += event.bytes.len;
			s->ends += event.fin;
			s->others += event.kind != SPDY_DATA;
			s->streams += event.kind != SPDY_DATA ? event.stream : 0;
		}
		assert(rc < 0 || bytes.len == 0);
	}
	assert((rc < 0) == (e.code == ERR_PROTOCOL));
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = { 0 }, parts = { 0 };

	assert(read_all(data, size, size ? size : 1, &whole) == read_all(data, size, 1, &parts));
	assert(memcmp(&whole, &parts, sizeof(whole)) == 0);
	return 0;
}
