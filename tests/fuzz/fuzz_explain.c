/*
 * OpenAPI v3 documents: explaining any of them ends, and what it says of a resource begins with its
 * kind.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/format/json.h"
#include "lib/kube/explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const fields[] = { "spec", "parts" };
	AUTO_JSON struct json *document = NULL;
	struct explain what = { .group = "", .version = "v1", .plural = "boxes", .fields = fields };
	struct err e = { 0 };

	if (json_parse(span_from(data, size), JSON_LIMITS(1 << 16), &document, &e))
		return 0;
	what.document = document;
	for (int i = 0; i < 4; i++) {
		AUTO_BUF struct buf out = { .max = 1 << 18 };
		int rc;

		what.recursive = i % 2;
		what.field_count = i < 2 ? 0 : 2;
		e = (struct err){ 0 };
		rc = explain_print(&what, &out, &e);
		assert(rc == 0 || e.code != ERR_NONE);
		assert(rc != 0 || strstr(buf_str(&out), "KIND:") != NULL);
		assert(rc != 0 || strstr(buf_str(&out), "DESCRIPTION:\n") != NULL);
	}
	return 0;
}
