/*
 * Verified access tokens, remembered by their SHA-256 until they end: a signature is checked once.
 * Loop only.
 */
#ifndef MK8S_GATE_TOKEN_CACHE_H
#define MK8S_GATE_TOKEN_CACHE_H

#include <stdint.h>

#include "lib/gate/keys.h"

struct token_cache;
/* Remembers at most `entry_max` tokens. */
struct token_cache *token_cache_new(struct keys *keys, size_t entry_max);
void token_cache_free(struct token_cache *c); /* takes NULL */
/* The token's claims; borrowed until the next call. NULL with ERR_AUTH. */
const struct keys_token *token_cache_verify(struct token_cache *c, struct span token,
					    int64_t now_unix_s, struct err *e);

#endif
