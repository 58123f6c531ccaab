/* One value of the configuration: texts, numbers, sizes, durations, lists, secrets. */
#include "lib/format/config_value.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/format/json.h"
#include "lib/format/timefmt.h"

#define SECRET_MAX_LEN 65536

static void *member(const struct config_key *row, void *into)
{
	return (char *)into + row->offset;
}

static int fail_range(const struct config_key *row, struct err *e)
{
	char min[TIMEFMT_SIZE], max[TIMEFMT_SIZE];

	if (row->kind != CONFIG_DURATION_MS)
		return err_set(e, ERR_INPUT, "%" PRId64 " to %" PRId64 " is expected", row->min, row->max);
	timefmt_duration_ms(row->min, min);
	timefmt_duration_ms(row->max, max);
	return err_set(e, ERR_INPUT, "%s to %s is expected", min, max);
}

static int set_number(const struct config_key *row, void *into, int64_t value, struct err *e)
{
	if ((row->min || row->max) && (value < row->min || value > row->max))
		return fail_range(row, e);
	*(int64_t *)member(row, into) = value;
	return 0;
}

static int set_int(const struct config_key *row, void *into, const char *text, struct err *e)
{
	bool minus = *text == '-';
	uint64_t value;

	if (span_to_u64(span_of(text + minus), INT64_MAX, &value) < 0)
		return err_set(e, ERR_INPUT, "'%.40s': a whole number is expected", text);
	return set_number(row, into, minus ? -(int64_t)value : (int64_t)value, e);
}

static int set_size(const struct config_key *row, void *into, const char *text, struct err *e)
{
	static const struct {
		const char *name;
		uint64_t bytes;
	} units[] = {
		{ "", 1 },
		{ "k", 1000 },
		{ "M", 1000000 },
		{ "G", 1000000000 },
		{ "Ki", UINT64_C(1) << 10 },
		{ "Mi", UINT64_C(1) << 20 },
		{ "Gi", UINT64_C(1) << 30 },
		{ "Ti", UINT64_C(1) << 40 },
	};
	size_t digits = strspn(text, "0123456789");
	uint64_t value;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text + digits, units[i].name) != 0)
			continue;
		if (span_to_u64(span_from(text, digits), INT64_MAX / units[i].bytes, &value) < 0)
			break;
		return set_number(row, into, (int64_t)(value * units[i].bytes), e);
	}
	return err_set(e, ERR_INPUT, "'%.40s': a size is expected, as in 512, 64Ki, 10M or 2Gi", text);
}

static int set_duration(const struct config_key *row, void *into, const char *text, struct err *e)
{
	int64_t ms;

	if (timefmt_parse_duration_ms(span_of(text), &ms, e) < 0)
		return -1;
	return set_number(row, into, ms, e);
}

static int set_bool(const struct config_key *row, void *into, const char *text, struct err *e)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return err_set(e, ERR_INPUT, "'%.40s': true or false is expected", text);
	*(bool *)member(row, into) = *text == 't';
	return 0;
}

/* Takes `text`. */
static void put_text(const struct config_key *row, void *into, char *text)
{
	config_value_clear(row, into);
	*(char **)member(row, into) = text;
}

static int set_choice(const struct config_key *row, void *into, const char *text, struct err *e)
{
	struct span rest = span_of(row->choices), part;

	while (span_take_part(&rest, '|', &part)) {
		if (!span_equal_str(part, text))
			continue;
		put_text(row, into, mem_dup_str(text));
		return 0;
	}
	return err_set(e, ERR_INPUT, "'%.40s': one of %s is expected", text, row->choices);
}

static int set_path(const struct config_key *row, void *into, const char *text, struct err *e)
{
	const char *home = getenv("HOME");

	if (!*text)
		return err_set(e, ERR_INPUT, "a path is expected, not an empty text");
	if (strncmp(text, "~/", 2) != 0)
		put_text(row, into, mem_dup_str(text));
	else if (!home || !*home)
		return err_set(e, ERR_INPUT, "'%.80s': ~ needs the variable HOME", text);
	else
		put_text(row, into, mem_printf("%s%s", home, text + 1));
	return 0;
}

static void set_list(const struct config_key *row, void *into, const char *text)
{
	struct span rest = span_of(text), part;

	config_value_clear(row, into);
	while (span_take_part(&rest, ',', &part)) {
		AUTO_FREE char *item = span_dup(span_trim(part));

		if (*item)
			config_value_add(row, into, item);
	}
}

int config_value_set(const struct config_key *row, void *into, const char *text, struct err *e)
{
	switch (row->kind) {
	case CONFIG_TEXT:
	case CONFIG_SECRET:
		put_text(row, into, mem_dup_str(text));
		return 0;
	case CONFIG_PATH:
		return set_path(row, into, text, e);
	case CONFIG_CHOICE:
		return set_choice(row, into, text, e);
	case CONFIG_INT:
		return set_int(row, into, text, e);
	case CONFIG_BOOL:
		return set_bool(row, into, text, e);
	case CONFIG_DURATION_MS:
		return set_duration(row, into, text, e);
	case CONFIG_SIZE:
		return set_size(row, into, text, e);
	case CONFIG_LIST:
		set_list(row, into, text);
		return 0;
	case CONFIG_TREE:
	case CONFIG_IGNORED:
		break;
	}
	return err_set(e, ERR_INPUT, "a text cannot be given for this key");
}

int config_value_set_from_file(const struct config_key *row, void *into, const char *path,
			       struct err *e)
{
	AUTO_BUF struct buf text = { .max = SECRET_MAX_LEN, .secret = true };

	if (file_read(path, &text, e) < 0)
		return -1;
	if (span_find(buf_span(&text), '\0') >= 0)
		return err_set(e, ERR_INPUT, "%s holds a NUL byte; a text is expected", path);
	if (text.len && text.at[text.len - 1] == '\n')
		text.len--;
	if (text.len && text.at[text.len - 1] == '\r')
		text.len--;
	if (text.len == 0)
		return err_set(e, ERR_INPUT, "%s is empty; a secret is expected", path);
	put_text(row, into, mem_dup(text.at, text.len));
	return 0;
}

void config_value_add(const struct config_key *row, void *into, const char *text)
{
	struct config_list *list = member(row, into);

	list->item = mem_grow(list->item, list->count + 1, sizeof(char *));
	list->item[list->count++] = mem_dup_str(text);
}

void config_value_set_tree(const struct config_key *row, void *into, struct json *tree)
{
	config_value_clear(row, into);
	*(struct json **)member(row, into) = tree;
}

static void clear_list(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->item[i]);
	free(list->item);
	*list = (struct config_list){ 0 };
}

void config_value_clear(const struct config_key *row, void *into)
{
	switch (row->kind) {
	case CONFIG_TEXT:
	case CONFIG_PATH:
	case CONFIG_CHOICE:
		free(*(char **)member(row, into));
		*(char **)member(row, into) = NULL;
		break;
	case CONFIG_SECRET:
		secret_free(*(char **)member(row, into));
		*(char **)member(row, into) = NULL;
		break;
	case CONFIG_INT:
	case CONFIG_DURATION_MS:
	case CONFIG_SIZE:
		*(int64_t *)member(row, into) = 0;
		break;
	case CONFIG_BOOL:
		*(bool *)member(row, into) = false;
		break;
	case CONFIG_LIST:
		clear_list(member(row, into));
		break;
	case CONFIG_TREE:
		json_free(*(struct json **)member(row, into));
		*(struct json **)member(row, into) = NULL;
		break;
	case CONFIG_IGNORED:
		break;
	}
}

/* Appends the variable that stands in ${...} at `*at`, and moves behind it. */
static int expand_one(const char **at, struct buf *into, struct err *e)
{
	const char *from = *at + 2;
	size_t len = strcspn(from, "}");
	AUTO_FREE char *name = mem_dup(from, len);
	const char *value;

	if (from[len] != '}' || len == 0)
		return err_set(e, ERR_INPUT, "${ without a name and }; a plain ${ is written $${");
	value = getenv(name);
	if (!value)
		return err_set(e, ERR_INPUT, "the variable ${%.80s} is not set", name);
	buf_put_str(into, value);
	*at = from + len + 1;
	return 0;
}

int config_expand(const char *text, struct buf *into, struct err *e)
{
	while (*text) {
		if (strncmp(text, "$${", 3) == 0) {
			buf_put_str(into, "${");
			text += 3;
		} else if (strncmp(text, "${", 2) == 0) {
			if (expand_one(&text, into, e) < 0)
				return -1;
		} else {
			buf_put_char(into, *text++);
		}
	}
	return buf_ok(into, "the value", e);
}

char *config_variable_name(const char *prefix, const char *name)
{
	char *variable = mem_printf("%s_%s", prefix, name);

	for (char *at = variable + strlen(prefix); *at; at++)
		*at = *at == '.' || *at == '-' ? '_' : (char)toupper((unsigned char)*at);
	return variable;
}
