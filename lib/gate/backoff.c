/* Back-off against guessing: a bounded table of recent failures. */
#include "lib/gate/backoff.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/span.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/random.h"

enum {
	WAYS = 8, /* places that a key may take */
	KEY_LEN = 16,
	NAME_SIZE = 256,
	NETWORK_LEN = 8, /* of an IPv6 address: who has one has its whole /64 */
	ACCOUNT_FREE = 5,
	ADDRESS_FREE = 20,
	WAIT_FIRST_MS = 1000,
	WAIT_MAX_MS = 15 * 60 * 1000,
	FORGET_MS = 30 * 60 * 1000,
};

struct backoff_entry {
	uint8_t key[KEY_LEN];
	uint32_t failures; /* 0: empty */
	uint64_t last_ms, free_at_ms;
};

struct backoff {
	pthread_mutex_t mutex;
	uint8_t salt[KEY_LEN]; /* so that nobody can choose names that drive a certain one out */
	size_t set_count;
	struct backoff_entry *entries; /* set_count * WAYS */
};

enum backoff_kind { BACKOFF_ACCOUNT, BACKOFF_ADDRESS };

struct backoff *backoff_new(size_t entry_max)
{
	struct backoff *b = mem_new(sizeof(*b));

	(void)pthread_mutex_init(&b->mutex, NULL); /* cannot fail with default attributes */
	random_bytes(b->salt, sizeof(b->salt));
	b->set_count = entry_max < WAYS ? 1 : entry_max / WAYS;
	b->entries = mem_new_array(b->set_count * WAYS, sizeof(*b->entries));
	return b;
}

void backoff_free(struct backoff *b)
{
	if (!b)
		return;
	(void)pthread_mutex_destroy(&b->mutex);
	free(b->entries);
	free(b);
}

static void lower(const char *name, char into[NAME_SIZE])
{
	size_t at = 0;

	for (; name[at]; at++)
		into[at] = (char)(name[at] >= 'A' && name[at] <= 'Z' ? name[at] | 0x20 : name[at]);
	into[at] = '\0';
}

/*
 * What names the same account, or the same guesser, counts as one: case, and the /64 of an IPv6
 * address.
 */
static struct span essence(enum backoff_kind kind, const char *name, char room[NAME_SIZE])
{
	struct in6_addr address;

	if (kind == BACKOFF_ADDRESS) {
		if (inet_pton(AF_INET6, name, &address) != 1 || IN6_IS_ADDR_V4MAPPED(&address))
			return span_of(name);
		memcpy(room, &address, NETWORK_LEN);
		return span_from(room, NETWORK_LEN);
	}
	if (strlen(name) >= NAME_SIZE) /* longer than any account's */
		return span_of(name);
	lower(name, room);
	return span_of(room);
}

static struct backoff_entry *set_of(struct backoff *b, enum backoff_kind kind, const char *name,
				    uint8_t ret_key[HASH_SIZE])
{
	struct hash h;
	char mark = kind == BACKOFF_ACCOUNT ? 'n' : 'a';
	char room[NAME_SIZE];
	uint64_t place;

	hash_init(&h);
	hash_add(&h, span_from(b->salt, sizeof(b->salt)));
	hash_add(&h, span_from(&mark, 1));
	hash_add(&h, essence(kind, name, room));
	hash_finish(&h, ret_key);
	memcpy(&place, ret_key + KEY_LEN, sizeof(place));
	return &b->entries[place % b->set_count * WAYS];
}

static bool is_live(const struct backoff_entry *entry, uint64_t now_ms)
{
	return entry->failures > 0 && now_ms - entry->last_ms < FORGET_MS;
}

static struct backoff_entry *find(struct backoff *b, enum backoff_kind kind, const char *name,
				  uint64_t now_ms)
{
	uint8_t key[HASH_SIZE];
	struct backoff_entry *set = set_of(b, kind, name, key);

	for (size_t i = 0; i < WAYS; i++)
		if (is_live(&set[i], now_ms) && memcmp(set[i].key, key, KEY_LEN) == 0)
			return &set[i];
	return NULL;
}

/* The entry of `name`, made where there is none: an empty place, or that of the fewest failures. */
static struct backoff_entry *find_or_make(struct backoff *b, enum backoff_kind kind,
					  const char *name, uint64_t now_ms)
{
	uint8_t key[HASH_SIZE];
	struct backoff_entry *entry = find(b, kind, name, now_ms);
	struct backoff_entry *set = set_of(b, kind, name, key);

	if (entry)
		return entry;
	entry = &set[0];
	for (size_t i = 0; i < WAYS; i++) {
		if (!is_live(&set[i], now_ms)) {
			entry = &set[i];
			break;
		}
		if (set[i].failures < entry->failures)
			entry = &set[i];
	}
	*entry = (struct backoff_entry){ 0 };
	memcpy(entry->key, key, KEY_LEN);
	return entry;
}

static void count(struct backoff *b, enum backoff_kind kind, const char *name, uint64_t now_ms)
{
	uint32_t free_count = kind == BACKOFF_ACCOUNT ? ACCOUNT_FREE : ADDRESS_FREE;
	struct backoff_entry *entry;
	uint64_t wait_ms = WAIT_MAX_MS;
	uint32_t doublings;

	if (!name)
		return;
	entry = find_or_make(b, kind, name, now_ms);
	if (entry->failures < UINT32_MAX)
		entry->failures++;
	entry->last_ms = now_ms;
	if (entry->failures < free_count)
		return;
	doublings = entry->failures - free_count;
	if (doublings < 10 && (uint64_t)WAIT_FIRST_MS << doublings < WAIT_MAX_MS)
		wait_ms = (uint64_t)WAIT_FIRST_MS << doublings;
	entry->free_at_ms = now_ms + wait_ms;
}

static uint64_t wait_of(struct backoff *b, enum backoff_kind kind, const char *name,
			uint64_t now_ms)
{
	const struct backoff_entry *entry = name ? find(b, kind, name, now_ms) : NULL;

	return entry && entry->free_at_ms > now_ms ? entry->free_at_ms - now_ms : 0;
}

uint64_t backoff_wait_ms(struct backoff *b, const char *account, const char *address,
			 uint64_t now_mono_ms)
{
	uint64_t account_ms, address_ms;

	pthread_mutex_lock(&b->mutex);
	account_ms = wait_of(b, BACKOFF_ACCOUNT, account, now_mono_ms);
	address_ms = wait_of(b, BACKOFF_ADDRESS, address, now_mono_ms);
	pthread_mutex_unlock(&b->mutex);
	return account_ms > address_ms ? account_ms : address_ms;
}

void backoff_failed(struct backoff *b, const char *account, const char *address,
		    uint64_t now_mono_ms)
{
	pthread_mutex_lock(&b->mutex);
	count(b, BACKOFF_ACCOUNT, account, now_mono_ms);
	count(b, BACKOFF_ADDRESS, address, now_mono_ms);
	pthread_mutex_unlock(&b->mutex);
}

void backoff_succeeded(struct backoff *b, const char *account)
{
	uint8_t key[HASH_SIZE];
	struct backoff_entry *set;

	pthread_mutex_lock(&b->mutex);
	set = set_of(b, BACKOFF_ACCOUNT, account, key);
	for (size_t i = 0; i < WAYS; i++)
		if (memcmp(set[i].key, key, KEY_LEN) == 0)
			set[i] = (struct backoff_entry){ 0 };
	pthread_mutex_unlock(&b->mutex);
}
