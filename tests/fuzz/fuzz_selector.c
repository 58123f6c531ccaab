/* Selectors: blanks around operators change nothing, and a required name fits the text it came from. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/kube/selector.h"

#define MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Blanks around each comma and parenthesis. */
static void put_spaced(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		(void)buf_printf(out, strchr(",()", text.at[i]) ? " %c\t" : "%c", text.at[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf spaced = { .max = MAX * 4 };
	struct span text = span_from(data, size);
	char name[MAX];

	if (size == 0 || size >= MAX || memchr(data, '\0', size))
		return 0;
	put_spaced(&spaced, text);
	assert(selector_is_label(text) == selector_is_label(buf_span(&spaced)));
	if (selector_is_field(text, name, sizeof(name)))
		assert(strlen(name) < size && (name[0] == '\0' || memmem(data, size, "metadata.name", 13)));
	return 0;
}
