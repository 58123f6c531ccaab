/* Filters one list or Table. */
#include "lib/gate/list_doc.h"

#include <string.h>

#include "lib/format/json.h"

static const struct {
	const char *name;
	enum list_doc_state state;
} members[] = {
	{ "kind", DOC_COPY },	      { "apiVersion", DOC_COPY },
	{ "metadata", DOC_METADATA }, { "columnDefinitions", DOC_COLUMNS },
	{ "items", DOC_ITEMS },	      { "rows", DOC_ITEMS },
};

void list_doc_init(struct list_doc *d, const struct list_rules *rules)
{
	*d = (struct list_doc){ .rules = rules };
	json_walk_init(&d->walk);
	buf_init(&d->item, LIST_ITEM_MAX);
}

void list_doc_free(struct list_doc *d)
{
	buf_free(&d->item);
}

bool list_doc_is_whole(const struct list_doc *d)
{
	return d->state == DOC_END;
}

static void put_name(struct list_doc *d, const char *name, struct buf *out)
{
	(void)buf_printf(out, "%s\"%s\":", d->member_count++ ? "," : "", name);
}

static void doc_name(struct list_doc *d, struct buf *out)
{
	d->next = DOC_SKIP;
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		if (!json_walk_text_is(&d->walk, members[i].name))
			continue;
		d->next = members[i].state;
		d->rows = strcmp(members[i].name, "rows") == 0;
		if (d->next == DOC_COLUMNS && !d->columns)
			d->next = DOC_COPY;
		if (d->next != DOC_COLUMNS)
			put_name(d, members[i].name, out);
	}
}

/* The list's own metadata: only what belongs to a list passes. */
static int put_metadata(struct list_doc *d, struct buf *out, struct err *e)
{
	static const char *const passing[] = { "resourceVersion", "selfLink", "shardInfo" };
	AUTO_JSON struct json *from = NULL, *to = json_new_object();
	AUTO_BUF struct buf sealed;
	const char *token;

	buf_init(&sealed, LIST_METADATA_MAX);
	if (json_parse(buf_span(&d->item), JSON_LIMITS(LIST_METADATA_MAX), &from, e) < 0)
		return err_context(e, "the list's metadata");
	for (size_t i = 0; i < COUNT_OF(passing); i++) {
		const struct json *member = json_get(from, passing[i]);

		if (member)
			json_append_member(to, passing[i], json_dup(member));
	}
	token = json_str(from, "continue");
	if (token && *token && d->rules->seal) {
		if (d->rules->seal(d->rules->owner, span_of(token), &sealed, e) < 0)
			return -1;
		json_set_str(to, "continue", buf_str(&sealed));
	}
	json_print(to, JSON_COMPACT, out);
	return 0;
}

static void keep_columns(struct list_doc *d)
{
	struct span text = buf_span(&d->item);

	if (text.len <= 2 || text.len > LIST_COLUMNS_MAX || text.at[0] != '[')
		return;
	buf_reset(&d->columns->text);
	(void)buf_put_span(&d->columns->text, text);
	d->columns->unsent = true;
}

/* Items. */

static bool item_passes(const struct list_doc *d)
{
	const struct list_probe *p = d->rules->by_name ? &d->name : &d->namespace;

	if (d->namespace.ambiguous || d->name.ambiguous)
		return false;
	if (list_probe_found(p))
		return map_get(d->rules->granted, span_of(p->text)) != NULL;
	return d->bookmark && !list_probe_found(&d->name) && !list_probe_found(&d->namespace);
}

static void item_begin(struct list_doc *d)
{
	struct list_probe probe = { .path = { "metadata", "namespace" }, .len = 2 };

	if (d->rows)
		probe = (struct list_probe){ .path = { "object", "metadata", "namespace" },
					     .len = 3 };
	d->namespace = d->name = probe;
	d->name.path[probe.len - 1] = "name";
	list_probe_begin(&d->namespace, 2);
	list_probe_begin(&d->name, 2);
	d->cut_from = d->cut_to = 0;
	d->cutting = false;
	buf_reset(&d->item);
}

/* Notes where a row's object is, so that it can be left out. */
static void item_cut(struct list_doc *d, enum json_step step)
{
	if (d->walk.depth != 3)
		return;
	if (step == JSON_STEP_NAME) {
		d->cutting = json_walk_text_is(&d->walk, "object");
	} else if (step == JSON_STEP_COLON && d->cutting) {
		d->cut_from = d->item.len;
	} else if (d->cutting && (step == JSON_STEP_SCALAR || step == JSON_STEP_CLOSE)) {
		d->cut_to = d->item.len;
		d->cutting = false;
	}
}

static void item_end(struct list_doc *d, struct buf *out)
{
	struct span item = buf_span(&d->item);

	if (item_passes(d)) {
		if (d->item_count++)
			(void)buf_put_char(out, ',');
		if (d->rows && d->rules->drop_object && d->cut_to) {
			(void)buf_put(out, item.at, d->cut_from);
			(void)buf_put_str(out, "null");
			item = span_from(item.at + d->cut_to, item.len - d->cut_to);
		}
		(void)buf_put_span(out, item);
	}
	buf_reset(&d->item);
}

/* What follows the array's bracket: items at level 2, each from its first byte to its last. */
static void item_step(struct list_doc *d, struct span piece, enum json_step step, struct buf *out)
{
	bool is_sign = step == JSON_STEP_BLANK || step == JSON_STEP_COMMA;

	if (d->walk.depth == 2 && is_sign)
		return;
	if (d->item.len == 0)
		item_begin(d);
	(void)buf_put_span(&d->item, piece);
	list_probe_step(&d->namespace, &d->walk, step);
	list_probe_step(&d->name, &d->walk, step);
	if (d->rows)
		item_cut(d, step);
	if (d->walk.depth == 2 && (step == JSON_STEP_SCALAR || step == JSON_STEP_CLOSE))
		item_end(d, out);
}

static int items_step(struct list_doc *d, struct span piece, enum json_step step, struct buf *out,
		      struct err *e)
{
	if (d->in_array && d->walk.depth == 1) {
		(void)buf_put_char(out, ']');
		d->in_array = false;
		d->state = DOC_MEMBERS;
	} else if (d->in_array) {
		item_step(d, piece, step, out);
	} else if (step == JSON_STEP_OPEN && !json_walk_in_object(&d->walk)) {
		(void)buf_put_char(out, '[');
		d->in_array = true;
		d->item_count = 0;
		buf_reset(&d->item);
	} else if (step == JSON_STEP_SCALAR && d->walk.scalar == 'n') {
		(void)buf_put_str(out, "null");
		d->state = DOC_MEMBERS;
	} else if (step == JSON_STEP_OPEN || step == JSON_STEP_SCALAR) {
		return err_set(e, ERR_INPUT, "the list's items are no array");
	}
	return 0;
}

/* A member's value other than items; ends with level 1. */
static int value_step(struct list_doc *d, struct span piece, enum json_step step, struct buf *out,
		      struct err *e)
{
	bool ends = d->walk.depth == 1 && (step == JSON_STEP_SCALAR || step == JSON_STEP_CLOSE);

	if (step == JSON_STEP_BLANK)
		return 0;
	if (d->state == DOC_COPY)
		(void)buf_put_span(out, piece);
	else if (d->state != DOC_SKIP)
		(void)buf_put_span(&d->item, piece);
	if (d->item.len > LIST_METADATA_MAX && d->state == DOC_METADATA)
		return err_set(e, ERR_LIMIT, "the list's metadata is larger than %d bytes",
			       LIST_METADATA_MAX);
	if (!ends)
		return 0;
	if (d->state == DOC_METADATA && put_metadata(d, out, e) < 0)
		return -1;
	if (d->state == DOC_COLUMNS)
		keep_columns(d);
	d->state = DOC_MEMBERS;
	return 0;
}

static int doc_step(struct list_doc *d, struct span piece, enum json_step step, struct buf *out,
		    struct err *e)
{
	switch (d->state) {
	case DOC_START:
	case DOC_END:
		if (step == JSON_STEP_BLANK)
			return 0;
		if (d->state == DOC_END || step != JSON_STEP_OPEN || !json_walk_in_object(&d->walk))
			return err_set(e, ERR_INPUT, "the answer is not one JSON object");
		(void)buf_put_char(out, '{');
		d->state = DOC_MEMBERS;
		return 0;
	case DOC_MEMBERS:
		if (step == JSON_STEP_NAME) {
			doc_name(d, out);
		} else if (step == JSON_STEP_COLON) {
			d->state = d->next;
			buf_reset(&d->item);
		} else if (step == JSON_STEP_CLOSE) {
			(void)buf_put_char(out, '}');
			d->state = DOC_END;
		}
		return 0;
	case DOC_ITEMS:
		return items_step(d, piece, step, out, e);
	case DOC_SKIP:
	case DOC_COPY:
	case DOC_METADATA:
	case DOC_COLUMNS:
		return value_step(d, piece, step, out, e);
	}
	return 0;
}

int list_doc_put(struct list_doc *d, struct span bytes, struct buf *out, struct err *e)
{
	while (bytes.len) {
		struct span piece;
		enum json_step step;

		if (json_walk_step(&d->walk, &bytes, &piece, &step, e) < 0 ||
		    doc_step(d, piece, step, out, e) < 0)
			return -1;
		if (d->item.failed)
			return err_set(e, ERR_LIMIT, "an item of the list is larger than %d bytes",
				       LIST_ITEM_MAX);
	}
	return buf_ok(out, "what passes of the list", e);
}
