/* Token buckets by key: a hash table whose entries also stand in order of their last use. */
#include "lib/net/limiter.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/crypto/random.h"

#define LIMITER_NONE UINT32_MAX
#define LIMITER_KEY_SIZE 64 /* longer keys are known by their hash and their first 63 bytes */

struct limiter_entry {
	uint64_t hash;
	uint64_t refilled_ms;
	double tokens;
	uint32_t next; /* in the chain of its slot */
	uint32_t newer, older; /* in the order of use */
	char key[LIMITER_KEY_SIZE];
};

struct limiter {
	pthread_mutex_t lock;
	double per_second, burst;
	uint64_t seed; /* so that no peer can choose keys that meet in one slot */
	uint32_t key_max, used, slot_mask;
	uint32_t newest, oldest;
	uint32_t *slots;
	struct limiter_entry *entries; /* key_max of them; the first `used` are taken */
};

struct limiter *limiter_new(double per_second, double burst, size_t key_max)
{
	struct limiter *l = mem_new(sizeof(*l));
	uint32_t slot_count = 16;

	assert(per_second > 0 && burst >= 1 && key_max > 0 && key_max < LIMITER_NONE / 4);
	*l = (struct limiter){ .per_second = per_second,
			       .burst = burst,
			       .key_max = (uint32_t)key_max,
			       .newest = LIMITER_NONE,
			       .oldest = LIMITER_NONE };
	(void)pthread_mutex_init(&l->lock, NULL);
	random_bytes(&l->seed, sizeof(l->seed));
	while (slot_count < key_max)
		slot_count *= 2;
	l->slot_mask = slot_count - 1;
	l->slots = mem_new_array(slot_count, sizeof(*l->slots));
	memset(l->slots, 0xff, slot_count * sizeof(*l->slots));
	l->entries = mem_new_array(key_max, sizeof(*l->entries));
	return l;
}

void limiter_free(struct limiter *l)
{
	if (!l)
		return;
	(void)pthread_mutex_destroy(&l->lock);
	free(l->slots);
	free(l->entries);
	free(l);
}

/* FNV-1a from a secret start, with a final mix for the low bits. */
static uint64_t limiter_hash(const struct limiter *l, const char *key)
{
	uint64_t hash = l->seed ^ 0xcbf29ce484222325ULL;

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 0x100000001b3ULL;
	hash ^= hash >> 29;
	hash *= l->seed | 1;
	return hash ^ hash >> 32;
}

static uint32_t limiter_find(const struct limiter *l, uint64_t hash, const char *key)
{
	uint32_t at = l->slots[hash & l->slot_mask];

	while (at != LIMITER_NONE && (l->entries[at].hash != hash ||
				      strncmp(l->entries[at].key, key, LIMITER_KEY_SIZE - 1) != 0))
		at = l->entries[at].next;
	return at;
}

static void limiter_unlink_use(struct limiter *l, uint32_t at)
{
	struct limiter_entry *entry = &l->entries[at];

	if (entry->newer == LIMITER_NONE)
		l->newest = entry->older;
	else
		l->entries[entry->newer].older = entry->older;
	if (entry->older == LIMITER_NONE)
		l->oldest = entry->newer;
	else
		l->entries[entry->older].newer = entry->newer;
}

static void limiter_link_newest(struct limiter *l, uint32_t at)
{
	struct limiter_entry *entry = &l->entries[at];

	entry->newer = LIMITER_NONE;
	entry->older = l->newest;
	if (l->newest == LIMITER_NONE)
		l->oldest = at;
	else
		l->entries[l->newest].newer = at;
	l->newest = at;
}

/* Takes the least recently used entry out of its chain. */
static uint32_t limiter_evict(struct limiter *l)
{
	uint32_t at = l->oldest;
	uint32_t *link = &l->slots[l->entries[at].hash & l->slot_mask];

	while (*link != at)
		link = &l->entries[*link].next;
	*link = l->entries[at].next;
	limiter_unlink_use(l, at);
	return at;
}

static uint32_t limiter_add(struct limiter *l, uint64_t hash, const char *key, uint64_t now_ms)
{
	uint32_t at = l->used < l->key_max ? l->used++ : limiter_evict(l);
	uint32_t *slot = &l->slots[hash & l->slot_mask];
	struct limiter_entry *entry = &l->entries[at];
	size_t len = strnlen(key, LIMITER_KEY_SIZE - 1);

	*entry = (struct limiter_entry){
		.hash = hash, .refilled_ms = now_ms, .tokens = l->burst, .next = *slot
	};
	memcpy(entry->key, key, len);
	*slot = at;
	limiter_link_newest(l, at);
	return at;
}

static bool limiter_take_from(const struct limiter *l, struct limiter_entry *entry, uint64_t now_ms,
			      unsigned *ret_wait_s)
{
	double wait_s;

	if (now_ms > entry->refilled_ms) { /* threads may read the clock in another order */
		entry->tokens += (double)(now_ms - entry->refilled_ms) / 1000 * l->per_second;
		entry->refilled_ms = now_ms;
	}
	if (entry->tokens > l->burst)
		entry->tokens = l->burst;
	if (entry->tokens >= 1) {
		entry->tokens -= 1;
		return true;
	}
	wait_s = (1 - entry->tokens) / l->per_second + 0.999;
	if (ret_wait_s)
		*ret_wait_s = wait_s < 1 ? 1 : wait_s > 3600 ? 3600 : (unsigned)wait_s;
	return false;
}

bool limiter_take(struct limiter *l, const char *key, uint64_t now_ms, unsigned *ret_wait_s)
{
	uint64_t hash = limiter_hash(l, key);
	uint32_t at;
	bool taken;

	(void)pthread_mutex_lock(&l->lock);
	at = limiter_find(l, hash, key);
	if (at == LIMITER_NONE) {
		at = limiter_add(l, hash, key, now_ms);
	} else if (l->newest != at) {
		limiter_unlink_use(l, at);
		limiter_link_newest(l, at);
	}
	taken = limiter_take_from(l, &l->entries[at], now_ms, ret_wait_s);
	(void)pthread_mutex_unlock(&l->lock);
	return taken;
}
