/* A hash map from strings to pointers: open addressing, linear probing, backward-shift removal. */
#include "lib/base/map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/mem.h"

struct map_slot {
	uint64_t hash;
	char *key;
	size_t key_len;
	void *value; /* NULL: free */
};

struct map {
	struct map_slot *slots;
	size_t slot_count; /* a power of two */
	size_t used;
	uint64_t seed;
};

struct map *map_new(void)
{
	struct map *m = mem_new(sizeof(*m));

	m->slot_count = 16;
	m->slots = mem_new_array(m->slot_count, sizeof(*m->slots));
	if (getrandom(&m->seed, sizeof(m->seed), 0) != (ssize_t)sizeof(m->seed))
		m->seed = (uint64_t)(uintptr_t)m; /* addresses are randomised: enough for a table */
	return m;
}

void map_free(struct map *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->slot_count; i++)
		free(m->slots[i].key);
	free(m->slots);
	free(m);
}

/* FNV-1a with a secret start, then a finalizer that spreads it (MurmurHash3's). */
static uint64_t map_hash(const struct map *m, struct span key)
{
	uint64_t hash = 14695981039346656037ull ^ m->seed;

	for (size_t i = 0; i < key.len; i++)
		hash = (hash ^ (unsigned char)key.at[i]) * 1099511628211ull;
	hash ^= hash >> 33;
	hash *= 0xff51afd7ed558ccdull ^ (m->seed << 1);
	return hash ^ (hash >> 33);
}

/* The slot that holds `key`, or the free one where it belongs. */
static struct map_slot *map_slot(const struct map *m, struct span key, uint64_t hash)
{
	size_t mask = m->slot_count - 1;

	for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
		struct map_slot *slot = &m->slots[i];

		if (!slot->value)
			return slot;
		if (slot->hash == hash && span_equal(span_from(slot->key, slot->key_len), key))
			return slot;
	}
}

void *map_get(const struct map *m, struct span key)
{
	return map_slot(m, key, map_hash(m, key))->value;
}

static void map_double(struct map *m)
{
	struct map_slot *old = m->slots;
	size_t old_count = m->slot_count;

	m->slot_count *= 2;
	m->slots = mem_new_array(m->slot_count, sizeof(*m->slots));
	for (size_t i = 0; i < old_count; i++) {
		if (old[i].value)
			*map_slot(m, span_from(old[i].key, old[i].key_len), old[i].hash) = old[i];
	}
	free(old);
}

void *map_put(struct map *m, struct span key, void *value)
{
	uint64_t hash = map_hash(m, key);
	struct map_slot *slot;
	void *before;

	if (m->used * 4 >= m->slot_count * 3)
		map_double(m);
	slot = map_slot(m, key, hash);
	before = slot->value;
	if (!before) {
		*slot = (struct map_slot){ hash, span_dup(key), key.len, NULL };
		m->used++;
	}
	slot->value = value;
	return before;
}

void *map_remove(struct map *m, struct span key)
{
	struct map_slot *slot = map_slot(m, key, map_hash(m, key));
	size_t mask = m->slot_count - 1, hole = (size_t)(slot - m->slots);
	void *value = slot->value;

	if (!value)
		return NULL;
	free(slot->key);
	for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
		size_t home = (size_t)m->slots[i].hash & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue; /* it would land before its home */
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	memset(&m->slots[hole], 0, sizeof(m->slots[hole]));
	m->used--;
	return value;
}

size_t map_count(const struct map *m)
{
	return m->used;
}

void *map_next(const struct map *m, size_t *cursor)
{
	while (*cursor < m->slot_count) {
		void *value = m->slots[(*cursor)++].value;

		if (value)
			return value;
	}
	return NULL;
}
