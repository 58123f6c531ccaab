/* URLs: parts lie inside the text, and escapes go both ways. */
#include <assert.h>
#include <stdint.h>

#include "lib/format/url.h"

#define MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct span part, struct span text)
{
	assert(part.len == 0 || (part.at >= text.at && part.at + part.len <= text.at + text.len));
}

static void check_escapes(struct span text, enum url_part part)
{
	AUTO_BUF struct buf bytes = { .max = MAX }, again = { .max = 3 * MAX };
	struct err e = { 0 };

	url_encode(text, part, &again);
	assert(url_decode(buf_span(&again), part, &bytes, &e) == 0);
	assert(span_equal(buf_span(&bytes), text));
	buf_reset(&bytes);
	assert(url_decode(text, part, &bytes, &e) == 0 || e.code == ERR_INPUT);
	assert(bytes.len <= text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_from(data, size), rest = text;
	AUTO_BUF struct buf name = { .max = MAX }, value = { .max = MAX };
	struct err e = { 0 };
	struct url url;

	if (url_split(text, &url, &e) == 0) {
		assert(url.host.len && url.scheme.len);
		check_inside(url.host, text);
		check_inside(url.userinfo, text);
		check_inside(url.path, text);
		check_inside(url.query, text);
	}
	while (url_query_next(&rest, &name, &value, &e) > 0)
		assert(name.len + value.len <= size);
	check_escapes(text, URL_PATH);
	check_escapes(text, URL_QUERY);
	return 0;
}
