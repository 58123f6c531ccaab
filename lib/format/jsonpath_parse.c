/* JSONPath templates: from text to steps. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"
#include "lib/format/jsonpath_node.h"

enum { NESTING_MAX = 16 };

struct parser {
	struct span text;
	size_t at;
	int depth;
	struct err *e;
};

static int parse_path(struct parser *p, struct jsonpath_path *path);

static void free_path(struct jsonpath_path *path)
{
	for (size_t i = 0; i < path->count; i++) {
		struct jsonpath_step *s = &path->at[i];

		for (size_t j = 0; j < s->path_count; j++)
			free_path(&s->paths[j]);
		free(s->paths);
		free(s->text);
		json_free(s->constant);
	}
	free(path->at);
	*path = (struct jsonpath_path){ 0 };
}

void jsonpath_free(struct jsonpath *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++) {
		free(p->at[i].text);
		free_path(&p->at[i].path);
	}
	free(p->at);
	free(p);
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

static int peek(const struct parser *p)
{
	return p->at < p->text.len ? (unsigned char)p->text.at[p->at] : -1;
}

static int fail(struct parser *p, const char *what)
{
	return err_set(p->e, ERR_INPUT, "JSONPath, character %zu: %s", p->at + 1, what);
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool ends_name(int c)
{
	return c < 0 || is_blank(c) || strchr(".,[]$@{}()=<>!", c) != NULL;
}

/* A name, in which a backslash takes what follows as it is. */
static char *take_name(struct parser *p)
{
	char *name = mem_new(p->text.len - p->at + 1);
	size_t len = 0;

	while (!ends_name(peek(p))) {
		if (peek(p) == '\\' && p->at + 1 < p->text.len)
			p->at++;
		name[len++] = p->text.at[p->at++];
	}
	return name;
}

static char escaped(char c)
{
	return c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
}

/* "text" or 'text'; NULL after an error. */
static char *take_quoted(struct parser *p)
{
	int quote = peek(p);
	char *text = mem_new(p->text.len - p->at + 1);
	size_t len = 0;

	for (p->at++; peek(p) >= 0 && peek(p) != quote; p->at++) {
		if (peek(p) == '\\' && p->at + 1 < p->text.len)
			text[len++] = escaped(p->text.at[++p->at]);
		else
			text[len++] = p->text.at[p->at];
	}
	if (peek(p) == quote) {
		p->at++;
		return text;
	}
	free(text);
	(void)fail(p, "the quoted text has no end");
	return NULL;
}

static void skip_blanks(struct parser *p)
{
	while (is_blank(peek(p)))
		p->at++;
}

/* -12, 3.5: digits that JSON takes too. */
static int parse_number(struct parser *p, struct jsonpath_path *path)
{
	size_t from = p->at;
	struct span digits;

	if (peek(p) == '+')
		from = ++p->at;
	while (peek(p) >= 0 && strchr("+-.0123456789eE", peek(p)))
		p->at++;
	digits = span_from(p->text.at + from, p->at - from);
	if (!json_number_valid(digits))
		return fail(p, "this is no number");
	add_step(path, PATH_CONSTANT)->constant = json_new_number(digits);
	return 0;
}

static int parse_dot(struct parser *p, struct jsonpath_path *path)
{
	char *name;

	p->at++;
	if (peek(p) == '.') {
		p->at++;
		(void)add_step(path, PATH_RECURSIVE);
		if (peek(p) == '[')
			return 0;
	}
	if (peek(p) == '*') {
		p->at++;
		(void)add_step(path, PATH_WILDCARD);
		return 0;
	}
	name = take_name(p);
	if (name[0])
		add_step(path, PATH_FIELD)->text = name;
	else
		free(name);
	return 0;
}

static int read_index(struct parser *p, int64_t *ret, bool *ret_there)
{
	bool negative = peek(p) == '-';
	int64_t value = 0;
	size_t from;

	p->at += negative;
	for (from = p->at; peek(p) >= '0' && peek(p) <= '9'; p->at++) {
		value = value * 10 + (peek(p) - '0');
		if (value > INT32_MAX)
			return fail(p, "the index is too large");
	}
	if (negative && from == p->at)
		return fail(p, "digits are expected behind -");
	*ret_there = p->at > from;
	if (*ret_there)
		*ret = negative ? -value : value;
	return 0;
}

/* n, n:m, n:m:s with any of them left out. */
static int parse_slice(struct parser *p, struct jsonpath_path *path)
{
	struct jsonpath_step *s = add_step(path, PATH_SLICE);
	bool there;

	if (read_index(p, &s->from, &there))
		return -1;
	if (peek(p) != ':') {
		s->single = true;
		s->has_to = true;
		s->to = s->from + 1;
		return there ? 0 : fail(p, "an index, '*', a quoted name or ?( is expected behind [");
	}
	p->at++;
	if (read_index(p, &s->to, &s->has_to))
		return -1;
	if (peek(p) != ':')
		return 0;
	p->at++;
	return read_index(p, &s->step, &there);
}

static enum jsonpath_op take_op(struct parser *p)
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
static int parse_filter(struct parser *p, struct jsonpath_path *path)
{
	struct jsonpath_step *s = add_step(path, PATH_FILTER);

	p->at++;
	if (peek(p) != '(')
		return fail(p, "( is expected behind ?");
	p->at++;
	if (parse_path(p, add_path(s)))
		return -1;
	s->op = take_op(p);
	if (s->op != OP_EXISTS && parse_path(p, add_path(s)))
		return -1;
	if (peek(p) != ')')
		return fail(p, "the filter has no )");
	p->at++;
	return s->paths[0].count ? 0 : fail(p, "the filter is empty");
}

static int parse_choice(struct parser *p, struct jsonpath_path *path)
{
	char *name;

	skip_blanks(p);
	if (peek(p) == '*') {
		p->at++;
		(void)add_step(path, PATH_WILDCARD);
	} else if (peek(p) == '?') {
		if (parse_filter(p, path))
			return -1;
	} else if (peek(p) == '\'' || peek(p) == '"') {
		name = take_quoted(p);
		if (!name)
			return -1;
		add_step(path, PATH_FIELD)->text = name;
	} else if (parse_slice(p, path)) {
		return -1;
	}
	skip_blanks(p);
	return 0;
}

/* [...], several with commas between. */
static int parse_brackets(struct parser *p, struct jsonpath_path *path)
{
	struct jsonpath_step all = { .kind = PATH_UNION };
	struct jsonpath_path whole = { NULL, 1 };
	int rc;

	do {
		p->at++;
		rc = parse_choice(p, add_path(&all));
	} while (rc == 0 && peek(p) == ',');
	if (rc == 0 && peek(p) != ']')
		rc = fail(p, "] is expected");
	p->at++;
	if (rc == 0) {
		*add_step(path, PATH_UNION) = all;
		return 0;
	}
	whole.at = mem_new(sizeof(all)); /* free_path gives it back */
	*whole.at = all;
	free_path(&whole);
	return rc;
}

/* A bare word: true, false, or (as client-go) a member's name. */
static int parse_word(struct parser *p, struct jsonpath_path *path)
{
	char *word = take_name(p);

	if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
		add_step(path, PATH_CONSTANT)->constant = json_new_bool(word[0] == 't');
		free(word);
		return 0;
	}
	if (!word[0]) {
		free(word);
		return fail(p, "this character is not expected here");
	}
	add_step(path, PATH_FIELD)->text = word;
	return 0;
}

static int parse_step(struct parser *p, struct jsonpath_path *path)
{
	int c = peek(p);
	char *text;

	if (c == '.')
		return parse_dot(p, path);
	if (c == '[')
		return parse_brackets(p, path);
	if (c == '"' || c == '\'') {
		text = take_quoted(p);
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

/* Up to what ends an expression or an operand. */
static int parse_path(struct parser *p, struct jsonpath_path *path)
{
	int rc = 0;

	if (++p->depth > NESTING_MAX)
		return fail(p, "filters are nested too deep");
	for (skip_blanks(p); rc == 0 && peek(p) >= 0 && !strchr("})=!<>", peek(p)); skip_blanks(p))
		rc = parse_step(p, path);
	p->depth--;
	return rc;
}

static struct jsonpath_part *add_part(struct jsonpath *j, enum jsonpath_part_kind kind)
{
	if ((j->count & (j->count - 1)) == 0)
		j->at = mem_grow(j->at, j->count ? j->count * 2 : 1, sizeof(*j->at));
	j->at[j->count] = (struct jsonpath_part){ .kind = kind };
	return &j->at[j->count++];
}

/* Whether the word stands here, alone; it is then taken. */
static bool take_word(struct parser *p, struct span word)
{
	struct span rest = span_from(p->text.at + p->at, p->text.len - p->at);

	if (!span_starts(rest, word) || (rest.len > word.len && !is_blank(rest.at[word.len]) &&
					 rest.at[word.len] != '}' && rest.at[word.len] != '.'))
		return false;
	p->at += word.len;
	return true;
}

static int parse_braces(struct parser *p, struct jsonpath *j)
{
	struct jsonpath_part *part;

	p->at++;
	skip_blanks(p);
	if (take_word(p, SPAN("range")))
		part = add_part(j, PART_RANGE);
	else if (take_word(p, SPAN("end")))
		part = add_part(j, PART_END);
	else
		part = add_part(j, PART_PATH);
	if (parse_path(p, &part->path))
		return -1;
	if (peek(p) != '}')
		return fail(p, peek(p) < 0 ? "the expression has no }" : "} is expected");
	p->at++;
	return 0;
}

/* Each range gets the index of its end. */
static int match_ranges(struct parser *p, struct jsonpath *j)
{
	size_t open[NESTING_MAX], depth = 0;

	for (size_t i = 0; i < j->count; i++) {
		j->at[i].end = j->count;
		if (j->at[i].kind == PART_RANGE) {
			if (depth == NESTING_MAX)
				return fail(p, "ranges are nested too deep");
			open[depth++] = i;
		} else if (j->at[i].kind == PART_END) {
			if (depth == 0)
				return fail(p, "not in range, nothing to end");
			j->at[open[--depth]].end = i;
		}
	}
	return 0;
}

static int parse_template(struct parser *p, struct jsonpath *j)
{
	while (p->at < p->text.len) {
		size_t from = p->at;

		while (p->at < p->text.len && peek(p) != '{')
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
	struct parser p = { .text = text, .e = e };
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
			       "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or "
			       "'{.name1.name2}'");
	template = mem_printf("{.%.*s}", SPAN_ARG(text));
	return jsonpath_parse(span_of(template), ret, e);
}
