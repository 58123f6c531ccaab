/*
 * Takes out of lists and watches what a role does not grant: one list, or events one after another.
 */
#include "lib/gate/list_filter.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/gate/list_doc.h"

/* An event of the largest item, with room for its envelope. */
#define EVENT_MAX (LIST_ITEM_MAX + LIST_COLUMNS_MAX)

struct list_filter {
	struct list_rules rules;
	bool watch;
	struct list_doc list;
	/* Of a watch: */
	struct json_walk walk;
	struct buf event;
	struct list_probe type, kind, version, namespace, name;
	bool in_object;
	size_t object_from, object_to; /* in the event's bytes; 0: none */
	struct list_columns columns;
};

struct list_filter *list_filter_new(const struct list_filter_options *o)
{
	struct list_filter *f = mem_new(sizeof(*f));

	f->rules = (struct list_rules){
		.granted = map_new(),
		.by_name = o->by_name,
		.drop_object = o->drop_object,
		.seal = o->seal,
		.owner = o->owner,
	};
	for (const char *const *name = o->namespaces; name && *name; name++)
		(void)map_put(f->rules.granted, span_of(*name), f);
	f->watch = o->watch;
	list_doc_init(&f->list, &f->rules);
	json_walk_init(&f->walk);
	buf_init(&f->event, EVENT_MAX);
	buf_init(&f->columns.text, LIST_COLUMNS_MAX);
	return f;
}

void list_filter_free(struct list_filter *f)
{
	if (!f)
		return;
	list_doc_free(&f->list);
	buf_free(&f->event);
	buf_free(&f->columns.text);
	map_free(f->rules.granted);
	free(f);
}

/* Events. */

static void event_begin(struct list_filter *f)
{
	f->type = (struct list_probe){ .path = { "type" }, .len = 1 };
	f->kind = (struct list_probe){ .path = { "object", "kind" }, .len = 2 };
	f->version = (struct list_probe){ .path = { "object", "apiVersion" }, .len = 2 };
	f->namespace =
		(struct list_probe){ .path = { "object", "metadata", "namespace" }, .len = 3 };
	f->name = (struct list_probe){ .path = { "object", "metadata", "name" }, .len = 3 };
	list_probe_begin(&f->type, 0);
	list_probe_begin(&f->kind, 0);
	list_probe_begin(&f->version, 0);
	list_probe_begin(&f->namespace, 0);
	list_probe_begin(&f->name, 0);
	f->in_object = false;
	f->object_from = f->object_to = 0;
}

static void event_note_object(struct list_filter *f, enum json_step step)
{
	if (f->walk.depth != 1)
		return;
	if (step == JSON_STEP_NAME) {
		f->in_object = json_walk_text_is(&f->walk, "object");
	} else if (step == JSON_STEP_COLON && f->in_object) {
		f->object_from = f->event.len;
	} else if (f->in_object && (step == JSON_STEP_SCALAR || step == JSON_STEP_CLOSE)) {
		f->object_to = f->event.len;
		f->in_object = false;
	}
}

static bool is(const struct list_probe *p, const char *text)
{
	return list_probe_found(p) && strcmp(p->text, text) == 0;
}

/* A custom resource may be called Table, too; its group is another. */
static bool event_has_table(const struct list_filter *f)
{
	return is(&f->kind, "Table") && strncmp(f->version.text, "meta.k8s.io/", 12) == 0;
}

static bool event_is_ambiguous(const struct list_filter *f)
{
	return f->type.ambiguous || f->kind.ambiguous || f->version.ambiguous ||
	       f->namespace.ambiguous || f->name.ambiguous;
}

static bool event_is_granted(const struct list_filter *f, bool bookmark)
{
	const struct list_probe *p = f->rules.by_name ? &f->name : &f->namespace;

	if (list_probe_found(p))
		return map_get(f->rules.granted, span_of(p->text)) != NULL;
	return bookmark && !list_probe_found(&f->name) && !list_probe_found(&f->namespace);
}

/* A Table's event: its object is a Table of (mostly) one row, filtered as a list of them is. */
static int event_put_table(struct list_filter *f, bool bookmark, struct buf *out, struct err *e)
{
	struct span object = span_from(f->event.at + f->object_from, f->object_to - f->object_from);
	struct list_doc table;
	AUTO_BUF struct buf text;
	int rc;

	buf_init(&text, EVENT_MAX + LIST_METADATA_MAX);
	list_doc_init(&table, &f->rules);
	table.columns = &f->columns;
	table.bookmark = bookmark;
	rc = list_doc_put(&table, object, &text, e);
	if (rc == 0 && (table.item_count || bookmark)) {
		(void)buf_printf(out, "{\"type\":\"%s\",\"object\":", f->type.text);
		text.len--; /* the closing brace: the columns come before it */
		(void)buf_put_span(out, buf_span(&text));
		(void)buf_printf(out, "%s\"columnDefinitions\":", table.member_count ? "," : "");
		(void)buf_put_span(out,
				   f->columns.unsent ? buf_span(&f->columns.text) : SPAN("[]"));
		(void)buf_put_str(out, "}}\n");
		f->columns.unsent = false;
	}
	list_doc_free(&table);
	return rc;
}

static int event_end(struct list_filter *f, struct buf *out, struct err *e)
{
	bool bookmark = is(&f->type, "BOOKMARK"), passes;
	bool changes = is(&f->type, "ADDED") || is(&f->type, "MODIFIED") || is(&f->type, "DELETED");

	if (event_is_ambiguous(f))
		return 0;
	if ((changes || bookmark) && event_has_table(f))
		return event_put_table(f, bookmark, out, e);
	passes = is(&f->type, "ERROR") ? is(&f->kind, "Status")
				       : (changes || bookmark) && event_is_granted(f, bookmark);
	if (passes) {
		(void)buf_put_span(out, buf_span(&f->event));
		(void)buf_put_char(out, '\n');
	}
	return 0;
}

static int event_step(struct list_filter *f, struct span piece, enum json_step step,
		      struct buf *out, struct err *e)
{
	if (step == JSON_STEP_BLANK)
		return 0; /* so that an event that passes is one line */
	if (f->event.len == 0) {
		if (step != JSON_STEP_OPEN || !json_walk_in_object(&f->walk))
			return err_set(e, ERR_INPUT, "an event of the watch is no JSON object");
		event_begin(f);
	}
	if (buf_put_span(&f->event, piece) < 0)
		return err_set(e, ERR_LIMIT, "an event of the watch is larger than %d bytes",
			       EVENT_MAX);
	list_probe_step(&f->type, &f->walk, step);
	list_probe_step(&f->kind, &f->walk, step);
	list_probe_step(&f->version, &f->walk, step);
	list_probe_step(&f->namespace, &f->walk, step);
	list_probe_step(&f->name, &f->walk, step);
	event_note_object(f, step);
	if (step == JSON_STEP_CLOSE && f->walk.depth == 0) {
		if (event_end(f, out, e) < 0)
			return -1;
		buf_reset(&f->event);
	}
	return 0;
}

static int events_put(struct list_filter *f, struct span bytes, struct buf *out, struct err *e)
{
	while (bytes.len) {
		struct span piece;
		enum json_step step;

		if (json_walk_step(&f->walk, &bytes, &piece, &step, e) < 0 ||
		    event_step(f, piece, step, out, e) < 0)
			return -1;
	}
	return buf_ok(out, "what passes of the watch", e);
}

int list_filter_put(struct list_filter *f, struct span bytes, struct buf *out, struct err *e)
{
	return f->watch ? events_put(f, bytes, out, e) : list_doc_put(&f->list, bytes, out, e);
}

int list_filter_end(const struct list_filter *f, struct err *e)
{
	if (f->watch ? json_walk_at_rest(&f->walk) : list_doc_is_whole(&f->list))
		return 0;
	return err_set(e, ERR_PROTOCOL, "the answer ends inside a value");
}
