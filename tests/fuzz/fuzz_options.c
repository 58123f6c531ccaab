/* Options: what is no option comes out as the words that went in, in their order. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/base/options.h"
#include "lib/base/span.h"

enum { WORDS_MAX = 64 };

struct values {
	const char *text, *bare;
	struct option_list list;
	int64_t number;
	bool a, b;
};

static const struct option_row rows[] = {
	{ "text", 't', OPTION_TEXT, offsetof(struct values, text), "T", "a text", NULL, 0, 0 },
	{ "bare", 0, OPTION_TEXT, offsetof(struct values, bare), "T", "a text", "x", 0, 0 },
	{ "list", 'l', OPTION_LIST, offsetof(struct values, list), "T", "a text", NULL, 0, 0 },
	{ "number", 'n', OPTION_INT, offsetof(struct values, number), "N", "a number", NULL, -5, 50 },
	{ "aaa", 'a', OPTION_FLAG, offsetof(struct values, a), NULL, "a flag", NULL, 0, 0 },
	{ "bbb", 'b', OPTION_FLAG, offsetof(struct values, b), NULL, "a flag", NULL, 0, 0 },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct values *v, const struct options_rest *rest, char **argv, int argc)
{
	int at = 1;

	assert(rest->count < argc && rest->at[rest->count] == NULL);
	assert(rest->before_dashes >= 0 && rest->before_dashes <= rest->count);
	assert(v->number >= -5 && v->number <= 50);
	for (int i = 0; i < rest->count; i++, at++) {
		while (at < argc && argv[at] != rest->at[i])
			at++;
		assert(at < argc);
		assert(i >= rest->before_dashes || rest->at[i][0] != '-' || rest->at[i][1] == '\0');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = span_dup(span_from(data, size)), *argv[WORDS_MAX + 1] = { text };
	int argc = 1;

	for (size_t i = 0; i < size && argc < WORDS_MAX; i++) {
		if (text[i] != '\n')
			continue;
		text[i] = '\0';
		argv[argc++] = text + i + 1;
	}
	for (int mode = OPTIONS_ANYWHERE; mode <= OPTIONS_STOP_AT_POSITIONAL; mode++) {
		struct values v = { 0 };
		struct options_rest rest = { 0 };
		struct err e = { 0 };

		if (options_parse(rows, COUNT_OF(rows), (enum options_mode)mode, argc, argv, &v, &rest, &e))
			assert(e.code == ERR_USAGE && e.text[0]);
		else if (mode == OPTIONS_ANYWHERE)
			check(&v, &rest, argv, argc);
		options_free(rows, COUNT_OF(rows), &v, &rest);
	}
	free(text);
	return 0;
}
