/* What POST /clusters/{id}/exec asks for. */
#include "lib/gate/command_order.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/format/json.h"

#define TEXT_MAX 1000 /* bytes, and then one word more */
#define WORD_MAX 300

void command_order_free(struct command_order *o)
{
	json_free(o->body);
	free(o->words);
	free(o->files);
	*o = (struct command_order){ 0 };
}

static int check_members(const struct json *body, struct err *e)
{
	static const char *const known[] = { "command", "stdin", "files", "timeout_s" };

	if (!json_is_object(body))
		return err_set(e, ERR_INPUT, "body: it must be an object");
	for (const struct json *item = json_first(body); item; item = json_next(item)) {
		size_t i = 0;

		while (i < COUNT_OF(known) && strcmp(known[i], json_name(item)) != 0)
			i++;
		if (i == COUNT_OF(known))
			return err_set(e, ERR_INPUT, "%.100s: no such member here",
				       json_name(item));
	}
	return 0;
}

static int read_words(struct command_order *o, struct err *e)
{
	const struct json *list = json_get(o->body, "command");
	size_t len = 0;

	if (!json_is_array(list) || !json_count(list))
		return err_set(e, ERR_INPUT,
			       "command: it must be a list of words, as [\"get\",\"pods\"]");
	if (json_count(list) > COMMAND_WORDS_MAX)
		return err_set(e, ERR_LIMIT, "command: it may have %d words", COMMAND_WORDS_MAX);
	o->words = mem_new_array(json_count(list), sizeof(*o->words));
	for (const struct json *item = json_first(list); item; item = json_next(item)) {
		if (json_kind(item) != JSON_STRING)
			return err_set(e, ERR_INPUT, "command: every word must be a string");
		o->words[o->word_count++] = json_text(item);
		len += strlen(json_text(item));
	}
	if (len > COMMAND_WORDS_LEN_MAX)
		return err_set(e, ERR_LIMIT, "command: its words may have %d bytes",
			       COMMAND_WORDS_LEN_MAX);
	return 0;
}

static int read_files(struct command_order *o, size_t *content_len, struct err *e)
{
	const struct json *files = json_get(o->body, "files");

	if (files && !json_is_object(files))
		return err_set(e, ERR_INPUT, "files: it must be an object of path and content");
	if (json_count(files) > COMMAND_FILES_MAX)
		return err_set(e, ERR_LIMIT, "files: there may be %d", COMMAND_FILES_MAX);
	o->files = mem_new_array(json_count(files) + 1, sizeof(*o->files));
	for (const struct json *item = json_first(files); item; item = json_next(item)) {
		struct command_file file = { json_name(item), json_text(item) };

		if (json_kind(item) != JSON_STRING)
			return err_set(e, ERR_INPUT, "files: the content of \"%.100s\" must be a string",
				       file.path);
		if (!*file.path || strcmp(file.path, "-") == 0 || strlen(file.path) > COMMAND_PATH_MAX)
			return err_set(e, ERR_INPUT,
				       "files: a path must have 1 to %d bytes, and \"-\" is standard input",
				       COMMAND_PATH_MAX);
		o->files[o->file_count++] = file;
		*content_len += strlen(file.content);
	}
	return 0;
}

static int read_rest(struct command_order *o, int64_t timeout_max_s, struct err *e)
{
	const struct json *input = json_get(o->body, "stdin");
	size_t content_len = 0;

	if (read_files(o, &content_len, e) < 0)
		return -1;
	if (input && json_kind(input) != JSON_STRING)
		return err_set(e, ERR_INPUT, "stdin: it must be a string");
	o->input = input ? json_text(input) : "";
	content_len += strlen(o->input);
	if (content_len > COMMAND_CONTENT_MAX)
		return err_set(e, ERR_LIMIT, "files: with stdin they may have %d bytes",
			       COMMAND_CONTENT_MAX);
	if (json_get(o->body, "timeout_s") && json_int(o->body, "timeout_s", &o->timeout_s) < 0)
		return err_set(e, ERR_INPUT, "timeout_s: it must be a number of seconds");
	if (o->timeout_s < 1 || o->timeout_s > timeout_max_s)
		return err_set(e, ERR_INPUT, "timeout_s: it must be 1 to %lld seconds",
			       (long long)timeout_max_s);
	return 0;
}

int command_order_parse(struct span body, int64_t timeout_s, int64_t timeout_max_s,
			struct command_order *ret_order, struct err *e)
{
	struct json_limits limits = { COMMAND_BODY_MAX, 8,
				      COMMAND_WORDS_MAX + 4 * COMMAND_FILES_MAX };
	struct command_order o = { .timeout_s = timeout_s };

	if (json_parse(body, limits, &o.body, e) < 0)
		return err_context(e, "body");
	if (check_members(o.body, e) < 0 || read_words(&o, e) < 0 ||
	    read_rest(&o, timeout_max_s, e) < 0) {
		command_order_free(&o);
		return -1;
	}
	*ret_order = o;
	return 0;
}

/* Options whose values may be secret, and verbs where words of the form NAME=VALUE may. */
static bool is_secret_option(struct span name, const char *verb)
{
	static const char *const secret[] = { "--from-literal", "--patch",	"--overrides", "--env",
					      "--token",	"--password",	"--username",
					      "--docker-password", "--docker-username",
					      "--annotations" };

	for (size_t i = 0; i < COUNT_OF(secret); i++)
		if (span_equal_str(name, secret[i]))
			return true;
	return strcmp(verb, "patch") == 0 && span_equal_str(name, "-p");
}

static bool is_public_pair(const char *verb)
{
	return strcmp(verb, "label") == 0 || strcmp(verb, "taint") == 0 || strcmp(verb, "set") == 0;
}

static bool is_plain(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-_./:,=@%+~";

	return *word && word[strspn(word, plain)] == '\0';
}

static bool is_quotable(const char *word)
{
	for (; *word; word++)
		if ((unsigned char)*word < ' ' || *word == 0x7f || *word == '\'' || *word == '{')
			return false;
	return true;
}

static void put_word(struct buf *into, const char *word, size_t len)
{
	AUTO_FREE char *copy = mem_dup(word, len);

	if (len <= WORD_MAX && is_plain(copy))
		(void)buf_printf(into, " %s", copy);
	else if (len <= WORD_MAX && is_quotable(copy))
		(void)buf_printf(into, " '%s'", copy);
	else
		(void)buf_put_str(into, " ...");
}

/* Writes one word; true when the next one is a value that is left out. */
static bool put_one(struct buf *into, const char *word, const char *verb)
{
	const char *equals = strchr(word, '=');
	size_t name_len = equals ? (size_t)(equals - word) : strlen(word);
	bool is_option = word[0] == '-' && word[1];

	if (is_option && is_secret_option(span_from(word, name_len), verb)) {
		put_word(into, word, name_len);
		(void)buf_put_str(into, equals ? "=..." : " ...");
		return !equals;
	}
	if (strcmp(verb, "patch") == 0 && strncmp(word, "-p", 2) == 0) {
		(void)buf_put_str(into, " -p...");
		return false;
	}
	if (equals && !is_option && !is_public_pair(verb)) {
		put_word(into, word, name_len + 1);
		(void)buf_put_str(into, "...");
		return false;
	}
	put_word(into, word, strlen(word));
	return false;
}

static const char *find_verb(const struct command_order *o)
{
	size_t i = 0;

	while (i < o->word_count && o->words[i][0] == '-')
		i += strcmp(o->words[i], "-n") == 0 || strcmp(o->words[i], "--namespace") == 0 ? 2 : 1;
	return i < o->word_count ? o->words[i] : "";
}

void command_order_put_text(const struct command_order *o, struct buf *into)
{
	const char *verb = find_verb(o);
	size_t start = into->len;
	bool skip = false;

	(void)buf_put_str(into, "kubectl");
	for (size_t i = 0; i < o->word_count; i++) {
		if (skip) {
			skip = false;
			continue;
		}
		if (strcmp(o->words[i], "--") == 0 || into->len - start > TEXT_MAX) {
			(void)buf_put_str(into, strcmp(o->words[i], "--") == 0 ? " -- ..." : " ...");
			break;
		}
		skip = put_one(into, o->words[i], verb);
	}
}
