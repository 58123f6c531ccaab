/* The text of a JSONPath template, as the parser goes through it. */
#include "lib/format/jsonpath_text.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

int jsonpath_peek(const struct jsonpath_text *p)
{
	return p->at < p->text.len ? (unsigned char)p->text.at[p->at] : -1;
}

int jsonpath_fail(struct jsonpath_text *p, const char *what)
{
	return err_set(p->e, ERR_INPUT, "JSONPath, character %zu: %s", p->at + 1, what);
}

bool jsonpath_is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool ends_name(int c)
{
	return c < 0 || jsonpath_is_blank(c) || strchr(".,[]$@{}()=<>!", c) != NULL;
}

char *jsonpath_take_name(struct jsonpath_text *p)
{
	char *name = mem_new(p->text.len - p->at + 1);
	size_t len = 0;

	while (!ends_name(jsonpath_peek(p))) {
		if (jsonpath_peek(p) == '\\' && p->at + 1 < p->text.len)
			p->at++;
		name[len++] = p->text.at[p->at++];
	}
	return name;
}

static char escaped(char c)
{
	return c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
}

char *jsonpath_take_quoted(struct jsonpath_text *p)
{
	int quote = jsonpath_peek(p);
	char *text = mem_new(p->text.len - p->at + 1);
	size_t len = 0;

	for (p->at++; jsonpath_peek(p) >= 0 && jsonpath_peek(p) != quote; p->at++) {
		if (jsonpath_peek(p) == '\\' && p->at + 1 < p->text.len)
			text[len++] = escaped(p->text.at[++p->at]);
		else
			text[len++] = p->text.at[p->at];
	}
	if (jsonpath_peek(p) == quote) {
		p->at++;
		return text;
	}
	free(text);
	(void)jsonpath_fail(p, "the quoted text has no end");
	return NULL;
}

void jsonpath_skip_blanks(struct jsonpath_text *p)
{
	while (jsonpath_is_blank(jsonpath_peek(p)))
		p->at++;
}
