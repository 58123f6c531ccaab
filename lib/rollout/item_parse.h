/* An item from the JSON of `op item get --format json` or of Connect's GET .../items/ID. */
#ifndef MK8S_ROLLOUT_ITEM_PARSE_H
#define MK8S_ROLLOUT_ITEM_PARSE_H

#include "lib/rollout/secret_item.h"

#define ITEM_JSON_MAX (4 * 1024 * 1024)

struct item_store;

/*
 * Both shapes: op writes a section's label into each field, Connect only its id. The caller owns the result and
 * gives it to item_store_free. ERR_PROTOCOL for what is no item (the sentence quotes nothing),
 * ERR_LIMIT above ITEM_JSON_MAX.
 */
int item_parse(struct span json, struct item_store **ret, struct err *e);
const struct secret_item *item_store_item(const struct item_store *s);
/* The vault's name, where only its id was in the text. */
void item_store_set_vault(struct item_store *s, const char *name);
/* Takes NULL; wipes. */
void item_store_free(struct item_store *s);

/* Whether a value is op's placeholder for one that needs --reveal. */
bool item_is_hidden(const struct secret_item *item);

#endif
