/*
 * The list filter: nothing outside the granted namespaces comes out, pieces do not matter, JSON
 * stays JSON.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/format/json.h"
#include "lib/gate/list_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX (1024 * 1024)

static int seal(void *owner, struct span token, struct buf *into, struct err *e)
{
	(void)owner;
	(void)e;
	(void)buf_printf(into, "sealed%zu", token.len);
	return 0;
}

/* First byte: bit 0 watch, bit 1 by name, bit 2 drop the object. */
static struct list_filter *filter_of(uint8_t flags)
{
	static const char *const granted[] = { "a", "team-1", NULL };
	struct list_filter_options o = {
		.namespaces = granted,
		.watch = flags & 1,
		.by_name = flags & 2,
		.drop_object = flags & 4,
		.seal = seal,
	};

	return list_filter_new(&o);
}

static int run(uint8_t flags, struct span text, size_t piece_len, struct buf *out)
{
	struct list_filter *f = filter_of(flags);
	struct err e = { 0 };
	int rc = 0;

	for (size_t at = 0; at < text.len && rc == 0; at += piece_len) {
		size_t len = text.len - at < piece_len ? text.len - at : piece_len;

		rc = list_filter_put(f, span_from(text.at + at, len), out, &e);
	}
	if (rc == 0)
		rc = list_filter_end(f, &e);
	assert((rc == 0) == (e.code == ERR_NONE));
	list_filter_free(f);
	return rc;
}

static void check_granted(const struct json *object, uint8_t flags)
{
	const char *text =
		json_find_str(object, flags & 2 ? "metadata.name" : "metadata.namespace");

	assert(text && (strcmp(text, "a") == 0 || strcmp(text, "team-1") == 0));
}

static void check_list(const struct json *list, uint8_t flags, bool bookmark)
{
	for (const struct json *i = json_first(json_get(list, "items")); i; i = json_next(i))
		check_granted(i, flags);
	for (const struct json *i = json_first(json_get(list, "rows"));
	     i && !(flags & 4) && !bookmark; i = json_next(i))
		check_granted(json_get(i, "object"), flags);
	assert(!json_find(list, "metadata.remainingItemCount"));
}

static void check_event(const struct json *event, uint8_t flags)
{
	const struct json *object = json_get(event, "object");
	const char *kind = json_str(object, "kind"), *version = json_str(object, "apiVersion");
	bool bookmark = strcmp(json_str(event, "type"), "BOOKMARK") == 0;

	if (strcmp(json_str(event, "type"), "ERROR") == 0)
		assert(strcmp(kind, "Status") == 0);
	else if (kind && strcmp(kind, "Table") == 0 && version &&
		 strncmp(version, "meta.k8s.io/", 12) == 0)
		check_list(object, flags, bookmark);
	else if (!bookmark)
		check_granted(object, flags);
}

/* One text after another, each on lines of its own: the filter ends every event with a newline. */
static void check_events(struct span rest, uint8_t flags)
{
	struct span line;

	while (span_take_part(&rest, '\n', &line)) {
		AUTO_JSON struct json *event = NULL;
		struct err e = { 0 };

		if (line.len &&
		    json_parse(line, (struct json_limits){ TEXT_MAX, 128, 0 }, &event, &e) == 0)
			check_event(event, flags);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf whole, pieces;
	AUTO_JSON struct json *in = NULL, *out = NULL;
	struct span text;
	struct err e = { 0 };
	int rc;

	buf_init(&whole, TEXT_MAX);
	buf_init(&pieces, TEXT_MAX);
	if (size < 1 || size > 64 * 1024)
		return 0;
	text = span_from(data + 1, size - 1);
	rc = run(data[0], text, text.len + 1, &whole);
	assert(run(data[0], text, 1, &pieces) == rc);
	assert(rc < 0 || span_equal(buf_span(&whole), buf_span(&pieces)));
	if (data[0] & 1) {
		check_events(buf_span(&whole), data[0]);
		return 0;
	}
	if (rc == 0 && json_parse(text, (struct json_limits){ TEXT_MAX, 128, 0 }, &in, &e) == 0) {
		assert(json_parse(buf_span(&whole), (struct json_limits){ TEXT_MAX, 128, 0 }, &out,
				  &e) == 0);
		check_list(out, data[0], false);
	}
	return 0;
}
