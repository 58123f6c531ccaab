/* kubectl explain: the documentation of a resource's fields, from the server's OpenAPI v3 document.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/table.h"
#include "lib/format/json.h"
#include "lib/format/url.h"
#include "lib/kube/explain.h"
#include "lib/kube/kubectl_change.h"

enum { HTTP_NOT_FOUND = 404, FIELDS_MAX = 64 };

struct explain_options {
	const char *namespace, *api_version, *output;
	bool recursive;
};

#define AT(member) offsetof(struct explain_options, member)
static const struct option_row rows[] = {
	{ "recursive", 'R', OPTION_FLAG, AT(recursive), NULL,
	  "the fields of fields too, without their texts", NULL, 0, 0 },
	{ "api-version", 0, OPTION_TEXT, AT(api_version), "GROUP/VERSION", "of this version", NULL,
	  0, 0 },
	{ "output", 'o', OPTION_TEXT, AT(output), "FORMAT", "plaintext", NULL, 0, 0 },
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE", NULL, NULL, 0, 0 },
};
#undef AT

/* "pods.spec.containers" cut at its dots; the strings live in `text`. */
struct field_path {
	char *text; /* owned */
	const char *at[FIELDS_MAX];
	size_t count;
};

static bool read_path(struct kubectl *k, const char *argument, struct field_path *ret)
{
	size_t len = strlen(argument);
	char *rest;

	ret->text = mem_dup(argument, len && argument[len - 1] == '.' ? len - 1 : len);
	ret->count = 0;
	if (strpbrk(argument, "[]{}*?@()'\"\\ ") || strstr(argument, "..") || argument[0] == '.') {
		kubectl_failf(k, ERR_USAGE,
			      "invalid jsonpath syntax, all nodes must be field nodes");
		return false;
	}
	for (rest = ret->text; rest && ret->count < FIELDS_MAX; ret->count++) {
		ret->at[ret->count] = rest;
		rest = strchr(rest, '.');
		if (rest)
			*rest++ = '\0';
	}
	if (rest)
		kubectl_failf(k, ERR_USAGE, "a path of more than %d fields", FIELDS_MAX);
	return !rest;
}

/* "deployments.apps.spec": how many words of the argument the resource's full name takes. */
static size_t words_of_name(const char *argument, const struct kube_resource *r)
{
	AUTO_FREE char *full = mem_printf("%s.%s", r->plural, r->group);
	size_t words = 1;

	if (r->group[0] && span_starts(span_of(argument), span_of(full)))
		for (const char *dot = full; (dot = strchr(dot, '.')); dot++)
			words++;
	return words;
}

/* The one whose full name the argument begins with, else the first of its name. */
static const struct kube_resource *find_resource(struct kubectl *k, const char *argument,
						 const char *name)
{
	const struct kube_resource *first = kubectl_find(k, name), *r;

	if (!first || words_of_name(argument, first) > 1 || strchr(argument, '.') == NULL)
		return first;
	if (strncmp(argument, first->plural, strlen(first->plural)) == 0 && !first->group[0])
		return first;
	if (kubectl_discover(k))
		return NULL;
	for (r = k->discovery.at; r < k->discovery.at + k->discovery.count; r++)
		if (strcmp(r->plural, first->plural) == 0 && words_of_name(argument, r) > 1)
			return r;
	return first;
}

/* The document of a group's version; NULL after having noted the failure. */
static struct json *fetch_document(struct kubectl *k, const struct explain *what)
{
	struct kube_request rq = { 0 };
	struct json *document = NULL;
	struct buf path;

	buf_init(&path, KUBECTL_FILE_MAX);
	(void)buf_put_str(&path, what->group[0] ? "/openapi/v3/apis/" : "/openapi/v3/api");
	url_encode(span_of(what->group), URL_PATH, &path);
	(void)buf_put_char(&path, '/');
	url_encode(span_of(what->version), URL_PATH, &path);
	rq.path = buf_str(&path);
	if (kubectl_ask(k, &rq, HTTP_NOT_FOUND, &document)) {
		document = NULL;
		if (k->first.code == ERR_NONE)
			kubectl_failf(k, ERR_NOT_FOUND,
				      "couldn't find resource for \"%s/%s, Resource=%s\"",
				      what->group, what->version, what->plural);
	}
	buf_free(&path);
	return document;
}

/* The texts are the server's, or those of who may define resources: control characters are escaped.
 */
static void put_escaped(struct kubectl *k, struct span text)
{
	struct span line, cell;
	struct buf out;
	bool first;

	buf_init(&out, KUBECTL_TEXT_MAX);
	if (text.len && text.at[text.len - 1] == '\n')
		text.len--;
	while (span_take_part(&text, '\n', &line)) {
		for (first = true; span_take_part(&line, '\t', &cell); first = false) {
			(void)buf_put_str(&out, first ? "" : "\t");
			(void)table_put_escaped(&out, cell);
		}
		(void)buf_put_char(&out, '\n');
	}
	kubectl_write(k, KUBECTL_OUT, buf_span(&out));
	buf_free(&out);
}

static void print(struct kubectl *k, struct explain *what)
{
	AUTO_JSON struct json *document = fetch_document(k, what);
	struct err failure = { 0 };
	struct buf out;

	if (!document)
		return;
	what->document = document;
	buf_init(&out, KUBECTL_FILE_MAX);
	if (explain_print(what, &out, &failure))
		kubectl_fail(k, &failure);
	put_escaped(k, buf_span(&out));
	buf_free(&out);
}

static void explain(struct kubectl *k, const struct explain_options *o, const char *argument,
		    struct field_path *path)
{
	const struct kube_resource *r = find_resource(k, argument, path->at[0]);
	const char *slash = o->api_version ? strchr(o->api_version, '/') : NULL;
	AUTO_FREE char *group = slash ? mem_dup(o->api_version, (size_t)(slash - o->api_version)) :
					mem_dup_str("");
	struct explain what = { .recursive = o->recursive };
	size_t words;

	if (!r)
		return;
	words = o->api_version ? 1 : words_of_name(argument, r);
	what.group = o->api_version ? group : r->group;
	what.version = slash ? slash + 1 : o->api_version ? o->api_version : r->version;
	what.plural = r->plural;
	what.fields = path->at + words;
	what.field_count = path->count > words ? path->count - words : 0;
	print(k, &what);
}

static void check(struct kubectl *k, const struct explain_options *o,
		  const struct options_rest *args)
{
	struct field_path path = { 0 };

	if (args->count == 0)
		kubectl_failf(
			k, ERR_USAGE,
			"You must specify the type of resource to explain. Use \"kubectl api-resources\" for a "
			"complete list of supported resources.");
	else if (args->count > 1)
		kubectl_failf(k, ERR_USAGE, "We accept only this format: explain RESOURCE");
	else if (o->output && strcmp(o->output, "plaintext") != 0)
		kubectl_failf(k, ERR_USAGE, "unrecognized format: %s; expected plaintext",
			      o->output);
	else if (read_path(k, args->at[0], &path))
		explain(k, o, args->at[0], &path);
	free(path.text);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct explain_options o = { .namespace = namespace };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else
		check(k, &o, &args);
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_explain = { "explain",
					      "TYPE[.FIELD...] [options]",
					      "Explain the fields of a resource",
					      rows,
					      COUNT_OF(rows),
					      run };
