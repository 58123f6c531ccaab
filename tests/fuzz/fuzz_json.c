/* JSON: what parses prints, and what was printed parses to the same text again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/format/json.h"
#include "lib/format/utf8.h"

#define MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_JSON struct json *item = NULL, *again = NULL;
	AUTO_BUF struct buf one = { .max = MAX }, two = { .max = MAX }, pretty = { .max = 64 * MAX };
	struct err e = { 0 };

	json_put_quoted(&one, span_from(data, size));
	assert(one.failed || utf8_valid(buf_span(&one)));
	buf_reset(&one);
	if (json_parse(span_from(data, size), JSON_LIMITS(65536), &item, &e) < 0) {
		assert((e.code == ERR_INPUT || e.code == ERR_LIMIT) && e.text[0] && !item);
		return 0;
	}
	json_print(item, JSON_COMPACT, &one);
	assert(!one.failed && json_parse(buf_span(&one), JSON_LIMITS(MAX), &again, &e) == 0);
	json_print(again, JSON_COMPACT, &two);
	assert(span_equal(buf_span(&one), buf_span(&two)));
	json_free(again);
	again = NULL;
	json_print(item, JSON_PRETTY, &pretty);
	assert(pretty.failed || json_parse(buf_span(&pretty), JSON_LIMITS(64 * MAX), &again, &e) == 0);
	return 0;
}
