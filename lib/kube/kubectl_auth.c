/* kubectl auth can-i and whoami. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/table.h"
#include "lib/format/json.h"
#include "lib/kube/kubectl_auth.h"
#include "lib/kube/kubectl_change.h"

struct auth_options {
	struct kubectl_change change;
	const char *namespace, *subresource;
	bool all_namespaces, quiet, list, no_headers;
};

#define AT(member) offsetof(struct auth_options, member)
static const struct option_row rows[] = {
	{ "namespace", 'n', OPTION_TEXT, AT(namespace), "NAMESPACE", "can-i: in this namespace", NULL, 0, 0 },
	{ "all-namespaces", 'A', OPTION_FLAG, AT(all_namespaces), NULL, "can-i: in all of them", NULL, 0, 0 },
	{ "subresource", 0, OPTION_TEXT, AT(subresource), "NAME", "can-i: such as log or status", NULL, 0, 0 },
	{ "quiet", 'q', OPTION_FLAG, AT(quiet), NULL, "can-i: the exit status says it", NULL, 0, 0 },
	{ "list", 0, OPTION_FLAG, AT(list), NULL, "can-i: everything that is allowed", NULL, 0, 0 },
	{ "no-headers", 0, OPTION_FLAG, AT(no_headers), NULL, "can-i --list: print no header line", NULL, 0, 0 },
	{ "output", 'o', OPTION_TEXT, AT(change.output), "FORMAT", "whoami: json, yaml, name or jsonpath=TEMPLATE", NULL,
	  0, 0 },
};
#undef AT

struct json *kubectl_review(struct kubectl *k, const char *path, const struct json *body)
{
	struct kube_request rq = { .method = "POST", .path = path };
	struct json *answer = NULL;
	struct buf text;

	buf_init(&text, KUBECTL_FILE_MAX);
	json_print(body, JSON_COMPACT, &text);
	rq.body = buf_span(&text);
	if (kubectl_ask(k, &rq, 0, &answer))
		answer = NULL;
	buf_free(&text);
	return answer;
}

static void put_attributes(struct kubectl *k, const struct auth_options *o, const char *verb, const char *what,
			   const char *name, struct json *spec)
{
	const char *slash = strchr(what, '/');
	AUTO_FREE char *type = slash ? mem_dup(what, (size_t)(slash - what)) : mem_dup_str(what);
	const struct kube_resource *r = kube_discovery_find(NULL, type);
	struct json *attributes = kubectl_json_object(spec, "resourceAttributes");

	if (!r && strcmp(type, "*") != 0 && kubectl_discover(k) == 0)
		r = kube_discovery_find(&k->discovery, type);
	if (!r && strcmp(type, "*") != 0)
		kubectl_printf(k, KUBECTL_ERR, "Warning: the server doesn't have a resource type '%s'\n\n", type);
	else if (r && !r->is_namespaced && !o->all_namespaces)
		kubectl_printf(k, KUBECTL_ERR, "Warning: resource '%s' is not namespace scoped\n\n", r->plural);
	if (!o->all_namespaces)
		json_set_str(attributes, "namespace", kubectl_namespace(k, o->namespace));
	json_set_str(attributes, "verb", verb);
	json_set_str(attributes, "group", r ? r->group : "");
	json_set_str(attributes, "resource", r ? r->plural : type);
	if (o->subresource)
		json_set_str(attributes, "subresource", o->subresource);
	if (slash || name)
		json_set_str(attributes, "name", slash ? slash + 1 : name);
}

static void can_i(struct kubectl *k, const struct auth_options *o, const struct options_rest *args)
{
	AUTO_JSON struct json *question = json_new_object(), *answer = NULL;
	struct json *spec = kubectl_json_object(question, "spec");
	const char *what = args->count > 2 ? args->at[2] : "";
	bool allowed;

	json_set_str(question, "apiVersion", "authorization.k8s.io/v1");
	json_set_str(question, "kind", "SelfSubjectAccessReview");
	if (args->count < 3 || args->count > 4) {
		kubectl_failf(k, ERR_USAGE, "you must specify two arguments: verb resource or verb resource/resourceName");
		return;
	}
	if (what[0] == '/') {
		json_set_str(kubectl_json_object(spec, "nonResourceAttributes"), "path", what);
		json_set_str(json_get(spec, "nonResourceAttributes"), "verb", args->at[1]);
	} else {
		put_attributes(k, o, args->at[1], what, args->count == 4 ? args->at[3] : NULL, spec);
	}
	if (k->first.code == ERR_NONE)
		answer = kubectl_review(k, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", question);
	if (!answer)
		return;
	allowed = json_is_true(json_find(answer, "status.allowed"));
	if (!o->quiet && !allowed && kubectl_text(answer, "status.reason")[0])
		kubectl_printf(k, KUBECTL_OUT, "no - %s\n", kubectl_text(answer, "status.reason"));
	else if (!o->quiet)
		kubectl_printf(k, KUBECTL_OUT, "%s\n", allowed ? "yes" : "no");
	k->says_no = !allowed;
}

char *kubectl_bracketed(const struct json *list)
{
	struct buf text;

	buf_init(&text, KUBECTL_FILE_MAX);
	(void)buf_put_char(&text, '[');
	for (const struct json *i = json_first(list); i; i = json_next(i))
		(void)buf_printf(&text, "%s%s", text.len > 1 ? " " : "", json_text(i) ? json_text(i) : "");
	(void)buf_put_char(&text, ']');
	return buf_take_str(&text);
}

static void put_row(struct table *t, const char *name, const char *value)
{
	table_put_text(t, name);
	table_put_text(t, value);
	table_end_row(t);
}

static void print_user(struct kubectl *k, const struct json *user)
{
	AUTO_FREE char *groups = kubectl_bracketed(json_get(user, "groups"));
	struct table *t = kubectl_new_table(k);
	struct buf out;

	buf_init(&out, KUBECTL_TEXT_MAX);
	put_row(t, "ATTRIBUTE", "VALUE");
	put_row(t, "Username", kubectl_text(user, "username"));
	if (kubectl_text(user, "uid")[0])
		put_row(t, "UID", kubectl_text(user, "uid"));
	if (json_count(json_get(user, "groups")))
		put_row(t, "Groups", groups);
	for (const struct json *x = json_first(json_get(user, "extra")); x; x = json_next(x)) {
		AUTO_FREE char *name = mem_printf("Extra: %s", json_name(x)), *values = kubectl_bracketed(x);

		put_row(t, name, values);
	}
	(void)table_flush(t, &out);
	kubectl_write(k, KUBECTL_OUT, buf_span(&out));
	buf_free(&out);
	table_free(t);
}

static void whoami(struct kubectl *k, struct auth_options *o)
{
	AUTO_JSON struct json *question = json_new_object();
	struct json *answer;

	if (!kubectl_change_read(k, &o->change))
		return;
	json_set_str(question, "apiVersion", "authentication.k8s.io/v1");
	json_set_str(question, "kind", "SelfSubjectReview");
	answer = kubectl_review(k, "/apis/authentication.k8s.io/v1/selfsubjectreviews", question);
	if (!answer)
		return;
	kubectl_sort_members(json_find(answer, "status.userInfo.extra"));
	if (o->change.format == OUTPUT_TABLE || o->change.format == OUTPUT_WIDE) {
		print_user(k, json_find(answer, "status.userInfo"));
		json_free(answer);
	} else {
		kubectl_print_object(k, o->change.format, false, answer);
	}
}

static void list(struct kubectl *k, const struct auth_options *o, const struct options_rest *args)
{
	if (args->count > 1)
		kubectl_failf(k, ERR_USAGE, "list option must be specified with no arguments");
	else if (o->quiet || o->all_namespaces || o->subresource)
		kubectl_failf(k, ERR_USAGE,
			      "list option can't be specified with neither quiet, all-namespaces nor subresource options");
	else
		kubectl_list_rules(k, kubectl_namespace(k, o->namespace), o->no_headers);
}

static void run(struct kubectl *k, int argc, char **argv, const char *namespace)
{
	struct auth_options o = { .namespace = namespace };
	struct options_rest args = { 0 };
	struct err failure = { 0 };

	if (options_parse(rows, COUNT_OF(rows), OPTIONS_ANYWHERE, argc, argv, &o, &args, &failure))
		kubectl_fail(k, &failure);
	else if (args.count && strcmp(args.at[0], "can-i") == 0 && o.list)
		list(k, &o, &args);
	else if (o.no_headers)
		kubectl_failf(k, ERR_USAGE, "--no-headers cannot be set without --list specified");
	else if (args.count && strcmp(args.at[0], "can-i") == 0)
		can_i(k, &o, &args);
	else if (args.count == 1 && strcmp(args.at[0], "whoami") == 0)
		whoami(k, &o);
	else
		kubectl_failf(k, ERR_USAGE, "auth: can-i VERB TYPE [NAME], can-i --list or whoami is expected");
	options_free(rows, COUNT_OF(rows), &o, &args);
}

const struct kubectl_verb kubectl_auth = { "auth", "can-i (VERB TYPE[/NAME] | --list) | whoami [options]",
					   "Ask what you may do, and who you are", rows, COUNT_OF(rows), run };
