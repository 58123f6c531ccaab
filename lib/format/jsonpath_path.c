/* One expression of a JSONPath template: from text to steps. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/jsonpath_node.h"
#include "lib/format/jsonpath_text.h"

void jsonpath_path_free(struct jsonpath_path *path)
{
	for (size_t i = 0; i < path->count; i++) {
		struct jsonpath_step *s = &path->at[i];

		for (size_t j = 0; j < s->path_count; j++)
			jsonpath_path_free(&s->paths[j]);
		free(s->paths);
		free(s->text);
		json_free(s->constant);
	}
	free(path->at);
	*path = (struct jsonpath_path){ 0 };
}

static struct jsonpath_step *add_step(struct jsonpath_path *path, enum jsonpath_kind kind)
{
	if ((path->count & (path->count - 1)) == 0)
		path->at = mem_grow(path->at, path->count ? path->count * 2 : 1, sizeof(*path->at));
	path->at[path->count] = (struct jsonpath_step){ .kind = kind, .step = 1 };
	return &path->at[path->count++];
}

static struct jsonpath_path *add_path(struct jsonpath_step *s)
{
	s->paths = mem_grow(s->paths, s->path_count + 1, sizeof(*s->paths));
	s->paths[s->path_count] = (struct jsonpath_path){ 0 };
	return &s->paths[s->path_count++];
}

/* -12, 3.5: digits that JSON takes too. */
static int parse_number(struct jsonpath_text *p, struct jsonpath_path *path)
{
	size_t from = p->at;
	struct span digits;

	if (jsonpath_peek(p) == '+')
		from = ++p->at;
	while (jsonpath_peek(p) >= 0 && strchr("+-.0123456789eE", jsonpath_peek(p)))
		p->at++;
	digits = span_from(p->text.at + from, p->at - from);
	if (!json_number_valid(digits))
		return jsonpath_fail(p, "this is no number");
	add_step(path, PATH_CONSTANT)->constant = json_new_number(digits);
	return 0;
}

static int parse_dot(struct jsonpath_text *p, struct jsonpath_path *path)
{
	char *name;

	p->at++;
	if (jsonpath_peek(p) == '.') {
		p->at++;
		(void)add_step(path, PATH_RECURSIVE);
		if (jsonpath_peek(p) == '[')
			return 0;
	}
	if (jsonpath_peek(p) == '*') {
		p->at++;
		(void)add_step(path, PATH_WILDCARD);
		return 0;
	}
	name = jsonpath_take_name(p);
	if (name[0])
		add_step(path, PATH_FIELD)->text = name;
	else
		free(name);
	return 0;
}

static int read_index(struct jsonpath_text *p, int64_t *ret, bool *ret_there)
{
	bool negative = jsonpath_peek(p) == '-';
	int64_t value = 0;
	size_t from;

	p->at += negative;
	for (from = p->at; jsonpath_peek(p) >= '0' && jsonpath_peek(p) <= '9'; p->at++) {
		value = value * 10 + (jsonpath_peek(p) - '0');
		if (value > INT32_MAX)
			return jsonpath_fail(p, "the index is too large");
	}
	if (negative && from == p->at)
		return jsonpath_fail(p, "digits are expected behind -");
	*ret_there = p->at > from;
	if (*ret_there)
		*ret = negative ? -value : value;
	return 0;
}

/* n, n:m, n:m:s with any of them left out. */
static int parse_slice(struct jsonpath_text *p, struct jsonpath_path *path)
{
	struct jsonpath_step *s = add_step(path, PATH_SLICE);
	bool there;

	if (read_index(p, &s->from, &there))
		return -1;
	if (jsonpath_peek(p) != ':') {
		s->single = true;
		s->has_to = true;
		s->to = s->from + 1;
		return there ? 0 :
			       jsonpath_fail(p, "an index, '*', a quoted name or ?( is expected behind [");
	}
	p->at++;
	if (read_index(p, &s->to, &s->has_to))
		return -1;
	if (jsonpath_peek(p) != ':')
		return 0;
	p->at++;
	return read_index(p, &s->step, &there);
}

static enum jsonpath_op take_op(struct jsonpath_text *p)
{
	static const struct {
		const char *text;
		enum jsonpath_op op;
	} ops[] = { { "==", OP_EQ }, { "!=", OP_NE }, { "<=", OP_LE },
		    { ">=", OP_GE }, { "<", OP_LT },  { ">", OP_GT } };
	struct span rest = span_from(p->text.at + p->at, p->text.len - p->at);

	for (size_t i = 0; i < COUNT_OF(ops); i++)
		if (span_starts(rest, span_of(ops[i].text))) {
			p->at += strlen(ops[i].text);
			return ops[i].op;
		}
	return OP_EXISTS;
}

/* ?(@.a == "b") */
static int parse_filter(struct jsonpath_text *p, struct jsonpath_path *path)
{
	struct jsonpath_step *s = add_step(path, PATH_FILTER);

	p->at++;
	if (jsonpath_peek(p) != '(')
		return jsonpath_fail(p, "( is expected behind ?");
	p->at++;
	if (jsonpath_path_parse(p, add_path(s)))
		return -1;
	s->op = take_op(p);
	if (s->op != OP_EXISTS && jsonpath_path_parse(p, add_path(s)))
		return -1;
	if (jsonpath_peek(p) != ')')
		return jsonpath_fail(p, "the filter has no )");
	p->at++;
	return s->paths[0].count ? 0 : jsonpath_fail(p, "the filter is empty");
}

static int parse_choice(struct jsonpath_text *p, struct jsonpath_path *path)
{
	char *name;

	jsonpath_skip_blanks(p);
	if (jsonpath_peek(p) == '*') {
		p->at++;
		(void)add_step(path, PATH_WILDCARD);
	} else if (jsonpath_peek(p) == '?') {
		if (parse_filter(p, path))
			return -1;
	} else if (jsonpath_peek(p) == '\'' || jsonpath_peek(p) == '"') {
		name = jsonpath_take_quoted(p);
		if (!name)
			return -1;
		add_step(path, PATH_FIELD)->text = name;
	} else if (parse_slice(p, path)) {
		return -1;
	}
	jsonpath_skip_blanks(p);
	return 0;
}

/* [...], several with commas between. */
static int parse_brackets(struct jsonpath_text *p, struct jsonpath_path *path)
{
	struct jsonpath_step all = { .kind = PATH_UNION };
	struct jsonpath_path whole = { NULL, 1 };
	int rc;

	do {
		p->at++;
		rc = parse_choice(p, add_path(&all));
	} while (rc == 0 && jsonpath_peek(p) == ',');
	if (rc == 0 && jsonpath_peek(p) != ']')
		rc = jsonpath_fail(p, "] is expected");
	p->at++;
	if (rc == 0) {
		*add_step(path, PATH_UNION) = all;
		return 0;
	}
	whole.at = mem_new(sizeof(all)); /* free_path gives it back */
	*whole.at = all;
	jsonpath_path_free(&whole);
	return rc;
}

/* A bare word: true, false, or (as client-go) a member's name. */
static int parse_word(struct jsonpath_text *p, struct jsonpath_path *path)
{
	char *word = jsonpath_take_name(p);

	if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
		add_step(path, PATH_CONSTANT)->constant = json_new_bool(word[0] == 't');
		free(word);
		return 0;
	}
	if (!word[0]) {
		free(word);
		return jsonpath_fail(p, "this character is not expected here");
	}
	add_step(path, PATH_FIELD)->text = word;
	return 0;
}

static int parse_step(struct jsonpath_text *p, struct jsonpath_path *path)
{
	int c = jsonpath_peek(p);
	char *text;

	if (c == '.')
		return parse_dot(p, path);
	if (c == '[')
		return parse_brackets(p, path);
	if (c == '"' || c == '\'') {
		text = jsonpath_take_quoted(p);
		if (!text)
			return -1;
		add_step(path, PATH_CONSTANT)->constant = json_new_str(text);
		free(text);
		return 0;
	}
	if (c == '$' || c == '@') {
		p->at++;
		return 0;
	}
	if (c == '*') {
		p->at++;
		(void)add_step(path, PATH_WILDCARD);
		return 0;
	}
	if (c == '-' || c == '+' || (c >= '0' && c <= '9'))
		return parse_number(p, path);
	return parse_word(p, path);
}

int jsonpath_path_parse(struct jsonpath_text *p, struct jsonpath_path *path)
{
	int rc = 0;

	if (++p->depth > JSONPATH_NESTING_MAX)
		return jsonpath_fail(p, "filters are nested too deep");
	jsonpath_skip_blanks(p);
	while (rc == 0 && jsonpath_peek(p) >= 0 && !strchr("})=!<>", jsonpath_peek(p))) {
		rc = parse_step(p, path);
		jsonpath_skip_blanks(p);
	}
	p->depth--;
	return rc;
}
