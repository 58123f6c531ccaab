/* mk8s why: which rule allows a request, or why none does. */
#include <string.h>

#include "applets/mk8s/cli.h"
#include "applets/mk8s/verb.h"
#include "lib/base/mem.h"
#include "lib/format/url.h"

struct why_options {
	const char *namespace, *cluster, *user, *output;
};

#define AT(member) offsetof(struct why_options, member)
static const struct option_row why_rows[] = {
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE",
	  "the namespace; all of them if not given", NULL, 0, 0 },
	{ "cluster", 'c', OPTION_TEXT, AT(cluster), "NAME", "the cluster, if not the selected one",
	  NULL, 0, 0 },
	{ "user", 'u', OPTION_TEXT, AT(user), "EMAIL", "the user, if not yourself", NULL, 0, 0 },
	{ "output", 'o', OPTION_TEXT, AT(output), "FORMAT", "table, json or yaml", NULL, 0, 0 },
};
#undef AT

static void put_query(struct buf *path, const char *name, const char *value)
{
	if (!value)
		return;
	(void)buf_printf(path, "%c%s=", strchr(buf_str(path), '?') ? '&' : '?', name);
	url_encode(span_of(value), URL_QUERY, path);
}

static const char *text_of(const struct json *doc, const char *member)
{
	const char *text = json_str(doc, member);

	return text ? text : "";
}

static int print_allowed(const struct json *answer, struct err *e)
{
	const struct json *only = json_get(answer, "only_namespaces");
	AUTO_BUF struct buf names;

	buf_init(&names, CLI_FILE_MAX);
	for (const struct json *n = json_first(only); n; n = json_next(n))
		(void)buf_printf(&names, "%s%s", names.len ? ", " : "",
				 json_text(n) ? json_text(n) : "");
	if (names.len)
		return cli_say(e, "yes, for what is in %s: %s", buf_str(&names),
			       text_of(answer, "rule"));
	return cli_say(e, "yes: %s", text_of(answer, "rule"));
}

/* The denial, and for each rule what it lacks. */
static int print_denied(const struct json *answer, struct err *e)
{
	if (cli_say(e, "no: %s", text_of(answer, "reason")) < 0)
		return -1;
	for (const struct json *rule = json_first(json_get(answer, "rules")); rule;
	     rule = json_next(rule)) {
		const char *number = json_text(json_get(rule, "rule"));

		if (cli_say(e, "  %s, rule %s (%s): its %ss do not cover this",
			    text_of(rule, "role"), number ? number : "", text_of(rule, "clusters"),
			    text_of(rule, "lacks")) < 0)
			return -1;
	}
	return 0;
}

static int why(struct cli *c, const void *options, const struct options_rest *rest, struct err *e)
{
	const struct why_options *o = options;
	AUTO_JSON struct json *answer = NULL;
	AUTO_BUF struct buf path;
	const char *cluster;
	enum cli_format format;
	bool allowed;

	buf_init(&path, CLI_FILE_MAX);
	if (cli_format_parse(o->output, &format, e) < 0)
		return -1;
	if (format == CLI_NAME)
		return err_set(e, ERR_USAGE, "-o: it must be table, json or yaml here");
	if (cli_cluster(c, o->cluster, &cluster, e) < 0)
		return -1;
	(void)buf_put_str(&path, "/why");
	put_query(&path, "cluster", cluster);
	put_query(&path, "verb", rest->at[0]);
	put_query(&path, "resource", rest->at[1]);
	put_query(&path, "name", rest->count > 2 ? rest->at[2] : NULL);
	put_query(&path, "namespace", o->namespace);
	put_query(&path, "user", o->user);
	if (cli_call_json(c, "GET", buf_str(&path), NULL, &answer, e) < 0)
		return -1;
	allowed = json_is_true(json_get(answer, "allowed"));
	if (format != CLI_TABLE) {
		if (cli_print_json(format, answer, e) < 0)
			return -1;
	} else if ((allowed ? print_allowed(answer, e) : print_denied(answer, e)) < 0) {
		return -1;
	}
	return allowed ? 0 : 1;
}

const struct verb verb_why = {
	.name = "why",
	.arguments = "VERB RESOURCE [NAME]",
	.help = "say which rule allows a request, or why none does",
	VERB_OPTIONS(why_rows, struct why_options),
	.min = 2,
	.max = 3,
	.run = why,
};
