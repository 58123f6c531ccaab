/* What a host's record of deploys says, and what a rollback goes back to. */
#ifndef MK8S_ROLLOUT_HISTORY_H
#define MK8S_ROLLOUT_HISTORY_H

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

struct json;

/* One line of history.jsonl; the texts are borrowed from `json`, "" where one is missing. */
struct history_entry {
	const char *time, *action, *services, *tag, *who, *outcome;
	struct json *json;
};

struct history {
	struct history_entry *at; /* the oldest first */
	size_t count;
	size_t bad_count; /* lines that are none: a full disk, another program's */
};

void history_parse(struct span text, struct history *ret);
/* Takes a zeroed one. */
void history_free(struct history *h);

/*
 * The entry that a rollback brings back: the last one that deployed `tag`; without one (NULL), the last that deployed
 * other images than those that run now by this record. ERR_NOT_FOUND says what there is.
 */
int history_find_rollback(const struct history *h, const char *tag,
			  const struct history_entry **ret, struct err *e);

/* The names of its services, borrowed from the entry: at most `max` of them into `ret`; their count. */
size_t history_services(const struct history_entry *entry, const char **ret, size_t max);

/* Appends "SERVICE IMAGE\n" for each; ERR_CORRUPT when a name is none that a compose file can hold. */
int history_put_images(const struct history_entry *entry, struct buf *out, struct err *e);

#endif
