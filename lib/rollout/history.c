/* Reading history.jsonl. */
#include "lib/rollout/history.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/rollout/config.h"

#define LINE_MAX_BYTES (256 * 1024)

static const char *text_of(const struct json *line, const char *name)
{
	const char *text = json_str(line, name);

	return text ? text : "";
}

void history_parse(struct span text, struct history *ret)
{
	struct span line;
	struct err unused = { 0 };

	*ret = (struct history){ 0 };
	while (span_take_part(&text, '\n', &line)) {
		struct json *j;

		if (!span_trim(line).len)
			continue;
		if (json_parse(line, JSON_LIMITS(LINE_MAX_BYTES), &j, &unused) < 0) {
			ret->bad_count++;
			continue;
		}
		ret->at = mem_grow(ret->at, ret->count + 1, sizeof(*ret->at));
		ret->at[ret->count++] = (struct history_entry){
			text_of(j, "time"), text_of(j, "action"), text_of(j, "services"), text_of(j, "tag"),
			text_of(j, "who"), text_of(j, "outcome"), j
		};
	}
}

void history_free(struct history *h)
{
	for (size_t i = 0; i < h->count; i++)
		json_free(h->at[i].json);
	free(h->at);
	*h = (struct history){ 0 };
}

static bool same_images(const struct history_entry *a, const struct history_entry *b)
{
	const struct json *x = json_get(a->json, "images"), *y = json_get(b->json, "images");

	if (json_count(x) != json_count(y))
		return false;
	for (const struct json *i = json_first(x); i; i = json_next(i)) {
		const char *other = json_str(y, json_name(i));

		if (!other || !json_text(i) || strcmp(other, json_text(i)) != 0)
			return false;
	}
	return true;
}

static bool is(const struct history_entry *entry, const char *outcome)
{
	return strcmp(entry->outcome, outcome) == 0 && json_count(json_get(entry->json, "images"));
}

int history_find_rollback(const struct history *h, const char *tag,
			  const struct history_entry **ret, struct err *e)
{
	const struct history_entry *now = NULL;

	for (size_t i = h->count; i-- > 0;) {
		const struct history_entry *entry = &h->at[i];

		if (!now && (is(entry, "deployed") || is(entry, "rolled-back")))
			now = entry;
		if (!is(entry, "deployed") || !rollout_tag_valid(entry->tag) ||
		    (tag ? strcmp(entry->tag, tag) != 0 : same_images(entry, now)))
			continue;
		*ret = entry;
		return 0;
	}
	if (tag)
		return err_set(e, ERR_NOT_FOUND, "tag %s was never deployed here; see history", tag);
	return err_set(e, ERR_NOT_FOUND,
		       now ? "no other images than those that run now were deployed here" :
			     "nothing was deployed here yet");
}

size_t history_services(const struct history_entry *entry, const char **ret, size_t max)
{
	const struct json *i = json_first(json_get(entry->json, "images"));
	size_t count = 0;

	for (; i && count < max; i = json_next(i))
		ret[count++] = json_name(i);
	return count;
}

static bool plain(const char *text, const char *more)
{
	return text && text[0] &&
	       strspn(text, more) == strlen(text);
}

int history_put_images(const struct history_entry *entry, struct buf *out, struct err *e)
{
	static const char service[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	static const char image[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@";

	for (const struct json *i = json_first(json_get(entry->json, "images")); i; i = json_next(i)) {
		if (!plain(json_name(i), service) || json_kind(i) != JSON_STRING ||
		    !plain(json_text(i), image))
			return err_set(e, ERR_CORRUPT, "the record of %s holds an image that is none",
				       entry->time);
		(void)buf_printf(out, "%s %s\n", json_name(i), json_text(i));
	}
	return buf_ok(out, "the list of images", e);
}
