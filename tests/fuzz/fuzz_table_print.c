/* Tables of a server: no byte of a cell reaches the terminal as a control, and no line ends in a blank. */
#include <assert.h>
#include <stdint.h>

#include "lib/format/json.h"
#include "lib/kube/table_print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		assert(c == '\n' || (c >= 0x20 && c != 0x7f));
		assert(c != '\n' || i == 0 || text.at[i - 1] != ' ');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_JSON struct json *document = NULL;
	AUTO_BUF struct buf out = { .max = 1 << 26 };
	struct table_print_options o = { 0 };
	struct table_print *p;
	struct err e = { 0 };

	if (size == 0 || json_parse(span_from(data + 1, size - 1), JSON_LIMITS(1 << 20), &document, &e))
		return 0;
	o.wide = data[0] & 1;
	o.with_namespace = data[0] & 2;
	o.show_labels = data[0] & 4;
	o.with_event = data[0] & 8;
	o.kind_prefix = data[0] & 16 ? "pod/" : NULL;
	p = table_print_new(&o);
	for (int i = 0; i < 2; i++)
		if (table_print_add(p, document, &e) == 0)
			assert(table_print_flush(p, &out, &e) == 0);
	check(buf_span(&out));
	table_print_free(p);
	return 0;
}
