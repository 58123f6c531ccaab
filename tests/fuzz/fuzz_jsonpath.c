/* Any template parses or is refused, and gives the same text twice or fails twice. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/format/json.h"
#include "lib/format/jsonpath.h"

enum { OUT_MAX = 1024 * 1024 };

static const char document[] = "{\"a\":[{\"b\":1,\"c\":\"x\"},"
			       "{\"b\":2.5,\"c\":[true,null,\"y\"]}],\"d\":{\"e.f\":\"g\"}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_JSON struct json *root = NULL;
	struct jsonpath *p = NULL;
	struct err e = { 0 };
	struct buf once, twice;
	int first, second;

	if (size > 4096 || json_parse(SPAN(document), JSON_LIMITS(4096), &root, &e) ||
	    jsonpath_parse(span_from(data, size), &p, &e)) {
		assert(!p);
		return 0;
	}
	buf_init(&once, OUT_MAX);
	buf_init(&twice, OUT_MAX);
	first = jsonpath_print(p, root, &once, &e);
	second = jsonpath_print(p, root, &twice, &e);
	assert(first == second);
	assert(first || span_equal(buf_span(&once), buf_span(&twice)));
	buf_free(&once);
	buf_free(&twice);
	jsonpath_free(p);
	return 0;
}
