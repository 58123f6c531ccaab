/* mk8s version, and the libraries that are in the program. */
#include <stdlib.h>
#include <string.h>

#include "applets/mk8s/cli.h"
#include "applets/mk8s/verb.h"
#include "lib/base/table.h"

/* As in vendor/sources.lock; tests/e2e/test_version.py compares. */
static const struct library {
	const char *name, *version, *licence;
} libraries[] = {
	{ "cjson", "1.7.18", "MIT" },        { "curl", "8.14.1", "curl" },
	{ "libuv1", "1.50.0", "MIT" },       { "libyaml", "0.2.5", "MIT" },
	{ "llhttp", "9.2.1", "MIT" },        { "mbedtls", "3.6.6", "Apache-2.0" },
	{ "mimalloc", "2.0.9", "MIT" },      { "musl", "1.2.5", "MIT" },
	{ "nghttp2", "1.64.0", "MIT" },      { "protobuf-c", "1.5.1", "BSD-2-Clause" },
	{ "sqlite3", "3.46.1", "blessing" }, { "zlib", "1.3.1", "Zlib" },
};

struct version_options {
	const char *output;
	bool licenses;
};

static const struct option_row version_rows[] = {
	{ "licenses", 0, OPTION_FLAG, offsetof(struct version_options, licenses), NULL,
	  "the libraries in the program and their licences", NULL, 0, 0 },
	{ "output", 'o', OPTION_TEXT, offsetof(struct version_options, output), "FORMAT",
	  "table, json or yaml", NULL, 0, 0 },
};

static int print_json(enum cli_format format, bool licenses, struct err *e)
{
	AUTO_JSON struct json *doc = json_new_object();
	struct json *list;

	json_set_str(doc, "version", MK8S_VERSION);
	if (!licenses)
		return cli_print_json(format, doc, e);
	json_set_str(doc, "license", "MIT");
	list = json_new_array();
	for (size_t i = 0; i < COUNT_OF(libraries); i++) {
		struct json *item = json_new_object();

		json_set_str(item, "name", libraries[i].name);
		json_set_str(item, "version", libraries[i].version);
		json_set_str(item, "license", libraries[i].licence);
		json_add_item(list, item);
	}
	json_set_item(doc, "libraries", list);
	return cli_print_json(format, doc, e);
}

static int print_table(struct err *e)
{
	AUTO_BUF struct buf out;
	struct table *t = table_new();

	buf_init(&out, 64 * 1024);
	table_put_text(t, "NAME");
	table_put_text(t, "VERSION");
	table_put_text(t, "LICENCE");
	table_end_row(t);
	table_put_text(t, "mk8s");
	table_put_text(t, MK8S_VERSION);
	table_put_text(t, "MIT");
	table_end_row(t);
	for (size_t i = 0; i < COUNT_OF(libraries); i++) {
		table_put_text(t, libraries[i].name);
		table_put_text(t, libraries[i].version);
		table_put_text(t, libraries[i].licence);
		table_end_row(t);
	}
	(void)table_flush(t, &out);
	table_free(t);
	return buf_ok(&out, "the output", e) < 0 ? -1 : cli_write(buf_span(&out), e);
}

static int version(struct cli *c UNUSED, const void *options,
		   const struct options_rest *rest UNUSED, struct err *e)
{
	const struct version_options *o = options;
	enum cli_format format;

	if (cli_format_parse(o->output, &format, e) < 0)
		return -1;
	if (format == CLI_NAME)
		return err_set(e, ERR_USAGE, "-o: it must be table, json or yaml here");
	if (format != CLI_TABLE)
		return print_json(format, o->licenses, e);
	return o->licenses ? print_table(e) : cli_say(e, "mk8s " MK8S_VERSION);
}

const struct verb verb_version = {
	.name = "version",
	.help = "shows the version",
	VERB_OPTIONS(version_rows, struct version_options),
	.run = version,
};
