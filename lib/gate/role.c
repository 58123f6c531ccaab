/* Roles: parsing and checking of one role, its canonical JSON, globs. */
#include "lib/gate/role.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/nearest.h"
#include "lib/format/json.h"
#include "lib/gate/role_check.h"
#include "lib/gate/words.h"

enum {
	ROLE_NAME_MAX = 63,
	ROLE_RULES_MAX = 256,
	ROLE_WORDS_MAX = 512,
	LABEL_MAX = 63,
	SUBDOMAIN_MAX = 253,
};

static const char *const role_verbs[] = { "get",    "list", "watch",	     "create", "update",
				   "patch",  "delete", "deletecollection", "logs",   "exec",
				   "port-forward", "proxy", "admin", NULL };

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* A DNS label (RFC 1123): lower-case letters, digits and inner '-'. */
static bool is_label(struct span text)
{
	if (text.len == 0 || text.len > LABEL_MAX || text.at[0] == '-' || text.at[text.len - 1] == '-')
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!is_lower_alnum(text.at[i]) && text.at[i] != '-')
			return false;
	return true;
}

static bool is_subdomain(struct span text)
{
	struct span part;

	if (text.len == 0 || text.len > SUBDOMAIN_MAX)
		return false;
	while (span_take_part(&text, '.', &part))
		if (!is_label(part))
			return false;
	return true;
}

/*
 * Role names travel in headers and comma-separated lists; ':' would let them look like
 * system:masters.
 */
bool role_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > ROLE_NAME_MAX || strchr("-._", name[0]))
		return false;
	for (size_t i = 0; i < len; i++) {
		char lower = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);

		if (!is_lower_alnum(lower) && !strchr("-._", lower))
			return false;
	}
	return true;
}

static bool cluster_glob_valid(const char *glob)
{
	size_t len = strlen(glob);

	if (len == 0 || len > SUBDOMAIN_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_lower_alnum(glob[i]) && !strchr("-.*", glob[i]))
			return false;
	return true;
}

static int namespace_check(const char *word, struct err *e)
{
	if (strcmp(word, "*") == 0 || is_label(span_of(word)))
		return 0;
	return err_set(e, ERR_INPUT, "\"%.80s\" is no namespace: lower-case letters, digits and '-', or \"*\" for all",
		       word);
}

static int verb_check(const char *word, struct err *e)
{
	const char *near;
	char lower[LABEL_MAX + 2] = "";

	if (strcmp(word, "*") == 0 || words_have(role_verbs, word))
		return 0;
	for (size_t i = 0; word[i] && i < sizeof(lower) - 1; i++)
		lower[i] = (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] + 32 : word[i]);
	near = nearest_name(lower, role_verbs, words_count(role_verbs));
	if (near)
		return err_set(e, ERR_INPUT, "\"%.80s\" is no verb; did you mean \"%s\"?", word, near);
	return err_set(e, ERR_INPUT,
		       "\"%.80s\" is no verb; there are get, list, watch, create, update, patch, delete, "
		       "deletecollection, logs, exec, port-forward, proxy, admin and \"*\"",
		       word);
}

/* PLURAL[.GROUP][/SUBRESOURCE]; the plural of a resource never holds a dot. */
static int resource_check(const char *word, struct err *e)
{
	struct span rest = span_of(word), entry = SPAN_NONE, plural = SPAN_NONE;
	bool valid;

	if (strcmp(word, "*") == 0)
		return 0;
	valid = span_take_part(&rest, '/', &entry) && (!rest.at || is_label(rest)) &&
		span_take_part(&entry, '.', &plural) && is_label(plural) &&
		(!entry.at || is_subdomain(entry));
	if (valid)
		return 0;
	return err_set(e, ERR_INPUT,
		       "\"%.120s\" is no resource: \"pods\", \"deployments.apps\", \"pods/status\" or \"*\" are", word);
}

/* A list of strings, each passing `check`. A missing list is an empty one. */
static int words_parse(const struct json *rule, const char *member,
		       int (*check)(const char *, struct err *), char ***ret_words, struct err *e)
{
	const struct json *list = json_get(rule, member);
	char **words = mem_new_array(json_count(list) + 1, sizeof(*words));
	size_t count = 0;

	if (list && (!json_is_array(list) || json_count(list) > ROLE_WORDS_MAX)) {
		free(words);
		return err_set(e, ERR_INPUT, "%s must be a list of at most %d strings", member,
			       ROLE_WORDS_MAX);
	}
	for (const struct json *item = json_first(list); item; item = json_next(item)) {
		const char *text = json_kind(item) == JSON_STRING ? json_text(item) : NULL;

		if (!text)
			(void)err_set(e, ERR_INPUT, "must be a string");
		if (!text || check(text, e) < 0) {
			words_free(words);
			return err_context(e, "%s[%zu]", member, count);
		}
		words[count++] = mem_dup_str(text);
	}
	*ret_words = words;
	return 0;
}

int role_members_check(const struct json *object, const char *const *known, struct err *e)
{
	const char *near;

	if (!json_is_object(object))
		return err_set(e, ERR_INPUT, "must be an object");
	for (const struct json *item = json_first(object); item; item = json_next(item)) {
		const char *name = json_name(item);

		if (words_have(known, name))
			continue;
		near = nearest_name(name, known, words_count(known));
		if (near)
			return err_set(e, ERR_INPUT,
				       "unknown member \"%.80s\"; did you mean \"%s\"?", name,
				       near);
		return err_set(e, ERR_INPUT, "unknown member \"%.80s\"", name);
	}
	return 0;
}

static int rule_parse(const struct json *doc, struct role_rule *rule, struct err *e)
{
	static const char *const known[] = { "name", "namespaces", "verbs", "resources", NULL };
	const char *cluster;

	if (role_members_check(doc, known, e) < 0)
		return -1;
	cluster = json_str(doc, "name");
	if (!cluster || !cluster_glob_valid(cluster))
		return err_set(e, ERR_INPUT,
			       "name must be a cluster's name, in which '*' matches any run of characters: lower-case "
			       "letters, digits, '-', '.' and '*'");
	rule->cluster = mem_dup_str(cluster);
	if (words_parse(doc, "namespaces", namespace_check, &rule->namespaces, e) < 0 ||
	    words_parse(doc, "verbs", verb_check, &rule->verbs, e) < 0)
		return -1;
	return words_parse(doc, "resources", resource_check, &rule->resources, e);
}

static int rules_parse(const struct json *list, struct role *role, struct err *e)
{
	if (list && (!json_is_array(list) || json_count(list) > ROLE_RULES_MAX))
		return err_set(e, ERR_INPUT, "clusters must be a list of at most %d rules", ROLE_RULES_MAX);
	role->rules = mem_new_array(json_count(list), sizeof(*role->rules));
	for (const struct json *item = json_first(list); item; item = json_next(item))
		if (rule_parse(item, &role->rules[role->rule_count++], e) < 0)
			return err_context(e, "clusters[%zu]", role->rule_count - 1);
	return 0;
}

int role_parse(const struct json *doc, struct role **ret_role, struct err *e)
{
	static const char *const known[] = { "name", "clusters", NULL };
	const char *name;
	struct role *role;

	if (role_members_check(doc, known, e) < 0)
		return -1;
	name = json_str(doc, "name");
	if (!name || !role_name_valid(name))
		return err_set(e, ERR_INPUT,
			       "name must be 1 to %d letters, digits, '-', '_' or '.'",
			       ROLE_NAME_MAX);
	role = mem_new(sizeof(*role));
	role->name = mem_dup_str(name);
	if (rules_parse(json_get(doc, "clusters"), role, e) < 0) {
		role_free(role);
		return err_context(e, "role \"%s\"", name);
	}
	*ret_role = role;
	return 0;
}

void role_free(struct role *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->rule_count; i++) {
		free(r->rules[i].cluster);
		words_free(r->rules[i].namespaces);
		words_free(r->rules[i].verbs);
		words_free(r->rules[i].resources);
	}
	free(r->rules);
	free(r->name);
	free(r);
}

static void words_print(struct buf *into, const char *member, const char *const *words)
{
	(void)buf_printf(into, ",\"%s\":[", member);
	for (size_t i = 0; words[i]; i++) {
		if (i > 0)
			(void)buf_put_char(into, ',');
		json_put_quoted(into, span_of(words[i]));
	}
	(void)buf_put_char(into, ']');
}

void role_print(const struct role *r, struct buf *into)
{
	(void)buf_put_str(into, "{\"name\":");
	json_put_quoted(into, span_of(r->name));
	(void)buf_put_str(into, ",\"clusters\":[");
	for (size_t i = 0; i < r->rule_count; i++) {
		const struct role_rule *rule = &r->rules[i];

		(void)buf_put_str(into, i > 0 ? ",{\"name\":" : "{\"name\":");
		json_put_quoted(into, span_of(rule->cluster));
		words_print(into, "namespaces", (const char *const *)rule->namespaces);
		words_print(into, "verbs", (const char *const *)rule->verbs);
		words_print(into, "resources", (const char *const *)rule->resources);
		(void)buf_put_char(into, '}');
	}
	(void)buf_put_str(into, "]}");
}

/*
 * Greedy with one step back: a later '*' makes an earlier one's choice final, so time is at most
 * the product.
 */
bool role_glob_match(const char *pattern, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			resume = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
