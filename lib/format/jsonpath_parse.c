/* JSONPath templates: from text to parts. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/jsonpath_node.h"
#include "lib/format/jsonpath_text.h"

void jsonpath_free(struct jsonpath *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++) {
		free(p->at[i].text);
		jsonpath_path_free(&p->at[i].path);
	}
	free(p->at);
	free(p);
}

static struct jsonpath_part *add_part(struct jsonpath *j, enum jsonpath_part_kind kind)
{
	if ((j->count & (j->count - 1)) == 0)
		j->at = mem_grow(j->at, j->count ? j->count * 2 : 1, sizeof(*j->at));
	j->at[j->count] = (struct jsonpath_part){ .kind = kind };
	return &j->at[j->count++];
}

/* Whether the word stands here, alone; it is then taken. */
static bool take_word(struct jsonpath_text *p, struct span word)
{
	struct span rest = span_from(p->text.at + p->at, p->text.len - p->at);

	if (!span_starts(rest, word) || (rest.len > word.len && !jsonpath_is_blank(rest.at[word.len]) &&
					 rest.at[word.len] != '}' && rest.at[word.len] != '.'))
		return false;
	p->at += word.len;
	return true;
}

static int parse_braces(struct jsonpath_text *p, struct jsonpath *j)
{
	struct jsonpath_part *part;

	p->at++;
	jsonpath_skip_blanks(p);
	if (take_word(p, SPAN("range")))
		part = add_part(j, PART_RANGE);
	else if (take_word(p, SPAN("end")))
		part = add_part(j, PART_END);
	else
		part = add_part(j, PART_PATH);
	if (jsonpath_path_parse(p, &part->path))
		return -1;
	if (jsonpath_peek(p) != '}')
		return jsonpath_fail(p, jsonpath_peek(p) < 0 ? "the expression has no }" : "} is expected");
	p->at++;
	return 0;
}

/* Each range gets the index of its end. */
static int match_ranges(struct jsonpath_text *p, struct jsonpath *j)
{
	size_t open[JSONPATH_NESTING_MAX], depth = 0;

	for (size_t i = 0; i < j->count; i++) {
		j->at[i].end = j->count;
		if (j->at[i].kind == PART_RANGE) {
			if (depth == JSONPATH_NESTING_MAX)
				return jsonpath_fail(p, "ranges are nested too deep");
			open[depth++] = i;
		} else if (j->at[i].kind == PART_END) {
			if (depth == 0)
				return jsonpath_fail(p, "not in range, nothing to end");
			j->at[open[--depth]].end = i;
		}
	}
	return 0;
}

static int parse_template(struct jsonpath_text *p, struct jsonpath *j)
{
	while (p->at < p->text.len) {
		size_t from = p->at;

		while (p->at < p->text.len && jsonpath_peek(p) != '{')
			p->at++;
		if (p->at > from)
			add_part(j, PART_TEXT)->text = mem_dup(p->text.at + from, p->at - from);
		if (p->at < p->text.len && parse_braces(p, j))
			return -1;
	}
	return match_ranges(p, j);
}

int jsonpath_parse(struct span text, struct jsonpath **ret, struct err *e)
{
	struct jsonpath_text p = { .text = text, .e = e };
	struct jsonpath *j;

	if (text.len > JSONPATH_TEXT_MAX)
		return err_set(e, ERR_LIMIT, "a JSONPath template has at most %d bytes", JSONPATH_TEXT_MAX);
	j = mem_new(sizeof(*j));
	if (parse_template(&p, j)) {
		jsonpath_free(j);
		return -1;
	}
	*ret = j;
	return 0;
}

int jsonpath_parse_field(struct span text, struct jsonpath **ret, struct err *e)
{
	AUTO_FREE char *template = NULL;

	if (text.len >= 2 && text.at[0] == '{' && text.at[text.len - 1] == '}')
		text = span_from(text.at + 1, text.len - 2);
	if (text.len && text.at[0] == '.')
		text = span_from(text.at + 1, text.len - 1);
	if (text.len == 0 || memchr(text.at, '{', text.len) || memchr(text.at, '}', text.len))
		return err_set(e, ERR_INPUT,
			       "unexpected path string, expected a 'name1.name2' or "
			       "'.name1.name2' or '{name1.name2}' or '{.name1.name2}'");
	template = mem_printf("{.%.*s}", SPAN_ARG(text));
	return jsonpath_parse(span_of(template), ret, e);
}
