/* Command line options from a const table: the parser and the help. */
#include "lib/base/options.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/base/nearest.h"
#include "lib/base/span.h"

struct parser {
	const struct option_row *rows;
	size_t row_count;
	int argc;
	char **argv;
	int next; /* the word to read next */
	char *into;
};

static const struct option_row *find_name(const struct parser *p, struct span name)
{
	for (size_t i = 0; i < p->row_count; i++)
		if (p->rows[i].name && span_equal_str(name, p->rows[i].name))
			return &p->rows[i];
	return NULL;
}

static const struct option_row *find_letter(const struct parser *p, char letter)
{
	for (size_t i = 0; i < p->row_count; i++)
		if (p->rows[i].letter == letter)
			return &p->rows[i];
	return NULL;
}

static int unknown_name(const struct parser *p, struct span name, struct err *e)
{
	AUTO_FREE char *word = span_dup(name);
	AUTO_FREE const char **names = mem_new_array(p->row_count + 1, sizeof(*names));
	const char *near;
	size_t count = 0;

	for (size_t i = 0; i < p->row_count; i++)
		if (p->rows[i].name)
			names[count++] = p->rows[i].name;
	near = nearest_name(word, names, count);
	if (near)
		return err_set(e, ERR_USAGE, "unknown option --%.80s, did you mean --%s?", word, near);
	return err_set(e, ERR_USAGE, "unknown option --%.80s", word);
}

static int parse_int(const struct option_row *row, const char *text, int64_t *ret, struct err *e)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (text[0] == '\0' || *end || errno || strchr(" \t\n\v\f\r", text[0]) || value < row->min ||
	    value > row->max)
		return err_set(e, ERR_USAGE, "--%s '%.60s': expected a number from %lld to %lld",
			       row->name, text, (long long)row->min, (long long)row->max);
	*ret = value;
	return 0;
}

static int parse_flag(const struct option_row *row, const char *text, bool *ret, struct err *e)
{
	if (!text || strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
		*ret = true;
	else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
		*ret = false;
	else
		return err_set(e, ERR_USAGE, "--%s=%.60s: expected true or false", row->name, text);
	return 0;
}

static void add_to_list(struct option_list *list, const char *text)
{
	list->at = mem_grow(list->at, list->count + 1, sizeof(*list->at));
	list->at[list->count++] = text;
}

/* `text` is NULL where the row takes none. */
static int store(const struct parser *p, const struct option_row *row, const char *text,
		 struct err *e)
{
	void *at = p->into + row->offset;

	switch (row->kind) {
	case OPTION_FLAG:
		return parse_flag(row, text, at, e);
	case OPTION_TEXT:
		*(const char **)at = text ? text : row->bare;
		return 0;
	case OPTION_INT:
		return parse_int(row, text, at, e);
	case OPTION_LIST:
		add_to_list(at, text);
		return 0;
	}
	return 0;
}

static bool takes_next_word(const struct option_row *row)
{
	return row->kind != OPTION_FLAG && !row->bare;
}

/* Stores the value that follows in the next word. */
static int store_next(struct parser *p, const struct option_row *row, struct err *e)
{
	if (p->next >= p->argc)
		return err_set(e, ERR_USAGE, "option --%s needs a value: --%s=%s", row->name, row->name,
			       row->value_name ? row->value_name : "VALUE");
	return store(p, row, p->argv[p->next++], e);
}

static int parse_long(struct parser *p, const char *word, struct err *e)
{
	const char *equals = strchr(word, '=');
	struct span name = equals ? span_from(word, (size_t)(equals - word)) : span_of(word);
	const struct option_row *row = find_name(p, name);

	if (!row)
		return unknown_name(p, name, e);
	if (equals)
		return store(p, row, equals + 1, e);
	return takes_next_word(row) ? store_next(p, row, e) : store(p, row, NULL, e);
}

/* `word` is what follows the dash: letters of flags, the last one perhaps with a value. */
static int parse_letters(struct parser *p, const char *word, struct err *e)
{
	for (const char *at = word; *at; at++) {
		const struct option_row *row = find_letter(p, *at);

		if (!row)
			return err_set(e, ERR_USAGE, "unknown option -%c in -%.80s", *at, word);
		if (at[1] == '=')
			return store(p, row, at + 2, e);
		if (!takes_next_word(row)) {
			if (store(p, row, NULL, e))
				return -1;
			continue;
		}
		return at[1] ? store(p, row, at + 1, e) : store_next(p, row, e);
	}
	return 0;
}

static void take_rest(struct parser *p, struct options_rest *rest)
{
	while (p->next < p->argc)
		rest->at[rest->count++] = p->argv[p->next++];
}

static int parse_all(struct parser *p, enum options_mode mode, struct options_rest *rest,
		     struct err *e)
{
	rest->before_dashes = -1;
	while (p->next < p->argc) {
		char *word = p->argv[p->next++];

		if (strcmp(word, "--") == 0) {
			rest->before_dashes = rest->count;
			take_rest(p, rest);
		} else if (word[0] != '-' || word[1] == '\0') {
			rest->at[rest->count++] = word;
			if (mode == OPTIONS_STOP_AT_POSITIONAL)
				take_rest(p, rest);
		} else if (word[1] == '-' ? parse_long(p, word + 2, e) : parse_letters(p, word + 1, e)) {
			return -1;
		}
	}
	if (rest->before_dashes < 0)
		rest->before_dashes = rest->count;
	return 0;
}

int options_parse(const struct option_row *rows, size_t row_count, enum options_mode mode, int argc,
		  char **argv, void *into, struct options_rest *ret_rest, struct err *e)
{
	struct parser p = { rows, row_count, argc, argv, 1, into };
	struct options_rest rest = { 0 };

	rest.at = mem_new_array((size_t)(argc > 0 ? argc : 0) + 1, sizeof(*rest.at));
	if (parse_all(&p, mode, &rest, e)) {
		free(rest.at);
		return -1;
	}
	*ret_rest = rest;
	return 0;
}

void options_free(const struct option_row *rows, size_t row_count, void *into,
		  struct options_rest *rest)
{
	for (size_t i = 0; i < row_count; i++) {
		struct option_list *list = (void *)((char *)into + rows[i].offset);

		if (rows[i].kind != OPTION_LIST)
			continue;
		free(list->at);
		*list = (struct option_list){ 0 };
	}
	if (rest) {
		free(rest->at);
		*rest = (struct options_rest){ 0 };
	}
}

static size_t head_len(const struct option_row *row)
{
	size_t len = 8 + strlen(row->name); /* "  -n, --" */

	return row->value_name ? len + 1 + strlen(row->value_name) : len;
}

void options_put_help(struct buf *out, const struct option_row *rows, size_t row_count)
{
	size_t width = 0;

	for (size_t i = 0; i < row_count; i++)
		if (rows[i].help && head_len(&rows[i]) > width)
			width = head_len(&rows[i]);
	for (size_t i = 0; i < row_count; i++) {
		const struct option_row *row = &rows[i];
		char letter[5] = { '-', row->letter, ',', ' ', '\0' };

		if (!row->help)
			continue;
		(void)buf_printf(out, "  %s--%s%s%s%*s%s\n", row->letter ? letter : "    ", row->name,
				 row->value_name ? " " : "", row->value_name ? row->value_name : "",
				 (int)(width - head_len(row) + 3), "", row->help);
	}
}
