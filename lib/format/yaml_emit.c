/* JSON as YAML in the shape of kubectl's -o yaml, through libyaml's emitter. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/yaml.h"
#include "lib/format/yaml_scalar.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Bytes of characters above ASCII count as letters: close enough for an order. */
static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
}

static int sign_of(bool less)
{
	return less ? -1 : 1;
}

/* Whether a digit other than 0 stands in the run of digits before `at`: then zeros there count. */
static bool inside_number(const char *text, size_t at)
{
	while (at > 0 && is_digit(text[at - 1]))
		if (text[--at] != '0')
			return true;
	return false;
}

static size_t digits_len(const char *at)
{
	size_t len = 0;

	while (is_digit(at[len]))
		len++;
	return len;
}

/*
 * Two runs of digits as numbers of any length; 0 for the same number with as many zeros before it.
 */
static int compare_runs(const char *a, const char *b, bool zeros_count)
{
	size_t a_len = digits_len(a), b_len = digits_len(b), a_skip = 0, b_skip = 0;
	int order;

	while (!zeros_count && a_skip < a_len && a[a_skip] == '0')
		a_skip++;
	while (!zeros_count && b_skip < b_len && b[b_skip] == '0')
		b_skip++;
	if (a_len - a_skip != b_len - b_skip)
		return sign_of(a_len - a_skip < b_len - b_skip);
	order = memcmp(a + a_skip, b + b_skip, a_len - a_skip);
	if (order == 0 && a_len != b_len)
		order = sign_of(a_len < b_len);
	return order;
}

/*
 * The order in which kubectl's YAML library writes keys: letters last, numbers inside names by
 * value.
 */
static int compare_names(const char *a, const char *b)
{
	size_t i = 0;
	int order;

	while (a[i] && a[i] == b[i])
		i++;
	if (a[i] == '\0' || b[i] == '\0')
		return a[i] == b[i] ? 0 : sign_of(a[i] == '\0');
	if (is_letter(a[i]) && is_letter(b[i]))
		return sign_of((unsigned char)a[i] < (unsigned char)b[i]);
	if (is_letter(a[i]) || is_letter(b[i]))
		return sign_of(is_letter(b[i]));
	order = compare_runs(a + i, b + i, inside_number(a, i));
	return order ? order : sign_of((unsigned char)a[i] < (unsigned char)b[i]);
}

static int compare_bytes(const void *a, const void *b)
{
	return strcmp(json_name(*(const struct json *const *)a),
		      json_name(*(const struct json *const *)b));
}

static int compare_members(const void *a, const void *b)
{
	return compare_names(json_name(*(const struct json *const *)a),
			     json_name(*(const struct json *const *)b));
}

static int write_bytes(void *into, unsigned char *at, size_t len)
{
	return buf_put(into, at, len) == 0;
}

static bool emit_item(yaml_emitter_t *emitter, const struct json *item);

static bool emit_scalar(yaml_emitter_t *emitter, const char *text, yaml_scalar_style_t style)
{
	yaml_event_t event;

	return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
					    (int)strlen(text), 1, 1, style) &&
	       yaml_emitter_emit(emitter, &event);
}

static bool emit_text(yaml_emitter_t *emitter, const char *text)
{
	if (strchr(text, '\n'))
		return emit_scalar(emitter, text, YAML_LITERAL_SCALAR_STYLE);
	if (yaml_scalar_needs_quotes(text))
		return emit_scalar(emitter, text, YAML_DOUBLE_QUOTED_SCALAR_STYLE);
	return emit_scalar(emitter, text, YAML_PLAIN_SCALAR_STYLE);
}

static bool emit_list(yaml_emitter_t *emitter, const struct json *list)
{
	yaml_event_t event;

	if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE) ||
	    !yaml_emitter_emit(emitter, &event))
		return false;
	for (const struct json *item = json_first(list); item; item = json_next(item))
		if (!emit_item(emitter, item))
			return false;
	return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit_members(yaml_emitter_t *emitter, const struct json *object)
{
	size_t count = json_count(object), i = 0;
	AUTO_FREE const struct json **members = mem_new_array(count, sizeof(*members));

	for (const struct json *item = json_first(object); item; item = json_next(item))
		members[i++] = item;
	/*
	 * That order has circles (v007 < v10 < v1x < v007): from one start, one set of keys gives
	 * one text.
	 */
	qsort(members, count, sizeof(*members), compare_bytes);
	qsort(members, count, sizeof(*members), compare_members);
	for (i = 0; i < count; i++)
		if (!emit_text(emitter, json_name(members[i])) || !emit_item(emitter, members[i]))
			return false;
	return true;
}

static bool emit_map(yaml_emitter_t *emitter, const struct json *object)
{
	yaml_event_t event;

	return yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) &&
	       yaml_emitter_emit(emitter, &event) && emit_members(emitter, object) &&
	       yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit_item(yaml_emitter_t *emitter, const struct json *item)
{
	switch (json_kind(item)) {
	case JSON_NULL:
		return emit_scalar(emitter, "null", YAML_PLAIN_SCALAR_STYLE);
	case JSON_BOOL:
		return emit_scalar(emitter, json_is_true(item) ? "true" : "false",
				   YAML_PLAIN_SCALAR_STYLE);
	case JSON_NUMBER:
		return emit_scalar(emitter, json_text(item), YAML_PLAIN_SCALAR_STYLE);
	case JSON_STRING:
		return emit_text(emitter, json_text(item));
	case JSON_ARRAY:
		return emit_list(emitter, item);
	case JSON_OBJECT:
		return emit_map(emitter, item);
	}
	return false;
}

/*
 * The document is not ended: that would write "..." behind a text that ends with several newlines.
 */
static bool emit_document(yaml_emitter_t *emitter, const struct json *item)
{
	yaml_event_t event;

	return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
	       yaml_emitter_emit(emitter, &event) &&
	       yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
	       yaml_emitter_emit(emitter, &event) && emit_item(emitter, item) &&
	       yaml_emitter_flush(emitter);
}

int json_to_yaml(const struct json *item, struct buf *into, struct err *e)
{
	yaml_emitter_t emitter;
	size_t len_before = into->len;
	bool done;

	if (!yaml_emitter_initialize(&emitter))
		return err_set(e, ERR_NOMEM, "no memory for the YAML writer");
	yaml_emitter_set_output(&emitter, write_bytes, into);
	yaml_emitter_set_unicode(&emitter, 1);
	done = emit_document(&emitter, item);
	yaml_emitter_delete(&emitter);
	if (done && !span_ends(buf_span(into), SPAN("\n")))
		done = buf_put_char(into, '\n') == 0;
	if (done)
		return 0;
	into->len = len_before;
	if (buf_ok(into, "the YAML text", e) < 0)
		return -1;
	return err_set(e, ERR_INPUT, "the value cannot be written as YAML");
}
