/* Templates: the pieces cover the text in order; references parse or are refused; maps and op's words never overrun. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/rollout/op_error.h"
#include "lib/rollout/secret_format.h"
#include "lib/rollout/secret_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_words(struct span text)
{
	const struct op_asked asked = { "item", "vault", "account" };
	AUTO_FREE char *map = mem_dup(text.at, text.len);
	AUTO_BUF struct buf name = { .max = 1000 };
	const char *field = NULL;
	struct err e = { 0 };

	(void)op_error_set(text, &asked, &e);
	assert(e.code != ERR_NONE && e.text[0]);
	assert((secret_map_parse(map, &name, &field, &e) == 0) == (field != NULL && secret_name_valid(buf_str(&name))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_from(data, size), rest = text;
	struct template_piece piece;
	struct secret_ref ref;
	struct err e = { 0 };
	const char *at = text.at;
	int more;

	while ((more = template_next(&rest, &piece, &e)) > 0) {
		assert(piece.text.at >= at && piece.text.at + piece.text.len <= rest.at);
		assert(piece.is_reference || piece.text.at == at);
		at = rest.at;
		if (piece.is_reference && secret_ref_parse(piece.text, &ref, &e) == 0)
			assert(ref.vault[0] && ref.item[0] && ref.field[0]);
	}
	assert(more < 0 ? e.text[0] != '\0' : rest.len == 0);
	check_words(text);
	return 0;
}
