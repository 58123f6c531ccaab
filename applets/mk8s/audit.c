/* mk8s audit: list, export and verify. */
#include <stdlib.h>
#include <string.h>

#include "applets/mk8s/audit_play.h"
#include "applets/mk8s/cli.h"
#include "applets/mk8s/verb.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/format/timefmt.h"
#include "lib/format/url.h"

#define PAGE_MAX 1000
#define EXPORT_PAGE_MAX (64 * 1024 * 1024)

struct audit_options {
	const char *user, *cluster, *verb, *since, *until, *after, *output;
	int64_t limit;
};

#define AT(member) offsetof(struct audit_options, member)
/* What both verbs that read rows can be asked for. */
#define FILTER_ROWS                                                                                  \
	{ "user", 'u', OPTION_TEXT, AT(user), "EMAIL", "rows of this user", NULL, 0, 0 },            \
	{ "cluster", 'c', OPTION_TEXT, AT(cluster), "NAME", "rows about this cluster", NULL, 0, 0 }, \
	{ "verb", 0, OPTION_TEXT, AT(verb), "VERB", "rows with this verb", NULL, 0, 0 },             \
	{ "since", 0, OPTION_TEXT, AT(since), "TIME",                                                \
	  "a date (RFC 3339), or how long ago: 1h, 7d", NULL, 0, 0 },                                \
	{ "until", 0, OPTION_TEXT, AT(until), "TIME", "likewise", NULL, 0, 0 }

static const struct option_row list_rows[] = {
	FILTER_ROWS,
	{ "limit", 'n', OPTION_INT, AT(limit), "COUNT", "how many rows at most (default 100)", NULL,
	  1, 10000000 },
	CLI_OUTPUT_ROW(AT(output)),
};
static const struct option_row export_rows[] = {
	FILTER_ROWS,
	{ "after", 0, OPTION_TEXT, AT(after), "ROW",
	  "events behind this one: the annotation mk8s/seq of the last that one has", NULL, 0, 0 },
	{ "limit", 'n', OPTION_INT, AT(limit), "COUNT", "how many events at most (default all)",
	  NULL, 1, INT64_MAX },
};
#undef AT

static const struct cli_column columns[] = {
	{ "TIME", "time", CELL_TEXT },         { "USER", "user", CELL_TEXT },
	{ "CLUSTER", "cluster", CELL_TEXT },   { "VERB", "verb", CELL_TEXT },
	{ "RESOURCE", "resource", CELL_TEXT }, { "NAMESPACE", "namespace", CELL_TEXT },
	{ "NAME", "name", CELL_TEXT },         { "STATUS", "status", CELL_TEXT },
	{ "DECISION", "decision", CELL_TEXT }, { "RULE", "rule", CELL_TEXT },
};
static const struct cli_list entry_list = { "entries", "id", columns, COUNT_OF(columns) };

static void put_query(struct buf *path, const char *name, const char *value)
{
	if (!value)
		return;
	(void)buf_printf(path, "&%s=", name);
	url_encode(span_of(value), URL_QUERY, path);
}

/* A date as it is, a duration as that long ago. */
static int put_time(struct buf *path, const char *name, const char *given, struct err *e)
{
	char date[TIMEFMT_SIZE];
	int64_t unix_us, ms;
	struct err bad = { 0 };

	if (!given)
		return 0;
	if (timefmt_parse_date_us(span_of(given), &unix_us, &bad) == 0) {
		put_query(path, name, given);
		return 0;
	}
	if (timefmt_parse_duration_ms(span_of(given), &ms, &bad) < 0 || ms / 1000 > clock_unix_s())
		return err_set(e, ERR_USAGE,
			       "--%s: \"%.60s\" is neither a date as 2026-01-31T12:00:00Z nor a "
			       "duration as 1h",
			       name, given);
	timefmt_date(clock_unix_s() - ms / 1000, date);
	put_query(path, name, date);
	return 0;
}

static int put_request(struct buf *path, const struct audit_options *o, const char *cursor,
		       int64_t wanted, struct err *e)
{
	(void)buf_printf(path, "/audit?limit=%d", (int)(wanted < PAGE_MAX ? wanted : PAGE_MAX));
	put_query(path, "user", o->user);
	put_query(path, "cluster", o->cluster);
	put_query(path, "verb", o->verb);
	put_query(path, "cursor", cursor);
	if (put_time(path, "since", o->since, e) < 0 || put_time(path, "until", o->until, e) < 0)
		return -1;
	return buf_ok(path, "the request", e);
}

static int fetch_page(struct cli *c, const struct audit_options *o, const char *cursor,
		      int64_t wanted, struct json **ret_page, struct err *e)
{
	AUTO_BUF struct buf path;

	buf_init(&path, CLI_FILE_MAX);
	if (put_request(&path, o, cursor, wanted, e) < 0)
		return -1;
	return cli_call_json(c, "GET", buf_str(&path), NULL, ret_page, e);
}

/* Page after page into one answer. */
static int fetch_all(struct cli *c, const struct audit_options *o, struct json *all, struct err *e)
{
	AUTO_FREE char *cursor = NULL;
	int64_t wanted = o->limit ? o->limit : 100;

	for (;;) {
		AUTO_JSON struct json *page = NULL;
		struct json *entries, *item;

		if (fetch_page(c, o, cursor, wanted, &page, e) < 0)
			return -1;
		entries = json_get(page, "entries");
		while (wanted > 0 && (item = json_first(entries)) != NULL) {
			json_add_item(all, json_detach(entries, item));
			wanted--;
		}
		free(cursor);
		cursor = mem_dup_str(json_str(page, "next_cursor"));
		if (!cursor || wanted == 0)
			return 0;
	}
}

static int list(struct cli *c, const void *options, const struct options_rest *rest UNUSED,
		struct err *e)
{
	const struct audit_options *o = options;
	AUTO_JSON struct json *answer = json_new_object();
	struct json *entries = json_new_array();
	enum cli_format format;

	json_set_item(answer, "entries", entries);
	if (cli_format_parse(o->output, &format, e) < 0 || fetch_all(c, o, entries, e) < 0)
		return -1;
	return cli_print_list(format, answer, &entry_list, e);
}

/* The number of the last event's row, where the next page begins; its count of lines. */
static int read_events(struct span page, char **ret_cursor, int64_t *ret_count, struct err *e)
{
	AUTO_JSON struct json *last = NULL;
	struct span line, text = SPAN_NONE;
	const char *seq;

	*ret_count = 0;
	while (page.len && span_take_part(&page, '\n', &line)) {
		text = line;
		(*ret_count)++;
	}
	if (!*ret_count)
		return 0;
	if (json_parse(text, JSON_LIMITS(CLI_FILE_MAX), &last, e) < 0)
		return err_context(e, "central's answer");
	seq = json_str(json_get(last, "annotations"), "mk8s/seq");
	if (!seq)
		return err_set(e, ERR_PROTOCOL, "central's answer is no list of audit events");
	free(*ret_cursor);
	*ret_cursor = mem_dup_str(seq);
	return 0;
}

/* Page after page, written as it comes; `rest` is how many events are still wanted. */
static int export_pages(struct cli *c, const struct audit_options *o, int64_t rest, struct err *e)
{
	AUTO_FREE char *cursor = mem_dup_str(o->after);
	int64_t wanted = PAGE_MAX, count = PAGE_MAX;

	while (rest > 0 && count == wanted) {
		AUTO_BUF struct buf path, page;
		struct cli_call call = { .method = "GET", .accept = "application/x-ndjson" };

		buf_init(&path, CLI_FILE_MAX);
		buf_init(&page, EXPORT_PAGE_MAX);
		wanted = rest < PAGE_MAX ? rest : PAGE_MAX;
		if (put_request(&path, o, cursor, wanted, e) < 0)
			return -1;
		call.path = buf_str(&path);
		if (cli_call(c, &call, &page, e) < 0 ||
		    read_events(buf_span(&page), &cursor, &count, e) < 0 ||
		    cli_write(buf_span(&page), e) < 0)
			return -1;
		rest -= count;
	}
	return 0;
}

static int export(struct cli *c, const void *options, const struct options_rest *rest UNUSED,
		  struct err *e)
{
	const struct audit_options *o = options;

	return export_pages(c, o, o->limit ? o->limit : INT64_MAX, e);
}

struct verify_options {
	const char *output;
};

static const struct option_row verify_rows[] = {
	{ "output", 'o', OPTION_TEXT, offsetof(struct verify_options, output), "FORMAT",
	  "table, json or yaml", NULL, 0, 0 },
};

static int verify(struct cli *c, const void *options, const struct options_rest *rest UNUSED,
		  struct err *e)
{
	const struct verify_options *o = options;
	AUTO_JSON struct json *answer = NULL;
	const char *sentence;
	enum cli_format format;
	bool ok;
	int said;

	if (cli_format_parse(o->output, &format, e) < 0)
		return -1;
	if (format == CLI_NAME)
		return err_set(e, ERR_USAGE, "-o: it must be table, json or yaml here");
	if (cli_call_json(c, "GET", "/audit/verify", NULL, &answer, e) < 0)
		return -1;
	sentence = json_str(answer, "sentence");
	if (json_bool(answer, "ok", &ok) < 0 || !sentence)
		return err_set(e, ERR_PROTOCOL, "central's answer is no report");
	said = format == CLI_TABLE ? cli_say(e, "%s", sentence) : cli_print_json(format, answer, e);
	return said < 0 ? -1 : ok ? 0 : 1;
}

static const struct verb verb_list = {
	.name = "list",
	.alias = "ls",
	.help = "shows who asked for what, newest first",
	VERB_OPTIONS(list_rows, struct audit_options),
	.run = list,
};
static const struct verb verb_export = {
	.name = "export",
	.help = "prints Kubernetes audit events (audit.k8s.io/v1), one a line, oldest first",
	VERB_OPTIONS(export_rows, struct audit_options),
	.run = export,
};
static const struct verb verb_verify = {
	.name = "verify",
	.help = "checks the trail's hash chain; status 1 when a row was changed, removed or cut",
	VERB_OPTIONS(verify_rows, struct verify_options),
	.run = verify,
};
static const struct verb *const verbs[] = { &verb_list, &verb_export, &verb_verify,
					     &verb_audit_play, NULL };

const struct verb verb_audit = { .name = "audit",
				 .help = "reads and checks the audit trail",
				 .verbs = verbs };
