/* YAML: what becomes JSON is written as YAML that becomes the same JSON. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/format/json.h"
#include "lib/format/yaml.h"

#define MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The members' order is lost on the way, so the second and the third text are compared. */
static void check_round_trip(const struct json *item)
{
	AUTO_BUF struct buf one = { .max = 64 * MAX }, two = { .max = 64 * MAX };
	struct yaml_limits limits = { 64 * MAX, YAML_DEPTH_CEILING, MAX };
	AUTO_JSON struct json *again = NULL;
	struct err e = { 0 };

	if (json_to_yaml(item, &one, &e) < 0)
		return;
	assert(yaml_parse_json(buf_span(&one), limits, &again, &e) == 0);
	assert(json_to_yaml(again, &two, &e) == 0);
	assert(span_equal(buf_span(&one), buf_span(&two)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_limits limits = { 65536, 32, 5000 };
	AUTO_YAML struct yaml_docs *docs = NULL;
	struct err e = { 0 };

	if (yaml_parse(span_from(data, size), limits, &docs, &e) < 0) {
		assert(e.code != ERR_NONE && e.text[0] && !docs);
		return 0;
	}
	for (size_t i = 0; i < yaml_docs_count(docs); i++) {
		AUTO_JSON struct json *item = NULL;

		if (yaml_to_json(yaml_docs_at(docs, i), &item, &e) == 0)
			check_round_trip(item);
	}
	return 0;
}
