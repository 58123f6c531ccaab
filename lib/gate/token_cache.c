/* Verified access tokens, remembered by their SHA-256 until they end. */
#include "lib/gate/token_cache.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/crypto/hash.h"

struct token_entry {
	uint8_t sha256[HASH_SIZE];
	struct keys_token token; /* expires_unix_s 0: empty */
};

/*
 * A direct-mapped table: two tokens of one place drive each other out, which costs a verification
 * and nothing else.
 */
struct token_cache {
	struct keys *keys;
	size_t entry_count; /* a power of two */
	struct token_entry *entries;
};

struct token_cache *token_cache_new(struct keys *keys, size_t entry_max)
{
	struct token_cache *c = mem_new(sizeof(*c));

	c->keys = keys;
	for (c->entry_count = 1; c->entry_count * 2 <= entry_max;)
		c->entry_count *= 2;
	c->entries = mem_new_array(c->entry_count, sizeof(*c->entries));
	return c;
}

void token_cache_free(struct token_cache *c)
{
	if (!c)
		return;
	secret_wipe(c->entries, c->entry_count * sizeof(*c->entries));
	free(c->entries);
	free(c);
}

const struct keys_token *token_cache_verify(struct token_cache *c, struct span token,
					    int64_t now_unix_s, struct err *e)
{
	uint8_t digest[HASH_SIZE];
	struct token_entry *entry;
	struct keys_token fresh;
	size_t place;

	hash_sha256(token, digest);
	memcpy(&place, digest, sizeof(place));
	entry = &c->entries[place & (c->entry_count - 1)];
	if (entry->token.expires_unix_s > now_unix_s &&
	    secret_equal(entry->sha256, digest, sizeof(digest)))
		return &entry->token;
	if (keys_token_verify(c->keys, token, &fresh, e) < 0)
		return NULL;
	memcpy(entry->sha256, digest, sizeof(digest));
	entry->token = fresh;
	return &entry->token;
}
