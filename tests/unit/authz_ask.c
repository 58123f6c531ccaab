/* See authz_ask.h. */
#include "tests/unit/authz_ask.h"

#include "lib/format/json.h"
#include "lib/gate/words.h"

struct role *role_make(const char *name, const char *rules)
{
	AUTO_JSON struct json *doc = json_new_object();
	struct json *list = json_new_array();
	struct span rest = span_of(rules), rule;
	struct role *role = NULL;
	struct err e = { 0 };

	json_set_str(doc, "name", name);
	json_set_item(doc, "clusters", list);
	while (span_take_part(&rest, ';', &rule)) {
		static const char *const members[] = { "name", "namespaces", "verbs", "resources" };
		struct json *item = json_new_object();

		for (size_t i = 0; i < COUNT_OF(members); i++) {
			struct span part = SPAN_NONE, word;
			struct json *words = i ? json_new_array() : NULL;

			assert_true(span_take_part(&rule, ' ', &part));
			while (words && !span_equal_str(part, "-") && span_take_part(&part, ',', &word)) {
				AUTO_FREE char *text = span_dup(word);

				json_add_str(words, text);
			}
			if (words) {
				json_set_item(item, members[i], words);
			} else {
				AUTO_FREE char *text = span_dup(part);

				json_set_str(item, members[i], text);
			}
		}
		json_add_item(list, item);
	}
	if (role_parse(doc, &role, &e) < 0)
		fail_msg("%s: %s", rules, e.text);
	return role;
}

void parse_request(const char *method, const char *target, struct request_info *ret_info)
{
	struct err e = { 0 };

	if (request_info_parse(ret_info, span_of(method), span_of(target), &e) < 0)
		fail_msg("%s %s: %s", method, target, e.text);
}

struct authz_answer ask(const char *rules, const char *cluster, const char *method, const char *target,
			       bool apply_patch)
{
	struct role *role = rules ? role_make("tested", rules) : NULL;
	const struct role *const roles[] = { role };
	static struct request_info info; /* large */
	struct authz_request rq = { cluster, &info, apply_patch };
	struct authz_answer answer;

	parse_request(method, target, &info);
	authz_decide(roles, rules ? 1 : 0, &rq, &answer);
	role_free(role);
	assert_true(answer.allowed == (*answer.rule != '\0'));
	return answer;
}
