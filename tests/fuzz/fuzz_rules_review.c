/* Rules reviews: a narrow role stays narrow, and what is put parses again. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/format/json.h"
#include "lib/gate/rules_review.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROLE                                                                                       \
	"{\"name\":\"r\",\"clusters\":[{\"name\":\"c\",\"namespaces\":[\"a\"],\"verbs\":[\"get\"]" \
	","                                                                                        \
	"\"resources\":[\"pods\"]}]}"

static struct role *narrow_role(void)
{
	AUTO_JSON struct json *doc = NULL;
	struct role *role = NULL;
	struct err e = { 0 };

	assert(json_parse(SPAN(ROLE), JSON_LIMITS(4096), &doc, &e) == 0 &&
	       role_parse(doc, &role, &e) == 0);
	return role;
}

static bool is_only(const struct json *texts, const char *text)
{
	return json_count(texts) == 1 && strcmp(json_text(json_first(texts)), text) == 0;
}

/* Pods alone, or the reviews that whoever sees the cluster may make. */
static void check_rule(const struct json *rule)
{
	const struct json *verbs = json_get(rule, "verbs"), *groups = json_get(rule, "apiGroups");
	const struct json *resources = json_get(rule, "resources");

	if (is_only(groups, "") && is_only(resources, "pods")) {
		assert(json_count(verbs) > 0);
		for (const struct json *v = json_first(verbs); v; v = json_next(v))
			assert(strcmp(json_text(v), "get") == 0);
		return;
	}
	assert(is_only(groups, "authorization.k8s.io") || is_only(groups, "authentication.k8s.io"));
	for (const struct json *v = json_first(verbs); v; v = json_next(v))
		assert(strcmp(json_text(v), "create") == 0);
	for (const struct json *s = json_first(resources); s; s = json_next(s))
		assert(strncmp(json_text(s), "selfsubject", 11) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct request_info scratch; /* large */
	struct role *role = narrow_role();
	const struct role *const roles[] = { role };
	struct rules_review r = { "c", "a", roles, 1, &scratch };
	AUTO_JSON struct json *review = NULL;
	AUTO_BUF struct buf out;
	struct err e = { 0 };
	int rc;

	buf_init(&out, 16 * 1024 * 1024);
	rc = rules_review_limit(&r, span_from(data, size), &out, &e);
	role_free(role);
	if (rc < 0) {
		assert(e.code == ERR_PROTOCOL);
		return 0;
	}
	assert(json_parse(buf_span(&out), JSON_LIMITS(16 * 1024 * 1024), &review, &e) == 0);
	for (const struct json *i = json_first(json_find(review, "status.resourceRules")); i;
	     i = json_next(i))
		check_rule(i);
	return 0;
}
