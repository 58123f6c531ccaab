/* deploy.yaml and the record of a host: no text crashes the readers; what is refused says why and leaves nothing. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/rollout/config.h"
#include "lib/rollout/history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct history_entry *entry;
	struct rollout_config c;
	struct history h;
	struct err e = { 0 };

	if (rollout_config_parse("f", span_from(data, size), &c, &e) == 0) {
		assert(e.code == ERR_NONE && c.target_count > 0 && c.target[0].node_count > 0);
		rollout_config_free(&c);
	} else {
		assert(e.code != ERR_NONE && e.text[0] && !c.target && !c.docs);
	}
	history_parse(span_from(data, size), &h);
	err_clear(&e);
	if (history_find_rollback(&h, NULL, &entry, &e) == 0)
		assert(rollout_tag_valid(entry->tag));
	else
		assert(e.code == ERR_NOT_FOUND);
	history_free(&h);
	return 0;
}
