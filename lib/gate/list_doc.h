/*
 * Filters one list or Table: the members that a client needs, and of its items those that are
 * granted. For the list filter.
 */
#ifndef MK8S_GATE_LIST_DOC_H
#define MK8S_GATE_LIST_DOC_H

#include "lib/base/buf.h"
#include "lib/base/map.h"
#include "lib/gate/list_filter.h"
#include "lib/gate/list_probe.h"

/* Of one item, of one event. */
enum {
	LIST_ITEM_MAX = 4 * 1024 * 1024,
	LIST_METADATA_MAX = 64 * 1024,
	LIST_COLUMNS_MAX = 256 * 1024
};

/* What every document of a filter shares. */
struct list_rules {
	struct map *granted;
	bool by_name, drop_object;
	list_seal_fn *seal;
	void *owner;
};

/* The columns of a watched Table, which come once: with an event that may have to go. */
struct list_columns {
	struct buf text;
	bool unsent;
};

enum list_doc_state {
	DOC_START,
	DOC_MEMBERS,
	DOC_SKIP,
	DOC_COPY,
	DOC_METADATA,
	DOC_COLUMNS,
	DOC_ITEMS,
	DOC_END
};

struct list_doc {
	const struct list_rules *rules;
	struct list_columns *columns; /* NULL: they pass as they come */
	bool bookmark;		      /* rows of no object at all pass */
	struct json_walk walk;
	enum list_doc_state state, next;
	bool rows; /* the items are a Table's rows */
	bool in_array;
	size_t member_count, item_count;
	struct list_probe namespace, name;
	bool cutting;		 /* inside a row's object */
	size_t cut_from, cut_to; /* of the item's bytes; 0: none */
	struct buf item;
};

void list_doc_init(struct list_doc *d, const struct list_rules *rules);
void list_doc_free(struct list_doc *d);
/* Appends what passes. ERR_INPUT for what is no list, ERR_LIMIT for an item above LIST_ITEM_MAX. */
int list_doc_put(struct list_doc *d, struct span bytes, struct buf *out, struct err *e);
bool list_doc_is_whole(const struct list_doc *d);

#endif
