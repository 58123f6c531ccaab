/* The rules that central sent on one link, by their SHA-256. */
#include "lib/gate/agent_rules.h"

#include <stdlib.h>

#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/crypto/hash.h"
#include "lib/format/json.h"

struct rules_entry {
	char sha256[HASH_HEX_SIZE];
	uint64_t used; /* the larger, the later */
	struct role_document document;
};

struct agent_rules {
	struct map *entries; /* sha256 -> struct rules_entry */
	uint64_t uses;
};

struct agent_rules *agent_rules_new(void)
{
	struct agent_rules *r = mem_new(sizeof(*r));

	r->entries = map_new();
	return r;
}

static void entry_free(struct rules_entry *entry)
{
	if (!entry)
		return;
	role_document_free(&entry->document);
	free(entry);
}

void agent_rules_free(struct agent_rules *r)
{
	size_t cursor = 0;

	if (!r)
		return;
	for (struct rules_entry *entry; (entry = map_next(r->entries, &cursor));)
		entry_free(entry);
	map_free(r->entries);
	free(r);
}

static void drop_oldest(struct agent_rules *r)
{
	struct rules_entry *oldest = NULL;
	size_t cursor = 0;

	for (struct rules_entry *entry; (entry = map_next(r->entries, &cursor));) {
		if (!oldest || entry->used < oldest->used)
			oldest = entry;
	}
	if (oldest)
		entry_free(map_remove(r->entries, span_of(oldest->sha256)));
}

int agent_rules_put(struct agent_rules *r, struct span sha256, struct span json, struct err *e)
{
	AUTO_JSON struct json *doc = NULL;
	struct rules_entry *entry = mem_new(sizeof(*entry));

	hash_sha256_hex(json, entry->sha256);
	if (!span_equal_str(sha256, entry->sha256)) {
		free(entry);
		return err_set(e, ERR_INPUT, "the rules do not have the SHA-256 that names them");
	}
	if (json_parse(json, JSON_LIMITS(AGENT_RULES_BODY_MAX), &doc, e) < 0 ||
	    role_document_parse(doc, &entry->document, e) < 0) {
		free(entry);
		return -1;
	}
	if (map_count(r->entries) >= AGENT_RULES_MAX)
		drop_oldest(r);
	entry->used = ++r->uses;
	entry_free(map_put(r->entries, span_of(entry->sha256), entry));
	return 0;
}

const struct role_document *agent_rules_find(struct agent_rules *r, struct span sha256)
{
	struct rules_entry *entry = map_get(r->entries, sha256);

	if (!entry)
		return NULL;
	entry->used = ++r->uses;
	return &entry->document;
}
