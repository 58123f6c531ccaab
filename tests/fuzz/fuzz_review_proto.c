/* Reviews in protobuf: what is read prints as JSON that parses again, what is not says why. */
#include <assert.h>
#include <stdint.h>

#include "lib/format/json.h"
#include "lib/kube/review_proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(struct span body, int (*parse)(struct span, struct json **, struct err *))
{
	AUTO_JSON struct json *review = NULL, *again = NULL;
	AUTO_BUF struct buf out;
	struct err e = { 0 };

	buf_init(&out, 16 * 1024 * 1024);
	if (parse(body, &review, &e) < 0) {
		assert(e.code == ERR_INPUT && !review);
		return;
	}
	assert(review_proto_is(body) && json_is_object(json_get(review, "spec")));
	json_print(review, JSON_COMPACT, &out);
	assert(json_parse(buf_span(&out), JSON_LIMITS(16 * 1024 * 1024), &again, &e) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try(span_from(data, size), review_proto_parse);
	try(span_from(data, size), review_proto_parse_rules);
	return 0;
}
