/* Items of 1Password: what the JSON parser refuses is refused; each field is found by its id, or listed as repeated. */
#include <assert.h>
#include <stdint.h>

#include "lib/format/json.h"
#include "lib/rollout/item_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_JSON struct json *doc = NULL;
	struct item_store *s = NULL;
	const struct secret_item *item;
	struct err e = { 0 }, other = { 0 };

	if (item_parse(span_from(data, size), &s, &e) < 0) {
		assert(e.code != ERR_NONE && e.text[0] && !s);
		return 0;
	}
	item = item_store_item(s);
	assert(item->id[0]);
	if (json_parse(span_from(data, size), JSON_LIMITS(ITEM_JSON_MAX), &doc, &other) == 0) {
		assert(json_count(json_get(doc, "fields")) == item->field_count || !json_is_array(json_get(doc, "fields")));
		assert(json_str(doc, "id") && span_equal_str(span_of(item->id), json_str(doc, "id")));
	}
	for (size_t i = 0; i < item->field_count && i < 50; i++) {
		const struct secret_field *f = NULL;
		int rc = item->fields[i].label[0] ? secret_item_field(item, item->fields[i].label, &f, &e) : -1;

		assert(rc < 0 || span_equal_str(span_of(item->fields[i].label), f->label) || f->label[0]);
		assert(item->fields[i].value.at[item->fields[i].value.len] == '\0');
	}
	item_store_free(s);
	return 0;
}
