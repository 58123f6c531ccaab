/* Output: tables, JSON, YAML, lines. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "applets/mk8s/cli.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/table.h"
#include "lib/format/timefmt.h"
#include "lib/format/yaml.h"

#define OUTPUT_MAX (256 * 1024 * 1024)
#define LINE_MAX_LEN 4096

int cli_format_parse(const char *text, enum cli_format *ret_format, struct err *e)
{
	static const char *const names[] = {
		[CLI_TABLE] = "table", [CLI_JSON] = "json", [CLI_YAML] = "yaml", [CLI_NAME] = "name"
	};

	*ret_format = CLI_TABLE;
	if (!text)
		return 0;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		*ret_format = (enum cli_format)i;
		return 0;
	}
	return err_set(e, ERR_USAGE, "-o: it must be table, json, yaml or name, not \"%.60s\"",
		       text);
}

int cli_write(struct span text, struct err *e)
{
	while (text.len) {
		ssize_t done = write(STDOUT_FILENO, text.at, text.len);

		if (done < 0 && errno != EINTR)
			return err_set_errno(e, ERR_IO, errno, "the output could not be written");
		if (done > 0)
			text = span_from(text.at + done, text.len - (size_t)done);
	}
	return 0;
}

static void put_line(struct buf *line, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
static void put_line(struct buf *line, const char *fmt, va_list args)
{
	char text[LINE_MAX_LEN];
	int len = vsnprintf(text, sizeof(text), fmt, args);

	buf_init(line, 8 * sizeof(text));
	if (len >= 0)
		(void)table_put_escaped(line, span_of(text));
	(void)buf_put_char(line, '\n');
}

int cli_say(struct err *e, const char *fmt, ...)
{
	AUTO_BUF struct buf line;
	va_list args;

	va_start(args, fmt);
	put_line(&line, fmt, args);
	va_end(args);
	return cli_write(buf_span(&line), e);
}

void cli_note(const char *fmt, ...)
{
	AUTO_BUF struct buf line;
	va_list args;

	va_start(args, fmt);
	put_line(&line, fmt, args);
	va_end(args);
	(void)!write(STDERR_FILENO, line.at, line.len); /* nowhere to report it to */
}

int cli_print_json(enum cli_format format, const struct json *doc, struct err *e)
{
	AUTO_BUF struct buf out = { 0 };

	buf_init(&out, OUTPUT_MAX);
	if (format == CLI_YAML) {
		if (json_to_yaml(doc, &out, e) < 0)
			return -1;
	} else {
		json_print(doc, JSON_PRETTY, &out);
		(void)buf_put_char(&out, '\n');
	}
	return buf_ok(&out, "the output", e) < 0 ? -1 : cli_write(buf_span(&out), e);
}

static void put_words(struct table *t, const struct json *list)
{
	AUTO_BUF struct buf text;

	buf_init(&text, CLI_FILE_MAX);
	for (const struct json *item = json_first(list); item; item = json_next(item)) {
		if (text.len)
			(void)buf_put_char(&text, ',');
		(void)buf_put_str(&text, json_text(item) ? json_text(item) : "");
	}
	table_put_text(t, text.len ? buf_str(&text) : "<none>");
}

static void put_age(struct table *t, const char *date)
{
	char age[TIMEFMT_SIZE];
	int64_t unix_s;
	struct err e = { 0 };

	if (!date || timefmt_parse_date(span_of(date), &unix_s, &e) < 0) {
		table_put_text(t, "<none>");
		return;
	}
	timefmt_age(clock_unix_s() - unix_s, age);
	table_put_text(t, age);
}

static void put_cell(struct table *t, const struct json *item, const struct cli_column *column)
{
	const struct json *value = json_find(item, column->path);

	switch (column->cell) {
	case CELL_TEXT:
		table_put_text(t, json_text(value) ? json_text(value) : "");
		break;
	case CELL_AGE:
		put_age(t, json_text(value));
		break;
	case CELL_WORDS:
		put_words(t, value);
		break;
	case CELL_FLAG:
		table_put_text(t, json_is_true(value) ? "yes" : "no");
		break;
	}
}

static void put_table(struct buf *out, const struct json *items, const struct cli_list *list)
{
	struct table *t = table_new();

	for (size_t i = 0; i < list->column_count; i++)
		table_put_text(t, list->columns[i].title);
	table_end_row(t);
	for (const struct json *item = json_first(items); item; item = json_next(item)) {
		for (size_t i = 0; i < list->column_count; i++)
			put_cell(t, item, &list->columns[i]);
		table_end_row(t);
	}
	(void)table_flush(t, out);
	table_free(t);
}

static void put_names(struct buf *out, const struct json *items, const char *name)
{
	for (const struct json *item = json_first(items); item; item = json_next(item)) {
		(void)table_put_escaped(out, span_of(json_find_str(item, name)));
		(void)buf_put_char(out, '\n');
	}
}

int cli_print_list(enum cli_format format, const struct json *answer, const struct cli_list *list,
		   struct err *e)
{
	const struct json *items = json_get(answer, list->member);
	AUTO_BUF struct buf out = { 0 };

	if (!json_is_array(items))
		return err_set(e, ERR_PROTOCOL, "central's answer holds no \"%s\"", list->member);
	if (format == CLI_JSON || format == CLI_YAML)
		return cli_print_json(format, answer, e);
	buf_init(&out, OUTPUT_MAX);
	if (format == CLI_NAME)
		put_names(&out, items, list->name);
	else if (!json_first(items))
		cli_note("No %s found.", list->member);
	else
		put_table(&out, items, list);
	return buf_ok(&out, "the output", e) < 0 ? -1 : cli_write(buf_span(&out), e);
}

int cli_list(struct cli *c, const struct cli_list *list, const char *output,
	     void (*prepare)(const struct cli *c, struct json *answer), struct err *e)
{
	AUTO_FREE char *path = CLI_PATH(list->member);
	AUTO_JSON struct json *answer = NULL;
	enum cli_format format;

	if (cli_format_parse(output, &format, e) < 0 ||
	    cli_call_json(c, "GET", path, NULL, &answer, e) < 0)
		return -1;
	if (prepare && format == CLI_TABLE)
		prepare(c, answer);
	return cli_print_list(format, answer, list, e);
}

int cli_remove(struct cli *c, const char *member, const char *name, const char *what, struct err *e)
{
	AUTO_FREE char *path = CLI_PATH(member, name);

	if (cli_call_json(c, "DELETE", path, NULL, NULL, e) < 0)
		return -1;
	return cli_say(e, "%s %s is removed.", what, name);
}
